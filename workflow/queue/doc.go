// Package queue decides which run is next: an apply before plans, a place for
// applies that plans cannot take, one run a project and state at a time, and nobody's
// plans before everybody else's. It is pure: the queued and the running in, one run
// and why the others wait out.
package queue
