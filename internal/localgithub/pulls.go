package localgithub

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

func (c *call) pull() *model.Pull {
	if is := c.repo.Issues[int(c.number("number"))]; is != nil {
		return is.Pull
	}
	return nil
}

func listPulls(c *call) reply {
	state, head, base := c.query("state"), c.query("head"), c.query("base")
	if state == "" {
		state = "open"
	}
	all := slices.DeleteFunc(c.repo.Pulls(), func(p *model.Pull) bool {
		return state != "all" && p.State() != state || base != "" && p.BaseRef != base ||
			strings.Contains(head, ":") && p.HeadName+":"+p.HeadRef != head
	})
	slices.SortStableFunc(all, func(a, b *model.Pull) int {
		switch c.query("sort") {
		case "updated":
			return a.Updated.Compare(b.Updated)
		default:
			return a.Number - b.Number
		}
	})
	if c.query("direction") == "desc" ||
		c.query("direction") == "" && (c.query("sort") == "" || c.query("sort") == "created") {
		slices.Reverse(all)
	}
	return each(c, all, func(p *model.Pull) obj { return c.s.render.Pull(p, false) })
}

// getPull starts the background job for mergeable when nobody looked before; until it is done mergeable is null.
func getPull(c *call) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	c.s.workOutMergeable(p)
	return ok(c.s.render.Pull(p, true))
}

// workOutMergeable makes the test merge in the background, once for each pair of head and base. The caller holds s.mu.
func (s *Server) workOutMergeable(p *model.Pull) {
	if p.Closed != nil || p.Mergability.Known || p.Mergability.Running {
		return
	}
	p.Mergability = model.Mergability{Running: true}
	head, baseRef, dir, number, by := p.Head, p.BaseRef, p.Repo.Dir, p.Number, s.signature(p.Author)
	s.background(func() {
		m, err := s.testMerge(dir, baseRef, head, number, by)
		if err != nil && s.base.Err() == nil {
			s.log.Error("test merge", "repo", dir, "pull", number, "err", err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if p.Head == head && p.BaseRef == baseRef && p.Mergability.Running {
			p.Mergability = m
		}
	})
}

// testMerge merges head into the base branch and leaves the merge at refs/pull/N/merge.
func (s *Server) testMerge(dir, baseRef, head string, number int, by bare.Signature) (model.Mergability, error) {
	base, err := s.git.Resolve(s.base, dir, "refs/heads/"+baseRef)
	if err != nil || base == "" {
		return model.Mergability{}, err
	}
	tree, clean, err := s.git.MergeTree(s.base, dir, base, head)
	if err != nil {
		return model.Mergability{}, err
	}
	m := model.Mergability{Known: true, OK: clean}
	uptodate, err := s.git.IsAncestor(s.base, dir, base, head)
	if err != nil {
		return model.Mergability{}, err
	}
	m.Behind = !uptodate
	if !clean {
		return m, nil
	}
	m.TestMerge, err = s.git.CommitTree(s.base, dir, tree, fmt.Sprintf("Merge %s into %s", head, base), by, base, head)
	if err != nil {
		return model.Mergability{}, err
	}
	return m, s.git.UpdateRef(s.base, dir, pullRefName(number, "merge"), m.TestMerge, "")
}

// pullInput is the body of creating a pull, and of the Go API's OpenPull.
type pullInput struct {
	Title string `json:"title"`
	Head  string `json:"head"`
	Base  string `json:"base"`
	Body  string `json:"body"`
	Draft bool   `json:"draft"`
}

func createPull(c *call) reply {
	var in pullInput
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	p, bad := c.s.openPull(c.r.Context(), c.repo, c.who, in)
	if bad != nil {
		return *bad
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	o := c.s.render.Pull(p, true)
	return reply{status: http.StatusCreated, body: o, header: http.Header{"Location": {o["url"].(string)}}}
}

// openPull opens a pull from a branch of the repository, or of a fork as "owner:branch".
func (s *Server) openPull(ctx context.Context, r *model.Repo, who actor, in pullInput) (*model.Pull, *reply) {
	s.mu.Lock()
	headRepo, ref, bad := s.headOf(r, in)
	if bad == nil && headRepo == r && who.user != nil && !r.May(who.user, "write") && r.Private {
		bad = refuse(http.StatusForbidden, "Must have write rights to Repository.")
	}
	s.mu.Unlock()
	if bad != nil {
		return nil, bad
	}
	lock := s.gitLock(headRepo) // a push in the meantime would be missed by a pull that does not exist yet
	lock.Lock()
	defer lock.Unlock()
	head, err := s.git.Resolve(ctx, headRepo.Dir, "refs/heads/"+ref)
	base, err2 := s.git.Resolve(ctx, r.Dir, "refs/heads/"+in.Base)
	switch {
	case err != nil || err2 != nil:
		return nil, refuse(http.StatusInternalServerError, "reading branches")
	case head == "":
		return nil, ptr(invalid("PullRequest", "head", "invalid", ""))
	case base == "":
		return nil, ptr(invalid("PullRequest", "base", "invalid", ""))
	}
	if headRepo != r {
		if _, err := s.git.Run(ctx, r.Dir, "fetch", "-q", "--no-tags", headRepo.Dir, head); err != nil {
			return nil, refuse(http.StatusInternalServerError, "fetching the fork: %v", err)
		}
	}
	facts, err := s.git.Facts(ctx, r.Dir, base, head)
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, "comparing: %v", err)
	}
	if len(facts.Commits) == 0 {
		return nil, ptr(invalid("PullRequest", "", "custom", fmt.Sprintf("No commits between %s and %s", in.Base, in.Head)))
	}
	return s.addPull(ctx, &model.Pull{HeadRepo: headRepo, HeadRef: ref, Head: head, BaseRef: in.Base, Base: base,
		Facts: facts, Draft: in.Draft}, r, who, in)
}

// addPull numbers the pull, makes refs/pull/N/head and tells of it.
func (s *Server) addPull(ctx context.Context, p *model.Pull, r *model.Repo, who actor,
	in pullInput) (*model.Pull, *reply) {
	s.mu.Lock()
	for _, other := range r.Pulls() {
		if other.Closed == nil && other.HeadRepo == p.HeadRepo && other.HeadRef == p.HeadRef && other.BaseRef == p.BaseRef {
			s.mu.Unlock()
			return nil, ptr(invalid("PullRequest", "", "custom",
				fmt.Sprintf("A pull request already exists for %s:%s.", p.HeadRepo.Owner.Login, p.HeadRef)))
		}
	}
	p.Issue = s.newIssue(r, who.account(), who.via(), in.Title, in.Body)
	p.PullID, p.HeadName, p.Issue.Pull = s.st.ID("pull"), p.HeadRepo.Owner.Login, p
	s.mu.Unlock()
	if err := s.git.UpdateRef(ctx, r.Dir, pullRefName(p.Number, "head"), p.Head, ""); err != nil {
		return nil, refuse(http.StatusInternalServerError, "making the pull's ref: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emitPull(p, "opened", who.account(), nil)
	return p, nil
}

func (s *Server) headOf(r *model.Repo, in pullInput) (*model.Repo, string, *reply) {
	if in.Title == "" || in.Head == "" || in.Base == "" {
		return nil, "", ptr(invalid("PullRequest", "title", "missing_field", "title, head and base are needed"))
	}
	owner, ref, fork := strings.Cut(in.Head, ":")
	if !fork || strings.EqualFold(owner, r.Owner.Login) {
		if fork {
			return r, ref, nil
		}
		return r, in.Head, nil
	}
	for _, other := range s.st.Repos {
		if other.Parent == r && strings.EqualFold(other.Owner.Login, owner) {
			return other, ref, nil
		}
	}
	return nil, "", ptr(invalid("PullRequest", "head", "invalid", ""))
}

// updatePull changes title, body, base or state. Draft is not among them: GitHub has that in GraphQL and on the page.
func updatePull(c *call) reply {
	var in struct {
		Title, Body, State, Base *string
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	c.s.mu.Lock()
	p := c.pull()
	allowed := p != nil && (c.who.tok != nil || c.who.user == p.Author || c.repo.May(c.who.user, "write"))
	c.s.mu.Unlock()
	switch {
	case p == nil:
		return notFound()
	case !allowed:
		return fail(http.StatusForbidden, "Must have write rights to Repository.")
	}
	if in.Base != nil {
		if bad := c.s.rebase(c.r.Context(), p, c.who.account(), *in.Base); bad != nil {
			return *bad
		}
	}
	if in.State != nil {
		if bad := c.s.setState(c.r.Context(), p, c.who.account(), *in.State); bad != nil {
			return *bad
		}
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	changed := obj{}
	edit := func(name string, to *string, field *string) {
		if to != nil && *to != *field {
			changed[name] = obj{"from": *field}
			*field = *to
		}
	}
	edit("title", in.Title, &p.Title)
	edit("body", in.Body, &p.Body)
	if len(changed) > 0 {
		p.Updated = c.s.now()
		c.s.emitPull(p, "edited", c.who.account(), obj{"changes": changed})
	}
	return ok(c.s.render.Pull(p, true))
}

// rebase makes another branch the pull's base; its event carries the old one.
func (s *Server) rebase(ctx context.Context, p *model.Pull, by *model.Account, ref string) *reply {
	s.mu.Lock()
	head, old := p.Head, p.BaseRef
	s.mu.Unlock()
	if old == ref {
		return nil
	}
	base, err := s.git.Resolve(ctx, p.Repo.Dir, "refs/heads/"+ref)
	if err != nil {
		return refuse(http.StatusInternalServerError, "%v", err)
	}
	if base == "" {
		return ptr(invalid("PullRequest", "base", "invalid", fmt.Sprintf("Proposed base branch '%s' was not found", ref)))
	}
	facts, err := s.git.Facts(ctx, p.Repo.Dir, base, head)
	if err != nil {
		return refuse(http.StatusInternalServerError, "%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from := obj{"ref": obj{"from": p.BaseRef}, "sha": obj{"from": p.Base}}
	p.BaseRef, p.Base, p.Facts, p.Mergability, p.Updated = ref, base, facts, model.Mergability{}, s.now()
	s.emitPull(p, "edited", by, obj{"changes": obj{"base": from}})
	return nil
}

// setState closes and reopens. A merged pull, or one whose branch is gone, cannot be opened again.
func (s *Server) setState(ctx context.Context, p *model.Pull, by *model.Account, state string) *reply {
	s.mu.Lock()
	headRepo, ref, was := p.HeadRepo, p.HeadRef, p.State()
	s.mu.Unlock()
	switch {
	case state != "open" && state != "closed":
		return ptr(malformed("%q is not a member of [open closed].", state))
	case state == was:
		return nil
	case state == "closed":
		s.mu.Lock()
		defer s.mu.Unlock()
		s.closePull(p, by)
		return nil
	}
	head, err := "", error(nil)
	if headRepo != nil {
		head, err = s.git.Resolve(ctx, headRepo.Dir, "refs/heads/"+ref)
	}
	if err != nil {
		return refuse(http.StatusInternalServerError, "%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Merged != nil || head == "" || head != p.Head {
		return ptr(invalid("PullRequest", "state", "custom",
			"state cannot be changed. The pull request was merged, or its branch was deleted or force-pushed."))
	}
	p.Closed, p.Updated, p.Mergability = nil, s.now(), model.Mergability{}
	s.emitPull(p, "reopened", by, nil)
	return nil
}

// setDraft turns a pull into a draft or makes it ready for review. The caller holds s.mu.
func (s *Server) setDraft(p *model.Pull, by *model.Account, draft bool) {
	if p.Draft == draft || p.Closed != nil {
		return
	}
	p.Draft, p.Updated = draft, s.now()
	action := "ready_for_review"
	if draft {
		action = "converted_to_draft"
	}
	s.emitPull(p, action, by, nil)
}

// maxFiles is how many changed files of a pull REST lists at most.
const maxFiles = 3000

func pullFiles(c *call) reply {
	p, base, head := c.ends()
	if p == nil {
		return notFound()
	}
	files, err := c.s.git.Diff(c.r.Context(), c.repo.Dir, base, head, true)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	r := each(c, files[:min(len(files), maxFiles)], func(f bare.File) obj { return c.file(f, head) })
	return r
}

// ends are a pull's base and head, read under the lock.
func (c *call) ends() (p *model.Pull, base, head string) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if p = c.pull(); p != nil {
		base, head = p.Base, p.Head
	}
	return p, base, head
}

func (c *call) files(all []bare.File, sha string) []obj {
	out := []obj{}
	for _, f := range all {
		out = append(out, c.file(f, sha))
	}
	return out
}

func (c *call) file(f bare.File, sha string) obj {
	o := obj{
		"sha": f.Blob, "filename": f.Path, "status": f.Status, "additions": f.Additions, "deletions": f.Deletions,
		"changes":  f.Additions + f.Deletions,
		"blob_url": c.html + "/blob/" + sha + "/" + f.Path, "raw_url": c.html + "/raw/" + sha + "/" + f.Path,
		"contents_url": c.rest + "/contents/" + f.Path + "?ref=" + sha,
	}
	if f.Patch != "" {
		o["patch"] = f.Patch
	}
	if f.Previous != "" {
		o["previous_filename"] = f.Previous
	}
	return o
}

func pullCommits(c *call) reply {
	p, base, head := c.ends()
	if p == nil {
		return notFound()
	}
	all, err := c.s.commits(c.r.Context(), c.repo, "--reverse", "-n250", base+".."+head)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	return each(c, all, func(o obj) obj { return o })
}
