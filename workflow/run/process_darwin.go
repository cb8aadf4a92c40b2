package run

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// On macOS nobody can become the parent of what a tool leaves behind, and a tool does not end
// with the process that started it: what the runner's session holds is all that is found.

// Values of a process's P_stat in sys/proc.h.
const zombieStat = 5

func procOf(k *unix.KinfoProc) proc {
	p := proc{pid: int(k.Proc.P_pid), parent: int(k.Eproc.Ppid), zombie: k.Proc.P_stat == zombieStat,
		start: uint64(k.Proc.P_starttime.Sec)*1_000_000 + uint64(k.Proc.P_starttime.Usec)}
	if session, err := unix.Getsid(p.pid); err == nil {
		p.session = session
	}
	return p
}

func readProcess(pid int) (proc, error) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return proc{}, fmt.Errorf("reading process %d: %w", pid, err)
	}
	if int(k.Proc.P_pid) != pid {
		return proc{}, fmt.Errorf("reading process %d: there is none", pid)
	}
	return procOf(k), nil
}

// everyProcess returns all processes that we may see.
func everyProcess() (out []proc) {
	list, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		fmt.Fprintln(os.Stderr, "listing the processes:", err)
	}
	for i := range list {
		out = append(out, procOf(&list[i]))
	}
	return out
}

// children returns our child processes.
func children() (out []proc) {
	for _, p := range everyProcess() {
		if p.parent == os.Getpid() {
			out = append(out, p)
		}
	}
	return out
}

func (f *family) adopt() {} // nobody can

func hideMemory() {} // the system lets nobody look but a debugger that the person allows

func childless() bool { return false }

func started() map[int]bool { return nil } // only asked where there are descriptors of processes

func awaitEnd(pid int) { awaitEndByLooking(pid) }

func bootID() (string, error) {
	boot, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return "", fmt.Errorf("reading the boot id: %w", err)
	}
	return boot, nil
}

func ourProgram() (string, error) { return os.Executable() }

// memoryBytes is the memory of the machine, 0 when it cannot be known.
func memoryBytes() int64 {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return int64(n)
}

// peerOf is the process at the other end of a socket.
func peerOf(fd int) (int, error) { return unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID) }
