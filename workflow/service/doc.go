// Package service is the only writer of Cardea's state.
//
// # Acts
//
// What it does it does in acts. An act is one transaction, mostly over the record of one
// pull: it loads, asks pure rules (package gate: who may, and what is missing; package
// survey: which projects a change affects; package scope: which ones a request is about;
// package queue: which run is next) and saves.
// Whoever waits for what was saved is woken, and what follows from it, such as that an
// artefact is deleted, is done when the act is durable. A store may call an act's rule
// more than once; nothing of a call that did not count is left (type act).
//
// What takes time (git, GitHub, engines) happens before an act. What was learned there
// is compared, inside, with what is so by then: the pull's head, the plan, the locks.
//
// # Ways
//
//	a delivery   Receive → WorkOffDelivery, which makes it a request
//	a request    BeginRequest → Observe → Expand, which ends it with plans that are
//	             queued, or with a trouble, an answer or a note; DeferRequest when what
//	             is in the way may pass
//	a command    the same; then it is looked at (live facts, rules, which projects) and
//	             carried out in one act with its answer
//	a plan       Claim → Finish, which carries approvals or lets them fall
//	an apply     Claim → Authorise (the last gate; it marks the plan as spent) → Finish,
//	             after which a new plan verifies it
//	a chain      an apply that waits for others stands in the pull's record; at the end of the
//	             act in which they are done, its turn becomes a request, carried out as above
//
// The server may die between any two steps: what is durable says where to go on. Start
// puts right what was running; an apply that has begun is left to its runner.
//
// # Records
//
// A pull's record (workflow.PullRecord) has all that people see of it, with copies of
// the runs that count; save gives it a new version, and it is reported until that is
// shown. Runs, plans, locks, lineages and the marks of spent plans stand beside it, so
// that nothing that happens to a record undoes them.
package service
