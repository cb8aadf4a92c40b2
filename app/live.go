package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/app/report"
	"github.com/cardea-iac/cardea/workflow"
)

// shareFor is how long live facts are given to others who ask for the same: long
// enough for the projects of one apply that become ready together, and short
// enough that they are not ten seconds old when terraform starts.
const shareFor = 7 * time.Second

// liveKey is whose facts: what a pull is, as one person asks for it.
type liveKey struct {
	pull  workflow.PullKey
	actor int64
}

// sharing holds live facts for a moment, so that the projects of one apply cost
// one look. Whoever asks while somebody looks waits for what that one sees.
type sharing struct {
	mu   sync.Mutex
	held map[liveKey]*shared
}

type shared struct {
	mu    sync.Mutex // held while looking
	facts workflow.LiveFacts
	read  bool
}

func (s *sharing) of(k liveKey) *shared {
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

// forget drops what is held of a pull: what is read from now on is newer than whatever happened until now.
func (s *sharing) forget(pull workflow.PullKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.held {
		if k.pull == pull {
			delete(s.held, k)
		}
	}
}

// Live reads what GitHub says of a pull now: the pull, its base's tip, reviews,
// required checks, and the roles of the actor and the approvers. Who asks for the
// same pull and actor within a few seconds gets the same facts, with the roles of
// further approvers added; Read says how old they are. What could not be found
// out is in Errors; an error means that nothing could be, and a passing one that
// another try may.
func (a *App) Live(ctx context.Context, p workflow.Pull, actor workflow.Actor, approvers []workflow.Actor) (workflow.LiveFacts, error) {
	e := a.shared.of(liveKey{p.Key(), actor.ID})
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.read || a.config.Now().Sub(e.facts.Read) > shareFor {
		facts, err := a.look(ctx, asking{p, actor, approvers, true})
		if err != nil {
			e.read = false
			return facts, err
		}
		e.facts, e.read = clone(facts), len(facts.Errors) == 0 // an error is nobody else's
		return facts, nil
	}
	var more []workflow.Actor
	for _, who := range approvers {
		if _, known := e.facts.Roles[who.ID]; !known {
			more = append(more, who)
		}
	}
	facts := clone(e.facts)
	if len(more) > 0 {
		roles, trouble := a.github.Roles(ctx, facts.Pull.Repo, more)
		for id, role := range roles {
			facts.Roles[id] = role
		}
		if len(trouble) == 0 {
			e.facts = clone(facts)
		}
		facts.Errors = append(facts.Errors, trouble...)
	}
	return facts, nil
}

func clone(f workflow.LiveFacts) workflow.LiveFacts {
	f.Roles, f.Errors = maps.Clone(f.Roles), slices.Clone(f.Errors)
	return f
}

// asking is what live facts are asked for.
type asking struct {
	pull      workflow.Pull // repository and number are enough
	actor     workflow.Actor
	approvers []workflow.Actor
	// mergeable: whether it can be merged matters, so it is waited for.
	mergeable bool
}

// look reads live facts, from GitHub and not from what is held.
func (a *App) look(ctx context.Context, as asking) (workflow.LiveFacts, error) {
	f, since, err := a.github.Facts(ctx, github.FactsInput{Repo: as.pull.Repo, Number: as.pull.Number, Wait: as.mergeable, Own: report.Ours})
	if err != nil {
		return workflow.LiveFacts{}, err
	}
	people := []workflow.Actor{as.actor}
	for _, who := range as.approvers {
		if !slices.ContainsFunc(people, func(x workflow.Actor) bool { return x.ID == who.ID }) {
			people = append(people, who)
		}
	}
	roles, trouble := a.github.Roles(ctx, f.Pull.Repo, people)
	return workflow.LiveFacts{
		Read: since, Pull: f.Pull, Actor: as.actor, Roles: roles, BaseTip: f.BaseTip, Conflicts: f.Conflicts, ReviewDecision: f.ReviewDecision,
		ApprovedHead: f.ApprovedHead, Required: f.Required, Errors: append(f.Trouble, trouble...),
	}, nil
}

// live reports whether a command is decided by live facts rather than by the pull alone.
func live(req workflow.Request) bool {
	if req.Kind != workflow.RequestCommand || req.Command == nil {
		return false
	}
	switch req.Command.Verb {
	case workflow.VerbApply, workflow.VerbApprove, workflow.VerbUnapprove, workflow.VerbLock, workflow.VerbUnlock, workflow.VerbCancel, workflow.VerbResolve:
		return true
	}
	return false
}

// facts reads what a request is carried out by: the pull, and for some commands
// the live facts and the sender's role with it.
func (a *App) facts(ctx context.Context, req workflow.Request) (workflow.Expansion, error) {
	e := workflow.Expansion{Request: req}
	if !live(req) {
		pull, err := a.github.Pull(ctx, req.Repo, req.Number)
		e.Pull = pull
		return e, err
	}
	var approvers []workflow.Actor
	if req.Command.Verb == workflow.VerbApply {
		rec, err := a.config.Service.Pull(ctx, req.PullKey())
		if err != nil && !errors.Is(err, workflow.ErrNotFound) {
			return e, err
		}
		approvers = approversOf(rec)
	}
	apply := req.Command.Verb == workflow.VerbApply
	facts, err := a.look(ctx, asking{workflow.Pull{Repo: req.Repo, Number: req.Number}, req.Actor, approvers, apply})
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

// approversOf are the people whose approvals of a pull's plans count still.
func approversOf(rec workflow.PullRecord) (out []workflow.Actor) {
	for _, p := range rec.Projects {
		for _, ap := range p.Approvals {
			if ap.Void == "" && !slices.ContainsFunc(out, func(x workflow.Actor) bool { return x.ID == ap.User.ID }) {
				out = append(out, ap.User)
			}
		}
	}
	return out
}
