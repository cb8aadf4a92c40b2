package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// lockCommand carries out `lock -p …`. It may name any project of the repository,
// so the planned tree is read where the pull does not have the project yet.
func (s *Service) lockCommand(ctx context.Context, c *commanding) error {
	if !c.named() {
		return s.FinishRequest(ctx, c.e.Request.ID, "Refused: no project is named.", refusedReply("`cardea lock -p NAME` says which project is claimed."))
	}
	rec, err := s.Pull(ctx, c.e.Pull.Key())
	if err != nil {
		return err
	}
	c.rec = &rec
	var claims []taking
	chosen, fault := c.chosen()
	for _, p := range chosen {
		if p.Run == nil || p.Run.StateIdentity == "" {
			fault = "look" // its state is not known from the record
			break
		}
		claims = append(claims, taking{project: p.Project, state: p.Run.Keeps()})
	}
	if fault != "" {
		claims, fault, err = s.claimsOf(ctx, c)
		if err != nil {
			return s.failExpansion(ctx, c.e, err)
		}
		if fault != "" {
			return s.FinishRequest(ctx, c.e.Request.ID, "Refused: "+fault, refusedReply(fault))
		}
	}
	return s.carryOut(ctx, c, func(c *commanding) (*workflow.Reply, error) { return s.claim(c, claims) })
}

// claimsOf finds the projects that a command names in the planned tree.
func (s *Service) claimsOf(ctx context.Context, c *commanding) ([]taking, string, error) {
	f, t, err := s.survey(ctx, c.e.Pull, c.rules)
	if err != nil {
		return nil, "", err
	}
	if t != nil {
		return nil, t.Title + ".", nil
	}
	picked, fault := workflow.Select(f.Selecting(c.cmd().Select))
	if fault != "" {
		return nil, fault, nil
	}
	var claims []taking
	for _, p := range picked {
		run, refused, err := f.PlanRun(ctx, p)
		if err != nil {
			return nil, "", err
		}
		if refused != "" {
			return nil, fmt.Sprintf("`%s` is refused: %s", p.Name, refused), nil
		}
		claims = append(claims, taking{project: p, state: run.Keeps()})
	}
	return claims, "", nil
}

func (s *Service) claim(c *commanding, claims []taking) (*workflow.Reply, error) {
	reply := &workflow.Reply{Kind: workflow.ReplyLocked}
	any := false
	for _, t := range claims {
		item := workflow.ReplyItem{Project: t.project.Name}
		rules := c.rules.ForProject(t.project)
		if !c.may(rules.Apply) {
			item.Text = c.mayNot(fmt.Sprintf("claim `%s`", t.project.Name), rules.Apply)
			reply.Items = append(reply.Items, item)
			continue
		}
		t.user, t.why = c.actor(), workflow.LockClaim
		_, held, err := takeLocks(c.tx, c.rec.Pull.Key(), t, c.now)
		if err != nil {
			return nil, err
		}
		if held != nil {
			item.Text = held.Sentence() + " " + held.Mend()
		} else {
			item.Done, any = true, true
			if err := remain(c.tx, c.rec, t, c.now); err != nil {
				return nil, err
			}
		}
		reply.Items = append(reply.Items, item)
	}
	if !any {
		reply.Kind = workflow.ReplyRefused
	}
	return reply, s.touchMet(c.tx, *c.rec, claims, c.now)
}

// touchMet lets the other open pulls that have one of these projects, or its state, show who holds it.
func (s *Service) touchMet(tx workflow.Tx, rec workflow.PullRecord, claims []taking, now time.Time) error {
	var keys []string
	for _, t := range claims {
		keys = append(keys, workflow.LockKeys(t.project, t.state)...)
	}
	pulls, err := tx.PullsMeeting(rec.Pull.Repo.ID, keys)
	if err != nil {
		return err
	}
	for _, other := range pulls {
		if other.Pull.Key() == rec.Pull.Key() {
			continue
		}
		if err := savePull(tx, other, now); err != nil {
			return err
		}
	}
	return nil
}

// unlock releases this pull's locks, all or those of the projects named.
func (s *Service) unlock(c *commanding) (*workflow.Reply, error) {
	locks, err := c.tx.LocksOfPull(c.rec.Pull.Key())
	if err != nil {
		return nil, err
	}
	if len(locks) == 0 {
		return refusedReply("This pull request holds no lock."), nil
	}
	holds := c.holds(locks)
	reply := &workflow.Reply{Kind: workflow.ReplyUnlocked}
	any := false
	for _, h := range holds {
		if !c.picks(h.project) {
			continue
		}
		item := workflow.ReplyItem{Project: h.project.Name}
		if item.Text, err = s.unlockSome(c, h.project, h.locks); err != nil {
			return nil, err
		}
		item.Done = item.Text == ""
		any = any || item.Done
		reply.Items = append(reply.Items, item)
	}
	switch {
	case len(reply.Items) == 0:
		return refusedReply(changedMeanwhile), nil
	case !any:
		reply.Kind = workflow.ReplyRefused
	}
	return reply, nil
}

func heldNames(holds []hold) string {
	var names []string
	for _, h := range holds {
		names = append(names, h.project.Name)
	}
	return phrase.SomeNames(names)
}

// unlockSome releases one project's locks; why says, as a sentence, that they stay.
func (s *Service) unlockSome(c *commanding, p workflow.Project, locks []workflow.Lock) (why string, err error) {
	rules := c.rules.ForProject(p)
	own := !slices.ContainsFunc(locks, func(l workflow.Lock) bool { return l.Why != workflow.LockClaim || l.User.ID != c.actor().ID })
	if !own && !c.may(rules.Unlock) {
		return c.mayNot(fmt.Sprintf("unlock `%s`", p.Name), rules.Unlock), nil
	}
	stays, err := s.release(c.tx, *c.rec, locks, release{now: c.now, why: "By " + workflow.Mention(c.actor()) + ".", actor: c.actor()})
	if err != nil || len(stays) == 0 {
		return "", err
	}
	return stays[0], nil
}

// hold is a project with the locks that a pull has for it.
type hold struct {
	project workflow.Project
	names   []workflow.Project // the project as it is, and under each name under which a lock was taken
	locks   []workflow.Lock
}

// holds are a pull's locks by project: the same directory and Terraform workspace,
// whatever it is called now, and whether it is still there or not.
func (c *commanding) holds(locks []workflow.Lock) (out []hold) {
	for _, l := range locks {
		then := l.Taken()
		i := slices.IndexFunc(out, func(h hold) bool { return h.project.Key() == then.Key() })
		if i < 0 {
			h := hold{project: then}
			if p := c.rec.Formerly(then.Key()); p != nil {
				h.project = p.Project
			}
			i, h.names = len(out), []workflow.Project{h.project}
			out = append(out, h)
		}
		out[i].locks = append(out[i].locks, l)
		now := out[i].project
		now.Name = l.Project
		out[i].names = append(out[i].names, now)
	}
	return out
}

// cancel drops what is queued and interrupts running plans; a running apply only
// with --apply, and then with one SIGINT.
func (s *Service) cancel(c *commanding) (*workflow.Reply, error) {
	live, err := c.tx.LiveRunsOf(c.rec.Pull.Key())
	if err != nil {
		return nil, err
	}
	why := fmt.Sprintf("%s cancelled it.", workflow.Mention(c.actor()))
	var runs []workflow.Run
	reply := &workflow.Reply{Kind: workflow.ReplyCancelled}
	for _, run := range live {
		item := workflow.ReplyItem{Project: run.Project.Name}
		rules := c.rules.ForProject(run.Project)
		who := rules.Plan
		if run.Kind == workflow.RunApply {
			who = rules.Apply
		}
		switch {
		case !c.may(who):
			item.Text = c.mayNot(fmt.Sprintf("cancel the %s of `%s`", run.Kind, run.Project.Name), who)
		case run.Kind == workflow.RunApply && run.State == workflow.RunRunning && !c.cmd().CancelApply:
			item.Text = fmt.Sprintf("An apply of `%s` is running: `cardea cancel --apply` interrupts it once.", run.Project.Name)
		default:
			item.Done, item.Text = true, cancelling(run)
			runs = append(runs, run)
		}
		reply.Items = append(reply.Items, item)
	}
	if len(reply.Items) == 0 {
		return refusedReply("Nothing of this pull request is queued or running."), nil
	}
	if len(runs) == 0 {
		reply.Kind = workflow.ReplyRefused
	}
	slices.SortStableFunc(reply.Items, func(a, b workflow.ReplyItem) int { return cmp.Compare(a.Project, b.Project) })
	return reply, s.dropThese(c.tx, c.rec, runs, dropping{outcome: workflow.OutcomeCancelled, why: why, now: c.now})
}

// cancelling says what a cancelled run's end is.
func cancelling(run workflow.Run) string {
	switch {
	case run.State == workflow.RunQueued:
		return fmt.Sprintf("its %s is dropped", run.Kind)
	case run.Kind == workflow.RunApply:
		return fmt.Sprintf("its apply is sent one SIGINT: %s ends what it has begun, and no more", run.Project.Engine)
	}
	return fmt.Sprintf("its %s is interrupted", run.Kind)
}

// resolve ends an unknown apply, or one whose state is kept, by the word of a person.
func (s *Service) resolve(c *commanding) (*workflow.Reply, error) {
	outcome := c.cmd().Outcome
	if !c.named() || (outcome != workflow.ResolvedApplied && outcome != workflow.ResolvedFailed) {
		return refusedReply("`cardea resolve -p NAME --outcome applied` or `--outcome failed` says what an unknown apply counts as."), nil
	}
	reply := &workflow.Reply{Kind: workflow.ReplyResolved}
	any := false
	all := c.rec.WithPast().Projects
	for _, p := range all {
		if !c.picks(p.Project) {
			continue
		}
		item := workflow.ReplyItem{Project: p.Project.Name}
		admin := c.rules.ForProject(p.Project).Admin
		switch {
		case !c.may(admin):
			item.Text = c.mayNot(fmt.Sprintf("resolve `%s`", p.Project.Name), admin)
		case p.Apply == nil || (!p.Apply.OutcomeOpen() && !p.Apply.StateKept()):
			item.Text = fmt.Sprintf("The outcome of `%s` is known: there is nothing to resolve.", p.Project.Name)
		default:
			item.Done, any = true, true
			item.Text = fmt.Sprintf("It counts as %s.", outcome)
			if err := s.resolved(c, p.Apply.ID, outcome); err != nil {
				return nil, err
			}
		}
		reply.Items = append(reply.Items, item)
	}
	if !any {
		reply.Kind = workflow.ReplyRefused
	}
	return reply, nil
}

func (s *Service) resolved(c *commanding, runID, outcome string) error {
	run, err := c.tx.Run(runID)
	if err != nil {
		return err
	}
	order := run.Order()
	order.Resolved, order.ResolvedBy = outcome, c.actor()
	if err := c.tx.PutRun(run); err != nil {
		return err
	}
	c.rec.Show(run)
	e := runEvent(workflow.EventResolved, c.now, run, fmt.Sprintf("%s said that the apply of `%s` counts as %s.", workflow.Mention(c.actor()), run.Project.Name, outcome))
	e.Actor = c.actor()
	if err := c.tx.Append(e); err != nil {
		return err
	}
	planRun := order.PlanRun
	c.after = append(c.after, func() { s.drop(planRun) })
	if err := s.followApply(c.tx, c.rec, run, c.now); err != nil {
		return err
	}
	if p := c.rec.Find(run.Project.Key()); p != nil {
		return s.reconsider(c.tx, *c.rec, p, c.rules, c.now)
	}
	return nil
}

// announceClosed tells that a pull was closed after something of it was applied.
func (s *Service) announceClosed(rec *workflow.PullRecord, now time.Time) {
	reply := workflow.Reply{Key: fmt.Sprintf("closed/%s", rec.ClosedAt.UTC().Format("20060102T150405.000")), Kind: workflow.ReplyClosed, To: rec.Pull.Author, At: now}
	for _, p := range rec.WithPast().Projects {
		if p.Held && p.Apply != nil && p.Apply.Begun() && p.Apply.State == workflow.RunFinished {
			reply.Items = append(reply.Items, workflow.ReplyItem{Project: p.Project.Name, Done: p.Apply.ApplySucceeded(), Run: p.Apply,
				Text: workflow.NeverMerged(rec.Pull.Number, *p.Apply) + "."})
		}
	}
	if len(reply.Items) == 0 {
		return
	}
	for i, r := range rec.Replies {
		if r.Key == reply.Key {
			if !r.Done {
				rec.Replies[i] = reply
				return
			}
			reply.Key += fmt.Sprintf("/%d", len(reply.Items))
		}
	}
	rec.Replies = append(rec.Replies, reply)
}

// dropping is how live runs end before their time.
type dropping struct {
	outcome workflow.Outcome
	why     string
	now     time.Time
}

// dropThese ends the queued ones of a pull's runs and asks the running ones to
// stop. An apply that is dropped from the queue is refused, and gives its locks
// back. The record is changed, not saved.
func (s *Service) dropThese(tx workflow.Tx, rec *workflow.PullRecord, runs []workflow.Run, d dropping) error {
	for _, run := range runs {
		if run.Kind == workflow.RunApply && run.State == workflow.RunQueued {
			run.Refuse(d.why, nil, d.now)
			if err := tx.PutRun(run); err != nil {
				return err
			}
			if err := s.notStarted(tx, rec, run, d.now); err != nil {
				return err
			}
			continue
		}
		if run.Drop(d.outcome, d.why, d.now) {
			if err := tx.Append(runEvent(workflow.EventSuperseded, d.now, run, d.why)); err != nil {
				return err
			}
		}
		if err := tx.PutRun(run); err != nil {
			return err
		}
		rec.Show(run)
	}
	return nil
}

// dropArtefactsOf lists the runs whose artefacts are of no use once a project's plan is another one, or none: all but keep.
func dropArtefactsOf(p workflow.ProjectRecord, keep string) []string {
	var ids []string
	for _, id := range p.Runs {
		live := p.Apply != nil && p.Apply.State != workflow.RunFinished && p.Apply.Apply != nil && p.Apply.Apply.PlanRun == id
		if id != keep && !live {
			ids = append(ids, id)
		}
	}
	return ids
}

// WantedArtefacts are the plan runs whose artefacts may still be applied; all
// others can be deleted.
func (s *Service) WantedArtefacts(ctx context.Context) (map[string]bool, error) {
	return read(ctx, s, "reading which artefacts are wanted", func(tx workflow.Tx) (map[string]bool, error) {
		wanted := map[string]bool{}
		pulls, err := tx.OpenPulls(0)
		if err != nil {
			return nil, err
		}
		for _, rec := range pulls {
			for _, p := range rec.Projects {
				if run, why := currentPlan(p); why == "" && run.Artefact != "" {
					wanted[run.ID] = true
				}
			}
		}
		live, err := tx.LiveRuns()
		for _, run := range live {
			wanted[run.ID] = true // it may be writing one
			if run.Apply != nil {
				wanted[run.Apply.PlanRun] = true
			}
		}
		if err != nil && !errors.Is(err, workflow.ErrNotFound) {
			return nil, err
		}
		return wanted, nil
	})
}
