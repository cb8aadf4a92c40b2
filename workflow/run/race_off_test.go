//go:build !race

package run_test

// raceDetector says that memory and time are not those of the real thing.
const raceDetector = false
