package terraform

import (
	"io"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/cardea-iac/cardea/workflow"
)

// output is where terraform's output goes: to the run's log, and in part kept
// to find diagnostics in. Writes come from terraform-exec's two goroutines and
// never fail: terraform-exec stops draining on a failed write, and terraform
// would then hang holding the state lock.
type output struct {
	mu  sync.Mutex
	log io.Writer
	// stdout keeps its end, where warnings are printed; stderr its beginning, where errors are.
	stdout, stderr kept
}

const keptBytes = 256 << 10

// kept is a bounded memory of a stream.
type kept struct {
	tail bool // keep the end instead of the beginning
	data []byte
}

func (k *kept) add(p []byte) {
	if !k.tail {
		k.data = append(k.data, p[:min(len(p), keptBytes-len(k.data))]...)
		return
	}
	k.data = append(k.data, p...)
	if len(k.data) > 2*keptBytes {
		k.data = append([]byte(nil), k.data[len(k.data)-keptBytes:]...)
	}
}

func newOutput(log io.Writer) *output { return &output{log: log, stdout: kept{tail: true}} }

// out and err are the two ends for terraform-exec.
func (o *output) out() io.Writer { return stream{o, &o.stdout, true} }
func (o *output) err() io.Writer { return stream{o, &o.stderr, true} }

// errOnly keeps stderr out of the log: `show -json` prints secrets.
func (o *output) errOnly() io.Writer { return stream{o, &o.stderr, false} }

// begin forgets what the command before printed and names the next in the log.
func (o *output) begin(command string) {
	o.mu.Lock()
	o.stdout.data, o.stderr.data = nil, nil
	o.mu.Unlock()
	o.note("$ " + command)
}

// note writes a line of our own to the log.
func (o *output) note(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, _ = io.WriteString(o.log, "\n"+text+"\n") // the log never returns an error
}

func (o *output) stderrText() string { o.mu.Lock(); defer o.mu.Unlock(); return string(o.stderr.data) }
func (o *output) stdoutText() string { o.mu.Lock(); defer o.mu.Unlock(); return string(o.stdout.data) }

type stream struct {
	output *output
	kept   *kept
	logged bool
}

func (s stream) Write(p []byte) (int, error) {
	s.output.mu.Lock()
	defer s.output.mu.Unlock()
	s.kept.add(p)
	if s.logged {
		_, _ = s.output.log.Write(p) // the log never returns an error; nobody here could act on one
	}
	return len(p), nil
}

var (
	headLine  = regexp.MustCompile(`^(Error|Warning): (.*)$`)
	onLine    = regexp.MustCompile(`^ +on (.+) line (\d+)(?:, in .*)?:$`)
	onLines   = regexp.MustCompile(`^ +on (.+) lines? (\d+)`)
	withLine  = regexp.MustCompile(`^ +with (.+),$`)
	ansiCodes = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)
)

// preamble is what init prints before the errors of a faulty configuration.
const preamble = "encountered problems during initiali"

// diagnostics finds terraform's and OpenTofu's diagnostics in what they print
// with -no-color: "Error: SUMMARY" after a blank line, then where it is,
// indented, then the explanation. dir is the directory terraform ran in;
// positions are relative to the repository's root, and left out when they are
// not in it (modules from elsewhere).
func diagnostics(text, dir string) []workflow.Diagnostic {
	var out []workflow.Diagnostic
	var block []string
	blank := true // a diagnostic begins after a blank line, so that "Error:" within an explanation does not
	flush := func() {
		if len(block) > 0 && !strings.Contains(block[0], preamble) {
			out = append(out, diagnostic(block, dir))
		}
		block = nil
	}
	for line := range strings.Lines(ansiCodes.ReplaceAllString(text, "")) {
		line = strings.TrimRight(line, " \r\n")
		line = strings.TrimPrefix(strings.TrimPrefix(line, "│"), "╷")
		if strings.HasPrefix(line, " Error: ") || strings.HasPrefix(line, " Warning: ") {
			line = line[1:] // boxed
		}
		switch {
		case blank && headLine.MatchString(line):
			flush()
			block = []string{line}
		case strings.HasPrefix(line, "──") || strings.HasPrefix(line, "╵"):
			flush()
		case block != nil:
			block = append(block, line)
		}
		blank = line == ""
	}
	flush()
	return out
}

// diagnostic reads one block of lines, the first of which is its head.
func diagnostic(lines []string, dir string) workflow.Diagnostic {
	head := headLine.FindStringSubmatch(lines[0])
	d := workflow.Diagnostic{Severity: workflow.SeverityError, Summary: head[2]}
	if head[1] == "Warning" {
		d.Severity = workflow.SeverityWarning
	}
	rest := lines[1:]
	for len(rest) > 0 && rest[0] != "" { // a long summary is wrapped
		d.Summary += " " + rest[0]
		rest = rest[1:]
	}
	rest = rest[min(1, len(rest)):]
	if len(rest) > 0 && (strings.HasPrefix(rest[0], "  on ") || strings.HasPrefix(rest[0], "  with ")) {
		for len(rest) > 0 && rest[0] != "" {
			located(&d, rest[0], dir)
			rest = rest[1:]
		}
	}
	d.Detail = unwrap(rest)
	return d
}

func located(d *workflow.Diagnostic, line, dir string) {
	if m := withLine.FindStringSubmatch(line); m != nil {
		d.Address = m[1]
		return
	}
	m := onLine.FindStringSubmatch(line)
	if m == nil {
		m = onLines.FindStringSubmatch(line)
	}
	if m == nil || d.Position.File != "" || path.IsAbs(m[1]) {
		return
	}
	if file := path.Join(dir, m[1]); filepath.IsLocal(file) {
		d.Position.File = file
		d.Position.Line, _ = strconv.Atoi(m[2]) // only digits match
	}
}

// unwrap joins the lines that terraform wrapped at 78 columns; indented lines stand as they are.
func unwrap(lines []string) string {
	var out []string
	join := false
	for _, l := range lines {
		flowing := l != "" && !strings.HasPrefix(l, " ") && !strings.HasPrefix(l, "- ")
		if flowing && join {
			out[len(out)-1] += " " + l
		} else {
			out = append(out, l)
		}
		join = flowing
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}

func withSeverity(in []workflow.Diagnostic, s workflow.Severity) []workflow.Diagnostic {
	var out []workflow.Diagnostic
	for _, d := range in {
		if d.Severity == s {
			out = append(out, d)
		}
	}
	return out
}

// firstLine is the first line with words in it, for programs that died without a diagnostic.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			if len(line) > 200 {
				line = strings.ToValidUTF8(line[:200], "") + " …"
			}
			return line
		}
	}
	return ""
}

// passingTexts are what terraform, its backends and providers print when a
// network or a service failed for a moment. Matched in lower case.
var passingTexts = []string{
	"i/o timeout", "tls handshake timeout", "connection reset by peer", "connection refused", "unexpected eof", "client.timeout exceeded",
	"context deadline exceeded", "server misbehaving", "temporary failure in name resolution", "network is unreachable", "no route to host",
	"502 bad gateway", "503 service unavailable", "504 gateway timeout", "429 too many requests", "could not connect to registry",
	"failed to request discovery document", "slowdown: please reduce your request rate", "requestlimitexceeded", "throttlingexception",
}

// passing says as a sentence why a failure is not the change's fault and may go
// away, "" when nothing says so.
func passing(stderr string) string {
	if i := strings.Index(stderr, "Error acquiring the state lock"); i >= 0 {
		return lockSentence(stderr[i:])
	}
	folded := strings.ToLower(strings.Join(strings.Fields(stderr), " ")) // terraform wraps lines
	for _, t := range passingTexts {
		if strings.Contains(folded, t) {
			return "A network or a service failed (" + t + ")."
		}
	}
	return ""
}

var lockField = regexp.MustCompile(`(?m)^\W*(Who|Created|Operation): +(.+)$`)

func lockSentence(text string) string {
	info := map[string]string{}
	for _, m := range lockField.FindAllStringSubmatch(text, -1) {
		info[m[1]] = strings.TrimSpace(m[2])
	}
	out := "The state lock is held"
	if info["Who"] != "" {
		out += " by " + info["Who"]
	}
	if info["Created"] != "" {
		out += " since " + info["Created"]
	}
	return out + "."
}
