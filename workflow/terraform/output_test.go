package terraform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// said is what a tool printed, as lines of messages, read in prod/net.
func said(lines ...string) (o *output, log string) {
	var b bytes.Buffer
	o = newOutput(&b, "prod/net")
	o.begin("terraform plan")
	b.Reset()
	m := &messages{output: o}
	for _, l := range lines {
		fmt.Fprintln(m, l)
	}
	m.close()
	return o, b.String()
}

// What terraform 1.11.4 and tofu 1.10.6 print, some of it shortened; the others are of the documented form.
const (
	badIndex  = `{"@level":"error","@message":"Error: Invalid index","@module":"terraform.ui","@timestamp":"2026-11-30T11:57:34.492167Z","diagnostic":{"severity":"error","summary":"Invalid index","detail":"The given key does not identify an element in this collection value: the collection has no elements.","address":"module.net.terraform_data.x[\"a\"]","range":{"filename":"../../modules/net/main.tf","start":{"line":18,"column":22,"byte":62},"end":{"line":18,"column":25,"byte":65}},"snippet":{"context":"output \"y\"","code":"output \"y\" {\n  value = var.list[5]\n}","start_line":17,"highlight_start_offset":9,"highlight_end_offset":10,"values":[{"traversal":"var.list","statement":"is empty tuple"}]}},"type":"diagnostic"}`
	preamble  = `{"@level":"error","@message":"Error: Terraform encountered problems during initialisation, including problems\nwith the configuration, described below.\n\nThe Terraform configuration must be valid before initialization so that\nTerraform can determine which modules and providers need to be installed.","@module":"terraform.ui","diagnostic":{"severity":"error","summary":"Terraform encountered problems during initialisation, including problems\nwith the configuration, described below.\n\nThe Terraform configuration must be valid before initialization so that\nTerraform can determine which modules and providers need to be installed.","detail":""},"type":"diagnostic"}`
	elsewhere = `{"@level":"error","@message":"Error: Bad","diagnostic":{"severity":"error","summary":"Bad","detail":"x","range":{"filename":"../../../data/modules/x/main.tf","start":{"line":3,"column":1,"byte":1},"end":{"line":3,"column":2,"byte":2}}},"type":"diagnostic"}`
	locked    = `{"@level":"error","@message":"Error: Error acquiring the state lock","diagnostic":{"severity":"error","summary":"Error acquiring the state lock","detail":"Error message: resource temporarily unavailable\nLock Info:\n  ID:        bbd6782b-650f-03e0-4184-5b095cd46339\n  Path:      terraform.tfstate\n  Operation: OperationTypeApply\n  Who:       ada@build\n  Version:   1.11.4\n  Created:   2026-11-30 11:57:34.775808167 +0000 UTC\n  Info:      \n\n\nTerraform acquires a state lock to protect the state from being written\nby multiple users at the same time. Please resolve the issue above and try\nagain. For most commands, you can disable locking with the \"-lock=false\"\nflag, but this is not recommended."},"type":"diagnostic"}`
	staled    = `{"@level":"error","@message":"Error: Saved plan is stale","diagnostic":{"severity":"error","summary":"Saved plan is stale","detail":"The given plan file can no longer be applied because the state was changed by another operation after the plan was created."},"type":"diagnostic"}`
	noAWS     = `{"@level":"error","@message":"Error: Failed to query available provider packages","diagnostic":{"severity":"error","summary":"Failed to query available provider packages","detail":"Could not retrieve the list of available versions for provider hashicorp/aws: provider registry.terraform.io/hashicorp/aws was not found in any of the search locations\n\n  - /srv/mirror"},"type":"diagnostic"}`
	noFoo     = `{"@level":"error","@message":"Error: Failed to resolve provider packages","diagnostic":{"severity":"error","summary":"Failed to resolve provider packages","detail":"Could not resolve provider example.com:8080/x/foo: could not connect to example.com:8080: failed to request discovery document: Get \"https://example.com/.well-known/terraform.json\": dial tcp: lookup example.com: no such host"},"type":"diagnostic"}`
	tofuIntro = `{"@level":"error","@message":"[reset]OpenTofu encountered problems during initialization, including problems\nwith the configuration, described below.","@module":"tofu.ui"}`
	warned    = `{"@level":"warn","@message":"Warning: Deprecated attribute","diagnostic":{"severity":"warning","summary":"Deprecated attribute","detail":"Use another.","range":{"filename":"a.tf","start":{"line":%d,"column":3,"byte":1},"end":{"line":3,"column":2,"byte":2}}},"type":"diagnostic"}`
)

func TestMessagesFound(t *testing.T) {
	t.Parallel()
	const e = workflow.SeverityError
	index := workflow.Diagnostic{Severity: e, Summary: "Invalid index", Address: `module.net.terraform_data.x["a"]`,
		Detail:   "The given key does not identify an element in this collection value: the collection has no elements.",
		Position: workflow.Position{File: "modules/net/main.tf", Line: 18, Column: 22},
		Snippet:  workflow.Snippet{Context: `output "y"`, Line: 17, Code: "output \"y\" {\n  value = var.list[5]\n}", Values: "var.list is empty tuple"}}
	tests := []struct {
		name  string
		lines []string
		want  []workflow.Diagnostic
	}{
		{"place, source, values", []string{badIndex}, []workflow.Diagnostic{index}},
		{"the same twice, and what announces it", []string{preamble, tofuIntro, badIndex, badIndex}, []workflow.Diagnostic{index}},
		{"a module from elsewhere has no place here", []string{elsewhere}, []workflow.Diagnostic{{Severity: e, Summary: "Bad", Detail: "x"}}},
		{"only an announcement", []string{preamble}, []workflow.Diagnostic{{Severity: e, Summary: "Terraform encountered problems during initialisation, including problems with the configuration, described below. The Terraform configuration must be valid before initialization so that Terraform can determine which modules and providers need to be installed."}}},
		{"text, broken, not ours", []string{"Error: not one", badIndex[:200], `{"a":1}`, `["x"]`, "{", `{"diagnostic":{"severity":"error","summary":"x"}}`}, nil},
	}
	for _, tt := range tests {
		o, _ := said(tt.lines...)
		if diff := cmp.Diff(tt.want, o.errors()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestMessagesWarnings: what is said in many places is said once, and counted.
func TestMessagesWarnings(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 7 {
		lines = append(lines, fmt.Sprintf(warned, i+1))
	}
	o, log := said(lines...)
	want := []workflow.Diagnostic{{Severity: workflow.SeverityWarning, Summary: "Deprecated attribute", Detail: "Use another.\n\n(and 6 more similar)",
		Position: workflow.Position{File: "prod/net/a.tf", Line: 1, Column: 3}}}
	if diff := cmp.Diff(want, o.warnings()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Count(log, "Deprecated") != 2 || !strings.Contains(log, "(and 6 more similar: Deprecated attribute)") {
		t.Errorf("the log:\n%s", log)
	}
}

// TestMessagesLog: the log reads as the tools print on a terminal.
func TestMessagesLog(t *testing.T) {
	t.Parallel()
	hooked := func(kind, text string) string {
		return fmt.Sprintf(`{"@level":"info","@message":%q,"hook":{"resource":{"addr":"a.b"},"action":"create","elapsed_seconds":10},"type":%q}`, text, kind)
	}
	_, log := said(
		`{"@level":"info","@message":"Terraform 1.11.4","terraform":"1.11.4","type":"version","ui":"1.2"}`,
		"a line of a program's own, <b>\"quoted\"</b>",
		`{"@level":"info","@message":"a.b: Plan to create","change":{"resource":{"addr":"a.b"},"action":"create"},"type":"planned_change"}`,
		`{"@level":"info","@message":"a.b: Drift detected (update)","change":{"resource":{"addr":"a.b"},"action":"update"},"type":"resource_drift"}`,
		`{"@level":"info","@message":"Plan: 1 to add, 0 to change, 0 to destroy.","changes":{"add":1,"operation":"plan"},"type":"change_summary"}`,
		hooked("refresh_start", "a.b: Refreshing state... [id=x]"), hooked("refresh_complete", "a.b: Refresh complete [id=x]"),
		hooked("apply_start", "a.b: Creating..."),
		hooked("provision_start", "a.b: Provisioning with 'local-exec'..."),
		hooked("provision_progress", "a.b: (local-exec): \u003cx\u003e \"y\" ünï"),
		hooked("provision_complete", "a.b: (local-exec) Provisioning complete"),
		hooked("apply_progress", "a.b: Still creating... [10s elapsed]"),
		hooked("apply_errored", "a.b: Creation errored after 10s"),
		hooked("of_the_future", "a.b: something new"),
		badIndex, elsewhere, tofuIntro, "{broken",
		`{"@level":"info","@message":"Apply complete! Resources: 1 added, 0 changed, 0 destroyed.","changes":{"add":1,"operation":"apply"},"type":"change_summary"}`,
		`{"@level":"info","@message":"Outputs: 3","outputs":{"b":{"sensitive":true,"type":"string"},"a":{"sensitive":false,"type":"string","value":"<\"x\">\ny"},"c":{"sensitive":false,"type":["tuple",["string"]],"value":["<", 1.50]}},"type":"outputs"}`,
	)
	want := `a line of a program's own, <b>"quoted"</b>
a.b: Refreshing state... [id=x]
a.b: Creating...
a.b: Provisioning with 'local-exec'...
a.b: (local-exec): <x> "y" ünï
a.b: Still creating... [10s elapsed]
a.b: Creation errored after 10s
a.b: something new
╷
│ Error: Invalid index
│
│   with module.net.terraform_data.x["a"],
│   on ../../modules/net/main.tf line 18, in output "y":
│   17: output "y" {
│   18:   value = var.list[5]
│   19: }
│     ├────────────────
│     │ var.list is empty tuple
│
│ The given key does not identify an element in this collection value: the collection has no elements.
╵
╷
│ Error: Bad
│
│   on ../../../data/modules/x/main.tf line 3:
│   (source code not available)
│
│ x
╵
OpenTofu encountered problems during initialization, including problems
with the configuration, described below.
{broken

Apply complete! Resources: 1 added, 0 changed, 0 destroyed.

Outputs:

a = "<"x">
y"
b = <sensitive>
c = ["<",1.50]
`
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMessagesRedacted: what a message escapes is hidden all the same, also where it is cut or broken.
func TestMessagesRedacted(t *testing.T) {
	t.Parallel()
	const secret = "ca\"na\\ry<\u2028&>ü\nsecond$line"
	escaped := func(html bool) string {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(html)
		if err := e.Encode("begin " + secret + " end"); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(b.String())
	}
	for _, html := range []bool{true, false} {
		text := escaped(html)
		diagnostic := fmt.Sprintf(`{"@level":"error","@message":%s,"diagnostic":{"severity":"error","summary":%s,"detail":%s,"range":{"filename":"a.tf","start":{"line":1}},"snippet":{"context":null,"code":%s,"start_line":1,"values":[{"traversal":"x","statement":%s}]}},"type":"diagnostic"}`, text, text, text, text, text)
		for name, line := range map[string]string{
			"message":    `{"@level":"info","@message":` + text + `,"type":"log"}`,
			"diagnostic": diagnostic, "broken": diagnostic[:len(diagnostic)-9],
			"outputs": `{"@level":"info","@message":"x","outputs":{"a":{"value":` + text + `}},"type":"outputs"}`,
			"long":    `{"@level":"error","@message":` + text + `,"x":"` + strings.Repeat("y", longestLine) + `"}`,
		} {
			var b bytes.Buffer
			log := &hiding{w: &b, secret: secret}
			o := newOutput(log, ".")
			o.begin("x")
			m := &messages{output: o}
			fmt.Fprintln(m, line)
			m.close()
			all := b.String() + fmt.Sprintf("%+v", o.errors()) + o.lastWords()
			for _, part := range []string{"na\\ry", "second$line", `ca"na`, `ca\"na`} {
				if strings.Contains(all, part) {
					t.Errorf("%s, html %t: %q is shown:\n%.500s", name, html, part, all)
				}
			}
			if !strings.Contains(all, "begin *** end") {
				t.Errorf("%s, html %t: the rest is not shown:\n%.500s", name, html, all)
			}
		}
	}
}

// hiding hides one value as it is, and in no other form.
type hiding struct {
	w      io.Writer
	secret string
}

func (h *hiding) Redact(text string) string { return strings.ReplaceAll(text, h.secret, "***") }

func (h *hiding) Write(p []byte) (int, error) {
	_, err := io.WriteString(h.w, h.Redact(string(p)))
	return len(p), err
}

func TestKnownWords(t *testing.T) {
	t.Parallel()
	o, _ := said(locked)
	if got, want := heldLock(o.errors()), "The state lock is held by ada@build since 2026-11-30 11:57:34.775808167 +0000 UTC."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if o, _ := said(staled); !stale(o.errors()) {
		t.Error("a stale plan is not recognised")
	}
	if o, _ := said(badIndex); stale(o.errors()) || lockFault(o.errors()) || missingProviders(o.errors(), "registry.terraform.io") != nil {
		t.Error("another error is taken for one of these")
	}
	o, _ = said(noAWS, noFoo)
	want := []string{"example.com:8080/x/foo", "registry.terraform.io/hashicorp/aws"}
	if diff := cmp.Diff(want, missingProviders(o.errors(), "registry.terraform.io")); diff != "" {
		t.Errorf("missing providers (-want +got):\n%s", diff)
	}
}

// TestTextErrors: of a command that prints text, init before version 1.9 among them, an error stands as it is.
func TestTextErrors(t *testing.T) {
	t.Parallel()
	const e = workflow.SeverityError
	tests := []struct {
		name, text string
		want       []workflow.Diagnostic
	}{
		{"plain", "\nError: Invalid index\n\n  on main.tf line 18, in output \"y\":\n  18: x\n\nThe given key\nis none.\n\nError: Second\n\nwords\n", []workflow.Diagnostic{
			{Severity: e, Summary: "Invalid index", Detail: "  on main.tf line 18, in output \"y\":\n  18: x\n\nThe given key\nis none."},
			{Severity: e, Summary: "Second", Detail: "words"}}},
		{"boxed", "╷\n│ Error: Boxed\n│ \n│ text\n╵\nafter\n", []workflow.Diagnostic{{Severity: e, Summary: "Boxed", Detail: " text"}}},
		{"nothing", "panic: runtime error\n\ngoroutine 1 [running]:\n", nil},
	}
	for _, tt := range tests {
		o := newOutput(io.Discard, ".")
		o.begin("terraform init")
		fmt.Fprint(o.err(), tt.text)
		if diff := cmp.Diff(tt.want, o.errors()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	// The providers that an old init misses are found in its text too.
	o := newOutput(io.Discard, ".")
	o.begin("terraform init")
	fmt.Fprint(o.err(), "\nError: Failed to query available provider packages\n\nCould not retrieve the list of available versions for provider\nexample.com:8080/acme/x: no available releases match the given constraints 9.9.9\n")
	if got := missingProviders(o.errors(), "registry.terraform.io"); len(got) != 1 || got[0] != "example.com:8080/acme/x" {
		t.Errorf("missing: %v", got)
	}
}

// TestOutputBounds: of endless output the log gets all, memory only what matters.
func TestOutputBounds(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := newOutput(&log, ".")
	o.begin("x")
	m := &messages{output: o}
	line := strings.Repeat("x", 99) + "\n"
	for i := range 50_000 {
		fmt.Fprint(m, line)
		fmt.Fprint(o.err(), line)
		fmt.Fprintf(m, `{"@level":"error","@message":"Error: e","diagnostic":{"severity":"error","summary":"e%d","detail":%q},"type":"diagnostic"}`+"\n", i, line)
	}
	fmt.Fprint(m, strings.Repeat(line[:99], 1<<19), "\n") // 50 MB of text on one line
	fmt.Fprint(m, `{"@level":"error","@message":"Error: huge `, strings.Repeat(line[:99], 1<<19), "\"}\n")
	fmt.Fprintln(m, `{"@level":"info","@message":"after it","type":"log"}`)
	fmt.Fprint(m, "no end")
	m.close()
	if got := cap(o.plain.data) + cap(o.stderr.data) + cap(m.line); got > 5*keptBytes {
		t.Errorf("kept %d bytes", got)
	}
	if o.size > foundBytes+1000 && len(o.found) > 10_000 || len(o.found) < 1000 {
		t.Errorf("kept %d diagnostics", len(o.found))
	}
	if want := 100_000*len(line) + 99<<19; log.Len() < want {
		t.Errorf("the log has %d bytes, want all %d", log.Len(), want)
	}
	end := log.String()[log.Len()-200:]
	if !strings.Contains(end, " bytes could not be read completely ...]\nafter it\nno end") {
		t.Errorf("the log ends with %q", end)
	}
}
