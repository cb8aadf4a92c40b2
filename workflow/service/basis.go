package service

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
	"github.com/cardea-iac/cardea/workflow/survey"
)

// basis says whether plans are still what head merged into the base's present tip would give.
type basis struct {
	tip    string              // the base's tip it was found for
	of     []workflow.Run      // the plans that were compared with it
	same   map[string]sameness // by plan run
	faulty bool                // the base's present `.cardea.yml` is faulty
	doubts []string            // what could not be found out, sentences
	// passing: one of them may pass, so another try may find it out. anew: head cannot be planned
	// on that tip, and a new plan shows why.
	passing, anew bool
}

// outdates reports whether what is missing asks for a new plan on the base's present tip.
func (b basis) outdates(missing []workflow.Missing) bool {
	return b.anew || gate.Lacks(missing, workflow.NeedUpToDate)
}

// compared reports whether a project's present plan is one of those: another one may have taken its
// place meanwhile.
func (b basis) compared(p workflow.ProjectRecord) bool {
	return slices.ContainsFunc(b.of, func(r workflow.Run) bool { return p.Run != nil && p.Run.ID == r.ID })
}

// doubt notes what could not be found out.
func (b *basis) doubt(said string, err error) {
	b.doubts = append(b.doubts, said)
	b.passing = b.passing || errors.Is(err, workflow.ErrPassing)
}

// sameness says whether a plan would be made from the same inputs and the same tree, and what
// the project is on that base: the present `.cardea.yml` may require more of it, or give it a
// stricter environment, while its plan stays the same.
type sameness struct {
	inputs, tree bool
	project      *workflow.Project
	sharing      []workflow.Project
}

// add tells the gate how things are on the base's present tip: the rules that hold for the
// project there hold in addition to those that held when it was planned.
func (now sameness) add(in *gate.Input) {
	in.SameInputs, in.SameTree = now.inputs, now.tree
	in.Sharing = append(in.Sharing, now.sharing...)
	if now.project != nil {
		in.Sharing = append(in.Sharing, *now.project)
		in.DependOn(now.project.DependsOn)
	}
}

// findBasis compares plans with the base's present tip. If a plan was made on that very tip,
// nothing has to be looked at; otherwise head is merged again and read, as for a new plan,
// but nothing is written.
func (s *Service) findBasis(ctx context.Context, rec workflow.PullRecord, tip string, plans []workflow.Run) basis {
	b := basis{tip: tip, of: plans, same: map[string]sameness{}, faulty: rec.BaseFaulty}
	var moved []workflow.Run
	for _, r := range plans {
		if r.Base == tip && r.Head == rec.Pull.Head.SHA {
			b.same[r.ID] = sameness{true, true, &r.Project, r.Sharing}
			continue
		}
		moved = append(moved, r)
	}
	if len(moved) == 0 || tip == "" {
		return b // if there is no tip, the gate says so
	}
	f, t, err := s.surveyAt(ctx, rec.Pull, tip)
	switch {
	case err != nil:
		s.log.Warn("merging with the current base", "pull", rec.Pull.Key().String(), "err", err)
		b.doubt("It could not be determined whether the base changed what is applied: "+phrase.Sentence(err.Error()), err)
		return b
	case t != nil:
		// A conflict, or a faulty configuration: nothing is the same, and which rules hold is not known.
		b.anew = true
		b.doubts = append(b.doubts, fmt.Sprintf("It is not known what %s now says about what is applied: %s",
			phrase.Name(rec.Pull.Base.Ref), phrase.Say("%s.", t.Title).And(phrase.All(t.Sentences))))
		return b
	}
	b.faulty = f.BaseFaulty
	for _, r := range moved {
		same, err := compare(ctx, f, r)
		if err == nil && same.inputs && !same.tree {
			same.inputs, err = s.namedStand(ctx, r, f.Checkout.Planned.ID)
		}
		if err != nil {
			b.doubt(fmt.Sprintf("The inputs of `%s` could not be read: %s", r.Project.Name, phrase.Sentence(err.Error())), err)
		}
		b.same[r.ID] = same
	}
	return b
}

// namedStand reports whether everything that a plan names is the same in another tree.
func (s *Service) namedStand(ctx context.Context, was workflow.Run, tree string) (bool, error) {
	plan, err := s.Plan(ctx, was.ID)
	if err != nil {
		return false, err
	}
	moved, err := s.namedMoved(ctx, was, plan, tree)
	return !moved, err
}

// compare says whether a project's plan would be made from the same inputs, and from the same tree.
func compare(ctx context.Context, s survey.Survey, was workflow.Run) (sameness, error) {
	var same sameness
	for _, p := range s.Resolution.Projects {
		if p.Key() != was.Project.Key() {
			continue
		}
		same.project = &p
		now, refused, err := s.PlanRun(ctx, p)
		if err != nil {
			return same, err
		}
		same.sharing = now.Sharing
		if refused == "" && slices.Equal(now.States, was.States) {
			same.inputs = now.Head == was.Head && now.InputsDigest == was.InputsDigest
			same.tree = same.inputs && now.Tree == was.Tree
			return same, nil
		}
	}
	// It is gone there, refused, or keeps another state by now; the keepers of the state that the
	// plan would write have a say all the same.
	written := workflow.Run{Project: was.Project, States: was.States}
	err := s.Share(ctx, &written)
	same.sharing = slices.Concat(same.sharing, written.Sharing)
	return same, err
}
