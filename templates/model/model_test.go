package model

import (
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestWarningsSayWhatTheyAreAbout: a failed check's name and words, a warning's address and detail.
func TestWarningsSayWhatTheyAreAbout(t *testing.T) {
	var m Model
	row := func(checks []string, warnings ...workflow.Diagnostic) Row {
		return Row{Record: workflow.ProjectRecord{Project: workflow.Project{Name: "app"}},
			Plan: &workflow.Plan{Checks: checks, Warnings: warnings}}
	}
	failed := workflow.Diagnostic{Summary: failedCheck, Detail: "The certificate ends."}
	m.remark(row([]string{"`check.certificate` fails: The certificate ends."}, failed))
	m.remark(row(nil, failed))
	m.remark(row(nil, workflow.Diagnostic{Summary: "Argument is deprecated", Address: "aws_a.b",
		Detail: "Use `c`.\n\nMore words."}))
	m.remark(row(nil, workflow.Diagnostic{Summary: "Alone."}))
	var got []string
	for _, w := range m.Warnings {
		got = append(got, w.Text)
	}
	want := "`check.certificate` fails: The certificate ends.|Check block assertion failed: The certificate ends.|`aws_a.b`: Argument is deprecated: Use `c`.|Alone"
	if g := strings.Join(got, "|"); g != want {
		t.Errorf("got %s\nwant %s", g, want)
	}
}
