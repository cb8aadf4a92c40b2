package workflow

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// Engines are all that a server has, in the order in which they look at a tree. They do what one
// engine does, each for its own projects; a project of another engine is refused.
type Engines []Engine

// Of is a project's engine, false when there is none of that name.
func (e Engines) Of(p Project) (Engine, bool) {
	for _, engine := range e {
		if engine.Kind().Name == p.Engine {
			return engine, true
		}
	}
	return nil, false
}

// KindOf is [Kinds.Of] of all engines.
func (e Engines) KindOf(p Project) Kind { return e.Kinds().Of(p) }

// Kinds are those of all engines, in their order.
func (e Engines) Kinds() Kinds {
	var out Kinds
	for _, engine := range e {
		out = append(out, engine.Kind())
	}
	return out
}

// refusal says, as a sentence, that there is no engine for a project.
func (e Engines) refusal(p Project) string {
	var names []string
	for _, k := range e.Kinds() {
		names = append(names, phrase.CodeSpan(k.Name))
	}
	return fmt.Sprintf("This server has no engine %s: it has %s. Ask whoever runs the server.",
		phrase.Name(p.Engine), phrase.AndList(names))
}

// Discover is what all engines find in a tree. Of a directory that several have files in, module
// and unit are the first one's, with what the others read there.
func (e Engines) Discover(ctx context.Context, t Tree) (Discovery, error) {
	if len(e) == 1 {
		return e[0].Discover(ctx, t)
	}
	all := Discovery{Modules: map[string]Module{}, Units: map[string]Unit{}, Links: map[string][]string{}, own: map[string]Discovery{}}
	for _, engine := range e {
		found, err := engine.Discover(ctx, t)
		if err != nil {
			return Discovery{}, err
		}
		name := engine.Kind().Name
		all.own[name] = found
		for dir, m := range found.Modules {
			m.Engine = name
			if first, ok := all.Modules[dir]; ok {
				m = first.with(m)
			}
			all.Modules[dir] = m
		}
		for dir, u := range found.Units {
			if first, ok := all.Units[dir]; ok {
				u = first.with(u)
			}
			all.Units[dir] = u
		}
		all.UnitNames = union(all.UnitNames, found.UnitNames)
		maps.Copy(all.Links, found.Links)
	}
	return all, nil
}

// States is [Engine.States] of the project's engine; of one that is not here nothing is known.
func (e Engines) States(ctx context.Context, t Tree, d Discovery, p Project) (States, error) {
	engine, ok := e.Of(p)
	if !ok {
		return nil, nil
	}
	return engine.States(ctx, t, d.of(p), p)
}

// Inputs is [Engine.Inputs] of the project's engine; a project of one that is not here is refused.
func (e Engines) Inputs(ctx context.Context, t Tree, d Discovery, p Project) (Inputs, error) {
	engine, ok := e.Of(p)
	if !ok {
		return Inputs{Refused: e.refusal(p)}, nil
	}
	return engine.Inputs(ctx, t, d.of(p), p)
}

// Plan is [Engine.Plan] of the project's engine.
func (e Engines) Plan(ctx context.Context, job PlanJob) (Result, error) {
	engine, ok := e.Of(job.Project)
	if !ok {
		return Result{Outcome: OutcomeFailed, NotStarted: true, Reason: e.refusal(job.Project)}, nil
	}
	return engine.Plan(ctx, job)
}

// Apply is [Engine.Apply] of the project's engine.
func (e Engines) Apply(ctx context.Context, job ApplyJob) (Result, error) {
	engine, ok := e.Of(job.Project)
	if !ok {
		return Result{Outcome: OutcomeFailed, NotStarted: true, Reason: e.refusal(job.Project)}, nil
	}
	return engine.Apply(ctx, job)
}

// with is the module of a directory in which another engine has files too: what both read.
func (m Module) with(other Module) Module {
	for _, l := range []struct {
		into *[]string
		more []string
	}{
		{&m.Calls, other.Calls}, {&m.Tests, other.Tests}, {&m.Links, other.Links},
		{&m.Files, other.Files}, {&m.RootFiles, other.RootFiles}, {&m.Words, other.Words}, {&m.Ends, other.Ends},
		{&m.Computed, other.Computed}, {&m.InputPaths, other.InputPaths},
		{&m.AnySource, other.AnySource}, {&m.Commands, other.Commands},
	} {
		*l.into = union(*l.into, l.more)
	}
	m.Parts, m.RootParts = slices.Concat(m.Parts, other.Parts), slices.Concat(m.RootParts, other.RootParts)
	m.Diagnostics = slices.Concat(m.Diagnostics, other.Diagnostics)
	m.KeepsState, m.SaysWhich = m.KeepsState || other.KeepsState, m.SaysWhich || other.SaysWhich
	return m
}

// with is the unit of a directory that is one to another engine, too.
func (u Unit) with(other Unit) Unit {
	u.Calls, u.Nested = union(u.Calls, other.Calls), u.Nested || other.Nested
	return u
}

// union is what stands in one of two lists, sorted.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// of is what a project's engine found itself.
func (d Discovery) of(p Project) Discovery {
	if own, ok := d.own[p.Engine]; ok {
		return own
	}
	return d // one engine's own already
}
