package terraform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/cardea-iac/cardea/workflow"
)

// output is where a tool's output goes: to the run's log as people know it, and in part kept.
// Where a command prints messages for machines (plan and apply always, init since version 1.9 of
// both tools), diagnostics are read from those; of the others the text of an error is shown as it is.
// Writes come from terraform-exec's two goroutines and never fail: terraform-exec stops draining
// on a failed write, and terraform would then hang holding the state lock.
type output struct {
	mu     sync.Mutex
	log    io.Writer
	dir    string              // where the tool runs, in the repository
	redact func(string) string // a text of others, before it is cut or goes into a sentence
	told   func(message)       // gets what an apply or a plan tells of its objects; nil: nobody

	// Of the command at hand.
	stderr kept // its beginning, where errors are
	plain  kept // what of its stdout is no message
	found  []workflow.Diagnostic
	more   map[workflow.Diagnostic]int // how often a warning came again elsewhere
	size   int                         // of found
	intro  []workflow.Diagnostic       // errors that only announce others
	unsaid string                      // an error message without a diagnostic
}

const keptBytes = 256 << 10

// foundBytes bounds the diagnostics of one command that are kept; the log has all of them.
const foundBytes = 1 << 20

// kept is the beginning of a stream.
type kept struct{ data []byte }

func (k *kept) add(p []byte) { k.data = append(k.data, p[:min(len(p), keptBytes-len(k.data))]...) }

func newOutput(log io.Writer, dir string) *output {
	redact := func(text string) string { return text }
	if r, ok := log.(interface{ Redact(text string) string }); ok {
		redact = r.Redact
	}
	return &output{log: log, dir: dir, redact: redact}
}

// out and err are the two ends for terraform-exec, of a command that prints text.
func (o *output) out() io.Writer { return stream{o, &o.plain, true} }
func (o *output) err() io.Writer { return stream{o, &o.stderr, true} }

// errOnly keeps stderr out of the log: `show -json` prints secrets.
func (o *output) errOnly() io.Writer { return stream{o, &o.stderr, false} }

// begin forgets what the command before printed and names the next in the log.
func (o *output) begin(command string) {
	o.mu.Lock()
	o.stderr.data, o.plain.data, o.found, o.intro, o.size, o.unsaid = nil, nil, nil, nil, 0, ""
	o.more = map[workflow.Diagnostic]int{}
	o.mu.Unlock()
	o.note("$ " + command)
}

// note writes a line of our own to the log.
func (o *output) note(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.say("\n" + text + "\n")
}

func (o *output) say(text string) { _, _ = io.WriteString(o.log, text) } // the log never returns an error

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

// The bounds of a line. A longer message is cut to what shows its beginning.
const (
	longestLine = 4 << 20
	cutLine     = 64 << 10
	cutText     = 4 << 10
)

// messages reads a stdout of messages for machines, a line each. Lines that are none go to the
// log as they are: crashes, and what a provider or a program prints past the tool.
type messages struct {
	*output
	line    []byte
	dropped int  // bytes of a message that is too long
	passing bool // inside a line of text that is too long
}

func (m *messages) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for rest := p; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n') + 1
		whole := end > 0
		if !whole {
			end = len(rest)
		}
		m.part(rest[:end])
		rest = rest[end:]
		if whole {
			m.end()
		}
	}
	return len(p), nil
}

// part takes a piece of a line.
func (m *messages) part(p []byte) {
	switch {
	case m.passing:
		m.text(p)
	case m.dropped > 0:
		m.dropped += len(p)
	case len(m.line)+len(p) <= longestLine:
		m.line = append(m.line, p...)
	case len(m.line) > 0 && m.line[0] == '{' || len(m.line) == 0 && p[0] == '{':
		m.dropped = len(m.line) + len(p)
		m.line = append(m.line, p[:min(len(p), max(0, cutLine-len(m.line)))]...)
		m.line = bytes.Clone(m.line[:min(len(m.line), cutLine)])
	default:
		m.text(m.line)
		m.text(p)
		m.line, m.passing = nil, true
	}
}

// end takes the end of a line.
func (m *messages) end() {
	line, dropped := m.line, m.dropped
	m.line, m.dropped, m.passing = m.line[:0], 0, false
	if cap(m.line) > cutLine {
		m.line = nil
	}
	if len(line) == 0 {
		return
	}
	if dropped == 0 {
		if msg, ok := readMessage(line); ok {
			m.take(msg)
			return
		}
	}
	if begin := salvaged(line); begin != "" {
		begin = m.redact(begin) // whole, before it is cut
		if len(begin) > cutText {
			begin = strings.ToValidUTF8(begin[:cutText], "")
		}
		m.unsaid = begin
		m.say(fmt.Sprintf("%s\n[... this message of %d bytes could not be read completely ...]\n", begin, max(dropped, len(line))))
		return
	}
	m.text(line)
}

// text takes what is no message.
func (m *messages) text(p []byte) {
	m.plain.add(p)
	_, _ = m.log.Write(p) // the log never returns an error
}

// close takes a last line without its end.
func (m *messages) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end()
	for _, d := range m.found {
		if n := m.more[d]; n > 0 {
			m.say(fmt.Sprintf("\n(and %d more similar: %s)\n", n, d.Summary))
		}
	}
}

// take takes a message.
func (m *messages) take(msg message) {
	switch {
	case msg.Diagnostic != nil:
		m.diagnose(msg)
		return
	case msg.Level == "error":
		m.unsaid = msg.line()
	}
	m.say(msg.line())
	if m.told != nil {
		m.told(msg)
	}
}

// diagnose keeps a diagnostic. One that says the same as one before, elsewhere or at the same place,
// is counted: the tools print such warnings once as well.
func (m *messages) diagnose(msg message) {
	d := msg.Diagnostic.diagnostic(m.dir, m.redact)
	if msg.Diagnostic.preamble() {
		m.intro = append(m.intro[:min(len(m.intro), 9)], d)
		m.say(msg.Diagnostic.boxed(m.redact))
		return
	}
	same := slices.IndexFunc(m.found, func(f workflow.Diagnostic) bool { return f == d || alike(f, d) })
	if same >= 0 {
		if m.found[same] != d {
			m.more[m.found[same]]++
		}
		return
	}
	m.say(msg.Diagnostic.boxed(m.redact))
	if m.size += len(d.Summary) + len(d.Detail) + len(d.Snippet.Code) + 200; m.size <= foundBytes || len(m.found) == 0 {
		m.found = append(m.found, d)
	}
}

// alike reports whether two warnings differ in their place alone.
func alike(a, b workflow.Diagnostic) bool {
	return a.Severity == workflow.SeverityWarning && b.Severity == a.Severity && a.Summary == b.Summary && a.Detail == b.Detail
}

// salvaged is the text of a message that is cut or broken, as far as it goes; "" where there is none.
func salvaged(line []byte) string {
	_, rest, ok := bytes.Cut(line, []byte(`"@message":"`))
	if !ok || line[0] != '{' {
		return ""
	}
	for i := 0; i < len(rest); i++ {
		if rest[i] == '\\' {
			i++
		} else if rest[i] == '"' {
			rest = rest[:i]
		}
	}
	for cut := 0; cut <= min(len(rest), 12); cut++ { // an escape, or two, may be cut as well
		var text string
		if json.Unmarshal(slices.Concat([]byte{'"'}, rest[:len(rest)-cut], []byte{'"'}), &text) == nil {
			return text
		}
	}
	return ""
}

// warnings and errors are what the command said.
func (o *output) warnings() []workflow.Diagnostic { return o.diagnostics(workflow.SeverityWarning) }
func (o *output) errors() []workflow.Diagnostic   { return o.diagnostics(workflow.SeverityError) }

func (o *output) diagnostics(s workflow.Severity) []workflow.Diagnostic {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []workflow.Diagnostic
	for _, d := range o.found {
		n := o.more[d]
		if n > 0 {
			d.Detail = strings.TrimSpace(fmt.Sprintf("%s\n\n(and %d more similar)", d.Detail, n))
		}
		if d.Severity == s {
			out = append(out, d)
		}
	}
	if s != workflow.SeverityError || len(out) > 0 {
		return out
	}
	if len(o.intro) > 0 {
		return o.intro
	}
	return textErrors(string(o.stderr.data), o.redact)
}

// lastWords is the first line that says why a tool died without a diagnostic.
func (o *output) lastWords() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, text := range []string{string(o.stderr.data), o.unsaid, string(o.plain.data)} {
		if line := firstLine(text); line != "" {
			return o.redact(line)
		}
	}
	return ""
}

// textErrors are the errors that a command printed which knows no messages for machines: init before
// version 1.9, the commands about workspaces and states. The text stands as it is; only the frame is taken off.
func textErrors(text string, redact func(string) string) []workflow.Diagnostic {
	var out []workflow.Diagnostic
	var detail []string
	end := func() {
		if len(out) > 0 && detail != nil {
			out[len(out)-1].Detail = redact(strings.Trim(strings.Join(detail, "\n"), "\n"))
		}
		detail = nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimRight(line, " \r\n"), "│")
		head, isError := strings.CutPrefix(strings.TrimPrefix(line, " "), "Error: ")
		switch {
		case isError:
			end()
			out = append(out, workflow.Diagnostic{Severity: workflow.SeverityError, Summary: redact(head)})
			detail = []string{}
		case strings.HasPrefix(line, "╵"), strings.HasPrefix(line, "╷"):
			end()
		case detail != nil:
			detail = append(detail, line)
		}
	}
	end()
	return out
}

// firstLine is the first line with words in it.
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
