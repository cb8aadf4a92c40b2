package survey

import (
	"fmt"
	"sort"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/steps"
)

// dependencies turns the names of depends_on, base's and head's together, into
// the names that hold.
func (r *resolver) dependencies(projects []workflow.Project) {
	held := map[string]bool{}
	var all []string
	headNames, baseNames := map[string]workflow.ProjectKey{}, map[string]workflow.ProjectKey{}
	for _, p := range projects {
		held[p.Name] = true
		all = append(all, p.Name)
	}
	for _, h := range r.head {
		headNames[h.Name] = h.Key()
	}
	for _, b := range r.base {
		baseNames[b.Name] = b.Key()
	}
	type unknown struct {
		at   workflow.Position
		name string
	}
	said := map[unknown]bool{}
	for i := range projects {
		p := &projects[i]
		var deps []string
		for _, d := range r.baseByKey[p.Key()].DependsOn {
			// A dependency on what this change deletes is over.
			if name, ok := r.names[baseNames[d]]; ok {
				deps = append(deps, name)
			}
		}
		for _, d := range p.DependsOn {
			switch name, ok := r.names[headNames[d]]; {
			case ok:
				deps = append(deps, name)
			case held[d]:
				deps = append(deps, d)
			default:
				if said[unknown{p.Position, d}] {
					continue
				}
				said[unknown{p.Position, d}] = true
				meant := ""
				if r.faults.Few() {
					meant = phrase.Meant(d, all)
				}
				r.faults.Add(p.Position, "`depends_on` names `%s`, but no project has that name%s", d, meant)
			}
		}
		p.DependsOn = union(deps, nil)
	}
}

// uniqueNames adds a fault for every name that two projects have.
func (r *resolver) uniqueNames(sorted []workflow.Project) {
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1], sorted[i]
		if a.Name != b.Name {
			continue
		}
		if b.Position.Line == 0 {
			a, b = b, a
		}
		at := b.Position
		if at.Line == 0 {
			at = workflow.Position{File: r.in.Head.File, Line: 1, Column: 1}
		}
		r.faults.Add(at, "two projects are called `%s`: %s and %s. "+
			"A project of the base branch keeps its name until the change is merged", b.Name, r.placeOf(a), r.placeOf(b))
	}
}

// placeOf says where a project is, as configurations say it.
func (r *resolver) placeOf(p workflow.Project) string {
	key := r.in.Kinds.Of(p).VariantKey
	if key.Name == "" {
		return fmt.Sprintf("directory `%s`", p.Dir)
	}
	return fmt.Sprintf("directory `%s` (%s `%s`)", p.Dir, key.Title, p.Variant)
}

// circles adds a fault for every circle of depends_on, said once.
func (r *resolver) circles(projects []workflow.Project) {
	byName := map[string]*workflow.Project{}
	for i := range projects {
		byName[projects[i].Name] = &projects[i]
	}
	const visiting, done = 1, 2
	state := map[string]int{}
	for i := range projects {
		// An own stack: a chain of ten thousand must not be a recursion.
		type frame struct {
			p    *workflow.Project
			next int
		}
		if state[projects[i].Name] == done {
			continue
		}
		stack := []frame{{p: &projects[i]}}
		state[projects[i].Name] = visiting
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next >= len(top.p.DependsOn) {
				state[top.p.Name] = done
				stack = stack[:len(stack)-1]
				continue
			}
			name := top.p.DependsOn[top.next]
			top.next++
			switch dep := byName[name]; {
			case dep == nil:
			case state[name] == visiting:
				r.faults.Add(top.p.Position, "`depends_on` has a cycle: `%s` depends on %s", top.p.Name, around(top.p.Name, name))
			case state[name] == 0:
				state[name] = visiting
				stack = append(stack, frame{p: dep})
			}
		}
	}
}

// around says how what depends on a name comes back to itself.
func around(of, name string) string {
	if of == name {
		return "itself"
	}
	return fmt.Sprintf("`%s`, which depends on `%s` in turn", name, of)
}

// notes says where head asks for a name or an environment that does not hold.
func (r *resolver) notes(projects []workflow.Project) []string {
	var notes []string
	type relabel struct {
		asked, holds string
		strictest    bool
		neighbours   string
		server       bool // the server's rules decide, also once it is merged
	}
	groups, order := map[relabel][]string{}, []relabel{}
	for _, p := range projects {
		if p.HeadEnvironment == "" || r.labelledBefore(p) {
			continue
		}
		k := relabel{p.HeadEnvironment, p.Environment, p.Strictest, phrase.AndList(phrase.Quoted(p.Neighbours)),
			r.byServer[p.Key()]}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], p.Name)
	}
	for _, k := range order {
		holds := "the repository's own rules apply as well"
		switch {
		case k.server:
			notes = append(notes, fmt.Sprintf("This change labels %s as environment `%s`, but the server's configuration says `%s`, "+
				"which takes precedence.", phrase.SomeNames(groups[k]), k.asked, k.holds))
			continue
		case k.holds != "":
			holds = "the environment is `" + k.holds + "`, and the rules of both apply"
		case k.neighbours != "":
			holds = "the rules of " + k.neighbours + " apply as well: other projects in the directory have them"
		case k.strictest:
			holds = "the strictest rules of the repository apply"
		}
		notes = append(notes, fmt.Sprintf("This change labels %s as environment `%s`. Until this is merged, %s.",
			phrase.SomeNames(groups[k]), k.asked, holds))
	}
	notes = append(notes, r.besides(projects)...)
	sort.Strings(r.workflows)
	notes = append(notes, r.workflows[:min(len(r.workflows), 5)]...)
	if more := len(r.workflows) - 5; more > 0 {
		notes = append(notes, fmt.Sprintf("This change also changes the workflow of %d more projects.", more))
	}
	sort.Slice(r.renames, func(i, j int) bool { return r.renames[i][0] < r.renames[j][0] })
	for i, rename := range r.renames {
		if i == 5 {
			notes = append(notes, fmt.Sprintf("This change also renames %d more projects.", len(r.renames)-i))
			break
		}
		notes = append(notes, fmt.Sprintf("This change renames `%s` to `%s`. That takes effect after the merge.",
			rename[0], rename[1]))
	}
	return notes
}

// besides says which new projects have rules beside those of the environment in which the server places them.
func (r *resolver) besides(projects []workflow.Project) (notes []string) {
	groups, order := map[string][]string{}, []string{}
	for _, p := range projects {
		if !r.byServer[p.Key()] || len(p.Neighbours) == 0 {
			continue
		}
		rules := "the rules of " + phrase.AndList(phrase.Quoted(p.Neighbours)) + " and those of the repository all apply"
		if groups[rules] == nil {
			order = append(order, rules)
		}
		groups[rules] = append(groups[rules], p.Name)
	}
	for _, rules := range order {
		notes = append(notes, fmt.Sprintf("This change adds %s to a directory with other rules. Until this is merged, %s.",
			phrase.SomeNames(groups[rules]), rules))
	}
	return notes
}

// noteWorkflow says that head asks for another workflow than base's, which a project keeps until the merge.
func (r *resolver) noteWorkflow(p workflow.Project, asked string) {
	text := fmt.Sprintf("This change removes the workflow %s from %s. That takes effect after the merge.",
		phrase.Name(p.Workflow), phrase.Name(p.Name))
	if asked != "" {
		text = fmt.Sprintf("This change gives %s the workflow %s. That takes effect after the merge.", phrase.Name(p.Name), phrase.Name(asked))
	}
	p.Workflow = asked
	if _, why := steps.Of(r.in.Rules, p); !why.Empty() {
		text += " The project would then be refused: " + why.String()
	}
	r.workflows = append(r.workflows, text)
}

// keepWorkflow says that a new project has its environment's workflow, not the one that its entry names.
func (r *resolver) keepWorkflow(p workflow.Project, floor string) {
	r.workflows = append(r.workflows, fmt.Sprintf("Until this change is merged, %s has the workflow %s of its environment. "+
		"The workflow %s that its entry names takes effect after the merge.", phrase.Name(p.Name), phrase.Name(floor), phrase.Name(p.Workflow)))
}

// labelledBefore reports that base asks for the same label in vain: that is not this change's doing.
func (r *resolver) labelledBefore(p workflow.Project) bool {
	b, known := r.baseByKey[p.Key()]
	return known && !r.in.BaseFaulty && b.Environment == p.HeadEnvironment
}
