package templates

import (
	"fmt"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// Alarm is a project after whose apply a person has to act: until then nothing
// of it is applied, and its lock stays.
type Alarm struct {
	Row      Row
	Title    string
	Steps    []string // sentences: what is known, then what to do
	RunURL   string
	Commands []string // for the terminal, "" where there is none
}

// Hold is a lock, with all the projects that were taken with it.
type Hold struct {
	Lock     workflow.Lock
	Ours     bool // this pull has it
	Projects []string
}

// Text says since when a lock is held and why, after the words "holds ...".
func (h Hold) Text() string {
	who := code(h.Lock.User.Login)
	why := map[workflow.LockWhy]string{
		workflow.LockClaim: who + " claimed it",
		workflow.LockPlan:  "its plan has changes",
		workflow.LockApply: "an apply by " + who + " started, and it holds until the merge",
	}[h.Lock.Why]
	return "since " + stamp(h.Lock.Since) + ": " + first(why, who)
}

func code(text string) string { return ticked([]string{text})[0] }

// stamp prints a time for people, to the minute.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// gated takes over what stands between a row's plan and its apply.
func (m *Model) gated(v workflow.PullView, r Row) {
	name := r.Name()
	if r.Lock != nil {
		m.hold(Hold{Lock: *r.Lock, Ours: r.Ours, Projects: []string{name}})
	}
	for _, a := range r.Approvals() {
		m.Approvals = addSaid(m.Approvals, fmt.Sprintf("%s approved, %s", code(a.User.Login), stamp(a.At)), name)
	}
	if r.Open {
		for _, a := range r.Fallen() {
			m.Approvals = addSaid(m.Approvals, fmt.Sprintf("%s approved an earlier plan, %s, which counts no longer. %s", code(a.User.Login), code(shortFingerprint(a.Fingerprint)), sentence(a.Void)), name)
		}
		for i, n := range r.Needs {
			if n == "" {
				continue
			}
			m.lacks = addLack(m.lacks, lackOf(planned{name, r.Fingerprint()}, r.WaitsFor[i], r.Mends[i]))
		}
	}
	if p := r.Record; r.Open && p.Verify != nil && p.Run.ID == p.Verify.ID {
		m.Notes = addSaid(m.Notes, "The apply left something: this plan was made after it, and wants an approval of its own", name)
	}
	if v.Pull.State == workflow.PullClosed && r.Record.Held && r.Record.Apply != nil && r.Record.Apply.State == workflow.RunFinished {
		m.Notes = addSaid(m.Notes, NeverMerged(v.Pull.Number, *r.Record.Apply), name)
	}
}

// NeverMerged is the sentence about an apply whose pull was closed unmerged.
func NeverMerged(number int, apply workflow.Run) string {
	return strings.Replace(workflow.NeverMerged(number, apply), " at "+short(apply.Head), " at "+code(short(apply.Head)), 1)
}

func (m *Model) hold(h Hold) {
	for i := range m.Holds {
		o := &m.Holds[i]
		if o.Lock.Pull == h.Lock.Pull && o.Lock.Since.Equal(h.Lock.Since) && o.Lock.Why == h.Lock.Why && o.Lock.User == h.Lock.User {
			o.Projects = append(o.Projects, h.Projects...)
			return
		}
	}
	m.Holds = append(m.Holds, h)
}

// pastRows are the projects of earlier heads: a head that does not affect them,
// or that is not known yet, does not end an alarm.
func pastRows(v workflow.PullView, l Links) []Row {
	var out []Row
	for _, p := range v.Past {
		out = append(out, RowOf(v, p, l))
	}
	return out
}

func alarmsOf(rows []Row, l Links) []Alarm {
	var out []Alarm
	for _, r := range rows {
		if a, ok := alarmOf(r, l); ok {
			out = append(out, a)
		}
	}
	return out
}

func alarmOf(r Row, l Links) (a Alarm, ok bool) {
	name := code(r.Name())
	resolve := func(outcome string) string {
		return code(l.command("resolve -p " + Quote(r.Name()) + " --outcome " + outcome))
	}
	a = Alarm{Row: r, RunURL: r.RunURL}
	order := r.Apply()
	switch {
	case r.State == workflow.StateUnknown:
		a.Title = "Nobody knows how the apply of " + name + " ended."
		a.Steps = []string{
			unknownBecause(r.Record.Apply) + " It may have changed everything, a part, or nothing. It is never tried again by itself, and the project stays locked.",
			"Look at its log and at what is really there. Then an admin writes " + resolve("applied") + " if the plan was carried out, or " + resolve("failed") + " if not; a fresh plan follows.",
		}
		return a, true
	case r.State == workflow.StateErrored && order != nil:
		a.Title = "The state of " + name + " could not be stored after its apply."
		a.Steps = []string{
			partLead(order) + "What was applied is not in the stored state. The new state is kept, encrypted, on the server. Until it is stored nothing of this project is applied: a plan made now would make everything once more.",
			"Whoever runs the server writes, in a checkout of the project with its backend's credentials, the lines below. Then an admin writes " + resolve("applied") + " or " + resolve("failed") + ".",
		}
		a.Commands = StateCommands(order.ErroredState)
		return a, true
	}
	return a, false
}

// StateCommands are the lines that store a kept state, run in the project's directory.
func StateCommands(kept string) []string {
	return []string{
		"age -d -i DATA_DIR/keys/artefacts.key DATA_DIR/artefacts/" + first(oneLine(kept), "NAME") + " > errored.tfstate",
		"terraform init && terraform state push errored.tfstate && rm errored.tfstate",
	}
}

// unknownBecause says why nobody knows how an apply ended.
func unknownBecause(apply *workflow.Run) string {
	if apply == nil || apply.Reason == "" {
		return "Its runner ended without a result."
	}
	return sentence(apply.Reason)
}

// partSentence says how much of a plan a failed apply carried out.
func partSentence(a *workflow.ApplyOrder) string {
	if a == nil || a.Total == 0 {
		return ""
	}
	if a.Done == 1 {
		return fmt.Sprintf("1 of %s was applied.", count(a.Total, "change", "changes"))
	}
	return fmt.Sprintf("%s of %s changes were applied.", Number(a.Done), Number(a.Total))
}

func partLead(a *workflow.ApplyOrder) string {
	if s := partSentence(a); s != "" {
		return s + " "
	}
	return ""
}
