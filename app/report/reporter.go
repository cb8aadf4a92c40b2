package report

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// Config is what a reporter needs.
type Config struct {
	Service *service.Service
	GitHub  *github.Client
	Links   model.Links
	Rules   func(workflow.Repo) (workflow.Rules, bool)
	// SameFile reports whether a file of the planned tree is the same in the
	// pull's head, so that its lines can be annotated there; nil: all are.
	SameFile func(context.Context, workflow.PullRecord, string) bool
	// Told reports whether people are told of what caused an error elsewhere; nil: of none.
	Told func(error) bool
	Now  workflow.Clock
	Log  *slog.Logger
}

// Reporter shows pulls on GitHub.
type Reporter struct {
	config  Config
	started time.Time
	heads   locks
	tried   set
	again   chan struct{}
}

// New returns a reporter. Everything that it knows is in the service's store.
func New(c Config) *Reporter {
	return &Reporter{config: c, started: c.Now(), heads: locks{held: map[string]*lock{}},
		tried: set{in: map[string]bool{}}, again: make(chan struct{}, 1)}
}

// Again has what GitHub refused for a missing permission tried again: permissions may have changed.
func (r *Reporter) Again() {
	select {
	case r.again <- struct{}{}:
	default: // it will be
	}
}

const (
	// parallel is how many pulls are reported at a time.
	parallel = 8
	// poll is how often we look for pulls without a signal.
	poll = 5 * time.Second
	// longestBackoff is the longest wait between two tries.
	longestBackoff = 30 * time.Second
	// givenUpAfter is how often we try what GitHub refuses for good.
	givenUpAfter = 10
	// deniedWait is how long what lacks a permission waits at first, if nobody says that permissions have
	// changed, and longestDenied at most: many pulls may wait, and each try takes from what GitHub allows.
	deniedWait    = 5 * time.Minute
	longestDenied = time.Hour
)

// seen is what the loop remembers of a pull: only when to look again.
type seen struct {
	version uint64 // that we looked at
	next    time.Time
	tries   int // that failed in a row
	refused int // of them, for reasons that do not pass
	running bool
	// denied is why it waits for somebody who changes something about the App, as a sentence, "" when it does
	// not; and denials is how often that was tried.
	denied  string
	denials int
	closed  bool // the pull is
	// unread: its record is not read before that time. Reading the record of a hundred projects
	// each time one of them moves would cost more than it shows.
	unread time.Time
}

// readShare is the share of our time that reading one pull's record may take.
const readShare = 20

// result is how a pass ended.
type result struct {
	key     workflow.PullKey
	version uint64
	next    time.Time
	err     error
}

// Run shows every pull that changed, until the context ends.
func (r *Reporter) Run(ctx context.Context) error {
	known := map[workflow.PullKey]*seen{}
	results := make(chan result)
	running := 0
	defer func() {
		for ; running > 0; running-- {
			<-results
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.config.Service.Woken(service.WakePulls):
		case <-timer.C:
		case <-r.again:
			for _, k := range known {
				if k.denied != "" {
					k.next, k.denials = time.Time{}, 0
				}
			}
		case res := <-results:
			running--
			r.ended(ctx, known, res)
		}
		soonest, err := r.start(ctx, known, func(key workflow.PullKey, version uint64) bool {
			if running == parallel {
				return false
			}
			running++
			go func() {
				next, err := r.Pass(ctx, key)
				results <- result{key, version, next, err}
			}()
			return true
		})
		if err != nil && ctx.Err() == nil {
			r.config.Log.ErrorContext(ctx, "pulls to report could not be read", "error", err)
		}
		timer.Reset(max(soonest.Sub(r.config.Now()), time.Millisecond))
	}
}

// start starts a pass for each unreported pull that changed since the last one
// or is due again. It returns when to look next.
func (r *Reporter) start(ctx context.Context, known map[workflow.PullKey]*seen,
	begin func(workflow.PullKey, uint64) bool) (time.Time, error) {
	now := r.config.Now()
	soonest := now.Add(poll)
	keys, err := r.config.Service.UnreportedPulls(ctx)
	if err != nil {
		return soonest, err
	}
	still := make(map[workflow.PullKey]bool, len(keys))
	for _, key := range keys {
		still[key] = true
		k := known[key]
		if k == nil {
			k = &seen{}
			known[key] = k
		}
		if k.running {
			continue
		}
		if k.unread.After(now) {
			soonest = earlier(soonest, k.unread)
			continue
		}
		began := r.config.Now()
		rec, err := r.config.Service.Pull(ctx, key)
		if err != nil {
			return soonest, err
		}
		ended := r.config.Now()
		k.unread = ended.Add(readShare * ended.Sub(began))
		k.closed = rec.Pull.State != workflow.PullOpen
		changed := rec.Version != k.version && k.tries == 0
		if !changed && k.next.After(now) {
			soonest = earlier(soonest, k.next)
			continue
		}
		if !begin(key, rec.Version) {
			return soonest, nil // one that ends starts the next
		}
		k.running = true
	}
	for key, k := range known {
		if !still[key] && !k.running {
			delete(known, key)
		}
	}
	return soonest, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// ended notes how a pass ended and when the next may start.
func (r *Reporter) ended(ctx context.Context, known map[workflow.PullKey]*seen, res result) {
	now, k := r.config.Now(), known[res.key]
	k.running, k.version, k.next = false, res.version, res.next
	if res.err == nil {
		k.tries, k.refused, k.denied, k.denials = 0, 0, "", 0
		return
	}
	if ctx.Err() != nil {
		return
	}
	if d := new(github.Denied); errors.As(res.err, &d) && !errors.Is(res.err, workflow.ErrPassing) {
		r.denied(ctx, known, res, d.Error())
		return
	}
	if r.config.Told != nil && r.config.Told(res.err) {
		k.tries, k.refused = 1, 0
		k.wait("told elsewhere", now, longestBackoff, deniedWait)
		return
	}
	k.tries++
	if !errors.Is(res.err, workflow.ErrPassing) {
		k.refused++
	}
	wait := min(time.Second<<min(k.tries-1, 5), longestBackoff)
	k.next = now.Add(wait)
	if at := github.RetryAt(res.err); at.After(k.next) {
		k.next = at
	}
	r.config.Log.WarnContext(ctx, "a pull could not be reported", "pull", res.key.String(),
		"tries", k.tries, "next", k.next, "error", res.err)
	if k.refused < givenUpAfter {
		return
	}
	// GitHub will not accept it (the installation is gone, the conversation is locked): we try
	// again at the next change.
	k.tries, k.refused = 0, 0
	r.giveUp(ctx, res)
}

// wait has a pull wait for somebody, each time twice as long.
func (k *seen) wait(why string, now time.Time, first, longest time.Duration) {
	if k.denied != why {
		k.denied, k.denials = why, 0
	}
	k.next = now.Add(min(first<<min(k.denials, 10), longest))
	k.denials++
}

// denied notes that GitHub refuses to show a pull for a missing permission. While the pull is open that is
// not given up: somebody will grant it. The log says it once for a repository.
func (r *Reporter) denied(ctx context.Context, known map[workflow.PullKey]*seen, res result, why string) {
	told := false
	for key, k := range known {
		told = told || key.RepoID == res.key.RepoID && k.denied == why
	}
	k := known[res.key]
	k.tries, k.refused = 0, 0
	k.wait(why, r.config.Now(), deniedWait, longestDenied)
	if !told {
		r.config.Log.ErrorContext(ctx, "Pull requests cannot be shown in full: "+why+".", "pull", res.key.String())
	}
	if k.closed && k.denials >= givenUpAfter { // or all that are ever closed meanwhile would wait
		r.giveUp(ctx, res)
	}
}

func (r *Reporter) giveUp(ctx context.Context, res result) {
	state, err := r.config.Service.Report(ctx, res.key)
	if err == nil {
		state.Version = res.version
		r.config.Log.ErrorContext(ctx, "gave up on a report", "pull", res.key.String(), "version", res.version)
		err = r.config.Service.SaveReport(ctx, state)
	}
	if err != nil {
		r.config.Log.ErrorContext(ctx, "giving up on a report", "pull", res.key.String(), "error", err)
	}
}

// set is a set of strings, safe for concurrent use.
type set struct {
	mu sync.Mutex
	in map[string]bool
}

func (s *set) has(k string) bool { s.mu.Lock(); defer s.mu.Unlock(); return s.in[k] }
func (s *set) add(k string)      { s.mu.Lock(); defer s.mu.Unlock(); s.in[k] = true }
func (s *set) remove(k string)   { s.mu.Lock(); defer s.mu.Unlock(); delete(s.in, k) }

// locks are mutexes by name, each kept while somebody has or wants it.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	sync.Mutex
	users int
}

// lock waits for the name's mutex and returns what gives it back.
func (l *locks) lock(name string) (unlock func()) {
	l.mu.Lock()
	k := l.held[name]
	if k == nil {
		k = &lock{}
		l.held[name] = k
	}
	k.users++
	l.mu.Unlock()
	k.Lock()
	return func() {
		k.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(l.held, name)
		}
	}
}
