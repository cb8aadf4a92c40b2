package scope

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Command is a command about the projects of a pull's record, and what is known to decide on it.
type Command struct {
	Request workflow.Request
	Rules   workflow.Rules
	Kinds   workflow.Kinds
	Live    workflow.LiveFacts
	Record  *workflow.PullRecord
	// Decided: it is carried out now, in its transaction. The selector was compared with names
	// before that, because how long that takes depends on what somebody wrote.
	Decided bool
	// picked are the projects that the selector names. Nil with an empty selector.
	picked map[workflow.ProjectKey]bool
}

// Verb is what the command does.
func (c *Command) Verb() workflow.Verb { return c.Request.Command.Verb }

// Actor is who gave the command.
func (c *Command) Actor() workflow.Actor { return c.Request.Actor }

// May reports whether the sender is among those meant, by the live role. A bot has to be on
// the server's list as well, and what could not be read means no.
func (c *Command) May(who workflow.Who) bool {
	a := c.Actor()
	role, known := c.Live.Roles[a.ID]
	return known && who.Includes(a, role) && (!a.Bot || c.Rules.ListsBot(a))
}

// MayNot is the sentence for somebody who asks without the permission.
func (c *Command) MayNot(doing phrase.Text, who workflow.Who) phrase.Text {
	a := c.Actor()
	role, known := c.Live.Roles[a.ID]
	switch {
	case a.Bot && !c.Rules.ListsBot(a):
		return phrase.Say("%s may not %s: this app is not in the server's `bots`.", workflow.Mention(a), doing)
	case !known:
		return phrase.Say("%s may not %s: GitHub did not report what access they have.", workflow.Mention(a), doing)
	}
	return phrase.Say("%s may not %s: they have %s. %s can.", workflow.Mention(a), doing, role.Access(), phrase.Capital(who.Describe()))
}

// Refusal says why the sender may not give this command about any project, whatever it
// names; nothing when they may about some. It is asked before anything else in the command is
// looked at: nothing that a stranger writes is compared with anything. For an unlock it takes
// the pull's locks: what somebody claimed, they may release.
func (c *Command) Refusal(locks []workflow.Lock) phrase.Text {
	needs := map[workflow.Verb]struct {
		doing string
		who   func(workflow.Rules) workflow.Who
	}{
		workflow.VerbApply:   {"apply", func(r workflow.Rules) workflow.Who { return r.Apply }},
		workflow.VerbApprove: {"approve", func(r workflow.Rules) workflow.Who { return r.Approve }},
		workflow.VerbLock:    {"lock", func(r workflow.Rules) workflow.Who { return r.Apply }},
		workflow.VerbUnlock:  {"unlock", func(r workflow.Rules) workflow.Who { return r.Unlock }},
		workflow.VerbResolve: {"resolve", func(r workflow.Rules) workflow.Who { return r.Admin }},
	}
	verb := c.Verb()
	if need, ok := needs[verb]; ok {
		if c.maySomewhere(need.who) {
			return nil
		}
		claimed := func(l workflow.Lock) bool { return l.Why == workflow.LockClaim && l.User.ID == c.Actor().ID }
		if verb == workflow.VerbUnlock && slices.ContainsFunc(locks, claimed) {
			return nil
		}
		doing := phrase.Say("%s %s", need.doing, c.Request.Command.Select.Object())
		return c.MayNot(doing, need.who(c.Rules)).And(phrase.All(phrase.Texts(c.Live.Errors...)))
	}
	if verb == workflow.VerbUnapprove {
		theirs := func(a workflow.Actor) bool { return a.ID == c.Actor().ID }
		if slices.ContainsFunc(c.Record.WithPast().Approvers(), theirs) {
			return nil
		}
		return c.NoApproval()
	}
	return nil
}

// NoApproval says that there is nothing that the sender could take back.
func (c *Command) NoApproval() phrase.Text {
	return phrase.Say("%s has no approval here to withdraw.", workflow.Mention(c.Actor()))
}

// Faults are why the sender gives this command about no project, and else why it names none.
func (c *Command) Faults() []phrase.Text {
	if why := c.Refusal(nil); !why.Empty() {
		return []phrase.Text{why}
	}
	return c.Pick(nil)
}

// NotYetGiven says what an `unapprove` does beside taking back what there is.
func (c *Command) NotYetGiven() phrase.Text {
	what := "An approval"
	if c.Named() {
		what = "An approval of the projects it names"
	}
	return phrase.Say("%s that was given before this comment, but is delivered after it, will not count.", what)
}

// maySomewhere reports whether the sender is among those meant by the rules of the repository or of any environment.
func (c *Command) maySomewhere(who func(workflow.Rules) workflow.Who) bool {
	if c.May(who(c.Rules)) {
		return true
	}
	for name := range c.Rules.Environments {
		if c.May(who(c.Rules.InEnvironment(name))) {
			return true
		}
	}
	return false
}

// Pick finds the projects that the command's selector names in the record as it is now, for an
// unlock among those that the pull's locks are of. The faults say that it names nothing.
func (c *Command) Pick(locks []workflow.Lock) (faults []phrase.Text) {
	if !c.Named() || c.Verb() == workflow.VerbCancel {
		return nil
	}
	var names []workflow.Project
	switch c.Verb() {
	case workflow.VerbUnlock:
		if len(locks) == 0 {
			return nil // it says so itself
		}
		holds := c.Holds(locks)
		for _, h := range holds {
			names = append(names, h.names...)
		}
		if fault := c.pickFrom(workflow.SelectInput{Projects: names}); fault != "" {
			return phrase.Texts(fault, "This pull request holds the locks of "+heldNames(holds)+".")
		}
		return nil
	case workflow.VerbUnapprove, workflow.VerbResolve: // also what is deleted or of an earlier head
		for _, p := range c.Record.WithPast().Projects {
			names = append(names, p.Project)
		}
		fault := c.pickFrom(workflow.SelectInput{Projects: names})
		switch {
		case fault == "":
			return nil
		case c.Verb() == workflow.VerbResolve:
			return phrase.Texts("This pull request has no such project.", fault)
		}
		return phrase.Texts(fault)
	}
	if _, fault := c.Chosen(); !fault.Empty() {
		return []phrase.Text{fault}
	}
	return nil
}

// pickFrom notes the projects that the selector names.
func (c *Command) pickFrom(in workflow.SelectInput) (fault string) {
	in.Selector, in.Kinds = c.Request.Command.Select, c.Kinds
	chosen, fault := workflow.Select(in)
	if fault == "" {
		fault = c.pattern(in)
	}
	if fault != "" {
		return fault
	}
	c.picked = map[workflow.ProjectKey]bool{}
	for _, p := range chosen {
		c.picked[p.Key()] = true
	}
	return ""
}

// pattern says which name of the command is a pattern where only one project can be meant. A project may be
// called like a pattern.
func (c *Command) pattern(in workflow.SelectInput) string {
	for _, name := range in.Selector.Projects {
		_, bound := c.Request.Command.Fingerprints[name]
		named := func(p workflow.Project) bool { return p.Name == name }
		switch {
		case !glob.Is(name) || slices.ContainsFunc(in.Projects, named):
		case bound:
			return fmt.Sprintf("`%s`: a fingerprint is one project's, so its name cannot be a pattern.", phrase.Shown(name))
		case c.Verb() == workflow.VerbResolve:
			return fmt.Sprintf("`%s` is a pattern, and an outcome is one project's: write its name.", phrase.Shown(name))
		}
	}
	return ""
}

// Picks reports whether the command is about a project; an empty selector is about every one.
func (c *Command) Picks(p workflow.Project) bool { return !c.Named() || c.picked[p.Key()] }

// ChangedMeanwhile says that the record is not the one that the selector was compared with.
var ChangedMeanwhile = phrase.Say("The projects of this pull request changed while this command was being read. Write it again.")

// Chosen are the projects of the record that the command is about; with an empty
// selector all that are not deleted. The selector is compared with names the first
// time only, which is before the transaction. A fault means that it names nothing.
func (c *Command) Chosen() (out []*workflow.ProjectRecord, fault phrase.Text) {
	in := workflow.SelectInput{Selector: c.Request.Command.Select}
	for _, p := range c.Record.Projects {
		if p.Deleted {
			in.Deleted = append(in.Deleted, p.Project)
			continue
		}
		in.Projects = append(in.Projects, p.Project)
	}
	switch head := phrase.Short(c.Record.Pull.Head.SHA); {
	case len(in.Projects) > 0:
	case !c.Record.Known:
		return nil, phrase.Say("%s is not planned yet. Its plans start automatically; %s starts them now.",
			head, workflow.VerbPlan.Typed(""))
	case c.Record.Trouble != nil:
		return nil, phrase.Say("Nothing at %s can be planned: %s. The check `cardea/plan` says what to fix.", head, c.Record.Trouble.Title.Within())
	}
	if c.Named() && c.picked == nil {
		if c.Decided {
			return nil, ChangedMeanwhile
		}
		if fault := c.pickFrom(in); fault != "" {
			return nil, phrase.Plain(fault)
		}
	}
	for i := range c.Record.Projects {
		if p := &c.Record.Projects[i]; !p.Deleted && c.Picks(p.Project) {
			out = append(out, p)
		}
	}
	if len(out) < len(c.picked) {
		return nil, ChangedMeanwhile
	}
	return out, nil
}

// Named reports whether the command names projects: then each one that it cannot have gets a sentence.
func (c *Command) Named() bool { return !c.Request.Command.Select.Empty() }

// WhyNotShown says why a button, which is about exactly the plans that it shows, is
// not about a project's present one; nothing when it is, and for comments that name no plan.
func (c *Command) WhyNotShown(p workflow.ProjectRecord) phrase.Text {
	bound := c.Request.Command.Fingerprints
	if len(bound) == 0 && c.Request.CheckRunID == 0 {
		return nil
	}
	name := p.Project.Name
	if want := bound[name]; p.Run != nil && len(want) >= 8 && strings.HasPrefix(p.Run.Fingerprint, want) {
		return nil
	}
	return phrase.Say("The button was not showing the current plan of %s. Review it, then %s.", phrase.Project(name),
		workflow.VerbApply.About(name))
}
