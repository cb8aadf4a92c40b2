package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
	"github.com/cardea-iac/cardea/workflow/scope"
)

// applyCommand carries out `apply`: for each chosen project with something to apply it takes
// the locks and asks the gate; projects that pass are queued, and one reply says for each of
// the others all that it lacks. This is one transaction, together with the end of the
// request; only the look at the base's present tip comes before it.
func (s *Service) applyCommand(ctx context.Context, c *command) error {
	var plans []workflow.Run
	chosen, fault := c.Chosen()
	if !fault.Empty() {
		return s.refuseCommand(ctx, c, fault)
	}
	for _, p := range chosen {
		if run, why := scope.CurrentPlan(*p); why.Empty() {
			plans = append(plans, *run)
		}
	}
	b, err := s.lookAtBase(ctx, c, plans)
	if err != nil {
		return err
	}
	return s.execute(ctx, c, func(c *command) (*workflow.Reply, error) { return c.apply(b) })
}

// lookAtBase compares plans with the base's present tip. If that takes long, the live facts
// are read again, because only fresh facts may decide; what cannot be read then may pass.
func (s *Service) lookAtBase(ctx context.Context, c *command, plans []workflow.Run) (basis, error) {
	b := s.findBasis(ctx, *c.Record, c.Live.BaseTip, plans)
	if ctx.Err() != nil {
		return b, ctx.Err()
	}
	if s.live != nil && s.now().Sub(c.Live.Read) > gate.LiveMaxAge-2*time.Second {
		c.Live = s.readLive(ctx, *c.Record, c.Actor())
		b.passing = b.passing || len(c.Live.Errors) > 0
	}
	return b, nil
}

func (c *command) apply(b basis) (*workflow.Reply, error) {
	chosen, fault := c.Chosen()
	if !fault.Empty() {
		return refusedReply(fault), nil
	}
	var refused []workflow.ReplyItem
	var lacking []unmet
	started, outdated := 0, false
	for _, p := range chosen {
		name := p.Project.Name
		if why := scope.NothingToApply(*p); why != "" {
			if c.Named() {
				refused = append(refused, workflow.ReplyItem{Project: name,
					Text: phrase.Say("%s %s: there is nothing to apply.", phrase.Project(name), why)})
			}
			continue
		}
		if why := c.WhyNotShown(*p); !why.Empty() {
			refused = append(refused, workflow.ReplyItem{Project: name, Text: why})
			continue
		}
		if _, none := scope.CurrentPlan(*p); none.Empty() && !b.compared(*p) {
			refused = append(refused, workflow.ReplyItem{Project: name, Text: scope.ChangedMeanwhile})
			continue
		}
		missing, on, err := c.order(p, b, started)
		if err != nil {
			return nil, err
		}
		if len(missing) == 0 {
			started++
			continue
		}
		item := workflow.ReplyItem{Project: name, Missing: missing}
		if p.Run != nil {
			item.Fingerprint = p.Run.Fingerprint
		}
		lacked(p, missing)
		outdated = outdated || b.outdates(missing)
		if item.Text = c.already(*p, missing); !item.Text.Empty() {
			item.Missing, on = nil, nil
		}
		lacking = append(lacking, unmet{p, item, on})
	}
	left, err := c.follow(lacking)
	if err != nil {
		return nil, err
	}
	if outdated {
		if err := c.planOnTip(c.Record.Pull, b.tip); err != nil {
			return nil, err
		}
	}
	return applyReply(started+len(lacking)-len(left) > 0, append(refused, left...)), nil
}

// applyReply says what is not applied. Where anything is, now or after others, the comment about
// its end tells of the rest too: a command has one answer, and the summary shows the others at once.
func applyReply(goes bool, refused []workflow.ReplyItem) *workflow.Reply {
	switch {
	case len(refused) > 0:
		return &workflow.Reply{Kind: workflow.ReplyRefused, Items: refused, Waits: goes}
	case !goes:
		return refusedReply(phrase.Say("No plan of this pull request has changes that are not applied, so there is nothing to apply."))
	}
	return nil
}

// lacked notes what the gate lacked when somebody asked for an apply.
func lacked(p *workflow.ProjectRecord, missing []workflow.Missing) {
	p.WaitsFor = gate.Without(missing, workflow.NeedPermission)
	p.MetLock = p.MetLock || gate.Lacks(missing, workflow.NeedLock)
}

// order takes a project's locks, asks the gate and queues the apply, or says all that is
// missing and leaves nothing behind: on names what alone it would have to follow.
func (c *command) order(p *workflow.ProjectRecord, b basis, n int) (missing []workflow.Missing, on []string, err error) {
	run, took, err := c.prepareApply(p, n)
	if err != nil {
		return nil, nil, err
	}
	in, err := c.gateInput(*c.Record, *p, c.Rules)
	if err != nil {
		return nil, nil, err
	}
	in.Live, in.BaseFaulty, in.Doubts = c.Live, b.faulty, b.doubts
	if p.Run != nil {
		in.Artefact = p.Run.Artefact // the runner finds out whether it is what lies on disk
		b.same[p.Run.ID].add(&in)
	}
	missing = gate.Ask(in)
	if spent, err := c.isSpent(run); err != nil {
		return nil, nil, err
	} else if spent && len(missing) == 0 {
		missing = []workflow.Missing{gate.SpentPlan(*p)}
	}
	if run.ID == "" && len(missing) == 0 { // the gate and we disagree, so the answer is no
		missing = []workflow.Missing{{Need: workflow.NeedPlan, Short: phrase.Say("a new plan"),
			Sentence: phrase.Say("%s has no plan that can be applied.", phrase.Project(p.Project.Name)),
			Mend:     phrase.Say("A new plan: %s.", workflow.VerbPlan.About(p.Project.Name))}}
	}
	if len(missing) > 0 {
		return missing, gate.Unmet(in, missing), c.giveBack(c.Record, took)
	}
	if err := c.started(*p); err != nil {
		return nil, nil, err
	}
	p.Apply, p.WaitsFor, p.MetLock = workflow.ShownRun(run), nil, false
	p.AddRun(run.ID)
	return nil, nil, c.enqueue(run, fmt.Sprintf("The apply of `%s`, plan `%s`, is queued.", p.Project.Name,
		workflow.ShortFingerprint(run.Fingerprint)))
}

// prepareApply is the apply run of a project's current plan, with its locks taken. It
// has no id where there is no plan to apply: the gate says what is there instead.
func (c *command) prepareApply(p *workflow.ProjectRecord, n int) (run workflow.Run, took workflow.ApplyOrder, err error) {
	current, why := scope.CurrentPlan(*p)
	if !why.Empty() || (p.Apply != nil && p.Apply.State != workflow.RunFinished) {
		return run, took, nil
	}
	if run, err = c.tx.Run(current.ID); err != nil {
		return run, took, err
	}
	plan, err := c.tx.Plan(current.ID)
	if err != nil && !errors.Is(err, workflow.ErrNotFound) {
		return run, took, err
	}
	taken, held, err := c.takeLocks(c.Record.Pull.Key(), lockRequest{p.Project,
		workflow.KeptState{States: run.States, Lineage: plan.StateID}, c.Actor(), workflow.LockApply})
	if err != nil {
		return run, took, err
	}
	took = workflow.ApplyOrder{
		PlanRun: run.ID, Fingerprint: run.Fingerprint, Artefact: run.Artefact, State: plan.State(),
		Took: taken.keys, Was: taken.was, Held: p.Held,
	}
	if p.Apply != nil {
		took.Before = p.Apply.ID
	}
	rules := c.Rules.ForProject(p.Project)
	counts := run.Counts
	run = runLike(run, workflow.RunApply)
	run.Lineage = plan.StateID
	run.Counts = counts // the person who asked is told what was applied
	if held == nil {
		run.ID = c.newID()
	}
	run.Queued = c.now.Add(time.Duration(n) * time.Microsecond) // the queue keeps the order of the projects
	run.Actor, run.Unasked, run.Request, run.Priority, run.Apply = c.Actor(), false, c.origin(), workflow.PriorityApply, &took
	run.Credentials, run.CreateWorkspace = rules.Credentials.Apply, false
	run.Fingerprint, run.Artefact = took.Fingerprint, took.Artefact
	return run, took, nil
}

// runLike is a queued run of what another one was made from, of a kind, without an id.
func runLike(was workflow.Run, kind workflow.RunKind) workflow.Run {
	r := workflow.Run{
		Kind: kind, State: workflow.RunQueued, Repo: was.Repo, Number: was.Number, SubjectJSON: was.SubjectJSON,
		Project: was.Project, Options: was.Options,
		Head: was.Head, Base: was.Base, Tree: was.Tree, BaseTree: was.BaseTree, Paths: was.Paths, Own: was.Own,
		InputsDigest: was.InputsDigest, FilesDigest: was.FilesDigest, ComputedPaths: was.ComputedPaths,
		States: was.States, StateDoubt: was.StateDoubt, Sharing: was.Sharing, SameState: was.SameState, LikeState: was.LikeState,
		OnBase: was.OnBase, BaseKnown: was.BaseKnown, Hidden: was.Hidden,
		Expected: was.Expected, Credentials: was.Credentials, CreateWorkspace: was.CreateWorkspace, Actor: was.Actor, Unasked: was.Unasked, Workflow: was.Workflow,
	}
	if was.Whole {
		r.Paths = nil // the plan was made in the whole tree, so this is too
	}
	return r
}

// gateInput is what a record and the store know for the gate.
func (a *act) gateInput(rec workflow.PullRecord, p workflow.ProjectRecord, rules workflow.Rules) (gate.Input, error) {
	in := gate.InputOf(rules, rec, p, a.now)
	if p.Run != nil && p.Run.State == workflow.RunFinished && p.Run.Outcome == workflow.OutcomeSucceeded {
		plan, err := a.tx.Plan(p.Run.ID)
		if err != nil && !errors.Is(err, workflow.ErrNotFound) {
			return in, err
		}
		if err == nil {
			in.Plan = &plan
		}
	}
	var err error
	if in.Locks, err = a.tx.Locks(rec.Pull.Repo.ID); err != nil {
		return in, err
	}
	if p.Run != nil {
		others, err := a.byLineage(*p.Run)
		if err != nil {
			return in, err
		}
		in.Sharing = append(slices.Clone(p.Run.Sharing), others...)
	}
	in.FindSharing()
	return in, nil
}

// isSpent reports whether the plan of an apply is spent: by the first apply that was
// authorised, for ever. The mark is beside the runs, so that nothing that happens to
// a record can undo it.
func (a *act) isSpent(apply workflow.Run) (bool, error) {
	if apply.Apply == nil {
		return false, nil
	}
	_, err := a.tx.Spent(apply.Apply.PlanRun)
	if errors.Is(err, workflow.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// planOnTip submits the request that plans anew, on the base's tip, what is no longer made
// from the same inputs, unless a request for that tip is pending: several applies may need
// the same one.
func (a *act) planOnTip(p workflow.Pull, tip string) error {
	pending, err := a.tx.PendingRequestsOf(p.Subject().About())
	if err != nil {
		return err
	}
	for _, r := range pending {
		if r.Kind == workflow.RequestBase && r.Head == tip && r.Immediate {
			return nil
		}
	}
	req := workflow.Request{
		Kind: workflow.RequestBase, Repo: p.Repo, Number: p.Number, Actor: p.Author, Action: p.Base.Ref, Head: tip, Immediate: true,
		Key: fmt.Sprintf("tip:%s:%s", p.Key(), a.newID()),
	}
	_, _, err = a.submit(req)
	return err
}
