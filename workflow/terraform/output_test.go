package terraform

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

func TestDiagnostics(t *testing.T) {
	t.Parallel()
	const e, w = workflow.SeverityError, workflow.SeverityWarning
	tests := []struct {
		name, text string
		want       []workflow.Diagnostic
	}{
		{"place, values, explanation", `
Error: Invalid index

  on ../../modules/net/main.tf line 18, in output "y":
  18: output "y" { value = var.list[5] }
    ├────────────────
    │ var.list is empty tuple

The given key does not identify an element
in this collection value.

  - kept
  - as it is
`, []workflow.Diagnostic{{Severity: e, Summary: "Invalid index", Position: workflow.Position{File: "modules/net/main.tf", Line: 18},
			Detail: "The given key does not identify an element in this collection value.\n\n  - kept\n  - as it is"}}},
		{"with an address, long summary, and a second", `
Error: creating S3 Bucket (x): operation error S3: CreateBucket, https response
error StatusCode: 403

  with module.a["k"].aws_s3_bucket.x,
  on s3.tf line 3, in resource "aws_s3_bucket" "x":
   3: resource "aws_s3_bucket" "x" {

Error: No value for required variable

  on vars.tf line 4:
   4: variable "x" { type = string }

Use a -var or -var-file command line argument.
`, []workflow.Diagnostic{
			{Severity: e, Summary: "creating S3 Bucket (x): operation error S3: CreateBucket, https response error StatusCode: 403", Address: `module.a["k"].aws_s3_bucket.x`,
				Position: workflow.Position{File: "prod/net/s3.tf", Line: 3}},
			{Severity: e, Summary: "No value for required variable", Detail: "Use a -var or -var-file command line argument.", Position: workflow.Position{File: "prod/net/vars.tf", Line: 4}},
		}},
		{"an explanation that talks of errors", "\nError: Resource precondition failed\n\n  on a.tf line 1:\n\nno way\nError: blah\n",
			[]workflow.Diagnostic{{Severity: e, Summary: "Resource precondition failed", Detail: "no way Error: blah", Position: workflow.Position{File: "prod/net/a.tf", Line: 1}}}},
		{"a module from elsewhere has no place here", "\nError: Bad\n\n  on ../../../data/modules/x/main.tf line 3:\n\nx\n", []workflow.Diagnostic{{Severity: e, Summary: "Bad", Detail: "x"}}},
		{"boxed and coloured", "╷\n│ \x1b[31mError: \x1b[0mBoxed\n│ \n│ text\n╵\nafter\n", []workflow.Diagnostic{{Severity: e, Summary: "Boxed", Detail: "text"}}},
		{"warnings end at the rule; plan text is none", `
  + x = <<-EOT
        Warning: not one

        Warning: nor this
    EOT

Warning: Resource targeting is in effect

Only a part.

─────────────────────────────────────────────────────────────────────────────

Saved the plan to: x
`, []workflow.Diagnostic{{Severity: w, Summary: "Resource targeting is in effect", Detail: "Only a part."}}},
		{"init's preamble", "\nError: Terraform encountered problems during initialisation, including problems\nwith the configuration, described below.\n\nThe configuration must be valid.\n\n\nError: Missing name for module\n\n  on a.tf line 1:\n\n",
			[]workflow.Diagnostic{{Severity: e, Summary: "Missing name for module", Position: workflow.Position{File: "prod/net/a.tf", Line: 1}}}},
		{"nothing", "panic: runtime error\n\ngoroutine 1 [running]:\n", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, diagnostics(tt.text, "prod/net")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestPassing(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"\nError: Error acquiring the state lock\n\nError message: x\nLock Info:\n  ID:        1\n  Path:      p\n  Operation: OperationTypeApply\n  Who:       ada@build\n  Created:   2026-11-21 01:02:03 +0000 UTC\n",
			"The state lock is held by ada@build since 2026-11-21 01:02:03 +0000 UTC."},
		{"Error: Failed to request discovery\ndocument: Get \"https://r\": net/http: TLS handshake\ntimeout", "A network or a service failed (tls handshake timeout)."},
		{"Error: x\n\n503 Service Unavailable", "A network or a service failed (503 service unavailable)."},
		{"Error: Reference to undeclared resource", ""},
		{"Error: dial tcp: lookup nope.example.com: no such host", ""},
	}
	for _, tt := range tests {
		if got := passing(tt.text); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestOutputBounds: of endless output the log gets all, memory the end and the
// beginning that matter.
func TestOutputBounds(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := newOutput(&log)
	line := strings.Repeat("x", 99) + "\n"
	for i := range 100_000 {
		fmt.Fprint(o.out(), line)
		if i == 0 {
			fmt.Fprint(o.err(), "\nError: first\n")
		}
		fmt.Fprint(o.err(), line)
	}
	fmt.Fprint(o.out(), "\nWarning: last\n")
	if got := len(diagnostics(o.stdoutText(), ".")) + len(diagnostics(o.stderrText(), ".")); got != 2 {
		t.Errorf("got %d diagnostics, want the first error and the last warning", got)
	}
	if got := cap(o.stdout.data) + cap(o.stderr.data); got > 5*keptBytes {
		t.Errorf("kept %d bytes", got)
	}
	if want := 200_000 * len(line); log.Len() < want {
		t.Errorf("the log has %d bytes, want all %d", log.Len(), want)
	}
}
