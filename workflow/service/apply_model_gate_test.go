package service_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// confirmed is the oracle of the last gate: it looks at an authorisation in the
// commit that writes it, by what the world was when GitHub was last asked.
func (l *life) confirmed(run *workflow.Run) {
	l.counts["authorised"]++
	a, order := run.Apply.Authorised, run.Apply
	saw, ok := l.looks[run.Number]
	no := func(when bool, format string, args ...any) {
		if when {
			l.wrong("I2: the apply %s of %s in #%d is authorised although %s", run.ID, run.Project.Name, run.Number, fmt.Sprintf(format, args...))
		}
	}
	if a == nil || !ok {
		l.wrong("I2: the apply %s is spent without an authorisation", run.ID)
	}
	f := saw.facts
	no(l.authorising != run.ID, "nobody asked")
	no(run.State != workflow.RunRunning || run.Interrupt != "", "it is %s, %q", run.State, run.Interrupt)
	no(f.Actor.ID != run.Actor.ID || f.Pull.Number != run.Number, "GitHub was asked about %s in #%d", f.Actor.Login, f.Pull.Number)
	no(l.now.Sub(f.Read) > 10*time.Second, "GitHub was asked %s ago", l.now.Sub(f.Read))
	no(saw.commits < l.ordered[run.ID], "GitHub was asked before the lock was taken")
	if saw.bad {
		l.wrong("I13: the apply %s is authorised by poor facts", run.ID)
	}
	no(!f.Roles[run.Actor.ID].AtLeast(workflow.RoleWrite) || run.Actor.Bot, "%s is %s", run.Actor.Login, f.Roles[run.Actor.ID])
	no(f.Pull.State != workflow.PullOpen || f.Pull.Draft, "the pull is %s, a draft: %v", f.Pull.State, f.Pull.Draft)
	no(f.Pull.Base.Ref != "main" || a.BaseRef != "main", "its base is %s", f.Pull.Base.Ref)
	no(f.Pull.Head.SHA != run.Head || a.Head != run.Head, "the head is %s, not %s", f.Pull.Head.SHA, run.Head)
	no(f.BaseTip != a.Base, "the base is at %s, not at %s", f.BaseTip, a.Base)
	no(f.Conflicts != "no" || len(f.Required) > 0 || (f.ReviewDecision != "" && f.ReviewDecision != "approved"), "GitHub would not merge: %+v", f)
	config := l.bases[f.BaseTip][workflow.RepoConfigFile]
	no(config == "nonsense", "the base's configuration is faulty")
	no(strings.Contains(config, "reviewed") && f.ReviewDecision != "approved", "nobody reviewed it")
	l.confirmedPlan(run, f, no)
	l.confirmedPeople(run, f, no)
	l.confirmedGround(run, no)
	no(l.spent[order.PlanRun] != "", "its plan was spent by %s", l.spent[order.PlanRun])
	l.spent[order.PlanRun] = run.ID
}

type objection func(when bool, format string, args ...any)

// confirmedPlan: it is the plan of this head on this base, whole and young.
func (l *life) confirmedPlan(run *workflow.Run, f workflow.LiveFacts, no objection) {
	a, order := run.Apply.Authorised, run.Apply
	plan, saved := l.runs[order.PlanRun], l.saved[order.PlanRun]
	tree := l.merged(run.Head, f.BaseTip)
	text, err := tree.ReadFile(run.Project.Dir + "/main.tf")
	was, err2 := l.merged(plan.Head, plan.Base).ReadFile(run.Project.Dir + "/main.tf")
	no(err != nil || err2 != nil || string(text) != string(was), "what it is planned from is another thing now")
	no(saved.hidden && tree.ID != run.Tree, "the tree of its hidden effects is another one")
	no(plan.Project.Key() != run.Project.Key() || plan.Number != run.Number || plan.Tree != run.Tree || plan.Tree != a.Tree, "its plan is another project's or tree's")
	no(saved.fingerprint != order.Fingerprint || saved.fingerprint != a.Fingerprint, "its fingerprint is not the plan's")
	no(saved.digest == "" || a.Artefact != saved.digest, "its artefact is %q, not %q", a.Artefact, saved.digest)
	no(!a.State.Same(saved.state), "the state is %+v, planned from %+v", a.State, saved.state)
	no(l.now.Sub(saved.at) > 24*time.Hour, "its plan is %s old", l.now.Sub(saved.at))
	rec := l.recs[run.Number]
	p := rec.Project(run.Project.Name)
	no(!rec.Known || rec.Pull.Head.SHA != run.Head || p == nil || p.Run == nil || p.Run.ID != order.PlanRun, "the pull shows another plan")
	for _, r := range l.runs {
		no(r.Kind == workflow.RunPlan && r.Number == run.Number && r.Project.Key() == run.Project.Key() && r.Head == run.Head && r.ID > plan.ID &&
			r.State == workflow.RunFinished && r.Outcome == workflow.OutcomeSucceeded && p.Run.ID == plan.ID && slices.Contains(p.Runs, r.ID), "%s is a newer plan", r.ID)
	}
}

// confirmedPeople: enough people consent, none of them the author.
func (l *life) confirmedPeople(run *workflow.Run, f workflow.LiveFacts, no objection) {
	want := l.approvalsOf(run.Project.Dir, f)
	people, by := map[int64]bool{}, map[int64][]string{}
	for _, c := range l.approvals {
		if c.pull == run.Number && c.key == run.Project.Key() && !c.void && c.fingerprint == run.Apply.Fingerprint && c.user.ID != f.Pull.Author.ID &&
			f.Roles[c.user.ID].AtLeast(workflow.RoleWrite) && (!c.hidden || c.tree == run.Tree) && l.stands(c, f, l.saved[run.Apply.PlanRun]) {
			people[c.user.ID] = true
			by[c.user.ID] = append(by[c.user.ID], c.request)
		}
	}
	no(len(people) < want, "%d approve it, not %d", len(people), want)
	told := map[int64]bool{}
	for _, a := range run.Apply.Authorised.Approvals {
		told[a.User.ID] = true
		no(!slices.Contains(by[a.User.ID], a.Request), "the approval of %s that it names does not hold", a.User.Login)
		if a.ReviewID != 0 {
			l.counts["authorised by a review"]++
		}
	}
	no(len(told) < want, "it names %d approvals", len(told))
}

// approvalsOf is how many approvals a project needs: what the base's tip says of
// its environment holds, head may only ask for more, and of what the base does not
// have everything is asked.
func (l *life) approvalsOf(dir string, f workflow.LiveFacts) int {
	env := func(f files) string {
		_, entry, _ := strings.Cut(f[workflow.RepoConfigFile], "- dir: "+dir+"\n")
		label, _, _ := strings.Cut(strings.TrimPrefix(entry, "  environment: "), "\n")
		return label
	}
	counts := map[string]int{"prod": 2, "dev": 0, "": 1}
	base := l.bases[f.BaseTip]
	if _, there := base[dir+"/main.tf"]; !there {
		return 2
	}
	want, known := counts[env(base)]
	if !known {
		want = 1
	}
	if label := env(l.heads[f.Pull.Head.SHA]); label != "" {
		want = max(want, counts[label])
	}
	return want
}

// confirmedGround: nothing else writes or may have, what it depends on is there, and the locks are ours.
func (l *life) confirmedGround(run *workflow.Run, no objection) {
	for _, key := range workflow.LockKeys(run.Project, run.Keeps()) {
		k, ok := l.locks[key]
		no(!ok || workflow.OfPull(k.Pull) != run.Subject(), "the lock %q is not held", key)
		no(ok && k.Epoch > run.Apply.Authorised.LockEpoch, "the lock %q is of epoch %d, after %d", key, k.Epoch, run.Apply.Authorised.LockEpoch)
	}
	for id, r := range l.runs {
		same := r.States.Surely(run.States) || r.Project.Key() == run.Project.Key()
		no(id != run.ID && r.Kind == workflow.RunApply && same && r.Apply.Spent && guards(r), "the apply %s is %s %s", id, r.State, r.Outcome)
	}
	rec := l.recs[run.Number]
	config, err := l.merged(run.Head, run.Apply.Authorised.Base).ReadFile(workflow.RepoConfigFile)
	no(err != nil, "nobody knows on what it depends: %v", err)
	_, entry, _ := strings.Cut(string(config), "- dir: "+run.Project.Dir+"\n  depends_on: [")
	on, _, _ := strings.Cut(entry, "]")
	for _, name := range strings.Fields(on) {
		if p := rec.Project(name); p != nil {
			done := p.Deleted || (p.Run != nil && p.Run.State == workflow.RunFinished && (p.Run.NoChanges || (p.Apply != nil && p.Apply.Apply.Spent && (p.Apply.Outcome == workflow.OutcomeSucceeded || p.Apply.Apply.Resolved == "applied"))))
			no(!done, "%s is %s", name, p.State())
			if a := p.Apply; a != nil && a.Apply.Spent && a.Outcome != workflow.OutcomeRefused {
				no(l.runs[run.Apply.PlanRun].Started.Before(a.Finished), "its plan is from before the apply of %s", name)
			}
		}
	}
}

// rest lets the world come to rest: GitHub answers, the disk is whole, whoever
// writes ends; then everything asked for has an end that people see.
func (l *life) rest() {
	l.trouble, l.armed = 0, nil
	l.serveOn()
	for i := len(l.jobs) - 1; i >= 0; i-- {
		if l.jobs[i].proc != nil {
			l.endApply(i, 11)
		}
	}
	l.jobs = nil
	l.quiet()
	l.checkCommands()
	l.roles["root"] = workflow.RoleAdmin
	for n, p := range l.pulls[1:] {
		for _, name := range projectNames {
			l.say(n+1, crowd[3], workflow.Command{Verb: workflow.VerbResolve, Select: workflow.Selector{Projects: []string{name}}, Outcome: "failed"})
		}
		if p.State == workflow.PullOpen {
			l.changed(n+1, func(p *hubPull) { p.State = workflow.PullClosed })
			l.event(n+1, "closed", workflow.RequestClosed)
		}
	}
	l.quiet()
	l.checkCommands()
	for key, k := range l.locks {
		l.wrong("I7: the lock %q (%s) of #%d outlives everything", key, k.Why, k.Pull.Number)
	}
	l.checkHistory()
}

// serveOn ends whatever fails.
func (l *life) serveOn() {
	for _, p := range l.pulls {
		if p != nil {
			p.UpdatedAt = p.UpdatedAt.Add(time.Millisecond)
		}
	}
	l.older = [4][]workflow.Pull{}
	l.serve()
	l.must(l.svc.Start(l.ctx(), "worker"))
}

// quiet carries out all that is due and plans all that is queued, until nothing happens.
func (l *life) quiet() {
	for range 300 {
		l.now = l.now.Add(service.DefaultLease + time.Second)
		l.deliverAll()
		busy := l.expandOnce() > 0
		for l.claimOne() {
			busy = true
			i := len(l.jobs) - 1
			if l.jobs[i].run.Kind != workflow.RunApply {
				l.endPlan(i, 9)
				continue
			}
			if l.ready(i, 11); len(l.jobs) > i {
				l.endApply(i, 11)
			}
		}
		if !busy && l.resting() {
			for n := range l.pulls[1:] {
				l.report(n + 1)
			}
			return
		}
	}
	l.wrong("I14: the world does not come to rest")
}

// resting reports whether nothing is queued, running or due.
func (l *life) resting() bool {
	for _, r := range l.runs {
		if r.State != workflow.RunFinished {
			return false
		}
	}
	for _, r := range l.requests {
		if !r.Done {
			return false
		}
	}
	return true
}

// checkCommands: each command has one end that people see, and one comment at most.
func (l *life) checkCommands() {
	for _, r := range l.requests {
		if r.Command == nil {
			continue
		}
		if r.Follow != "" { // it is told with the command
			if !r.Done || l.replied[fmt.Sprint(r.Number, " ", r.ID)] != 0 {
				l.wrong("I5: the turn %+v is not over, or has an answer of its own", r)
			}
			continue
		}
		of := func(key string) int { return l.replied[fmt.Sprint(r.Number, " ", key)] }
		runs := 0
		for _, run := range l.runs {
			if run.Request == r.ID {
				runs++
			}
		}
		replies, ends := of(r.ID), of(r.ID+"/end")
		applied := r.Command.Verb == workflow.VerbApply && (runs > 0 || l.promises(r.ID))
		seen := replies+ends == 1 || replies+ends == 0 && runs > 0 && r.Command.Verb == workflow.VerbPlan
		if !r.Done || r.Note == "" || !seen || applied != (ends == 1) {
			l.wrong("I5: the command %+v has %d replies, %d runs and %d ends: %s", *r.Command, replies, runs, ends, r.Note)
		}
	}
	for n, p := range l.pulls[1:] {
		rec := l.recs[n+1]
		if rec == nil {
			continue // merged before we came to know it
		}
		for _, r := range rec.Replies {
			if !r.Done || !p.comments[r.Key] {
				l.wrong("I5: the reply %s of #%d was never written", r.Key, n+1)
			}
		}
	}
}

// promises reports whether applies waited for others by a command. At rest none does any more.
func (l *life) promises(command string) (any bool) {
	for key, p := range l.promised {
		if strings.HasSuffix(key, " "+command) {
			if any = true; !p.over {
				l.wrong("I14: the apply %s waits for ever", key)
			}
		}
	}
	return any
}

// checkHistory: what was appended is there, as it was.
func (l *life) checkHistory() {
	kept, err := l.svc.History(l.ctx(), repo.ID, 0, len(l.events)+1)
	l.must(err)
	if len(kept) != len(l.events) {
		l.wrong("I8: the history has %d events, %d were appended", len(kept), len(l.events))
	}
	for i, e := range kept {
		if e.Seq != l.events[i].Seq || !e.Text.Equal(l.events[i].Text) || e.Kind != l.events[i].Kind {
			l.wrong("I8: event %d is %+v, it was %+v", i, e, l.events[i])
		}
	}
}

// tally counts what happened in all lives: a model in which nothing happens finds nothing.
type tally struct{ counts map[string]int }

var came lived

type lived struct {
	counts [len(milestones)]atomic.Int64
}

var milestones = [...]string{
	"approved", "approval voided", "authorised", "apply succeeded", "apply failed", "apply unknown", "apply refused", "late", "resolved",
	"lock released", "plan succeeded", "verify succeeded", "follows", "followed", "reviewed", "review ended", "authorised by a review",
	"given before it was taken back",
}

func (c *lived) add(l *life) {
	for i, name := range milestones {
		c.counts[i].Add(int64(l.counts[name]))
	}
}

func (t *tally) read() {
	t.counts = map[string]int{}
	for i, name := range milestones {
		t.counts[name] = int(came.counts[i].Load())
	}
}

func (t *tally) String() string {
	var out []string
	for _, name := range milestones {
		out = append(out, fmt.Sprintf("%d %s", t.counts[name], name))
	}
	return strings.Join(out, ", ")
}

// lacks names what happened less often than once in fifty lives.
func (t *tally) lacks(lives uint64) string {
	for _, name := range milestones {
		if uint64(t.counts[name]) < lives/50 {
			return fmt.Sprintf("%d times %q in %d lives", t.counts[name], name, lives)
		}
	}
	return ""
}
