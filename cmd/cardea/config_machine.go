package main

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Workers is how many runs this machine carries at once: what is configured, otherwise min(2
// x CPUs, (memory - 1 GiB) / 1 GiB), at least 1.
func (l Limits) Workers() int {
	if l.Parallel > 0 {
		return l.Parallel
	}
	return workersFor(runtime.GOMAXPROCS(0), memoryBytes())
}

// workersFor is the default for a number of CPUs and bytes of memory (0: not known).
func workersFor(cpus int, memory uint64) int {
	const gib = 1 << 30
	workers := 2 * cpus
	if memory > 0 {
		byMemory := 0
		if memory > gib {
			byMemory = int((memory - gib) / gib)
		}
		workers = min(workers, byMemory)
	}
	return max(workers, 1)
}

// memoryBytes is the memory that we may use: the machine's, or the control
// group's limit where that is lower; 0 when neither can be read.
func memoryBytes() uint64 {
	total := uint64(0)
	if f, err := os.Open("/proc/meminfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if fields := strings.Fields(s.Text()); len(fields) >= 2 && fields[0] == "MemTotal:" {
				if kib, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
					total = kib << 10
				}
			}
		}
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// "max" means no limit and does not parse.
		if limit, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64); err == nil && limit > 0 &&
			(total == 0 || limit < total) {
			total = limit
		}
	}
	return total
}
