// Package gate says who may do what, and what is missing for an apply. Everything
// in it is pure: facts in, a decision with its reasons out. Any doubt is a no.
// docs/gate.md is its contract, testdata/gate has every refusal as people read it.
package gate
