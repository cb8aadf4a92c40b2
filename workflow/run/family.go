package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// proc is a process as /proc shows it.
type proc struct {
	pid     int
	parent  int
	session int
	zombie  bool
	start   uint64
}

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

// family is this process's children. As a subreaper we are the parent of two
// kinds: tools that we started and that somebody waits for, and orphans: what
// those left behind. Go holds a process descriptor for each it started and has
// not waited for, which tells them apart.
type family struct {
	// descriptors: this Go and kernel do hold one. Without, orphans are not looked for before the end.
	descriptors bool
	grace       time.Duration // how long an orphan may live when no tool of ours runs any more
}

func newFamily() family {
	f := family{grace: planGrace}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return f
	}
	defer self.Release()
	if err := self.WithHandle(func(fd uintptr) {
		f.descriptors = describes("/proc/self/fdinfo/"+strconv.Itoa(int(fd))) == os.Getpid()
	}); err != nil {
		f.descriptors = false // this kernel has none
	}
	return f
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

// waitSession returns when nothing of a session but its dead leader is left, or after so long.
func waitSession(leader int, most time.Duration) {
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if len(session(leader)) == 0 {
			return
		}
	}
}

// session returns the living processes of a session without its leader.
func session(leader int) []proc {
	return processes(allPids(), func(p proc) bool { return p.session == leader && p.pid != leader && !p.zombie })
}

// endSession kills what is left of the session that a dead runner led, so that
// nothing of a lost run goes on beside its repetition. The runner must not have
// been waited for yet: until then its pid, and with it the session's id, is its own.
func endSession(leader int) {
	for range 100 { // what forks meanwhile is found the next time
		left := processes(allPids(), func(p proc) bool { return p.session == leader && p.pid != leader && !p.zombie })
		if len(left) == 0 {
			return
		}
		for _, p := range left {
			kill(p, syscall.SIGKILL)
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Fprintf(os.Stderr, "a lost run left processes in session %d that could not be ended\n", leader)
}

// split returns our children: the tools we started, and the orphans.
func (f family) split() (tools, orphans []proc) {
	// In this order: a tool that ends in between is in neither, never among the orphans alive.
	all := children()
	held := started()
	for _, p := range all {
		if !f.descriptors || held[p.pid] {
			tools = append(tools, p)
		} else {
			orphans = append(orphans, p)
		}
	}
	return tools, orphans
}

// signalTools sends a signal to the tools we started, except those already in
// sent, and notes them there.
func (f family) signalTools(sig syscall.Signal, sent map[proc]bool) {
	tools, _ := f.split()
	for _, p := range tools {
		if !p.zombie && !sent[p] {
			sent[p] = true
			kill(p, sig)
		}
	}
}

// kill signals a process, if it is still that process; gone is good too.
func kill(p proc, sig syscall.Signal) {
	if now, err := readProcess(p.pid); err != nil || now.start != p.start {
		return
	}
	if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		fmt.Fprintf(os.Stderr, "signalling process %d: %v\n", p.pid, err)
	}
}

// reap collects an orphan that died. Tools are collected by who started them.
func reap(p proc) {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(p.pid, &status, syscall.WNOHANG, nil); err != nil && !errors.Is(err, syscall.ECHILD) {
		fmt.Fprintf(os.Stderr, "collecting process %d: %v\n", p.pid, err)
	}
}

// How long an orphan may live when no tool of ours runs any more. An apply's may
// be a provider or a script that still finishes what it does.
const (
	planGrace  = 2 * time.Second
	applyGrace = 10 * time.Second
)

// orphanLook is how long after a child's death tend looks at the others. Nearly always the
// child was a tool that somebody waits for, and looking is expensive: what is read of
// /proc/self has to be torn down when we end, while our parent waits.
const orphanLook = time.Second

// tend collects dead orphans, and ends living ones that stay when no tool runs:
// one that holds the tool's output open would keep the run waiting for ever. It
// returns when ctx is done.
func (f family) tend(ctx context.Context, died <-chan os.Signal) {
	if !f.descriptors {
		return
	}
	var look, late <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-died:
			if look == nil {
				look = time.After(orphanLook)
			}
			continue
		case <-look:
			look = nil
		case <-late:
			late = nil
			f.endOrphans()
		}
		if f.collect() && late == nil {
			late = time.After(f.grace)
		}
	}
}

// collect reaps dead orphans and reports whether living ones are left while no tool lives.
func (f family) collect() (left bool) {
	if err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); errors.Is(err, syscall.ECHILD) {
		return false // no child at all
	}
	tools, orphans := f.split()
	for _, p := range orphans {
		if p.zombie {
			reap(p)
		} else {
			left = true
		}
	}
	return left && !alive(tools)
}

func (f family) endOrphans() {
	tools, orphans := f.split()
	if alive(tools) {
		return
	}
	for _, p := range orphans {
		if !p.zombie {
			kill(p, syscall.SIGKILL)
		}
	}
}

func alive(procs []proc) bool {
	for _, p := range procs {
		if !p.zombie {
			return true
		}
	}
	return false
}

// sweepLimit bounds the end of a run whose processes multiply faster than they can be killed.
const sweepLimit = 30 * time.Second

// sweep ends and collects everything that is left, until nothing is: the
// children of what we kill become ours. What is left has the grace to end by
// itself. It returns an error when it gave up.
func sweep(died <-chan os.Signal, grace time.Duration) error {
	patient := time.Now().Add(grace)
	limit := patient.Add(sweepLimit)
	for time.Now().Before(limit) {
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if errors.Is(err, syscall.ECHILD) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("collecting what the run left: %w", err)
			}
			if pid == 0 {
				break
			}
		}
		for _, p := range children() {
			if !p.zombie && time.Now().After(patient) {
				kill(p, syscall.SIGKILL)
			}
		}
		select {
		case <-died:
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("the run left processes that could not be ended within %s", sweepLimit)
}
