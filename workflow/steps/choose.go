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
// names, if the rule lists it, else its environment's, else the rule's. Where several environments'
// rules hold, theirs is had whatever the entry names. refused says why the project may not be
// planned. An environment that nobody but head names chooses nothing. Rules without a match are
// nobody's, as in a preview, and say nothing of workflows.
func Of(rules workflow.Rules, p workflow.Project) (w *workflow.Workflow, refused phrase.Text) {
	if rules.Match == "" {
		return nil, nil
	}
	name, refused := Floor(rules, p)
	several := name != "" && severalHold(p)
	if name == "" {
		name = rules.Workflow
	}
	if p.Workflow != "" && p.Workflow != name {
		if !slices.Contains(rules.MayName, p.Workflow) {
			return nil, notListed(rules, p.Workflow)
		}
		if !several {
			name = p.Workflow
		}
	}
	if name == "" || !refused.Empty() {
		return nil, refused
	}
	found, ok := rules.Workflows[name]
	if !ok {
		return nil, phrase.Say("The server has no workflow %s.", phrase.CodeSpan(name))
	}
	found.Name = name
	return &found, nil
}

// Floor names the workflow that its environment has by the server's own words, which no entry of a
// new project changes before the merge; "" where no environment has one. Of several environments
// that hold together all that have steps or options must have the same, else the project is refused.
func Floor(rules workflow.Rules, p workflow.Project) (name string, refused phrase.Text) {
	if !severalHold(p) {
		if env, ok := rules.Environments[p.Environment]; ok && p.Environment != "" {
			name = env.Workflow
		}
		return name, nil
	}
	own := false
	var found []string // one for each that says something else
	for _, env := range holding(rules, p) {
		of := rules.Environments[env].Workflow
		own = own || of != ""
		if of == "" {
			of = rules.Workflow
		}
		if says := saidBy(rules, of); says != "" && !slices.ContainsFunc(found, func(f string) bool { return saidBy(rules, f) == says }) {
			found = append(found, of)
		}
		if name == "" {
			name = of
		}
	}
	switch {
	case !own:
		return "", nil
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", phrase.Say("It is new and its environment is not certain before the merge: its workflow could be %s, and they differ. "+
			"Ask whoever runs the server to list its directory under `dirs` of its environment, or let `autodiscover.pattern` "+
			"on the base branch name the environment.", phrase.OrList(phrase.Quoted(found)))
	}
	return name, nil
}

// severalHold reports whether the rules of several environments hold for a project.
func severalHold(p workflow.Project) bool { return p.Strictest || len(p.Neighbours) > 0 }

// holding are the environments that a project may be in, "" for one without rules of its own. A
// label that only head has is not one of them.
func holding(rules workflow.Rules, p workflow.Project) []string {
	if p.Strictest {
		return append([]string{""}, slices.Sorted(maps.Keys(rules.Environments))...)
	}
	return p.Neighbours
}

// saidBy are the words of one of the server's workflows. One that is not there says nothing but its name.
func saidBy(rules workflow.Rules, name string) string {
	if w, ok := rules.Workflows[name]; ok || name == "" {
		return words(&w)
	}
	return name
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
