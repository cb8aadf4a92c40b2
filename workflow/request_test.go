package workflow_test

import (
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestUnasked: the history names nobody for what nobody asked for; a request counts as somebody's all the same.
func TestUnasked(t *testing.T) {
	ada := workflow.Actor{ID: 1, Login: "ada"}
	for name, tt := range map[string]struct {
		workflow.Request
		want bool
	}{
		"a push to a branch":                {workflow.Request{Kind: workflow.RequestBase, GUID: "1", Action: "main"}, false},
		"a base that moved under a pull":    {workflow.Request{Kind: workflow.RequestBase, GUID: "1", Action: "main", Number: 1}, true},
		"a base that moved during a plan":   {workflow.Request{Kind: workflow.RequestBase, Action: "main", Number: 1}, true},
		"projects that are planned again":   {workflow.Request{Kind: workflow.RequestBase, Action: "main", Number: 1, Replan: []string{"a"}}, true},
		"an apply whose turn it is":         {workflow.Request{Kind: workflow.RequestCommand, Action: "follow", Number: 1, Follow: "c"}, true},
		"a pull that the server found":      {workflow.Request{Kind: workflow.RequestPull, Action: "found", Number: 1}, true},
		"facts that the server found":       {workflow.Request{Kind: workflow.RequestFacts, Action: "found", Number: 1}, true},
		"a pull that the server found over": {workflow.Request{Kind: workflow.RequestClosed, Action: "closed", Number: 1}, true},
		"a pull that somebody closed":       {workflow.Request{Kind: workflow.RequestClosed, GUID: "1", Action: "closed", Number: 1}, false},
		"a push":                            {workflow.Request{Kind: workflow.RequestPull, GUID: "1", Action: "synchronize", Number: 1}, false},
		"a comment":                         {workflow.Request{Kind: workflow.RequestCommand, GUID: "1", Action: "created", Number: 1}, false},
		"a review":                          {workflow.Request{Kind: workflow.RequestReview, GUID: "1", Action: "submitted", Number: 1}, false},
	} {
		tt.Actor, tt.Repo = ada, workflow.Repo{ID: 1}
		if got := tt.By(); tt.Unasked() != tt.want || (got == ada) == tt.want {
			t.Errorf("%s: by %q, unasked %v, want %v", name, got.Login, tt.Unasked(), tt.want)
		}
		run := workflow.Run{Actor: ada, Unasked: tt.want}
		if (run.By() == ada) == tt.want {
			t.Errorf("%s: its run is by %q", name, run.By().Login)
		}
	}
}
