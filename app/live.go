package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/app/report"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// shareFor is how long an answer of GitHub is shared with others who ask for the same: long
// enough for the projects of one apply that become ready together, and short enough that the
// answer is not ten seconds old when terraform starts.
const shareFor = 7 * time.Second

// sharing holds what GitHub said of pulls for a moment, so that the projects of one apply,
// and several people's applies of one pull, cost one look. A caller who asks while another is
// looking waits for what the other sees.
type sharing struct {
	mu   sync.Mutex
	held map[workflow.PullKey]*shared
}

// shared is what was seen of one pull. Facts with trouble and roles that could not be read
// are not kept for others.
type shared struct {
	mu    sync.Mutex // held while looking
	facts github.Facts
	since time.Time // when the facts were asked for; zero: there are none
	roles map[int64]seenRole
}

type seenRole struct {
	role  workflow.Role
	since time.Time
}

func (s *sharing) of(k workflow.PullKey) *shared {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.held[k]
	if e == nil {
		if len(s.held) > 100 { // what is not held is read
			clear(s.held)
		}
		e = &shared{}
		s.held[k] = e
	}
	return e
}

// forget drops what is held of a pull, so that what is read from now on is newer than
// everything that happened until now.
func (s *sharing) forget(pull workflow.PullKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, pull)
}

// Live reads what GitHub says of a pull now: the pull, its base's tip, reviews, required
// checks, and the roles of the actor and the approvers. What another caller was told within
// the last few seconds is not asked again; Read says how old the oldest part is. What could
// not be found out is in Errors. An error means that nothing could be found out, a passing
// error that another try may succeed.
func (a *App) Live(ctx context.Context, p workflow.Pull, actor workflow.Actor,
	approvers []workflow.Actor) (workflow.LiveFacts, error) {
	e := a.shared.of(p.Key())
	e.mu.Lock()
	defer e.mu.Unlock()
	return a.look(ctx, e, asking{p, actor, approvers, true})
}

// asking is what live facts are asked for.
type asking struct {
	pull      workflow.Pull // repository and number are enough
	actor     workflow.Actor
	approvers []workflow.Actor
	// mergeable: it matters whether the pull can be merged, so we wait for GitHub to say.
	mergeable bool
}

// look reads live facts, from GitHub where those that are held are missing or too old.
func (a *App) look(ctx context.Context, e *shared, as asking) (workflow.LiveFacts, error) {
	if e.since.IsZero() || a.config.Now().Sub(e.since) > shareFor {
		f, since, err := a.github.Facts(ctx,
			github.FactsInput{Repo: as.pull.Repo, Number: as.pull.Number, Wait: as.mergeable, Own: report.Ours})
		e.facts, e.since = f, since
		if err != nil {
			e.since = time.Time{}
			return workflow.LiveFacts{}, err
		}
	}
	f := e.facts
	out := workflow.LiveFacts{
		Read: e.since, Pull: f.Pull, Actor: as.actor, BaseTip: f.BaseTip, Conflicts: f.Conflicts,
		ReviewDecision: f.ReviewDecision, Reviews: f.Reviews, MoreReviews: f.MoreReviews,
		ApprovedHead: f.ApprovedHead, Required: f.Required,
	}
	if len(f.Trouble) > 0 {
		e.since = time.Time{}
	}
	people := append([]workflow.Actor{as.actor}, as.approvers...)
	read, trouble := a.roleOf(ctx, e, people, &out)
	if read.Before(out.Read) {
		out.Read = read
	}
	out.Errors = append(slices.Clone(f.Trouble), trouble...)
	return out, nil
}

// roleOf fills in people's roles, and returns when the oldest of them was asked for.
func (a *App) roleOf(ctx context.Context, e *shared, people []workflow.Actor,
	out *workflow.LiveFacts) (oldest time.Time, trouble []string) {
	now := a.config.Now()
	oldest, out.Roles = now, map[int64]workflow.Role{}
	var ask []workflow.Actor
	for _, who := range people {
		seen, held := e.roles[who.ID]
		switch {
		case held && now.Sub(seen.since) <= shareFor:
			out.Roles[who.ID] = seen.role
			if seen.since.Before(oldest) {
				oldest = seen.since
			}
		case !slices.ContainsFunc(ask, func(x workflow.Actor) bool { return x.ID == who.ID }):
			ask = append(ask, who)
		}
	}
	roles, trouble := a.github.Roles(ctx, out.Pull.Repo, ask)
	if e.roles == nil {
		e.roles = map[int64]seenRole{}
	}
	for id, role := range roles {
		out.Roles[id], e.roles[id] = role, seenRole{role, now}
	}
	return oldest, trouble
}

// live reports whether a command, or a review that approves, is decided by live facts rather than
// by the pull alone.
func live(req workflow.Request) bool {
	if req.ApprovesByReview() {
		return true
	}
	if req.Kind != workflow.RequestCommand || req.Command == nil {
		return false
	}
	switch req.Command.Verb {
	case workflow.VerbApply, workflow.VerbApprove, workflow.VerbUnapprove, workflow.VerbLock, workflow.VerbUnlock,
		workflow.VerbCancel, workflow.VerbResolve:
		return true
	}
	return false
}

// facts reads what a request that a pull shows is carried out by: the pull, and for
// some commands the live facts and the sender's role with it. rec is what is known of the pull.
func (a *App) facts(
	ctx context.Context, req workflow.Request, key workflow.PullKey, rec workflow.PullRecord,
) (service.Expansion, error) {
	e := service.Expansion{Request: req}
	if !live(req) {
		pull, err := a.github.Pull(ctx, req.Repo, key.Number)
		e.Pull = pull
		return e, err
	}
	var approvers []workflow.Actor
	apply := req.Command != nil && req.Command.Verb == workflow.VerbApply
	if apply {
		approvers = rec.Approvers()
	}
	facts, err := a.look(ctx, &shared{},
		asking{workflow.Pull{Repo: req.Repo, Number: key.Number}, req.Actor, approvers, apply})
	if err != nil {
		return e, err
	}
	e.Pull, e.Live = facts.Pull, &facts
	role, known := facts.Roles[req.Actor.ID]
	if e.ActorRole = role; !known {
		e.RoleError = errors.New(strings.Join(facts.Errors, " "))
	}
	return e, nil
}
