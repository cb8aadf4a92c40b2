package steps

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Of is the workflow that a project has by the server's rules, nil without one: what its entry
// names, if the rule lists it, else its environment's, else the rule's. refused says why the
// project may not be planned. An environment that nobody but head names chooses nothing. Rules
// without a match are nobody's, as in a preview, and say nothing of workflows.
func Of(rules workflow.Rules, p workflow.Project) (w *workflow.Workflow, refused phrase.Text) {
	if rules.Match == "" {
		return nil, nil
	}
	name := rules.Workflow
	if env, ok := rules.Environments[p.Environment]; ok && p.Environment != "" && env.Workflow != "" {
		name = env.Workflow
	}
	if p.Workflow != "" && p.Workflow != name {
		if !slices.Contains(rules.MayName, p.Workflow) {
			return nil, notListed(rules, p.Workflow)
		}
		name = p.Workflow
	}
	if name == "" {
		return nil, nil
	}
	found, ok := rules.Workflows[name]
	if !ok {
		return nil, phrase.Say("The server has no workflow %s.", phrase.CodeSpan(name))
	}
	found.Name = name
	return &found, nil
}

func notListed(rules workflow.Rules, name string) phrase.Text {
	asked := phrase.CodeSpan(phrase.Shown(name))
	if len(rules.MayName) == 0 {
		return phrase.Say("It names the workflow %s, but the server's rule for this repository lists no workflows that a project may name. "+
			"Remove `workflow` from its entry, or ask whoever runs the server to list it under `workflows`.", asked)
	}
	return phrase.Say("It names the workflow %s, which the server's rule for this repository does not list. A project may name %s.",
		asked, phrase.OrList(phrase.Quoted(rules.MayName)))
}

// Digest is a plan's inputs digest with the workflow that the plan is made by. One without steps
// and options, as none at all, leaves it as it was. The workflow's name says nothing.
func Digest(inputs string, w *workflow.Workflow) string {
	said := words(w)
	if said == "" {
		return inputs
	}
	sum := sha256.Sum256([]byte(inputs + "\n" + said))
	return hex.EncodeToString(sum[:])
}

// words are all that a workflow says, "" where that is nothing.
func words(w *workflow.Workflow) string {
	if w == nil || len(w.Steps) == 0 && w.Plan == (workflow.Tuning{}) && w.Apply == (workflow.Tuning{}) {
		return ""
	}
	plain := *w
	plain.Name = ""
	text, err := json.Marshal(plain)
	if err != nil {
		panic(err) // texts and numbers always have JSON
	}
	return string(text)
}

// Changed reports whether a run's project has another workflow by the server's rules of now than
// the one that the run was made by.
func Changed(rules workflow.Rules, run workflow.Run) bool {
	now, refused := Of(rules, run.Project)
	return !refused.Empty() || words(now) != words(run.Workflow)
}

// Names are the workflows that a rule mentions, sorted.
func Names(rules workflow.Rules) []string {
	names := map[string]bool{rules.Workflow: true}
	for _, name := range rules.MayName {
		names[name] = true
	}
	for _, env := range rules.Environments {
		names[env.Workflow] = true
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}

// Label is what sentences call a step of a workflow, by its place in it: "step 1 (`render`)".
func Label(i int, s workflow.Step) string {
	return fmt.Sprintf("step %d (%s)", i+1, phrase.CodeSpan(phrase.Shown(s.Name)))
}
