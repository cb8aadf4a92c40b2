package terraform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// message is one line of a tool's machine-readable output, as far as we read it.
type message struct {
	Level      string             `json:"@level"`
	Text       string             `json:"@message"`
	At         time.Time          `json:"@timestamp"`
	Type       string             `json:"type"`
	Diagnostic *toolDiagnostic    `json:"diagnostic"`
	Hook       *hook              `json:"hook"`
	Changes    *changeSummary     `json:"changes"`
	Outputs    map[string]outcome `json:"outputs"`
}

// toolDiagnostic is what both tools write of an error or a warning.
type toolDiagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Address  string `json:"address"`
	Range    *struct {
		Filename string `json:"filename"`
		Start    struct {
			Line   int `json:"line"`
			Column int `json:"column"`
		} `json:"start"`
	} `json:"range"`
	Snippet *struct {
		Context *string `json:"context"`
		Code    string  `json:"code"`
		Line    int     `json:"start_line"`
		Values  []struct {
			Traversal string `json:"traversal"`
			Statement string `json:"statement"`
		} `json:"values"`
	} `json:"snippet"`
}

// hook is what is told of one object while it is read or changed.
type hook struct {
	Resource struct {
		Address string `json:"addr"`
	} `json:"resource"`
	Action  string `json:"action"`
	Elapsed int    `json:"elapsed_seconds"`
}

type changeSummary struct {
	Operation string `json:"operation"`
}

// outcome is one output after an apply; the tool leaves out a sensitive value.
type outcome struct {
	Sensitive bool            `json:"sensitive"`
	Value     json.RawMessage `json:"value"`
}

// The types of messages that mean something to us.
const (
	typeVersion           = "version"
	typeDiagnostic        = "diagnostic"
	typeDrift             = "resource_drift"
	typePlanned           = "planned_change"
	typeSummary           = "change_summary"
	typeOutputs           = "outputs"
	typeApplyStart        = "apply_start"
	typeApplyProgress     = "apply_progress"
	typeApplyComplete     = "apply_complete"
	typeApplyErrored      = "apply_errored"
	typeProvisionComplete = "provision_complete"
	typeRefreshComplete   = "refresh_complete"
)

// readMessage reads a line; ok is false where it is no message but plain text.
func readMessage(line []byte) (m message, ok bool) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' {
		return m, false
	}
	err := json.Unmarshal(line, &m)
	return m, err == nil && (m.Level != "" || m.Type != "")
}

// line is a message as it stands in the log, with the newline at its end; "" for one that
// the tool does not print for people either, or that the plan in words shows.
func (m message) line() string {
	switch {
	case m.Type == typeVersion, m.Type == typeDrift, m.Type == typePlanned, m.Type == typeRefreshComplete, m.Type == typeProvisionComplete,
		m.Type == typeSummary && m.Changes != nil && m.Changes.Operation == "plan":
		return ""
	case m.Type == typeOutputs:
		return outputLines(m.Outputs)
	case m.Type == typeSummary:
		return "\n" + m.Text + "\n"
	}
	return strings.TrimPrefix(m.Text, "[reset]") + "\n" // OpenTofu forgets to take its own mark off
}

// outputLines are the outputs after an apply. Of a plan's, which have no values yet, nothing is said.
func outputLines(outputs map[string]outcome) string {
	var b strings.Builder
	for _, name := range sortedKeys(outputs) {
		value := string(outputs[name].Value)
		switch {
		case outputs[name].Sensitive:
			value = "<sensitive>"
		case value == "":
			continue
		}
		b.WriteString(name + " = " + unescaped(value) + "\n")
	}
	if b.Len() == 0 {
		return ""
	}
	return "\nOutputs:\n\n" + b.String()
}

// unescaped is JSON with the texts in it as they are, so that a redactor recognises them.
func unescaped(value string) string {
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		return `"` + text + `"`
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(json.RawMessage(value)) != nil {
		return value
	}
	return strings.TrimSpace(b.String())
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// boxed is a diagnostic as the tools draw it on a terminal. Its texts are redacted before they are
// taken apart into lines.
func (d toolDiagnostic) boxed(redact func(string) string) string {
	d.Summary, d.Detail = redact(d.Summary), redact(d.Detail)
	head := "Error: "
	if d.Severity == "warning" {
		head = "Warning: "
	}
	lines := append(strings.Split(head+d.Summary, "\n"), "")
	if at := d.placeLines(redact); len(at) > 0 {
		lines = append(append(lines, at...), "")
	}
	if detail := strings.TrimRight(d.Detail, "\n"); detail != "" {
		lines = append(lines, strings.Split(detail, "\n")...)
	}
	for lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	var b strings.Builder
	b.WriteString("╷\n")
	for _, l := range lines {
		b.WriteString(strings.TrimRight("│ "+l, " ") + "\n")
	}
	b.WriteString("╵\n")
	return b.String()
}

// placeLines say where a diagnostic is, with the source.
func (d *toolDiagnostic) placeLines(redact func(string) string) (lines []string) {
	if d.Address != "" {
		end := ""
		if d.Range != nil {
			end = ","
		}
		lines = append(lines, "  with "+d.Address+end)
	}
	if d.Range == nil {
		return lines
	}
	at := fmt.Sprintf("  on %s line %d", d.Range.Filename, d.Range.Start.Line)
	s := d.Snippet
	if s == nil {
		return append(lines, at+":", "  (source code not available)")
	}
	if s.Context != nil && *s.Context != "" {
		at += ", in " + *s.Context
	}
	lines = append(lines, at+":")
	for i, code := range strings.Split(strings.TrimRight(redact(s.Code), "\n"), "\n") {
		lines = append(lines, fmt.Sprintf("%4d: %s", s.Line+i, code))
	}
	if len(s.Values) == 0 {
		return lines
	}
	lines = append(lines, "    ├────────────────")
	for _, v := range s.Values {
		lines = append(lines, "    │ "+v.Traversal+" "+redact(v.Statement))
	}
	return lines
}

// The limits of a snippet that goes into a record.
const (
	snippetLines = 30
	snippetBytes = 4 << 10
	valuesBytes  = 2 << 10
)

// diagnostic is one in our own form. dir is the directory that the tool ran in; a place that is not
// in the repository (a module from elsewhere) is left out. Nothing is cut before it is redacted.
func (d *toolDiagnostic) diagnostic(dir string, redact func(string) string) workflow.Diagnostic {
	out := workflow.Diagnostic{Severity: workflow.SeverityError, Summary: strings.Join(strings.Fields(redact(d.Summary)), " "),
		Detail: redact(strings.TrimSpace(d.Detail)), Address: d.Address}
	if d.Severity == "warning" {
		out.Severity = workflow.SeverityWarning
	}
	if d.Range == nil || path.IsAbs(d.Range.Filename) {
		return out
	}
	file := path.Join(dir, filepath.ToSlash(d.Range.Filename))
	if !filepath.IsLocal(file) {
		return out
	}
	out.Position = workflow.Position{File: file, Line: d.Range.Start.Line, Column: d.Range.Start.Column}
	s := d.Snippet
	if s == nil || s.Code == "" {
		return out
	}
	out.Snippet = workflow.Snippet{Line: s.Line, Code: cutLines(redact(strings.TrimRight(s.Code, "\n")), snippetLines, snippetBytes)}
	if s.Context != nil {
		out.Snippet.Context = *s.Context
	}
	var values []string
	for _, v := range s.Values {
		values = append(values, v.Traversal+" "+v.Statement)
	}
	out.Snippet.Values = cutLines(redact(strings.Join(values, "\n")), snippetLines, valuesBytes)
	return out
}

// cutLines is the beginning of a text.
func cutLines(text string, lines, bytes int) string {
	all := strings.SplitAfterN(text, "\n", lines+1)
	short := strings.TrimSuffix(strings.Join(all[:min(len(all), lines)], ""), "\n")
	if len(short) > bytes {
		short = strings.ToValidUTF8(short[:bytes], "") + " …"
	}
	return short
}

// preamble reports that an error only announces others: several lines as its summary and nothing else.
func (d *toolDiagnostic) preamble() bool {
	return strings.Contains(d.Summary, "\n") && d.Detail == "" && d.Range == nil && d.Address == ""
}
