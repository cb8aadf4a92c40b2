package localgithub

import (
	"context"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// moving is a pull that a push moves, and what git says of it.
type moving struct {
	pull   *model.Pull
	dir    string // of the base repository
	from   string // directory of the fork to fetch the head from, or ""
	base   string
	facts  bare.Facts
	merged bool
}

// follow updates everything that depends on the changed refs, and sends the events: push,
// then the pulls'.
func (s *Server) follow(ctx context.Context, r *model.Repo, by *model.Account, all []bare.Change) error {
	for _, ch := range all {
		s.mu.Lock()
		r.Pushed = s.now()
		heads, bases := s.touched(r, ch)
		s.mu.Unlock()

		info, err := s.pushInfo(ctx, r, ch)
		if err != nil {
			return err
		}
		for i := range heads {
			if err := s.measure(ctx, &heads[i], ch.New); err != nil {
				return err
			}
		}
		for i := range bases {
			if ch.New == bare.ZeroSHA {
				break
			}
			if bases[i].merged, err = s.git.IsAncestor(ctx, r.Dir, bases[i].pull.Head, ch.New); err != nil {
				return err
			}
		}
		s.mu.Lock()
		s.applyPush(r, by, ch, info, heads, bases)
		s.mu.Unlock()
	}
	return nil
}

// touched are the open pulls whose head, and those whose base, is the changed branch.
func (s *Server) touched(r *model.Repo, ch bare.Change) (heads, bases []moving) {
	if !strings.HasPrefix(ch.Ref, "refs/heads/") {
		return nil, nil
	}
	for _, other := range s.st.Repos {
		for _, p := range other.Pulls() {
			if p.Closed != nil {
				continue
			}
			if p.HeadRepo == r && p.HeadRef == ch.Branch() {
				m := moving{pull: p, dir: p.Repo.Dir, base: p.BaseRef}
				if p.Repo != r {
					m.from = r.Dir
				}
				heads = append(heads, m)
			}
			if p.Repo == r && p.BaseRef == ch.Branch() {
				bases = append(bases, moving{pull: p})
			}
		}
	}
	byNumber := func(m []moving) { sort.Slice(m, func(i, j int) bool { return m[i].pull.ID < m[j].pull.ID }) }
	byNumber(heads)
	byNumber(bases)
	return heads, bases
}

// measure brings a pull's new head into the base repository, moves refs/pull/N/head to it, and counts the diff.
func (s *Server) measure(ctx context.Context, m *moving, head string) error {
	if head == bare.ZeroSHA {
		return nil
	}
	if err := s.pullRef(ctx, m.dir, m.from, m.pull.Number, head); err != nil {
		return err
	}
	base, err := s.git.Resolve(ctx, m.dir, m.base)
	if err != nil {
		return err
	}
	if base == "" {
		base = m.pull.Base
	}
	m.base = base
	m.facts, err = s.git.Facts(ctx, m.dir, base, head)
	return err
}

func (s *Server) applyPush(r *model.Repo, by *model.Account, ch bare.Change, info pushInfo, heads, bases []moving) {
	if strings.HasPrefix(ch.Ref, "refs/heads/") {
		r.Tips[ch.Branch()] = ch.New
		if ch.New == bare.ZeroSHA {
			delete(r.Tips, ch.Branch())
		}
	}
	s.emitPush(r, by, ch, info)
	for _, m := range heads {
		p := m.pull
		if ch.New == bare.ZeroSHA {
			s.closePull(p, by)
			continue
		}
		before := p.Head
		p.Head, p.Base, p.Facts, p.Updated = ch.New, m.base, m.facts, s.now()
		p.Mergability = model.Mergability{}
		s.dismissStale(p, by)
		s.emitPull(p, "synchronize", by, obj{"before": before, "after": ch.New})
	}
	for _, m := range bases {
		p := m.pull
		p.Mergability = model.Mergability{}
		switch {
		case p.Closed != nil: // closed by the same push
		case ch.New == bare.ZeroSHA:
			s.closePull(p, by)
		case m.merged:
			s.markMerged(p, by, p.Head)
		}
	}
	if strings.HasPrefix(ch.Ref, "refs/heads/") && ch.New != bare.ZeroSHA {
		s.requestSuites(r, by, ch, info)
	}
}

// dismissStale dismisses approvals when the base branch asks for that.
func (s *Server) dismissStale(p *model.Pull, by *model.Account) {
	if !p.Repo.Protection[p.BaseRef].DismissStale {
		return
	}
	for _, rv := range p.Reviews {
		if rv.State == "APPROVED" && rv.Commit != p.Head {
			rv.State = "DISMISSED"
			s.emitReview(rv, "dismissed", by, nil)
		}
	}
}

// closePull closes without a merge.
func (s *Server) closePull(p *model.Pull, by *model.Account) {
	now := s.now()
	p.Closed, p.Updated = &now, now
	s.emitPull(p, "closed", by, nil)
}

func (s *Server) markMerged(p *model.Pull, by *model.Account, sha string) {
	now := s.now()
	p.Closed, p.Merged, p.Updated, p.MergedBy, p.MergeSHA = &now, &now, now, by, sha
	s.emitPull(p, "closed", by, nil)
}

// pullRef moves refs/pull/N/head in the base repository in dir, fetching the commit from a fork in from when given.
func (s *Server) pullRef(ctx context.Context, dir, from string, number int, head string) error {
	ref := pullRefName(number, "head")
	if from != "" {
		_, err := s.git.Run(ctx, dir, "fetch", "-q", "--no-tags", from, "+"+head+":"+ref)
		return err
	}
	return s.git.UpdateRef(ctx, dir, ref, head, "")
}
