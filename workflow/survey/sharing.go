package survey

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/cardea-iac/cardea/workflow"
)

// keepers are the projects of base and of the planned tree by the state that they
// keep. They are found when the first project is asked about.
type keepers struct {
	mu     sync.Mutex
	found  bool
	places []keptPlace // each identity once
	index  map[string]int
}

// keptPlace is a state with the projects that keep it, as far as rules are about them.
type keptPlace struct {
	identity string
	place    workflow.PlacedState
	projects []keeper
	seen     map[string]bool
}

// keeper is a project as far as rules are about it, and what decides which hold.
type keeper struct {
	workflow.Project
	rules string
}

// Share notes with a run the projects other than its own that keep its state, or may,
// of base and of the planned tree, whether the change affects them or not: a new
// name for a state must not be a way around the rules of the project whose state it
// is. Where nobody knows which state it is, the strictest rules are among theirs.
func (s Survey) Share(ctx context.Context, r *workflow.Run) error {
	if err := s.findKeepers(ctx); err != nil {
		return err
	}
	p, mine := r.Project, r.States.Places()
	if r.States.Unknown() {
		strictest := workflow.Ruled(p)
		strictest.Strictest = true
		r.Sharing = append(r.Sharing, strictest)
	}
	same, like, kept := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, place := range s.states.places {
		if !slices.ContainsFunc(mine, place.place.MayBeOne) {
			continue
		}
		names := like
		if r.States.Surely(workflow.States{place.identity}) {
			names = same
		}
		for _, q := range place.projects {
			if q.Key() == p.Key() {
				continue
			}
			names[q.Name] = true
			if len(r.Sharing) < workflow.MaxTold || !kept[q.rules] {
				kept[q.rules] = true
				r.Sharing = append(r.Sharing, q.Project)
			}
		}
	}
	maps.DeleteFunc(like, func(name string, _ bool) bool { return same[name] })
	r.SameState = workflow.OthersOf(slices.Collect(maps.Keys(same)))
	r.LikeState = workflow.OthersOf(slices.Collect(maps.Keys(like)))
	return nil
}

// findKeepers asks once which state each project keeps.
func (s Survey) findKeepers(ctx context.Context) error {
	k := s.states
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.found {
		return nil
	}
	k.places, k.index = nil, map[string]int{}
	for _, tree := range []struct {
		tree     workflow.Tree
		found    workflow.Discovery
		projects []workflow.Project
	}{
		{s.Checkout.BaseTree, s.BaseFound, s.Resolution.BaseProjects}, {s.Checkout.Planned, s.Found, s.Resolution.Projects},
	} {
		for _, p := range tree.projects {
			states, err := s.engines.States(ctx, tree.tree, tree.found, p)
			if err != nil {
				return fmt.Errorf("finding out which state %s keeps: %w", p.Name, err)
			}
			for _, identity := range states {
				k.note(identity, workflow.Ruled(p))
			}
		}
	}
	k.found = true
	return nil
}

func (k *keepers) note(identity string, p workflow.Project) {
	i, ok := k.index[identity]
	if !ok {
		i = len(k.places)
		k.index[identity] = i
		k.places = append(k.places,
			keptPlace{identity: identity, place: workflow.ParsePlace(identity), seen: map[string]bool{}})
	}
	key := p.Key()
	rules := workflow.RulesOf(p)
	entry := fmt.Sprintf("%q %q %s", p.Name, key, rules)
	if place := &k.places[i]; !place.seen[entry] {
		place.seen[entry] = true
		place.projects = append(place.projects, keeper{p, rules})
	}
}
