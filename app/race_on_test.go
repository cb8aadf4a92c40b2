//go:build race

package app_test

// thin is which of the ground's plays are played under the race detector, which
// makes everything several times slower: every second one. All are without it.
const thin = 2
