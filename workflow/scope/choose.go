package scope

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
	"github.com/cardea-iac/cardea/workflow/survey"
)

// Wanted is one project of a pull as an expansion wants it.
type Wanted struct {
	Record workflow.ProjectRecord // project, reasons, deleted; its runs are found later
	Plan   bool                   // make a new plan
	Asked  bool                   // the command names it although it is not affected
	Held   bool                   // an apply of it started in this pull
	Run    workflow.Run           // what the plan is made from, set when Plan is
	// Outdated is why the plan before does not hold any more, a sentence, when the base moved.
	Outdated phrase.Text
}

// Choice is what an expansion decided.
type Choice struct {
	Projects []Wanted
	// Whole: these are all projects of the pull. Otherwise those of the record that are not among them are kept.
	Whole   bool
	Notes   []string
	Silent  []string      // names of projects that are affected and not planned by themselves
	Refused []phrase.Text // sentences about projects that the sender may not plan
}

// Grounds are what a choice is made on.
type Grounds struct {
	gate.MayPlanInput // the request, its pull, and who may plan
	Found             survey.Survey
	Record            workflow.PullRecord
}

// Choose decides which projects belong to the pull and which of them get a new plan. Without
// a command, every affected project that has no plan at this head and tree gets one. A
// command plans those it names, and keeps the plans of the others. A fault, a sentence, means
// that the command names nothing.
func Choose(g Grounds) (Choice, string) {
	cmd := g.Request.Command
	if cmd == nil {
		out := Choice{Whole: true}
		out.add(g.byItself(g.Request)...)
		return out, ""
	}
	picked, fault := workflow.Select(g.Found.Selecting(cmd.Select))
	if fault != "" {
		return Choice{}, fault
	}
	out := Choice{Whole: cmd.Select.Empty() || !g.Record.Known || g.Record.Trouble != nil}
	if out.Whole {
		// What a push would have planned too, had it come first.
		push := workflow.Request{Kind: workflow.RequestPull, Actor: g.Pull.Author}
		out.add(g.byItself(push)...)
	}
	if cmd.Select.Empty() {
		picked = append(picked, g.askedBefore(picked)...)
		picked = append(picked, g.held(picked)...)
	}
	in := g.MayPlanInput
	for _, p := range picked {
		w := Wanted{Record: workflow.ProjectRecord{Project: p, Reasons: phrase.Texts(g.reasons(p)...)}, Plan: p.Refused.Empty()}
		if was := g.Record.Formerly(p.Key()); w.Record.Reasons == nil && was != nil && was.Held {
			w.Held, w.Record.Reasons = true, phrase.Texts(heldReason)
		} else if w.Record.Reasons == nil {
			w.Asked = true
			w.Record.Reasons = phrase.Texts(askedReason(g.askedBy(p)))
		}
		if why := gate.MayPlanProject(in, p); why != "" {
			out.Refused = append(out.Refused, phrase.Say("%s is not planned: %s", phrase.Project(p.Name), why))
			continue
		}
		out.replace(w)
	}
	return out, ""
}

// byItself are the projects that a push plans: those affected, and those that commands added
// before. A project that it may not plan is there without a plan.
func (g Grounds) byItself(push workflow.Request) []Wanted {
	in := g.MayPlanInput
	in.Request = push
	refused := gate.MayPlan(in) != nil
	var out []Wanted
	for _, a := range g.Found.Affected {
		w := Wanted{Record: workflow.ProjectRecord{Project: a.Project, Reasons: phrase.Texts(a.Reasons...),
			Deleted: a.Deleted, MovedTo: a.MovedTo}}
		w.Plan = !a.Deleted && a.Project.Refused.Empty()
		out = append(out, w)
	}
	for _, p := range g.askedBefore(nil) {
		if g.reasons(p) == nil {
			out = append(out, Wanted{Record: workflow.ProjectRecord{Project: p,
				Reasons: phrase.Texts(askedReason(g.askedBy(p)))}, Plan: p.Refused.Empty(), Asked: true})
		}
	}
	var there []workflow.Project
	for _, w := range out {
		there = append(there, w.Record.Project)
	}
	for _, p := range g.held(there) {
		out = append(out, Wanted{Record: workflow.ProjectRecord{Project: p, Reasons: phrase.Texts(heldReason)},
			Plan: p.Refused.Empty(), Held: true})
	}
	for i := range out {
		w := &out[i]
		if !w.Plan {
			continue
		}
		if refused {
			w.Plan = false
			w.Record.Reasons = append(slices.Clone(w.Record.Reasons),
				phrase.Say("it waits for someone who may plan to comment %s", workflow.VerbPlan.About(w.Record.Project.Name)))
		} else if why := gate.MayPlanProject(in, w.Record.Project); why != "" {
			w.Plan, w.Record.Project.Refused = false, phrase.Say("%s Someone with that permission can start it by commenting %s.", why, workflow.VerbPlan.Typed(""))
		}
		w.Plan = w.Plan && !g.has(w.Record.Project)
	}
	return out
}

// has reports whether the record holds a plan, or one on its way, of this project at this head and tree.
func (g Grounds) has(p workflow.Project) bool {
	old := g.Record.Find(p.Key())
	if old == nil || old.Run == nil {
		return false
	}
	r := old.Run
	if slices.Contains(g.Request.Replan, p.Name) {
		return false
	}
	live := r.State != workflow.RunFinished && r.Interrupt == ""
	return r.Head == g.Pull.Head.SHA && r.Tree == g.Found.Checkout.Planned.ID && r.Project.Name == p.Name &&
		(live || r.Outcome == workflow.OutcomeSucceeded)
}

// heldReason is why a project belongs to a pull, whatever the pull's head changes.
const heldReason = "an apply of it was started in this pull request"

// held are projects of the planned tree that an apply of this pull holds, without those already there.
func (g Grounds) held(there []workflow.Project) []workflow.Project {
	var out []workflow.Project
	for _, p := range g.Found.Resolution.Projects {
		was := g.Record.Formerly(p.Key())
		if was != nil && was.Held && !slices.ContainsFunc(there, func(q workflow.Project) bool { return q.Key() == p.Key() }) {
			out = append(out, p)
		}
	}
	return out
}

// askedBefore are projects of the planned tree that commands added to this pull,
// without those already picked.
func (g Grounds) askedBefore(picked []workflow.Project) []workflow.Project {
	var out []workflow.Project
	for _, a := range g.Record.Asked {
		for _, p := range g.Found.Resolution.Projects {
			if p.Key() == a.Key && !slices.ContainsFunc(picked, func(q workflow.Project) bool { return q.Key() == a.Key }) {
				out = append(out, p)
			}
		}
	}
	return out
}

func (g Grounds) askedBy(p workflow.Project) workflow.Actor {
	for _, a := range g.Record.Asked {
		if a.Key == p.Key() {
			return a.By
		}
	}
	return g.Request.Actor
}

func askedReason(by workflow.Actor) string { return "`" + phrase.Shown(by.Login) + "` asked for it" }

// reasons are why the change affects a project, nil when it does not.
func (g Grounds) reasons(p workflow.Project) []string {
	for _, a := range g.Found.Affected {
		if a.Project.Key() == p.Key() && !a.Deleted {
			return a.Reasons
		}
	}
	return nil
}

// add appends projects; one that says `autoplan: false` and has no plan becomes a note instead.
func (ch *Choice) add(all ...Wanted) {
	var silent []string
	for _, w := range all {
		if w.Plan && w.Record.Project.NoAutoplan && !w.Asked && !w.Held {
			silent = append(silent, w.Record.Project.Name)
			continue
		}
		ch.Projects = append(ch.Projects, w)
	}
	ch.Silent = append(ch.Silent, silent...)
	if len(silent) > 0 {
		ch.Notes = append(ch.Notes, fmt.Sprintf("Affected, but not planned automatically (`autoplan: false`): `%s`.",
			strings.Join(silent, "`, `")))
	}
}

// replace puts a project in the place of the one with its key, or appends it.
func (ch *Choice) replace(w Wanted) {
	for i := range ch.Projects {
		if old := &ch.Projects[i]; old.Record.Project.Key() == w.Record.Project.Key() && !old.Record.Deleted {
			*old = w
			return
		}
	}
	ch.Projects = append(ch.Projects, w)
}

// Sentence says what became of a request, for the history.
func (ch Choice) Sentence(f survey.Survey) string {
	var names []string
	for _, w := range ch.Projects {
		if w.Plan {
			names = append(names, "`"+w.Record.Project.Name+"`")
		}
	}
	base := phrase.Short(f.Checkout.Base)
	switch {
	case len(ch.Projects) == 0 && len(f.NotPlanned) > 0:
		return fmt.Sprintf("Nothing that Cardea plans is affected, against base %s.", base)
	case len(ch.Projects) == 0:
		return fmt.Sprintf("No project is affected, against base %s.", base)
	case len(names) == 0:
		return fmt.Sprintf("Nothing new is planned, against base %s.", base)
	case len(names) > 20:
		return fmt.Sprintf("%d projects are planned, against base %s.", len(names), base)
	}
	return fmt.Sprintf("Planned against base %s: %s.", base, strings.Join(names, ", "))
}
