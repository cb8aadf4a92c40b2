// Package survey says what the trees of a pull say: which projects there are,
// whose names and environments hold (base's, head's or the server's), and which
// of them a change affects, each with its reason.
package survey
