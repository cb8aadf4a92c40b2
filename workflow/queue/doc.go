// Package queue decides which run is next: an apply before plans, a place for applies that
// plans cannot take, one run at a time for each project and state, and no person's plans
// ahead of everybody else's. It is pure: queued and running runs go in; one run, and why the
// others wait, comes out.
package queue
