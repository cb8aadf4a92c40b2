package run

import (
	"net"
	"os"
)

// ofFamily reports whether the other end of a socket is a process that this one, or one of its
// tools, started. Code of another run has the same user.
func ofFamily(conn net.Conn) bool {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	pid := 0
	if e := raw.Control(func(fd uintptr) { pid, err = peerOf(int(fd)) }); e != nil || err != nil {
		return false
	}
	for up := 0; pid > 1 && up < 64; up++ {
		if pid == os.Getpid() {
			return true
		}
		p, err := readProcess(pid)
		if err != nil {
			return false
		}
		pid = p.parent
	}
	return false
}
