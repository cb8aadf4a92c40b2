package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// Times the service works with when its configuration gives none.
const (
	// DefaultLease is how long a claimed run stays its worker's without a sign of
	// life. A worker renews long before.
	DefaultLease = 2 * time.Minute
	// KeepDeliveries and KeepRequests are how long raw deliveries and the
	// meanings of requests are kept after they are done.
	KeepDeliveries = 14 * 24 * time.Hour
	KeepRequests   = 90 * 24 * time.Hour
	// keepReplies is how long a written reply is remembered, so that nothing writes it twice.
	keepReplies = 24 * time.Hour
	// settleAtMost is how many settle times a burst of pushes is waited for.
	settleAtMost = 10
	// maxAttempts is how often a request is tried before it fails with its reason.
	maxAttempts = 10
)

// Config is what a service works with. Store is needed by all of it;
// Source and Engines by Expand only.
type Config struct {
	Store   workflow.Store
	Source  workflow.Source
	Engines workflow.Engines
	// Rules gives the rules of a repository, false when the server has none for
	// it: everything about it is ignored.
	Rules func(workflow.Repo) (workflow.Rules, bool)
	// Live reads what GitHub says of a pull now, with the roles of the actor and of
	// the approvers; it may give what it read for the same pull and actor at most 10
	// seconds ago. Without it nothing is ever applied.
	Live func(ctx context.Context, p workflow.Pull, actor workflow.Actor, approvers []workflow.Actor) (workflow.LiveFacts, error)
	// Diff lists the files that differ between two planned trees of a repository, so
	// that an approval that falls can say which file did it. Nil: the trees are
	// named, and what a plan names counts as changed.
	Diff func(ctx context.Context, repo workflow.Repo, was, now string) ([]workflow.FileChange, error)
	// DropArtefact is told which plan run's artefact is no longer of use, once that is durable.
	// If a crash comes first, WantedArtefacts says afterwards what may be deleted. Nil: no
	// artefacts are kept.
	DropArtefact func(runID string)
	Now          workflow.Clock
	Settle       time.Duration // how long a push waits for the next one; 0 = not at all
	Lease        time.Duration // 0 = DefaultLease
	Parallel     int           // how many plans run at a time, beside one apply; 0 = any number
	Log          *slog.Logger
}

// Service is the only writer of state. Each of its methods is one or more acts,
// which leave the store consistent wherever they stop; each can be repeated after a
// crash or an error with the same result. Any number of goroutines may use it.
//
// Nothing that it keeps in memory is missed after a restart.
type Service struct {
	// Set by New and never changed.
	store    workflow.Store
	source   workflow.Source
	engines  workflow.Engines
	rules    func(workflow.Repo) (workflow.Rules, bool)
	live     func(ctx context.Context, p workflow.Pull, actor workflow.Actor, approvers []workflow.Actor) (workflow.LiveFacts, error)
	drop     func(runID string)
	diff     func(ctx context.Context, repo workflow.Repo, was, now string) ([]workflow.FileChange, error)
	now      workflow.Clock
	settle   time.Duration
	lease    time.Duration
	parallel int // how many plans run at a time
	log      *slog.Logger
	wakes    [wakeKinds]chan struct{} // each holds at most one hint; those who wait for one poll as well

	ids    sync.Mutex
	lastID time.Time // of the newest id given out; guarded by ids

	surveys surveys // locks itself
}

// New returns a service over a store. Start must be called before runs are claimed.
func New(c Config) *Service {
	s := &Service{
		store: c.Store, source: c.Source, engines: c.Engines, rules: c.Rules, live: c.Live, drop: c.DropArtefact, diff: c.Diff,
		now: c.Now, settle: c.Settle, lease: c.Lease, parallel: c.Parallel, log: c.Log,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.lease == 0 {
		s.lease = DefaultLease
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.rules == nil {
		s.rules = func(workflow.Repo) (workflow.Rules, bool) { return workflow.Rules{}, false }
	}
	if s.drop == nil {
		s.drop = func(string) {}
	}
	for i := range s.wakes {
		s.wakes[i] = make(chan struct{}, 1)
	}
	return s
}

// Wake names something a loop waits for.
type Wake int

// What can be waited for. Each has one waiting loop.
const (
	WakeInbox      Wake = iota // a delivery was received: PendingDeliveries
	WakeRequests               // a request may be due: DueRequests
	WakeRuns                   // a run may be claimable: Claim
	WakeInterrupts             // a running run has to stop: Interrupts
	WakePulls                  // a pull changed: UnreportedPulls
	wakeKinds
)

// Woken is signalled when there may be something to do. Signals that nobody has received yet
// become one; losing one does no harm, because the loops poll as well.
func (s *Service) Woken(w Wake) <-chan struct{} { return s.wakes[w] }

func (s *Service) wake(which ...Wake) {
	for _, w := range which {
		select {
		case s.wakes[w] <- struct{}{}:
		default:
		}
	}
}

// Start is called once by the server whose worker has this name, before anything is claimed:
// what that worker was running when the server ended is lost, and its plans are queued again,
// once. An apply that was told to go stays running for one more lease: its runner outlives
// the server, and the server that finds it renews the lease and finishes the run. One that
// was not told is refused. What other workers run stays theirs while they renew its lease.
func (s *Service) Start(ctx context.Context, worker string) error {
	err := s.act(ctx, func(a *act) error {
		live, err := a.tx.LiveRuns()
		if err != nil {
			return err
		}
		for _, run := range live {
			if err := a.takeOver(run, worker); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return wrap(err, "ending the runs of before")
	}
	err = s.outdateWorkflows(ctx)
	s.wake(WakeInbox, WakeRequests, WakeRuns, WakePulls)
	return wrap(err, "looking for plans of workflows that have changed")
}

// takeOver is Start for one live run.
func (a *act) takeOver(run workflow.Run, worker string) error {
	switch {
	case run.State != workflow.RunRunning:
		return nil
	case run.Worker != worker && run.LeaseUntil.Before(a.now):
		return a.lose(run, silent)
	case run.Worker != worker:
		return nil
	case run.Apply != nil && run.Apply.Spent:
		// Its runner may outlive us: the server that finds its result finishes the run. When nobody
		// renews the lease it is unknown.
		if err := run.Renew(run.Epoch, a.now.Add(a.s.lease)); err != nil {
			return err
		}
		return a.put(run)
	}
	return a.lose(run, "The server ended before it did.")
}

// Housekeep forgets what is older than it has to be kept, and ends what waited for too long. It
// works in small transactions and stops with the context. What fails keeps nothing else from it.
func (s *Service) Housekeep(ctx context.Context) error {
	const batch = 200
	forget := []struct {
		what string
		from func(*act) (int, error)
	}{
		{"deliveries", func(a *act) (int, error) { return a.tx.ForgetDeliveries(a.now.Add(-KeepDeliveries), batch) }},
		{"requests", func(a *act) (int, error) { return a.tx.ForgetRequests(a.now.Add(-KeepRequests), batch) }},
	}
	var errs []error
	for _, f := range forget {
		for n := batch; n == batch; {
			err := s.act(ctx, func(a *act) (err error) {
				n, err = f.from(a)
				return err
			})
			if err != nil {
				errs = append(errs, fmt.Errorf("forgetting old %s: %w", f.what, err))
				break
			}
		}
	}
	return errors.Join(append(errs, s.expireFollows(ctx))...)
}

// SeenRepo records a repository under its present name, with a key of its own
// when it is new, and returns its record.
func (s *Service) SeenRepo(ctx context.Context, repo workflow.Repo) (rec workflow.RepoRecord, err error) {
	err = s.act(ctx, func(a *act) (err error) {
		rec, err = a.seenRepo(repo)
		return err
	})
	return rec, wrap(err, fmt.Sprintf("recording repository %s", repo.FullName()))
}

// seenRepo is SeenRepo within a transaction. It writes only when something
// changed or the record is a day old.
func (a *act) seenRepo(repo workflow.Repo) (workflow.RepoRecord, error) {
	rec, err := a.tx.Repo(repo.ID)
	switch {
	case errors.Is(err, workflow.ErrNotFound):
		rec.Key = make([]byte, 32)
		if _, err := rand.Read(rec.Key); err != nil {
			return rec, fmt.Errorf("making the repository's key: %w", err)
		}
	case err != nil:
		return rec, err
	case rec.Repo == repo && a.now.Sub(rec.SeenAt) < 24*time.Hour:
		return rec, nil
	}
	rec.Repo, rec.SeenAt = repo, a.now
	return rec, a.tx.PutRepo(rec)
}

// SuspendRepo records whether the App's installation on a repository is
// suspended or removed. A repository that we never saw is no error.
func (s *Service) SuspendRepo(ctx context.Context, repoID int64, suspended bool) error {
	err := s.act(ctx, func(a *act) error {
		rec, err := a.tx.Repo(repoID)
		if errors.Is(err, workflow.ErrNotFound) {
			return nil
		}
		if err != nil || rec.Suspended == suspended {
			return err
		}
		rec.Suspended = suspended
		return a.tx.PutRepo(rec)
	})
	return wrap(err, fmt.Sprintf("suspending repository %d", repoID))
}

// backoff is the wait before the next try: 1, 2, 4, 8, 16, then 30 seconds.
func backoff(attempts int) time.Duration {
	const most = 30 * time.Second
	if attempts < 1 {
		attempts = 1
	}
	if attempts > 5 {
		return most
	}
	return time.Second << (attempts - 1)
}
