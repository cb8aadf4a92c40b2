package main

import "golang.org/x/sys/unix"

var pathArguments = map[uint64]pathArgument{
	unix.SYS_OPENAT: {0, 1}, unix.SYS_OPENAT2: {0, 1}, unix.SYS_FSTATAT: {0, 1},
	unix.SYS_STATX: {0, 1}, unix.SYS_READLINKAT: {0, 1},
	unix.SYS_FACCESSAT: {0, 1}, unix.SYS_FACCESSAT2: {0, 1}, unix.SYS_EXECVE: {-1, 0},
	unix.SYS_EXECVEAT: {0, 1}, unix.SYS_CHDIR: {-1, 0},
}
