package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// touched is what a program and all that it started did with the files below a
// directory, as the kernel saw it: relative paths, whatever came of it.
type touched struct {
	named  map[string]bool // opened, looked at, executed
	listed map[string]bool // directories
}

// trace runs a command to its end and notes every path below root that it hands
// to the kernel. Threads and children are followed.
func trace(t testing.TB, root string, cmd *exec.Cmd, into *touched) {
	t.Helper()
	type end struct {
		status syscall.WaitStatus
		err    error
	}
	done := make(chan end)
	go func() {
		runtime.LockOSThread() // only the thread that began it may trace; it ends with it
		status, err := (&tracer{root: root, into: into, entered: map[int]bool{}}).run(cmd)
		done <- end{status, err}
	}()
	e := <-done
	if e.err != nil {
		t.Fatalf("tracing %v: %v", cmd.Args, e.err)
	}
	if e.status.ExitStatus() != 0 {
		t.Fatalf("%v: exit status %d\n%s", cmd.Args, e.status.ExitStatus(), cmd.Stdout)
	}
}

type tracer struct {
	root    string
	into    *touched
	entered map[int]bool // threads that are inside of a call
}

func (tr *tracer) run(cmd *exec.Cmd) (syscall.WaitStatus, error) {
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	first := cmd.Process.Pid
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(first, &status, syscall.WALL, nil); err != nil || !status.Stopped() {
		return status, fmt.Errorf("it did not stop at its start: %w", err)
	}
	if err := unix.PtraceSetOptions(first, options); err != nil {
		return status, err
	}
	if err := unix.PtraceSyscall(first, 0); err != nil {
		return status, err
	}
	for {
		// Its own group alone: our other children belong to other tests.
		pid, err := syscall.Wait4(-first, &status, syscall.WALL, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return status, err
		case status.Exited() || status.Signaled():
			delete(tr.entered, pid)
			if pid == first {
				return status, nil
			}
			continue
		}
		if err := unix.PtraceSyscall(pid, tr.stopped(pid, status)); err != nil && !errors.Is(err, syscall.ESRCH) {
			return status, err
		}
	}
}

// stopped looks at a stopped thread and says which signal goes on to it.
func (tr *tracer) stopped(pid int, status syscall.WaitStatus) (signal int) {
	switch s := status.StopSignal(); {
	case s == syscall.SIGTRAP|0x80:
		if tr.entered[pid] = !tr.entered[pid]; tr.entered[pid] {
			tr.call(pid)
		}
	case s == syscall.SIGTRAP, s == syscall.SIGSTOP: // an event, or a new thread
	default:
		return int(s)
	}
	return 0
}

// call notes the paths of the call that a thread is about to make.
func (tr *tracer) call(pid int) {
	const getSyscallInfo, entry = 0x420e, 1
	var info [88]byte
	if _, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, getSyscallInfo, uintptr(pid), uintptr(len(info)),
		uintptr(unsafe.Pointer(&info)), 0, 0); errno != 0 || info[0] != entry {
		return
	}
	number := binary.NativeEndian.Uint64(info[24:])
	argument := func(i int) uint64 { return binary.NativeEndian.Uint64(info[32+8*i:]) }
	if number == unix.SYS_GETDENTS64 {
		if name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, argument(0))); err == nil {
			tr.note(name, tr.into.listed)
		}
		return
	}
	where, ok := pathArguments[number]
	if !ok {
		return
	}
	name := readString(pid, argument(where.path))
	if name == "" {
		return // of a descriptor
	}
	if !filepath.IsAbs(name) {
		from := "cwd"
		if where.dir >= 0 && int32(argument(where.dir)) != unix.AT_FDCWD {
			from = fmt.Sprintf("fd/%d", int32(argument(where.dir)))
		}
		base, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, from))
		if err != nil {
			return
		}
		name = base + "/" + name
	}
	tr.note(name, tr.into.named)
}

// note keeps a path below the root. A ".." after a symlink leads from where that leads.
func (tr *tracer) note(name string, in map[string]bool) {
	if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil && filepath.Base(name) != ".." {
		tr.keep(filepath.Join(dir, filepath.Base(name)), in)
	}
	tr.keep(filepath.Clean(name), in)
	if end, err := filepath.EvalSymlinks(name); err == nil {
		tr.keep(end, in)
	}
}

func (tr *tracer) keep(name string, in map[string]bool) {
	if rel, err := filepath.Rel(tr.root, name); err == nil && filepath.IsLocal(rel) {
		in[rel] = true
	}
}

func readString(pid int, at uint64) string {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return ""
	}
	defer mem.Close()
	var out []byte
	for chunk := make([]byte, 256); len(out) < unix.PathMax; {
		n := 256 - int(at%256) // never over the end of a page
		got, err := mem.ReadAt(chunk[:n], int64(at))
		if end := strings.IndexByte(string(chunk[:got]), 0); end >= 0 {
			return string(append(out, chunk[:end]...))
		}
		if err != nil {
			return ""
		}
		out, at = append(out, chunk[:got]...), at+uint64(got)
	}
	return ""
}

// pathArgument says which arguments of a call are a path and, where it has one, its directory's descriptor.
type pathArgument struct{ dir, path int }
