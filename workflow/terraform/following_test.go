package terraform

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// TestProgress follows what a tool tells of a plan's changes: "TYPE ADDRESS ACTION" each.
func TestProgress(t *testing.T) {
	t.Parallel()
	change := func(address string, action workflow.Action) workflow.Change {
		return workflow.Change{Address: address, Mode: "managed", Action: action}
	}
	deposed := func(address, key string) workflow.Change {
		c := change(address, workflow.ActionDelete)
		c.Deposed = key
		return c
	}
	fault := []workflow.Diagnostic{{Summary: "no", Address: "a.b"}}
	tests := []struct {
		name      string
		changes   []workflow.Change
		told      []string
		succeeded bool
		errors    []workflow.Diagnostic
		done      func(workflow.Change) bool
		want      string // after each message, then at the end
	}{
		{name: "one of two fails", changes: []workflow.Change{change("a.a", workflow.ActionCreate), change("a.b", workflow.ActionUpdate)},
			told: []string{"apply_start a.a create", "apply_start a.b update", "apply_complete a.a create", "apply_errored a.b update"}, errors: fault,
			want: "a.a running; a.b running; a.a succeeded; a.b failed; a.b failed (no)"},
		{name: "a replacement has two halves", changes: []workflow.Change{change("a.b", workflow.ActionReplace)},
			told: []string{"apply_start a.b delete", "apply_complete a.b delete", "apply_start a.b create", "apply_complete a.b create"}, succeeded: true,
			want: "a.b running; a.b running 1/2; a.b running 1/2; a.b succeeded 2/2"},
		{name: "a replacement that fails half-way", changes: []workflow.Change{change("a.b", workflow.ActionReplace)},
			told: []string{"apply_start a.b delete", "apply_complete a.b delete", "apply_start a.b create", "apply_errored a.b create"}, errors: fault,
			want: "a.b running; a.b running 1/2; a.b running 1/2; a.b failed 1/2; a.b failed 1/2 (no)"},
		{name: "deposed objects beside what they were", changes: []workflow.Change{change("a.b", workflow.ActionUpdate), deposed("a.b", "x"), deposed("a.b", "y")},
			told: []string{"apply_start a.b delete", "apply_complete a.b delete", "apply_start a.b update", "apply_start a.b delete"},
			want: "a.b/x running; a.b/x succeeded; a.b running; a.b/y running; a.b unknown; a.b/y unknown"},
		{name: "what nobody tells of, the state shows", changes: []workflow.Change{change("a.m", workflow.ActionMove), change("a.i", workflow.ActionImport), change("a.c", workflow.ActionCreate)},
			done: func(c workflow.Change) bool { return c.Action == workflow.ActionMove },
			want: "a.m succeeded; a.i not_started; a.c not_started"},
		{name: "not of the plan, not of its kind, not counted", changes: []workflow.Change{change("a.b", workflow.ActionCreate), change("data.x.y", workflow.ActionRead)},
			told:      []string{"apply_start data.x.y read", "apply_start z.z create", "apply_start a.b delete", "refresh_start a.b create", "apply_future a.b create", "apply_complete a.b create"},
			succeeded: true, want: "a.b succeeded"},
	}
	for _, tt := range tests {
		var got []string
		s := follow(tt.changes, func(s workflow.Progress) {
			if s.State == workflow.ProgressQueued {
				return
			}
			line := s.Address
			if _, key, ok := strings.Cut(s.Name, "deposed "); ok {
				line += "/" + key
			}
			line += " " + string(s.State)
			if s.Done > 0 && s.Total > 0 {
				line += fmt.Sprintf(" %d/%d", s.Done, s.Total)
			}
			if s.Text == "no" {
				line += " (no)"
			}
			got = append(got, line)
		})
		s.begin()
		for _, line := range tt.told {
			w := strings.Fields(line)
			m := message{Type: w[0], Text: w[1] + ": text", Hook: &hook{Action: w[2]}}
			m.Hook.Resource.Address = w[1]
			s.told(m)
		}
		s.end(tt.succeeded, tt.errors, tt.done)
		if diff := cmp.Diff(tt.want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
