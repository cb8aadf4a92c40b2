package run

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Helper is `cardea git-credential SOCKET ACTION`: git starts it to log in at GitHub, and it asks
// the runner. What it is not given it leaves out, and git goes on without.
func Helper(socket, action string, in io.Reader, out io.Writer) error {
	if action == "store" {
		return nil // nothing is kept anywhere
	}
	q := question{Action: action}
	lines := bufio.NewScanner(in)
	for lines.Scan() && lines.Text() != "" {
		key, value, _ := strings.Cut(lines.Text(), "=")
		switch key {
		case "protocol":
			q.Protocol = value
		case "host":
			q.Host = value
		case "path":
			q.Path = value
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading git's question: %w", err)
	}
	g, err := askOver(socket, q, gitLimit)
	if err != nil {
		return fmt.Errorf("asking for a token: %w", err)
	}
	if g.Token == "" || action != "get" {
		return nil
	}
	_, err = fmt.Fprintf(out, "username=x-access-token\npassword=%s\n", g.Token)
	return err
}

// askOver asks the runner, which may have stopped in its tracks: git must not wait for that for ever.
func askOver(socket string, q question, limit time.Duration) (g Grant, err error) {
	end := time.Now().Add(limit)
	conn, err := (&net.Dialer{Deadline: end}).Dial("unix", socket)
	if err != nil {
		return g, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(end); err != nil {
		return g, err
	}
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return g, err
	}
	return g, json.NewDecoder(conn).Decode(&g)
}
