package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
)

// ErrRefused says that an apply was refused at its last gate: it must not start.
var ErrRefused = errors.New("the apply is refused")

// Authorise is the last gate of an apply, asked by the worker when the runner
// stands ready: artefact is the digest of the plan that lies in the workspace,
// state is what the state is now. Only nil means go, and it is said at most once
// for a saved plan: before it is said the authorisation is durable and the plan
// spent. The live facts are read after the locks are held and are at most 10
// seconds old.
//
// An error that is ErrRefused (and ErrStale: the run has ended) says that the run
// was refused, durably, with all that is missing. After any other error the worker
// ends the run with a result that says that it did not start.
func (s *Service) Authorise(ctx context.Context, run workflow.Run, artefact string, state workflow.StateVersion) error {
	var rec workflow.PullRecord
	stored, err := read(ctx, s, "reading an apply", func(tx workflow.Tx) (r workflow.Run, err error) {
		if r, err = tx.Run(run.ID); err == nil {
			rec, err = tx.Pull(r.PullKey())
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
	a := authorising{run: run, artefact: artefact, state: state}
	s.lookNow(ctx, &a, rec, stored)
	if ctx.Err() != nil {
		return fmt.Errorf("authorising run %s: %w", run.ID, ctx.Err())
	}
	var why string
	err = s.store.Update(ctx, func(tx workflow.Tx) (err error) {
		why, err = s.authorise(tx, a, s.now())
		return err
	})
	if err != nil {
		return fmt.Errorf("authorising run %s: %w", run.ID, err)
	}
	s.wake(WakePulls, WakeRuns, WakeRequests)
	if why != "" {
		return fmt.Errorf("authorising run %s: %w (%w): %s", run.ID, ErrRefused, workflow.ErrStale, why)
	}
	return nil
}

// authorising is what one authorisation is decided by, beside the store.
type authorising struct {
	run      workflow.Run // as the worker claimed it
	artefact string
	state    workflow.StateVersion
	rules    workflow.Rules
	ruled    bool // the server has rules for the repository
	live     workflow.LiveFacts
	basis    basis
}

// lookNow reads the live facts and compares the plan with the base's tip of now.
// Where that comparison takes long the facts are read again: they decide when fresh only.
func (s *Service) lookNow(ctx context.Context, a *authorising, rec workflow.PullRecord, stored workflow.Run) {
	a.live = s.readLive(ctx, rec, stored.Actor)
	a.rules, a.ruled = s.rules(rec.Pull.Repo)
	for range 2 {
		plan := stored // of the same head, base, tree and inputs as its plan
		plan.ID = stored.Apply.PlanRun
		a.basis = s.findBasis(ctx, rec, a.rules, a.live.BaseTip, []workflow.Run{plan})
		if s.now().Sub(a.live.Read) <= gate.LiveMaxAge-2*time.Second {
			break
		}
		a.live = s.readLive(ctx, rec, stored.Actor)
		if a.live.BaseTip == a.basis.tip {
			break
		}
	}
	if a.live.BaseTip != a.basis.tip {
		a.basis = basis{tip: a.live.BaseTip, errs: []string{"The base branch keeps moving."}}
	}
	a.live.Errors = append(append([]string(nil), a.live.Errors...), a.basis.errs...)
}

// authorise decides and writes it: why is "" when the apply may start.
func (s *Service) authorise(tx workflow.Tx, a authorising, now time.Time) (why string, err error) {
	run, err := tx.Run(a.run.ID)
	if err != nil {
		return "", err
	}
	rec, err := tx.Pull(run.PullKey())
	if err != nil {
		return "", err
	}
	if run.State != workflow.RunRunning || run.Epoch != a.run.Epoch || run.Apply == nil || run.Apply.Spent {
		return "", run.Authorise(a.run.Epoch, workflow.Authorisation{}) // says which
	}
	if run.Interrupt != "" {
		return run.Interrupt, s.refuseApply(tx, &rec, run, refusal{why: run.Interrupt}, now)
	}
	p := rec.Applying(run.ID)
	missing, auth, err := s.confirm(tx, a, rec, p, run, now)
	if err != nil {
		return "", err
	}
	if len(missing) > 0 {
		return missingSentences(missing), s.refuseApply(tx, &rec, run, refusal{missing: missing, tip: a.basis.tip}, now)
	}
	if err := run.Authorise(a.run.Epoch, auth); err != nil {
		return "", err
	}
	if err := tx.Spend(run.Apply.PlanRun, run.ID); err != nil {
		return "", err
	}
	if err := errors.Join(tx.PutRun(run), keepLineage(tx, run)); err != nil {
		return "", err
	}
	p.Apply, p.Held, p.WaitsFor = workflow.ShownRun(run), true, nil
	text := fmt.Sprintf("The apply of `%s` is authorised: plan `%s` of %s, artefact %s, base %s at %s, %s, state %s.", run.Project.Name, workflow.ShortFingerprint(run.Fingerprint),
		phrase.Short(run.Head), phrase.Short(auth.Artefact), auth.BaseRef, phrase.Short(auth.Base), approvedBy(auth.Approvals), auth.State.Version.Words())
	if err := tx.Append(runEvent(workflow.EventAuthorised, now, run, text)); err != nil {
		return "", err
	}
	return "", savePull(tx, rec, now)
}

func approvedBy(approvals []workflow.Approval) string {
	if len(approvals) == 0 {
		return "without approvals"
	}
	var who []string
	for _, a := range approvals {
		who = append(who, workflow.Mention(a.User))
	}
	return "approved by " + strings.Join(who, ", ")
}

// confirm asks the gate and makes the record of what it confirmed.
func (s *Service) confirm(tx workflow.Tx, a authorising, rec workflow.PullRecord, p *workflow.ProjectRecord, run workflow.Run, now time.Time) ([]workflow.Missing, workflow.Authorisation, error) {
	no := func(need workflow.Requirement, sentence string) ([]workflow.Missing, workflow.Authorisation, error) {
		return []workflow.Missing{{Need: need, Sentence: sentence, Mend: "Look at the plan of the head, then ask for the apply again."}}, workflow.Authorisation{}, nil
	}
	repo, err := tx.Repo(rec.Pull.Repo.ID)
	switch {
	case err != nil:
		return nil, workflow.Authorisation{}, err
	case !a.ruled || repo.Suspended:
		return no(workflow.NeedFacts, "The server has no rule for this repository any more, or the App was taken off it.")
	case p == nil:
		return no(workflow.NeedHead, fmt.Sprintf("The head is %s now; the apply was asked for at %s.", phrase.Short(rec.Pull.Head.SHA), phrase.Short(run.Head)))
	}
	spent, err := isSpent(tx, run)
	if err != nil {
		return nil, workflow.Authorisation{}, err
	}
	in, err := s.gateInput(tx, rec, *p, a.rules, now)
	if err != nil {
		return nil, workflow.Authorisation{}, err
	}
	same := a.basis.same[run.Apply.PlanRun]
	in.Live, in.BaseFaulty, in.Artefact, in.State = a.live, a.basis.faulty, a.artefact, &a.state
	same.add(&in)
	in.Project.Apply = &run
	missing := gate.Confirm(in)
	if spent {
		missing = append(missing, spentPlan(*p))
	}
	taken, err := takenBack(tx, rec, *p)
	if err != nil {
		return nil, workflow.Authorisation{}, err
	}
	missing = append(missing, taken...)
	told, err := toldSince(tx, rec)
	if err != nil {
		return nil, workflow.Authorisation{}, err
	}
	missing = append(missing, told...)
	rules, author := gate.Holding(in)
	approvals, _ := gate.CountApprovals(rules, author, p.Approvals, run.Apply.Fingerprint, a.live.Roles)
	auth := workflow.Authorisation{
		At: now, Actor: run.Actor, Pull: rec.Pull.Key(), Project: p.Project.Key(), Head: run.Head, Base: a.live.BaseTip, BaseRef: rec.Pull.Base.Ref,
		Tree: run.Tree, Fingerprint: run.Apply.Fingerprint, Artefact: a.artefact, Inputs: run.InputsDigest, State: a.state, Approvals: approvals,
	}
	for _, l := range locksOn(*p, in.Locks) {
		if l.Pull == rec.Pull.Key() {
			auth.LockEpoch = max(auth.LockEpoch, l.Epoch)
		}
	}
	return missing, auth, nil
}

// takenBack are the approvals that somebody takes back by a command that is
// durable here, and so acknowledged, but whose turn has not come yet: they do not count any more.
func takenBack(tx workflow.Tx, rec workflow.PullRecord, p workflow.ProjectRecord) (out []workflow.Missing, err error) {
	pending, err := tx.PendingRequestsOf(rec.Pull.Key())
	if err != nil {
		return nil, err
	}
	for _, r := range pending {
		if r.Command == nil || r.Command.Verb != workflow.VerbUnapprove {
			continue
		}
		theirs := func(a workflow.Approval) bool { return a.User.ID == r.Actor.ID && a.Void == "" }
		if slices.ContainsFunc(p.Approvals, theirs) {
			out = append(out, workflow.Missing{Need: workflow.NeedApproved, Sentence: fmt.Sprintf("%s takes approvals back: that `cardea unapprove` comes first.", workflow.Mention(r.Actor)),
				Mend: fmt.Sprintf("Ask again when it is answered: `cardea apply -p %s`.", phrase.Argument(phrase.Shown(p.Project.Name)))})
		}
	}
	return out, nil
}

// toldSince is what GitHub delivered of the pull and what is not worked off yet: it
// counts against an apply, whatever GitHub's API, which may lag, still shows.
func toldSince(tx workflow.Tx, rec workflow.PullRecord) (out []workflow.Missing, err error) {
	pending, err := tx.PendingRequestsOf(rec.Pull.Key())
	if err != nil {
		return nil, err
	}
	for _, r := range pending {
		m := workflow.Missing{Mend: "Ask again when it is worked off: `cardea apply`."}
		switch {
		case r.CommentedAt.Before(rec.Pull.UpdatedAt):
			continue
		case r.Kind == workflow.RequestClosed:
			m.Need, m.Sentence = workflow.NeedOpen, "GitHub told that this pull request was closed."
		case r.Action == "converted_to_draft":
			m.Need, m.Sentence = workflow.NeedReady, "GitHub told that this pull request was made a draft."
		case r.Kind == workflow.RequestPull && r.Action == "synchronize" && r.Head != rec.Pull.Head.SHA:
			m.Need, m.Sentence = workflow.NeedHead, fmt.Sprintf("GitHub told of a push of %s, which is not planned yet.", phrase.CodeSpan(phrase.Short(r.Head)))
		case r.Kind == workflow.RequestPull && r.Action == "edited" && r.Before == rec.Pull.Base.Ref:
			m.Need, m.Sentence = workflow.NeedHead, "GitHub told that this pull request has another base branch now."
		default:
			continue
		}
		out = append(out, m)
	}
	return out, nil
}
