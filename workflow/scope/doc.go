// Package scope says what a request is about: which projects of a pull a push or a `plan`
// plans (Choose), which ones another command names, and whether its sender may give it at all
// (Command), what is answered without a look at the code (AtOnce), and what is said when all
// that a command began is over (End).
//
// It starts nothing and writes nothing. Package service brings what is known, and carries out
// what is decided here.
package scope
