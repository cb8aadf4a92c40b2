package service

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/survey"
)

// keptSurveys is for how many pulls the last survey is kept: enough for those whose projects
// are just being applied.
const keptSurveys = 4

// surveys are the last surveys of pulls on a base tip, one per pull. The projects of one
// command share it, because for one head and one tip there is only one answer. Pulls do not
// wait for each other.
type surveys struct {
	mu   sync.Mutex
	kept []*keptSurvey // the newest last, at most keptSurveys; guarded by mu
}

// surveyed is what a survey is about.
type surveyed struct {
	pull           workflow.PullKey
	head, tip, ref string
}

// keptSurvey is a survey that is made or being made. Only the holder of its turn touches the
// fields below that.
type keptSurvey struct {
	of   surveyed // never changed
	turn chan struct{}

	done    bool
	survey  survey.Survey
	trouble *workflow.Trouble
}

// about returns the kept survey of that, or an empty one in the place of the pull's last.
func (s *surveys) about(of surveyed) *keptSurvey {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := &keptSurvey{of: of, turn: make(chan struct{}, 1)}
	if i := slices.IndexFunc(s.kept, func(k *keptSurvey) bool { return k.of.pull == of.pull }); i >= 0 {
		if s.kept[i].of == of {
			k = s.kept[i]
		}
		s.kept = slices.Delete(s.kept, i, i+1)
	}
	s.kept = append(s.kept, k)
	s.kept = slices.Delete(s.kept, 0, max(0, len(s.kept)-keptSurveys))
	return k
}

// surveyAt surveys a pull on a base tip. A caller who asks for the same meanwhile waits for
// the answer. An error is not shared: it may come from that caller's own context.
func (s *Service) surveyAt(ctx context.Context, p workflow.Pull, tip string) (survey.Survey, *workflow.Trouble, error) {
	k := s.surveys.about(surveyed{pull: p.Key(), head: p.Head.SHA, tip: tip, ref: p.Base.Ref})
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return survey.Survey{}, nil, ctx.Err()
	}
	if k.done {
		return k.survey, k.trouble, nil
	}
	p.Base.SHA = tip
	f, t, err := s.survey(ctx, p)
	if err != nil {
		return f, nil, err
	}
	if f.Checkout.Base != tip {
		return f, nil, fmt.Errorf("the base branch moved to %s while it was being read", phrase.Short(f.Checkout.Base))
	}
	k.done, k.survey, k.trouble = true, f, t
	return f, t, nil
}
