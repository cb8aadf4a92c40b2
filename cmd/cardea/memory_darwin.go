package main

// hideMemory has nothing to do: limited says so.
func hideMemory() error { return nil }
