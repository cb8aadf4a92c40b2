package service_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// violation is an invariant that does not hold; the numbers are those of the
// design page about security: I1 one writer a state, I2 nothing starts without a
// right authorisation, I3 no plan twice, I4 what was seen is what is carried out,
// I5 one visible end of each command, I6 said once, I7 locks, I8 what is over
// stays, I9 unknown stays unknown, I12 head gives no rules, I13 doubt is a no,
// I15 epochs only grow.
type violation string

func (l *life) wrong(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

// truth is what the model knows by itself, from watching every commit.
type truth struct {
	runs        map[string]*workflow.Run // as last committed
	recs        map[int]*workflow.PullRecord
	locks       map[string]workflow.Lock
	requests    map[string]*workflow.Request
	events      []workflow.Event
	written     map[string]time.Time // when a comment was written, by the request's key, to the nanosecond
	approvals   []*consent
	replies     map[string]workflow.Reply // all that there ever were, by pull and key
	replied     map[string]int            // how many there were, the forgotten ones too
	spent       map[string]string         // apply run by plan run
	ordered     map[string]int            // how many commits there were when an apply was queued
	claims      map[string]int            // lock keys that people claimed, by pull
	released    map[string]bool           // applies whose locks were released since they began
	evidence    map[string]bool           // applies whose worker said how they ended
	epochs      uint64                    // the highest of a lock
	counts      map[string]int
	promised    map[string]*promise  // applies that were to follow others, by pull, project and command
	toldReviews [4][]workflow.Review // what GitHub told of reviews, as soon as that was durable
	overReviews map[int64]bool       // those whose end is worked off
	takenBack   []takenBack
	// authorising is the apply whose last gate is being asked.
	authorising string
}

func newTruth() truth {
	return truth{
		runs: map[string]*workflow.Run{}, recs: map[int]*workflow.PullRecord{}, locks: map[string]workflow.Lock{}, requests: map[string]*workflow.Request{},
		written: map[string]time.Time{}, replies: map[string]workflow.Reply{}, replied: map[string]int{}, spent: map[string]string{},
		ordered: map[string]int{}, released: map[string]bool{}, claims: map[string]int{}, evidence: map[string]bool{}, counts: map[string]int{},
		promised: map[string]*promise{}, overReviews: map[int64]bool{},
	}
}

// consent is an approval as the model knows it.
type consent struct {
	pull        int
	key         workflow.ProjectKey
	user        workflow.Actor
	fingerprint string
	tree        string
	hidden      bool
	request     string
	void        bool
	review      int64     // the review that it was given by
	at          time.Time // when it was given, if it is dated by GitHub
	dated       bool
}

// promise is an apply that follows others as the model knows it.
type promise struct {
	user        workflow.Actor
	fingerprint string
	on          []string // what it was to wait for
	over        bool     // it started, or waits no more
}

func promiseKey(n int, key workflow.ProjectKey, command string) string {
	return fmt.Sprint(n, " ", key, " ", command)
}

// takeFollows checks who asked for applies that wait for others: a command of that very person,
// about that plan, and each once.
func (l *life) takeFollows(rec workflow.PullRecord, done []workflow.Request) {
	n := rec.Pull.Number
	there := map[string]bool{}
	for _, f := range rec.Following {
		key := promiseKey(n, f.Key, f.Request)
		there[key] = f.Ended.Empty()
		p := l.promised[key]
		switch {
		case p != nil && p.over && f.Ended.Empty():
			l.wrong("I2: the apply of %s waits again, and nobody asked for that", f.Project)
		case p != nil:
		case !f.Ended.Empty():
			l.wrong("I6: the apply of %s waits no more, and never did", f.Project)
		default:
			r := carriedOut(done, n, workflow.VerbApply)
			at := rec.Find(f.Key)
			if r == nil || r.ID != f.Request || r.Follow != "" || r.Actor.ID != f.By.ID || at == nil || !l.selects(*r, rec, f.Key) {
				l.wrong("I2: the apply of %s waits, and nobody asked for that: %+v", f.Project, r)
			}
			if saved := l.saved[at.Run.ID]; f.Plan.Fingerprint != saved.fingerprint || f.Head != rec.Pull.Head.SHA {
				l.wrong("I4: the apply of %s waits with another plan: %+v", f.Project, f)
			}
			l.promised[key] = &promise{user: f.By, fingerprint: f.Plan.Fingerprint, on: f.On}
			l.counts["follows"]++
		}
	}
	for key, p := range l.promised {
		if strings.HasPrefix(key, fmt.Sprint(n, " ")) && !there[key] {
			p.over = true
		}
	}
}

// followed checks the order of an apply that waited for others: it was promised to this person,
// it is of the plan that was meant, and it comes once.
func (l *life) followed(r workflow.Run) {
	p := l.promised[promiseKey(r.Number, r.Project.Key(), r.Request)]
	if p == nil || p.over || p.user.ID != r.Actor.ID || p.fingerprint != r.Apply.Fingerprint {
		l.wrong("I2: the apply %s of %s starts by itself: %+v", r.ID, r.Project.Name, p)
	}
	p.over = true
	rec, plan := l.recs[r.Number], l.runs[r.Apply.PlanRun]
	for _, name := range p.on {
		u := rec.Project(name)
		switch {
		case u == nil || u.Deleted:
		case u.Apply == nil || !u.Apply.Begun():
			if u.Run == nil || u.Run.State != workflow.RunFinished || !u.Run.NoChanges {
				l.wrong("I2: the apply %s of %s starts, and %s, which it follows, was never applied: %s", r.ID, r.Project.Name, name, u.State())
			}
		case u.Apply.State != workflow.RunFinished || !u.Apply.ApplySucceeded():
			l.wrong("I2: the apply %s of %s starts, and %s, which it follows, is %s", r.ID, r.Project.Name, name, u.State())
		case plan.Started.Before(u.Apply.Finished):
			l.wrong("I2: the apply %s of %s is of a plan from before the apply of %s, which it follows", r.ID, r.Project.Name, name)
		}
	}
	l.counts["followed"]++
}

// watched is a store that shows the model each commit.
type watched struct {
	workflow.Store
	life    *life
	commits int
}

// lockChange is a lock that was written or, with gone, deleted.
type lockChange struct {
	lock workflow.Lock
	gone bool
}

// changes are one commit.
type changes struct {
	workflow.Tx
	runs     []workflow.Run
	pulls    []workflow.PullRecord
	requests []workflow.Request
	locks    []lockChange // in order
	events   []workflow.Event
}

func (w *watched) Update(ctx context.Context, rule func(workflow.Tx) error) error {
	var c *changes
	err := w.Store.Update(ctx, func(tx workflow.Tx) error {
		c = &changes{Tx: tx}
		return rule(c)
	})
	if err == nil {
		w.commits++
		w.life.committed(c)
	}
	return err
}

func (c *changes) PutRun(r workflow.Run) error {
	c.runs = append(c.runs, r)
	return c.Tx.PutRun(r)
}

func (c *changes) PutPull(p workflow.PullRecord) error {
	c.pulls = append(c.pulls, p)
	return c.Tx.PutPull(p)
}

func (c *changes) PutRequest(r *workflow.Request) error {
	err := c.Tx.PutRequest(r)
	c.requests = append(c.requests, *r)
	return err
}

func (c *changes) PutLock(l workflow.Lock) error {
	c.locks = append(c.locks, lockChange{lock: l})
	return c.Tx.PutLock(l)
}

func (c *changes) DeleteLock(repoID int64, key string) error {
	c.locks = append(c.locks, lockChange{workflow.Lock{Key: key}, true})
	return c.Tx.DeleteLock(repoID, key)
}

func (c *changes) Append(e *workflow.Event) error {
	err := c.Tx.Append(e)
	c.events = append(c.events, *e)
	return err
}

// committed checks one commit, and takes it over.
func (l *life) committed(c *changes) {
	done := l.finishedNow(c)
	for _, e := range c.events {
		if n := len(l.events); n > 0 && e.Seq <= l.events[n-1].Seq {
			l.wrong("I8: event %d comes after %d", e.Seq, l.events[n-1].Seq)
		}
		l.events = append(l.events, e)
	}
	l.countTakenBack(done)
	l.takeReviews(c, done)
	begun := l.takeRuns(c, done)
	for _, rec := range c.pulls {
		l.takePull(rec, done)
	}
	for _, r := range c.requests {
		l.requests[r.ID] = &r
	}
	l.takeLocks(c, done)
	for _, run := range begun {
		l.confirmed(run)
	}
	l.checkWriters()
	l.checkLocks()
}

// finishedNow are the requests that a commit ends.
func (l *life) finishedNow(c *changes) (done []workflow.Request) {
	for _, r := range c.requests {
		if was := l.requests[r.ID]; r.Done && (was == nil || !was.Done) {
			done = append(done, r)
		} else if was != nil && was.Done && !reflect.DeepEqual(*was, r) {
			l.wrong("I8: a finished request changed: %+v, it was %+v", r, *was)
		}
	}
	return done
}

func carriedOut(done []workflow.Request, n int, verb workflow.Verb) *workflow.Request {
	for i, r := range done {
		if r.Number == n && r.Command != nil && r.Command.Verb == verb {
			return &done[i]
		}
	}
	return nil
}

// takeRuns checks what became of runs, and returns the applies that got the word.
func (l *life) takeRuns(c *changes, done []workflow.Request) (begun []*workflow.Run) {
	for _, r := range c.runs {
		was := l.runs[r.ID]
		if was == nil && r.Kind == workflow.RunApply {
			l.ordered[r.ID] = l.store.commits
			l.checkOrder(r, done)
		}
		if was != nil {
			if r.Epoch < was.Epoch {
				l.wrong("I15: run %s goes back to epoch %d", r.ID, r.Epoch)
			}
			if was.State == workflow.RunFinished {
				l.checkOver(*was, r, done)
			}
			if was.Apply != nil && was.Apply.Spent && (!r.Apply.Spent || !reflect.DeepEqual(was.Apply.Authorised, r.Apply.Authorised)) {
				l.wrong("I2: what was authorised of %s changed", r.ID)
			}
		}
		l.runs[r.ID] = &r
		if r.Apply != nil && r.Apply.Spent && (was == nil || !was.Apply.Spent) {
			begun = append(begun, &r)
		}
		if r.State == workflow.RunFinished && (was == nil || was.State != workflow.RunFinished) {
			l.counts[string(r.Kind)+" "+string(r.Outcome)]++
			l.checkEnd(r)
		}
	}
	return begun
}

// checkOver: a finished run stays as it is, but for an unknown outcome, which its
// own result may end, or a person with the permission.
func (l *life) checkOver(was, now workflow.Run, done []workflow.Request) {
	if reflect.DeepEqual(was, now) {
		return
	}
	if was.Kind == workflow.RunApply && was.Apply.Resolved == "" && now.Apply.Resolved != "" {
		r := carriedOut(done, was.Number, workflow.VerbResolve)
		open := was.Outcome == workflow.OutcomeUnknown || was.Apply.ErroredState != ""
		if r == nil || r.Actor.Login != "root" || !open || now.Outcome != was.Outcome {
			l.wrong("I9: the apply %s (%s) counts as %s by %+v", was.ID, was.Outcome, now.Apply.Resolved, r)
		}
		if wrote := l.written[r.Key]; wrote.Before(was.Started.Truncate(time.Second)) {
			l.wrong("I9: the apply %s, begun at %s, counts as %s by what was written at %s", was.ID, was.Started, now.Apply.Resolved, wrote)
		}
		l.counts["resolved"]++
		return
	}
	if was.Outcome != workflow.OutcomeUnknown || was.Apply.Resolved != "" {
		l.wrong("I8: a finished run changed:\n%+v\n%+v", was, now)
	}
	if !l.evidence[was.ID] {
		l.wrong("I9: the unknown apply %s became %s by itself", was.ID, now.Outcome)
	}
	l.counts["late"]++
	l.checkEnd(now)
}

// checkEnd: an apply says what terraform really did.
func (l *life) checkEnd(r workflow.Run) {
	if r.Kind != workflow.RunApply {
		return
	}
	switch p := l.procs[r.ID]; {
	case r.Outcome == workflow.OutcomeRefused && p != nil:
		l.wrong("I9: the apply %s was carried out, and counts as not started", r.ID)
	case r.Outcome == workflow.OutcomeSucceeded && (p == nil || p.alive || p.done != "all"):
		l.wrong("I9: the apply %s counts as succeeded: %+v", r.ID, p)
	case r.Outcome == workflow.OutcomeFailed && (p == nil || p.alive):
		l.wrong("I9: the apply %s counts as failed: %+v", r.ID, p)
	}
}

// checkOrder: an apply is queued only by a command of this very actor, of a plan that they may mean.
func (l *life) checkOrder(r workflow.Run, done []workflow.Request) {
	req := carriedOut(done, r.Number, workflow.VerbApply)
	if req != nil && req.Follow != "" && req.Follow == r.Request && req.Actor.ID == r.Actor.ID {
		l.followed(r)
		return
	}
	if req == nil || req.ID != r.Request || req.Actor.ID != r.Actor.ID {
		l.wrong("I2: the apply %s was ordered by nobody: %+v", r.ID, req)
	}
	if fp, shown := req.Command.Fingerprints[r.Project.Name]; len(req.Command.Fingerprints) > 0 && (!shown || fp != r.Apply.Fingerprint) {
		l.wrong("I4: a button that showed the plan %q of %s applies %s", fp, r.Project.Name, r.Apply.Fingerprint)
	}
}

// takePull checks what a record shows, and follows approvals.
func (l *life) takePull(rec workflow.PullRecord, done []workflow.Request) {
	n := rec.Pull.Number
	was := l.recs[n]
	if was != nil && rec.Version < was.Version {
		l.wrong("I15: pull %d has version %d after %d", n, rec.Version, was.Version)
	}
	known := map[string]bool{}
	for _, r := range rec.Replies {
		key := fmt.Sprint(n, " ", r.Key)
		if known[key] {
			l.wrong("I6: two replies %s", key)
		}
		known[key] = true
		before, old := l.replies[key]
		switch {
		case r.Waits && known[key+"/end"]:
			l.wrong("I5: the reply %s waits for an end that is told", key)
		case !old && !r.Waits:
			l.replied[key]++
		case before.Done && (!r.Done || !reflect.DeepEqual(before.Items, r.Items) || !reflect.DeepEqual(before.Text, r.Text)):
			l.wrong("I6: the reply %s was written and is another one: %+v, it was %+v", key, r, before)
		}
		l.replies[key] = r
	}
	for key, r := range l.replies {
		switch {
		case !strings.HasPrefix(key, fmt.Sprint(n, " ")) || known[key] || r.Done:
		case r.Waits && known[key+"/end"]:
			delete(l.replies, key) // told with it; what is written goes in time
		default:
			l.wrong("I5: the reply %s is gone before it was written", key)
		}
	}
	for _, p := range slices.Concat(rec.Projects, rec.Past) {
		l.newPlan(n, was, p)
		l.takeApprovals(rec, p, done)
	}
	if r := carriedOut(done, n, workflow.VerbUnapprove); r != nil {
		l.takeBack(*r)
	}
	l.takeFollows(rec, done)
	l.checkReviews(rec)
	l.recs[n] = &rec
}

// selects reports whether a command means a project that is there.
func (l *life) selects(r workflow.Request, rec workflow.PullRecord, key workflow.ProjectKey) bool {
	for _, p := range rec.Projects {
		if p.Project.Key() == key && !p.Deleted {
			return len(r.Command.Select.Projects) == 0 || slices.Contains(r.Command.Select.Projects, p.Project.Name)
		}
	}
	return false
}

// newPlan voids what a new plan of a project does not carry.
func (l *life) newPlan(n int, was *workflow.PullRecord, p workflow.ProjectRecord) {
	if p.Run == nil || p.Run.State != workflow.RunFinished || p.Run.Outcome != workflow.OutcomeSucceeded {
		return
	}
	if was != nil {
		for _, old := range slices.Concat(was.Projects, was.Past) {
			if old.Project.Key() == p.Project.Key() && old.Run != nil && old.Run.ID == p.Run.ID && old.Run.State == workflow.RunFinished {
				return
			}
		}
	}
	saved := l.saved[p.Run.ID]
	for _, a := range l.approvals {
		if a.pull != n || a.key != p.Project.Key() {
			continue
		}
		if a.fingerprint != saved.fingerprint || ((a.hidden || saved.hidden) && a.tree != saved.tree) {
			if !a.void {
				l.counts["approval voided"]++
			}
			a.void = true
		}
	}
}

// takeApprovals checks each new approval: somebody who may wrote it, and saw what it is of.
func (l *life) takeApprovals(rec workflow.PullRecord, p workflow.ProjectRecord, done []workflow.Request) {
	n := rec.Pull.Number
	for _, a := range p.Approvals {
		known := slices.ContainsFunc(l.approvals, func(c *consent) bool {
			return c.pull == n && c.key == p.Project.Key() && c.user.ID == a.User.ID && c.request == a.Request
		})
		if known {
			continue
		}
		if a.ReviewID != 0 {
			l.takeReview(n, p, a, done)
			continue
		}
		r := carriedOut(done, n, workflow.VerbApprove)
		saved := l.saved[p.Run.ID]
		switch {
		case r == nil || r.ID != a.Request || r.Actor.ID != a.User.ID:
			l.wrong("I2: an approval that nobody gave: %+v", a)
		case a.User.ID == l.pulls[n].Author.ID || a.User.Bot:
			l.wrong("I2: an approval by %s", a.User.Login)
		case a.Fingerprint != saved.fingerprint || a.Tree != saved.tree || a.Hidden != saved.hidden:
			l.wrong("I4: an approval of another plan: %+v, the plan is %+v", a, saved)
		case !l.sawIt(n, *r, p.Project.Name, a.Fingerprint):
			l.wrong("I4: %s approved %s of %s, which they had not seen", a.User.Login, a.Fingerprint[:12], p.Project.Name)
		}
		l.checkTakenBack(n, a, p.Project.Name, l.written[r.Key])
		l.approvals = append(l.approvals, &consent{pull: n, key: p.Project.Key(), user: a.User, fingerprint: a.Fingerprint, tree: a.Tree,
			hidden: a.Hidden, request: a.Request, at: a.At, dated: a.Dated()})
		l.counts["approved"]++
	}
}

// sawIt reports whether whoever wrote a command can have meant a plan: it was
// named, its button showed it, or the summary did in the second of the command.
func (l *life) sawIt(n int, r workflow.Request, project, fingerprint string) bool {
	if len(r.Command.Fingerprints) > 0 {
		typed := r.Command.Fingerprints[project]
		return len(typed) >= 8 && strings.HasPrefix(fingerprint, typed)
	}
	return l.shownAt(n, l.written[r.Key], project, fingerprint)
}

// shownAt reports whether the summary showed a plan in the second in which somebody wrote.
func (l *life) shownAt(n int, wrote time.Time, project, fingerprint string) bool {
	shown := l.pulls[n].displays
	for i, d := range shown {
		over := wrote.Add(time.Hour)
		if i+1 < len(shown) {
			over = shown[i+1].at
		}
		if d.fingerprints[project] == fingerprint && !d.at.After(wrote) && over.After(wrote.Truncate(time.Second)) {
			return true
		}
	}
	return false
}
