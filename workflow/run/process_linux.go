package run

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// What Linux alone has: /proc, subreapers, process descriptors, and a wait that does not collect.

func readProcess(pid int) (proc, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return proc{}, err
	}
	// The second field is the name in parentheses and may hold anything.
	end := bytes.LastIndexByte(data, ')')
	fields := strings.Fields(string(data[end+1:]))
	if end < 0 || len(fields) < 20 {
		return proc{}, fmt.Errorf("/proc/%d/stat is not what it should be", pid)
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return proc{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	session, err := strconv.Atoi(fields[3])
	if err != nil {
		return proc{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return proc{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	return proc{pid: pid, parent: parent, session: session, zombie: fields[0] == "Z" || fields[0] == "X", start: start}, nil
}

// started returns the pids of the processes that we hold descriptors of.
func started() map[int]bool {
	out := map[int]bool{}
	names, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil {
		return out
	}
	for _, name := range names {
		if pid := describes(name); pid > 0 {
			out[pid] = true
		}
	}
	return out
}

// describes returns the pid of the process that a descriptor of ours is a handle on, by its fdinfo; 0 = of none.
func describes(fdinfo string) int {
	info, err := os.ReadFile(fdinfo)
	if err != nil {
		return 0 // closed meanwhile
	}
	_, rest, _ := bytes.Cut(info, []byte("\nPid:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	pid, err := strconv.Atoi(string(bytes.TrimSpace(line)))
	if err != nil {
		return 0
	}
	return pid
}

// children returns the child processes of all our threads.
func children() []proc {
	var pids []string
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(lists) == 0 {
		return childrenByScan()
	}
	for _, name := range lists {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // the thread is gone, and its children are another thread's
		}
		pids = append(pids, strings.Fields(string(data))...)
	}
	return ours(pids)
}

// childrenByScan looks through all processes, for kernels without the children files.
func childrenByScan() []proc { return ours(allPids()) }

func ours(pids []string) []proc {
	return processes(pids, func(p proc) bool { return p.parent == os.Getpid() })
}

func processes(pids []string, wanted func(proc) bool) (out []proc) {
	for _, s := range pids {
		pid, err := strconv.Atoi(s)
		if err != nil {
			continue
		}
		if p, err := readProcess(pid); err == nil && wanted(p) {
			out = append(out, p)
		}
	}
	return out
}

// everyProcess returns all processes that we may see.
func everyProcess() []proc {
	return processes(allPids(), func(proc) bool { return true })
}

func allPids() (pids []string) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pids = append(pids, e.Name())
	}
	return pids
}

// adopt makes us the parent of whatever our tools leave behind.
func (f *family) adopt() {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "cardea runner: becoming a subreaper:", err)
	}
	f.adopts = true
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return
	}
	defer self.Release()
	if err := self.WithHandle(func(fd uintptr) {
		f.descriptors = describes("/proc/self/fdinfo/"+strconv.Itoa(int(fd))) == os.Getpid()
	}); err != nil {
		f.descriptors = false // this kernel has none
	}
}

// hideMemory hides our memory from other processes of the same user.
func hideMemory() {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "cardea runner: hiding the memory:", err)
	}
}

// childless reports that we surely have no child.
func childless() bool {
	return errors.Is(unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil), syscall.ECHILD)
}

// awaitEnd returns when a child has ended, without collecting it.
func awaitEnd(pid int) {
	for errors.Is(unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil), syscall.EINTR) {
		continue // any other error shows in Wait again
	}
}

func bootID() (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("reading the boot id: %w", err)
	}
	return strings.TrimSpace(string(boot)), nil
}

// ourProgram is this program, even when its file was replaced meanwhile.
func ourProgram() (string, error) { return "/proc/self/exe", nil }

// memoryBytes is the memory of the machine or of our container, 0 when it cannot be known.
func memoryBytes() int64 {
	var total int64
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "MemTotal:" {
				total = number(f[1]) << 10
			}
		}
	}
	for _, name := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if data, err := os.ReadFile(name); err == nil {
			if limit := number(strings.TrimSpace(string(data))); limit > 0 && (total == 0 || limit < total) {
				total = limit
			}
		}
	}
	return total
}

// number is s as a number, 0 when it is not one ("max").
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// peerOf is the process at the other end of a socket.
func peerOf(fd int) (int, error) {
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(peer.Pid), nil
}
