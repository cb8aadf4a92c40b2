// Package service is the only writer of Cardea's state.
//
// Every act is a transaction over the record of one pull: it loads, asks pure
// rules (package gate: who may, and what is missing; package survey: which
// projects a change affects; package queue: which run is next), saves, and wakes the
// loops that wait for it. What takes time (git, GitHub, engines) happens
// outside of transactions, and what was learned there is checked again inside.
//
// A request goes through Receive, Expand and a commit; a run through Claim,
// Authorise (an apply's last gate, which marks its plan as spent) and Finish.
// The server may die between any two of them: what is durable says where to go on.
package service
