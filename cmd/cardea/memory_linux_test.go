package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestMemoryIsHidden: the kernel then gives the environment to no other process of this user.
func TestMemoryIsHidden(t *testing.T) {
	if err := hideMemory(); err != nil {
		t.Fatal(err)
	}
	got, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || got != 0 {
		t.Errorf("got %d and %v, want 0", got, err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
}
