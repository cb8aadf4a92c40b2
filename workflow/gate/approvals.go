package gate

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// SeenPlan is the plan of a project that the summary comment showed when somebody
// wrote at a time: its fingerprint, and its run; ok is false when it showed none.
// Both times are GitHub's, which have whole seconds.
//
// What was shown strictly before counts. Within the very same second nobody can
// tell which came first, and whoever wrote in it may still have seen what was
// there before: so the older state counts when it showed the project, and the
// newer one only when no older one ever did (then there was nothing else to mean).
// Of several states in that second the oldest counts. What cannot be told apart
// is thus never read as consent to something newer.
func SeenPlan(shown []workflow.Shown, at time.Time, project string) (fp, run string, ok bool) {
	states := slices.Clone(shown)
	sort.SliceStable(states, func(i, j int) bool { return states[i].At.Before(states[j].At) })
	second := at.Truncate(time.Second)
	ever, first, firstRun := false, "", ""
	for _, s := range states {
		showed := s.Fingerprints[project]
		switch t := s.At.Truncate(time.Second); {
		case t.Before(second):
			fp, run = showed, s.Runs[project]
			ever = ever || showed != ""
		case t.Equal(second) && first == "":
			first, firstRun = showed, s.Runs[project]
		}
	}
	if fp == "" && !ever {
		fp, run = first, firstRun
	}
	return fp, run, fp != ""
}

// EditedWhen says, as a sentence, that the summary comment was not ours when
// somebody wrote; "" when it was, for sure: our writing again counts from the next second on.
func EditedWhen(shown []workflow.Shown, at time.Time) string {
	states := slices.Clone(shown)
	sort.SliceStable(states, func(i, j int) bool { return states[i].At.Before(states[j].At) })
	why := ""
	for _, s := range states {
		switch t := s.At.Truncate(time.Second); {
		case t.After(at):
		case s.EditedBy != workflow.Actor{}:
			why = fmt.Sprintf("When this was written, %s had edited the comment that shows the plans.", workflow.Mention(s.EditedBy))
		case t.Before(at.Truncate(time.Second)):
			why = ""
		}
	}
	return why
}

// CarryInput is what decides which approvals a new plan inherits.
type CarryInput struct {
	Approvals []workflow.Approval
	// Was is the plan before, nil when it is not kept; it only serves to name what differs.
	Was    *workflow.Plan
	WasRun workflow.Run
	// Plan is the new one, of Run.
	Plan *workflow.Plan
	Run  workflow.Run
	// Changes are the files that differ from the planned trees of approvals, by tree; a tree that is not known is missing.
	Changes map[string][]workflow.FileChange
	Kind    workflow.Kind // of the project's engine
}

// CarryApprovals returns a project's approvals as they stand once a new plan is
// made. One stays when its own plan was not applied, the new plan has the approved
// fingerprint, init fetched the same, and either the whole tree is the same, or all
// that the fingerprint cannot see provably is: no hidden effects on either side,
// the same files beside the configuration, nothing changed at a place that a string
// of either plan names, no code that may read any file, and the same inputs where something is known only after
// apply. Every other one is void, with the sentence that names what did it: a leaf
// of the plan, a module or provider, a hidden effect or a file. Void stays void.
// Without a new plan (its run failed) nothing changes: the next one decides.
func CarryApprovals(in CarryInput) []workflow.Approval {
	out := slices.Clone(in.Approvals)
	if in.Plan == nil {
		return out
	}
	for i := range out {
		if a := &out[i]; a.Void == "" {
			a.Void = in.voids(*a)
		}
	}
	return out
}

// voids says why an approval does not hold for the new plan, "" when it does. It
// looks at what the approval says of its own plan, so that a chain of small steps
// can carry nothing that one step could not.
func (in CarryInput) voids(a workflow.Approval) string {
	head := phrase.CodeSpan(phrase.Short(in.Run.Head))
	if a.Applied {
		return fmt.Sprintf("That plan was applied; the plan for %s needs its own approval.", head)
	}
	if a.Fingerprint == "" || a.Fingerprint != in.Plan.Fingerprint {
		return fmt.Sprintf("The plan for %s is different: %s.", head, in.difference())
	}
	same := fmt.Sprintf("The plan for %s has the same changes, but ", head)
	if why := in.Plan.Fetched.Differs(a.Fetched); why != "" {
		return same + why + "."
	}
	if a.Tree != "" && a.Tree == in.Run.Tree {
		return ""
	}
	hidden, late := len(in.Plan.Hidden) > 0, cmp.Or(in.Plan.Late, a.Late)
	changes, known := in.Changes[a.Tree]
	named := slices.Concat(a.Named, in.Plan.Named)
	switch {
	case hidden && !a.Hidden:
		return same + "it does more than they show: " + in.newEffect()
	case a.Hidden:
		return same + fmt.Sprintf("it runs code that they do not show, which may have changed: %s.", in.file(a))
	case a.Computed || len(in.Run.ComputedPaths) > 0:
		return same + fmt.Sprintf("its code computes the names of files that it reads, and those may have changed: %s.", in.file(a))
	case a.Files == "" || a.Files != in.Run.FilesDigest:
		return same + fmt.Sprintf("files that it may read but does not show may have changed: %s.", in.file(a, func(c workflow.FileChange) bool { return in.reads(c) && in.unshown(c) }, in.unshown))
	case late != "" && (a.Inputs == "" || a.Inputs != in.Run.InputsDigest):
		return same + fmt.Sprintf("%s, and what that is made from may have changed: %s.", late, in.file(a))
	case len(named) > 0 && (!known || workflow.Touches(named, changes) != ""):
		at := workflow.Touches(named, changes)
		return same + fmt.Sprintf("it names files or directories that may have changed: %s.", in.file(a, func(c workflow.FileChange) bool { return c.Path == at || c.OldPath == at }))
	}
	return ""
}

// newEffect is the sentence of the first hidden effect that the plan before did not have.
func (in CarryInput) newEffect() string {
	for _, e := range in.Plan.Hidden {
		if in.Was == nil || !slices.Contains(in.Was.Hidden, e) {
			return e.Text
		}
	}
	return in.Plan.Hidden[0].Text
}

// file names the first changed file of those that are looked for, where there is one of
// them, one that the plan reads for sure before others; without any, the two trees.
func (in CarryInput) file(a workflow.Approval, looked ...func(workflow.FileChange) bool) string {
	changes := in.Changes[a.Tree]
	for _, wanted := range looked {
		if some := slices.DeleteFunc(slices.Clone(changes), func(c workflow.FileChange) bool { return !wanted(c) }); len(some) > 0 {
			changes = some
			break
		}
	}
	if len(changes) == 0 {
		return fmt.Sprintf("the files are no longer those of %s (tree %s, now %s)", phrase.CodeSpan(phrase.Short(a.Head)), phrase.CodeSpan(phrase.Short(a.Tree)), phrase.CodeSpan(phrase.Short(in.Run.Tree)))
	}
	first := slices.MinFunc(changes, func(c, d workflow.FileChange) int {
		if in.reads(c) != in.reads(d) {
			return map[bool]int{true: -1, false: 1}[in.reads(c)]
		}
		return strings.Compare(c.Path, d.Path)
	})
	more := ""
	if n := len(changes) - 1; n > 0 {
		more = " and " + phrase.CountOf(n, "other file", "other files")
	}
	return fmt.Sprintf("%s%s changed", phrase.Name(first.Path), more)
}

// unshown reports whether a changed file may mean something that no plan shows.
func (in CarryInput) unshown(c workflow.FileChange) bool {
	return !in.Kind.Shows(c.Path) || c.OldPath != "" && !in.Kind.Shows(c.OldPath)
}

// reads reports whether a changed file lies where the plan reads for sure.
func (in CarryInput) reads(c workflow.FileChange) bool {
	return slices.ContainsFunc(in.Run.Own, func(own string) bool { return own == "." || c.Path == own || strings.HasPrefix(c.Path, own+"/") })
}

// difference names, as part of a sentence, the first thing that differs between the two plans.
func (in CarryInput) difference() string {
	if in.Was == nil {
		return "the previous plan was not kept, so the difference cannot be named"
	}
	if in.Plan.NoChanges {
		return "it no longer changes anything"
	}
	if !sameOptions(in.WasRun.Options, in.Run.Options) {
		return "it was made with different options"
	}
	if leaf := differingLeaf(in.Was.Changes, in.Plan.Changes); leaf != "" {
		return leaf
	}
	if leaf := differingLeaf(in.Was.Drift, in.Plan.Drift); leaf != "" {
		return leaf
	}
	switch {
	case !slices.Equal(in.Was.States, in.Plan.States):
		return "it would write a different state"
	case in.WasRun.Project.Entry != in.Run.Project.Entry:
		return fmt.Sprintf("`%s` gives the projects of its directory different names", workflow.RepoConfigFile)
	case in.Was.Tool != in.Plan.Tool:
		return fmt.Sprintf("it was made with %s, not %s", phrase.ToolName(in.Plan.Tool), phrase.ToolName(in.Was.Tool))
	}
	return "a value that is not shown in full differs (it is sensitive, or too long)"
}

func sameOptions(a, b workflow.PlanOptions) bool {
	return slices.Equal(a.Targets, b.Targets) && slices.Equal(a.Replaces, b.Replaces) && a.Destroy == b.Destroy && a.RefreshOnly == b.RefreshOnly
}

// differingLeaf names the first address, in order of addresses, and its first
// attribute in which two lists of changes differ; "" where they do not. Values
// are not named: the summary shows them.
func differingLeaf(was, now []workflow.Change) string {
	type place struct{ mode, address, deposed string }
	index := func(list []workflow.Change) (map[place]workflow.Change, []place) {
		m, places := map[place]workflow.Change{}, make([]place, 0, len(list))
		for _, c := range list {
			k := place{c.Mode, c.Address, c.Deposed}
			m[k] = c
			places = append(places, k)
		}
		return m, places
	}
	before, places := index(was)
	after, more := index(now)
	places = append(places, more...)
	slices.SortFunc(places, func(a, b place) int {
		return strings.Compare(a.address+"\x00"+a.deposed+"\x00"+a.mode, b.address+"\x00"+b.deposed+"\x00"+b.mode)
	})
	for _, k := range places {
		b, had := before[k]
		a, has := after[k]
		name := phrase.CodeSpan(k.address)
		switch {
		case !had:
			return name + " is new in it"
		case !has:
			return name + " is no longer in it"
		case a.Action != b.Action:
			return fmt.Sprintf("%s would now be %s, not %s", name, becomes[a.Action], becomes[b.Action])
		}
		if path := differingAttribute(b.Attributes, a.Attributes); path != "" {
			return fmt.Sprintf("%s of %s differs", phrase.CodeSpan(path), name)
		}
		if a.ProviderConfig != b.ProviderConfig {
			return name + " uses another configuration of its provider"
		}
		if a.CreateFirst != b.CreateFirst || a.PreviousAddress != b.PreviousAddress || a.ImportID != b.ImportID || a.Provider != b.Provider {
			return name + " changes in another way"
		}
	}
	return ""
}

// becomes is what a change does to its object.
var becomes = map[workflow.Action]string{
	workflow.ActionCreate: "created", workflow.ActionUpdate: "updated", workflow.ActionDelete: "destroyed",
	workflow.ActionReplace: "replaced", workflow.ActionImport: "imported", workflow.ActionMove: "moved",
	workflow.ActionForget: "forgotten", workflow.ActionRead: "read", workflow.ActionInvoke: "invoked",
	workflow.ActionNoOp: "left unchanged",
}

// differingAttribute is the path of the first leaf, by path, in which two lists differ.
func differingAttribute(was, now []workflow.Attribute) string {
	type leaf struct {
		path string
		mark workflow.Mark
	}
	known := map[leaf]workflow.Attribute{}
	for _, a := range was {
		known[leaf{a.Path, a.Mark}] = a
	}
	var differing []string
	for _, a := range now {
		k := leaf{a.Path, a.Mark}
		if known[k] != a {
			differing = append(differing, a.Path)
		}
		delete(known, k)
	}
	for k := range known {
		differing = append(differing, k.path)
	}
	if len(differing) == 0 {
		return ""
	}
	return slices.Min(differing)
}

// CountApprovals says whose approvals of the project's plan count, oldest first, each
// person once, and what is missing to the rules' number (nothing, or one Missing).
//
// One counts when it is of this fingerprint, not applied and not void, and its giver is not
// the author (unless the rules say so), no bot that the rules do not list, among
// `approvals.by` where that is set, and has the permission to approve now. A role
// that is not known counts for nobody. One by a review counts besides only while that stands.
func CountApprovals(in Input) (counted []workflow.Approval, missing []workflow.Missing) {
	return newGate(in, whenReady).approvals().count(in.Project.Approvals)
}

// approvals is the counting of the project's approvals.
func (g *gate) approvals() approvalCount {
	c := approvalCount{
		rules: g.rules, author: g.pull.Author, roles: g.in.Live.Roles, live: g.in.Live, plan: g.in.Plan,
		project: g.in.Project.Project.Name, recorded: g.moment == whenShown,
	}
	if g.in.Plan != nil {
		c.fingerprint = g.in.Plan.Fingerprint
	}
	return c
}

// MayApprove says why an approval that somebody gives would not count, and whose
// does; nothing when it counts. roles are live ones by user id.
func MayApprove(rules workflow.Rules, author workflow.Actor, given workflow.Approval, roles map[int64]workflow.Role) phrase.Text {
	c := approvalCount{rules: rules, author: author, fingerprint: given.Fingerprint, roles: roles}
	why := c.discounts(given.User)
	if why == "" {
		return nil
	}
	return c.doesNotCount(given, why).And(c.mend())
}

func (c approvalCount) doesNotCount(a workflow.Approval, why string) phrase.Text {
	return phrase.Say("The approval by %s does not count: %s.", workflow.Mention(a.User), why)
}

// mend says who may approve, and how.
func (c approvalCount) mend() phrase.Text {
	command := workflow.VerbApprove.Typed("")
	if c.project != "" && c.fingerprint != "" {
		command = workflow.VerbApprove.About(c.project)
		command.Plan = workflow.ShortFingerprint(c.fingerprint)
	}
	return phrase.Say("%s can approve by commenting %s.", phrase.Capital(c.whoMay()), command)
}

// approvalCount is one counting of approvals.
type approvalCount struct {
	rules       workflow.Rules
	author      workflow.Actor
	fingerprint string
	roles       map[int64]workflow.Role
	project     string // its name, "" where nobody asks about one
	live        workflow.LiveFacts
	plan        *workflow.Plan
	// recorded takes a giver's permission as it was when the approval was given, for display.
	recorded bool
}

func (c approvalCount) count(approvals []workflow.Approval) (counted []workflow.Approval, missing []workflow.Missing) {
	var not []string
	people := map[int64]bool{}
	for _, a := range approvals {
		if people[a.User.ID] {
			continue
		}
		if a.Void != "" && !c.laterOf(a, approvals) {
			not = append(not, fmt.Sprintf("The approval by %s is no longer valid: %s", workflow.Mention(a.User), a.Void))
			continue
		}
		if c.fingerprint == "" || a.Fingerprint != c.fingerprint || a.Void != "" || a.Applied {
			continue
		}
		if why := cmp.Or(c.discounts(a.User), c.reviewFell(a)); why != "" {
			if said := c.doesNotCount(a, why).String(); !slices.Contains(not, said) {
				not = append(not, said)
			}
			continue
		}
		people[a.User.ID] = true
		counted = append(counted, a)
	}
	if lack := c.rules.Approvals.Count - len(counted); lack > 0 {
		missing = []workflow.Missing{c.missing(counted, not, lack)}
	}
	return counted, missing
}

// laterOf reports whether the giver of an approval gave a later one, which says more.
func (c approvalCount) laterOf(a workflow.Approval, all []workflow.Approval) bool {
	return slices.ContainsFunc(all, func(b workflow.Approval) bool {
		return b.User.ID == a.User.ID && (b.At.After(a.At) || (b.At.Equal(a.At) && b.Void == ""))
	})
}

// discounts says why a person's approval does not count, as part of a sentence; "" when it does.
func (c approvalCount) discounts(who workflow.Actor) string {
	role, known := c.roles[who.ID]
	by := c.rules.Approvals.By
	switch {
	case who.ID == 0:
		return "the account is unknown"
	case who.ID == c.author.ID && !c.rules.Approvals.Author:
		return "authors cannot approve their own pull request"
	case c.author.ID == 0 && !c.rules.Approvals.Author:
		return "the author is unknown, and the author's own approval must not count"
	case who.Bot && !c.rules.ListsBot(who):
		return "this app is not in the server's `bots`"
	case len(by) > 0 && !slices.Contains(by, strings.ToLower(who.Login)):
		return "they are not in the server's `approvals.by`"
	case c.recorded:
		return ""
	case !known || !role.Known():
		return "GitHub did not report what access they have now"
	case !c.rules.Approve.Includes(who, role):
		return fmt.Sprintf("they now have %s, which is not enough to approve", role.Access())
	}
	return ""
}

func (c approvalCount) missing(counted []workflow.Approval, not []string, lack int) workflow.Missing {
	const most = 3
	if n := len(not) - most; n > 0 {
		not = append(not[:most:most], "The same goes for "+phrase.CountOf(n, "other approval", "other approvals")+".")
	}
	of := phrase.Say("of a plan, and there is no plan yet")
	if c.fingerprint != "" {
		of = phrase.Say("%s", phrase.OfPlan(workflow.ShortFingerprint(c.fingerprint)))
	}
	all := phrase.CountOf(c.rules.Approvals.Count, "approval", "approvals")
	sentence := phrase.Say("Needs %s %s.", all, of)
	if len(counted) > 0 {
		sentence = phrase.Say("Has %d of %s %s.", len(counted), all, of)
	}
	return workflow.Missing{
		Need: workflow.NeedApproved, Short: phrase.Plain(phrase.CountOf(lack, "approval", "approvals")),
		Sentence: sentence.And(phrase.Plain(strings.Join(not, " "))),
		Mend:     c.mend(),
	}
}

// whoMay is who may approve, in words.
func (c approvalCount) whoMay() string {
	who := c.rules.Approve
	if by := c.rules.Approvals.By; len(by) > 0 {
		who = workflow.Who{Users: by, And: []workflow.Who{who}}
	}
	words := who.Describe()
	if !c.rules.Approvals.Author && c.author.ID != 0 {
		words += " except the author (" + workflow.Mention(c.author) + ")"
	}
	return words
}
