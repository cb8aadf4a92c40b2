package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// proc is a process as the system shows it.
type proc struct {
	pid     int
	parent  int
	session int
	zombie  bool
	start   uint64
}

// family is this process's children, and what they leave behind.
//
// Where we adopt (Linux), we are the parent of two kinds: tools that we started and that
// somebody waits for, and orphans: what those left behind. Go holds a process descriptor for
// each it started and has not waited for, which tells them apart.
//
// Elsewhere all our children are tools, and orphans are those of our session that we are no
// ancestor of any more: one that made a session of its own is not found.
type family struct {
	adopts bool
	// descriptors: this Go and kernel do hold one. Without, orphans that we adopted are not looked
	// for before the end.
	descriptors bool
	grace       time.Duration // how long an orphan may live when no tool of ours runs any more
}

// tells reports whether tools and orphans can be told apart while tools run.
func (f family) tells() bool { return f.descriptors || !f.adopts }

// waitSession returns when nothing of a session but its dead leader is left, or after so long.
func waitSession(leader int, most time.Duration) {
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if len(session(leader)) == 0 {
			return
		}
	}
}

// session returns the living processes of a session without its leader.
func session(leader int) []proc { return sessionOf(everyProcess(), leader) }

func sessionOf(all []proc, leader int) (out []proc) {
	for _, p := range all {
		if p.session == leader && p.pid != leader && !p.zombie {
			out = append(out, p)
		}
	}
	return out
}

// strays returns the living processes of the session that self leads which do not descend from it any more.
func strays(all []proc, self int) (out []proc) {
	parent := map[int]int{}
	for _, p := range all {
		parent[p.pid] = p.parent
	}
	for _, p := range sessionOf(all, self) {
		at := p.pid
		for range len(all) { // a table that was read while it changed may have a circle
			if at = parent[at]; at == self || at == 0 {
				break
			}
		}
		if at != self {
			out = append(out, p)
		}
	}
	return out
}

// awaitEndByLooking returns when a child has ended, without collecting it.
func awaitEndByLooking(pid int) {
	for {
		if p, err := readProcess(pid); err != nil || p.zombie {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// endSession kills what is left of the session that a dead runner led, so that
// nothing of a lost run goes on beside its repetition. The runner must not have
// been waited for yet: until then its pid, and with it the session's id, is its own.
func endSession(leader int) {
	for range 100 { // what forks meanwhile is found the next time
		left := session(leader)
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
	if !f.adopts {
		return children(), strays(everyProcess(), os.Getpid())
	}
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
	if !f.tells() {
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
	if f.adopts && childless() {
		return false
	}
	tools, orphans := f.split()
	for _, p := range orphans {
		if p.zombie {
			reap(p) // ours to collect: strays are all alive
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

// endSince ends and collects all of our children that were not there before, and theirs: what a
// step left. No tool of ours runs meanwhile.
func (f family) endSince(before []proc) error {
	type process struct {
		pid   int
		start uint64
	}
	known := map[process]bool{}
	for _, p := range before {
		known[process{p.pid, p.start}] = true
	}
	for end := time.Now().Add(sweepLimit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		left := slices.DeleteFunc(children(), func(p proc) bool { return known[process{p.pid, p.start}] })
		for _, p := range left {
			if p.zombie {
				reap(p)
			} else {
				kill(p, syscall.SIGKILL)
			}
		}
		if len(left) == 0 { // after a round that found some, so that theirs are ours by now
			return nil
		}
	}
	return fmt.Errorf("processes that could not be ended within %s", sweepLimit)
}

// sweepLimit bounds the end of a run whose processes multiply faster than they can be killed.
const sweepLimit = 30 * time.Second

// sweep ends and collects everything that is left, until nothing is: the
// children of what we kill become ours. What is left has the grace to end by
// itself. It returns an error when it gave up.
func (f family) sweep(died <-chan os.Signal, grace time.Duration) error {
	patient := time.Now().Add(grace)
	limit := patient.Add(sweepLimit)
	for time.Now().Before(limit) {
	collect:
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			switch {
			case errors.Is(err, syscall.ECHILD) && (f.adopts || len(session(os.Getpid())) == 0):
				return nil
			case errors.Is(err, syscall.ECHILD):
				break collect
			case err != nil:
				return fmt.Errorf("collecting what the run left: %w", err)
			case pid == 0:
				break collect
			}
		}
		for _, p := range f.left() {
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

// left returns what is still there when no tool is waited for any more.
func (f family) left() []proc {
	if f.adopts {
		return children()
	}
	return append(children(), strays(everyProcess(), os.Getpid())...)
}
