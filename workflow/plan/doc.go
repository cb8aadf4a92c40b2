// Package plan makes a workflow.Plan of what an engine proposes: it masks what is
// sensitive, finds the leaves that differ, counts, keeps within what one plan may
// show, and hashes what would be done into the changes hash and the fingerprint.
// It holds for all engines alike and is pure: a Proposal in, a workflow.Plan out.
package plan
