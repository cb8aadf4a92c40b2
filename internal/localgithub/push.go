package localgithub

import (
	"context"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
)

// moving is a pull that a push moves, and what git says of it.
type moving struct {
	pull   *pull
	dir    string // of the base repository
	from   string // directory of the fork to fetch the head from, or ""
	base   string
	facts  bare.Facts
	merged bool
}

// follow lets everything that hangs on the changed refs follow them, and sends the events: push, then the pulls'.
func (s *Server) follow(ctx context.Context, r *repo, by *account, all []bare.Change) error {
	for _, ch := range all {
		s.mu.Lock()
		r.pushed = s.now()
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
			if bases[i].merged, err = s.git.IsAncestor(ctx, r.dir, bases[i].pull.head, ch.New); err != nil {
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
func (s *Server) touched(r *repo, ch bare.Change) (heads, bases []moving) {
	if !strings.HasPrefix(ch.Ref, "refs/heads/") {
		return nil, nil
	}
	for _, other := range s.st.repos {
		for _, p := range other.pulls() {
			if p.closed != nil {
				continue
			}
			if p.headRepo == r && p.headRef == ch.Branch() {
				m := moving{pull: p, dir: p.repo.dir, base: p.baseRef}
				if p.repo != r {
					m.from = r.dir
				}
				heads = append(heads, m)
			}
			if p.repo == r && p.baseRef == ch.Branch() {
				bases = append(bases, moving{pull: p})
			}
		}
	}
	byNumber := func(m []moving) { sort.Slice(m, func(i, j int) bool { return m[i].pull.id < m[j].pull.id }) }
	byNumber(heads)
	byNumber(bases)
	return heads, bases
}

// measure brings a pull's new head into the base repository, moves refs/pull/N/head to it, and counts the diff.
func (s *Server) measure(ctx context.Context, m *moving, head string) error {
	if head == bare.ZeroSHA {
		return nil
	}
	if err := s.pullRef(ctx, m.dir, m.from, m.pull.number, head); err != nil {
		return err
	}
	base, err := s.git.Resolve(ctx, m.dir, m.base)
	if err != nil {
		return err
	}
	if base == "" {
		base = m.pull.base
	}
	m.base = base
	m.facts, err = s.git.Facts(ctx, m.dir, base, head)
	return err
}

func (s *Server) applyPush(r *repo, by *account, ch bare.Change, info pushInfo, heads, bases []moving) {
	if strings.HasPrefix(ch.Ref, "refs/heads/") {
		r.tips[ch.Branch()] = ch.New
		if ch.New == bare.ZeroSHA {
			delete(r.tips, ch.Branch())
		}
	}
	s.emitPush(r, by, ch, info)
	for _, m := range heads {
		p := m.pull
		if ch.New == bare.ZeroSHA {
			s.closePull(p, by)
			continue
		}
		before := p.head
		p.head, p.base, p.facts, p.updated = ch.New, m.base, m.facts, s.now()
		p.mergable = mergability{}
		s.dismissStale(p, by)
		s.emitPull(p, "synchronize", by, obj{"before": before, "after": ch.New})
	}
	for _, m := range bases {
		p := m.pull
		p.mergable = mergability{}
		switch {
		case p.closed != nil: // closed by the same push
		case ch.New == bare.ZeroSHA:
			s.closePull(p, by)
		case m.merged:
			s.markMerged(p, by, p.head)
		}
	}
	if strings.HasPrefix(ch.Ref, "refs/heads/") && ch.New != bare.ZeroSHA {
		s.requestSuites(r, by, ch, info)
	}
}

// dismissStale takes approvals back when the base branch asks for that.
func (s *Server) dismissStale(p *pull, by *account) {
	if !p.repo.protection[p.baseRef].DismissStale {
		return
	}
	for _, rv := range p.reviews {
		if rv.state == "APPROVED" && rv.commit != p.head {
			rv.state = "DISMISSED"
			s.emitReview(rv, "dismissed", by)
		}
	}
}

// closePull closes without a merge.
func (s *Server) closePull(p *pull, by *account) {
	now := s.now()
	p.closed, p.updated = &now, now
	s.emitPull(p, "closed", by, nil)
}

func (s *Server) markMerged(p *pull, by *account, sha string) {
	now := s.now()
	p.closed, p.merged, p.updated, p.mergedBy, p.mergeSHA = &now, &now, now, by, sha
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
