// Package workflow is Cardea's domain: the words of the trade as types, and the
// rules as pure functions over them. What is decided with them is in packages gate,
// survey and config; package service is the only writer of state.
//
// The loop is the same for every engine: a pull request affects projects; each
// affected project gets a read-only plan; a gate decides whether that plan may
// be applied; exactly that plan is applied; the result is verified and
// reported. Everything here is forge-neutral: GitHub's JSON stops at package
// app, an engine's at its own package, processes at workflow/run,
// and the database at workflow/bolt.
//
// Decisions are values. A function that decides returns what was decided and
// the reasons, as sentences that are shown to people word for word.
package workflow
