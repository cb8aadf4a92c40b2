package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
)

// ErrRefused says that an apply was refused at its last gate: it must not start.
var ErrRefused = errors.New("the apply is refused")

// Authorise is the last gate of an apply, asked by the worker when the runner stands ready:
// artefact is the digest of the plan that lies in the workspace, state is what the state is
// now. Only nil means go, and that is returned at most once for a saved plan: before it is,
// the authorisation is durable and the plan spent. The live facts are read after the locks
// are held and are at most 10 seconds old.
//
// An error that is ErrRefused (and ErrStale: the run has ended) says that the run
// was refused, durably, with all that is missing. After any other error the worker
// ends the run with a result that says that it did not start.
func (s *Service) Authorise(ctx context.Context, run workflow.Run, artefact string, state workflow.StateVersion) error {
	var rec workflow.PullRecord
	stored, err := read(ctx, s, "reading an apply", func(tx workflow.Tx) (r workflow.Run, err error) {
		if r, err = tx.Run(run.ID); err == nil {
			holder, _ := r.Subject().Holder() // without one there is no record
			rec, err = tx.Pull(holder)
		}
		return r, err
	})
	if err != nil {
		return fmt.Errorf("authorising run %s: %w", run.ID, err)
	}
	if trial := stored; stored.Interrupt == "" {
		if err := trial.Authorise(run.Epoch, workflow.Authorisation{}); err != nil {
			return err
		}
	}
	c := &authorisation{run: run, artefact: artefact, state: state}
	s.lookNow(ctx, c, rec, stored)
	if ctx.Err() != nil {
		return fmt.Errorf("authorising run %s: %w", run.ID, ctx.Err())
	}
	var why string
	err = s.act(ctx, func(a *act) (err error) {
		c.act = a
		why, err = c.authorise()
		return err
	})
	if err != nil {
		return fmt.Errorf("authorising run %s: %w", run.ID, err)
	}
	if why != "" {
		return fmt.Errorf("authorising run %s: %w (%w): %s", run.ID, ErrRefused, workflow.ErrStale, why)
	}
	return nil
}

// authorisation is one time that the last gate of an apply is asked: what it is decided by, beside the store.
type authorisation struct {
	*act
	run      workflow.Run // as the worker claimed it
	artefact string
	state    workflow.StateVersion
	rules    workflow.Rules
	ruled    bool // the server has rules for the repository
	live     workflow.LiveFacts
	basis    basis
}

// lookNow reads the live facts and compares the plan with the base's present tip. If that
// comparison takes long, the facts are read again, because only fresh facts may decide.
func (s *Service) lookNow(ctx context.Context, c *authorisation, rec workflow.PullRecord, stored workflow.Run) {
	c.live = s.readLive(ctx, rec, stored.Actor)
	c.rules, c.ruled = s.rules(rec.Pull.Repo)
	for range 2 {
		plan := stored // of the same head, base, tree and inputs as its plan
		plan.ID = stored.Apply.PlanRun
		c.basis = s.findBasis(ctx, rec, c.live.BaseTip, []workflow.Run{plan})
		if s.now().Sub(c.live.Read) <= gate.LiveMaxAge-2*time.Second {
			break
		}
		c.live = s.readLive(ctx, rec, stored.Actor)
		if c.live.BaseTip == c.basis.tip {
			break
		}
	}
	if c.live.BaseTip != c.basis.tip {
		c.basis = basis{tip: c.live.BaseTip, doubts: []string{"The base branch keeps moving."}}
	}
}

// authorise decides and writes it: why is "" when the apply may start.
func (c *authorisation) authorise() (why string, err error) {
	run, err := c.tx.Run(c.run.ID)
	if err != nil {
		return "", err
	}
	holder, _ := run.Subject().Holder()
	rec, err := c.tx.Pull(holder)
	if err != nil {
		return "", err
	}
	if run.State != workflow.RunRunning || run.Epoch != c.run.Epoch || run.Apply == nil || run.Apply.Spent {
		return "", run.Authorise(c.run.Epoch, workflow.Authorisation{}) // says which
	}
	if run.Interrupt != "" {
		return run.Interrupt, c.refuseApply(&rec, run, refusal{why: run.Interrupt})
	}
	p := rec.Applying(run.ID)
	missing, auth, err := c.confirm(rec, p, run)
	if err != nil {
		return "", err
	}
	if len(missing) > 0 {
		r := refusal{missing: missing}
		if c.basis.outdates(missing) {
			r.tip = c.basis.tip
		}
		return workflow.SayMissing(missing).String(), c.refuseApply(&rec, run, r)
	}
	if err := run.Authorise(c.run.Epoch, auth); err != nil {
		return "", err
	}
	if err := c.tx.Spend(run.Apply.PlanRun, run.ID); err != nil {
		return "", err
	}
	if err := errors.Join(c.put(run), c.keepLineage(run)); err != nil {
		return "", err
	}
	p.Apply, p.Held, p.WaitsFor = workflow.ShownRun(run), true, nil
	err = c.sayOf(run, workflow.EventAuthorised, fmt.Sprintf(
		"The apply of `%s` is authorised: plan `%s` of %s, artefact %s, base %s at %s, %s, state %s.",
		run.Project.Name, workflow.ShortFingerprint(run.Fingerprint), phrase.Short(run.Head), phrase.Short(auth.Artefact),
		auth.BaseRef, phrase.Short(auth.Base), approvedBy(auth.Approvals), auth.State.Version.Words()))
	if err != nil {
		return "", err
	}
	return "", c.save(rec)
}

func approvedBy(approvals []workflow.Approval) string {
	if len(approvals) == 0 {
		return "without approvals"
	}
	var who []string
	for _, a := range approvals {
		if who = append(who, workflow.Mention(a.User)); a.ReviewID != 0 {
			who[len(who)-1] += " by a review"
		}
	}
	return "approved by " + strings.Join(who, ", ")
}

// confirm asks the gate and makes the record of what it confirmed.
func (c *authorisation) confirm(
	rec workflow.PullRecord, p *workflow.ProjectRecord, run workflow.Run,
) ([]workflow.Missing, workflow.Authorisation, error) {
	var none workflow.Authorisation
	no := func(need workflow.Requirement, sentence phrase.Text) ([]workflow.Missing, workflow.Authorisation, error) {
		return []workflow.Missing{{Need: need, Sentence: sentence,
			Mend: phrase.Say("Review the plan of the new head, then apply again.")}}, none, nil
	}
	repo, err := c.tx.Repo(rec.Pull.Repo.ID)
	switch {
	case err != nil:
		return nil, none, err
	case !c.ruled || repo.Suspended:
		return no(workflow.NeedFacts, phrase.Say("The server no longer has a rule for this repository, or the App was uninstalled from it."))
	case p == nil:
		return no(workflow.NeedHead, phrase.Say("The head is now %s; the apply was requested at %s.",
			phrase.Short(rec.Pull.Head.SHA), phrase.Short(run.Head)))
	}
	in, err := c.gateInput(rec, *p, c.rules)
	if err != nil {
		return nil, none, err
	}
	in.Live, in.BaseFaulty, in.Artefact, in.State = c.live, c.basis.faulty, c.artefact, &c.state
	in.Doubts = c.basis.doubts
	c.basis.same[run.Apply.PlanRun].add(&in)
	in.Project.Apply = &run
	missing := gate.Confirm(in)
	if spent, err := c.isSpent(run); err != nil {
		return nil, none, err
	} else if spent {
		missing = append(missing, gate.SpentPlan(*p))
	}
	pending, err := c.tx.PendingRequestsOf(rec.Pull.Subject().About())
	if err != nil {
		return nil, none, err
	}
	missing = append(missing, gate.TakenBack(pending, *p)...)
	missing = append(missing, gate.ToldSince(pending, rec.Pull)...)
	approvals, _ := gate.CountApprovals(in)
	auth := workflow.Authorisation{
		At: c.now, Actor: run.Actor, Pull: rec.Pull.Key(), Project: p.Project.Key(),
		Head: run.Head, Base: c.live.BaseTip, BaseRef: rec.Pull.Base.Ref,
		Tree: run.Tree, Fingerprint: run.Apply.Fingerprint, Artefact: c.artefact, Inputs: run.InputsDigest, State: c.state, Approvals: approvals,
	}
	for _, l := range locksOn(*p, in.Locks) {
		if l.Pull == rec.Pull.Key() {
			auth.LockEpoch = max(auth.LockEpoch, l.Epoch)
		}
	}
	return missing, auth, nil
}
