package app

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/app/preflight"
	"github.com/cardea-iac/cardea/workflow"
)

// health keeps what is known about the App, asks GitHub for it at start and on a clock, and says in
// the log what is wrong: once when it begins, once when it ends.
type health struct {
	preflight *preflight.Preflight
	github    *github.Client
	log       *slog.Logger
	now       workflow.Clock
	every     time.Duration
	again     func() // the App may do more than before: what it was refused can be tried again

	judge, ask, full chan struct{} // wake the loop: to judge, to ask who we are, to ask everything

	mu      sync.Mutex
	counter preflight.Counter
	facts   preflight.Facts
	asked   time.Time

	// Of the loop alone: what is on, and when refused deliveries were last told.
	told   map[string]said
	toldAt map[preflight.Level]time.Time
}

const (
	// askAgain is how soon after one question other calls may cause the next.
	askAgain = time.Minute
	// tellAgain is how soon refused deliveries may be told again, which anybody may send.
	tellAgain = 10 * time.Minute
)

func newHealth(c Config, client *github.Client) (*health, error) {
	p, err := preflight.New(preflight.Config{
		APIURL: c.APIURL, WebURL: c.WebURL, AppID: c.AppID, WebhookURL: c.WebhookURL, Merges: c.Merges,
	})
	if err != nil {
		return nil, err
	}
	h := &health{preflight: p, github: client, log: c.Log, now: c.Now, every: c.LookEvery, again: func() {},
		judge: make(chan struct{}, 1), ask: make(chan struct{}, 1), full: make(chan struct{}, 1),
		told: map[string]said{}, toldAt: map[preflight.Level]time.Time{}}
	if h.every == 0 {
		h.every = 5 * time.Minute
	}
	return h, nil
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

// run looks until the context ends.
func (h *health) run(ctx context.Context) error {
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	wake(h.full)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			h.look(ctx, true)
		case <-h.full:
			h.look(ctx, true)
		case <-h.ask:
			h.look(ctx, false)
		case <-h.judge:
		}
		if ctx.Err() == nil {
			h.tell(ctx)
		}
	}
}

// look asks GitHub who the App is, and then for all that is known of it.
func (h *health) look(ctx context.Context, full bool) {
	a, app, asked := h.github.Identity(ctx)
	now := h.now()
	h.mu.Lock()
	h.asked = now
	if !asked { // GitHub wants no calls now, which says nothing about the App
		h.mu.Unlock()
		return
	}
	if a.Trouble != "" && h.facts.Answer.Trouble == "" {
		h.facts.Since = now
	}
	if a.Good() && !h.facts.Answer.Good() {
		h.again()
	}
	h.facts.Answer = a
	if a.Good() {
		h.facts.Met, h.facts.App = true, app
	}
	h.mu.Unlock()
	if a.Good() && full {
		h.lookFurther(ctx)
	}
}

// lookFurther asks where the App's deliveries go and where it is installed. What cannot be read stays as it was known.
func (h *health) lookFurther(ctx context.Context) {
	hook, err := h.github.Hook(ctx)
	if err != nil {
		h.log.DebugContext(ctx, "the App's webhook is not known", "error", err)
	}
	list, errList := h.github.Installations(ctx)
	if errList != nil {
		h.log.DebugContext(ctx, "the App's installations are not known", "error", errList)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch old := h.facts.Hook; {
	case err != nil:
		h.facts.Hook.Unknown = old.Unknown || !h.facts.Listed
	case old.Unknown || !h.facts.Listed || old.URL != hook.URL:
		hook.Since = h.now()
		h.facts.Hook = hook
	default:
		hook.Since = old.Since
		h.facts.Hook = hook
	}
	if errList != nil {
		return
	}
	h.permit(list)
	h.facts.Installations, h.facts.Listed = list, true
}

// permit drops the tokens of installations whose permissions have changed: each has those of the moment when it was
// made.
func (h *health) permit(list []preflight.Installation) {
	changed := false
	for _, old := range h.facts.Installations {
		for _, in := range list {
			if in.ID == old.ID && !maps.Equal(in.Permissions, old.Permissions) {
				h.github.Forget(in.ID)
				changed = true
			}
		}
	}
	if changed {
		h.again()
	}
}

// findings are what is wrong now, and what is not.
func (h *health) findings() []preflight.Finding {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asked.IsZero() {
		return nil // nothing is known yet
	}
	f := h.facts
	f.Deliveries = h.counter.Deliveries(h.now())
	return h.preflight.Look(f)
}

// called hears of every answer of GitHub's: one that may mean something for the App has the App asked for.
func (h *health) called(kind string, status int, installation int64) {
	signed := installation == 0 || strings.HasSuffix(kind, "/access_tokens")
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.facts.Answer
	bad := status == 0 || status >= 500 || status == http.StatusUnauthorized && signed
	if kind == "GET app" || h.asked.IsZero() || h.now().Sub(h.asked) < askAgain {
		return
	}
	if bad == a.Good() && (bad || status < 300) {
		wake(h.ask)
	}
}

// tells reports whether what causes an error is told as a finding, or will be once GitHub is first asked.
func (h *health) tells(err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asked.IsZero() {
		return github.AboutTheApp(err)
	}
	return !h.facts.Answer.Good() && github.OfGitHub(err)
}

// refused counts a delivery whose signature is wrong, or that has none.
func (h *health) refused(unsigned bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counter.Refused(h.now(), unsigned) <= preflight.ManyRefused {
		wake(h.judge)
	}
}

// accepted notes a delivery with a good signature.
func (h *health) accepted() {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.counter.Deliveries(h.now())
	h.counter.Accepted(h.now())
	if before.Accepted.Before(before.Last) || before.Accepted.Before(h.facts.Hook.Since) {
		wake(h.judge)
	}
}

// said is a finding that is on, and whether the log has it.
type said struct {
	preflight.Finding
	logged bool
}

// varies are the checks whose sentence changes while they find the same.
var varies = map[string]bool{preflight.CheckGitHub: true, preflight.CheckClock: true, preflight.CheckDeliveries: true}

// tell says what has begun and what has ended since it was last told.
func (h *health) tell(ctx context.Context) {
	on, judged := map[string]said{}, map[string]bool{}
	for _, f := range h.findings() {
		judged[f.Check] = true
		if f.Level == preflight.OK {
			continue
		}
		key := f.Check + " " + f.About
		before, known := h.told[key]
		lasts := known && before.Level == f.Level && (before.Found == f.Found || varies[f.Check])
		if lasts && (before.logged || f.Check != preflight.CheckDeliveries) {
			on[key] = said{f, before.logged}
			continue
		}
		isNew := lasts || !known || f.Level == preflight.Error || before.Found != f.Found
		on[key] = said{f, isNew && h.mayTell(f)}
		if on[key].logged {
			level := slog.LevelWarn
			if f.Level == preflight.Error {
				level = slog.LevelError
			}
			h.log.Log(ctx, level, f.Found+" "+f.Fix, "check", f.Check)
		}
	}
	for key, f := range h.told {
		switch _, still := on[key]; {
		case still:
		case !judged[f.Check]: // nobody knows, now
			on[key] = f
		case f.logged:
			h.log.InfoContext(ctx, "Resolved: "+f.Found, "check", f.Check)
		}
	}
	h.told = on
}

// mayTell reports whether a finding may be told now: what anybody can cause is not told again and again.
func (h *health) mayTell(f preflight.Finding) bool {
	if f.Check != preflight.CheckDeliveries {
		return true
	}
	now := h.now()
	if now.Sub(h.toldAt[f.Level]) < tellAgain {
		return false
	}
	h.toldAt[f.Level] = now
	return true
}
