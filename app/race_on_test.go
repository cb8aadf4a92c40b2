//go:build race

package app_test

// thin is how many of the ground's calls are left out under the race detector,
// which makes everything several times slower: all are played without it.
const thin = 5
