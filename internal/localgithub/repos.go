package localgithub

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
	"github.com/cardea-iac/cardea/internal/localgithub/model"
	"github.com/cardea-iac/cardea/internal/localgithub/render"
)

func getRepo(c *call) reply {
	g := model.Grant{Role: "read"}
	if c.who.user != nil {
		g = c.repo.GrantOf(c.who.user)
	}
	return ok(c.s.render.FullRepo(c.repo, &g))
}

// commitSHA resolves the ref in the path to a commit.
func (c *call) commitSHA(name string) (string, *reply) {
	sha, err := c.s.git.Resolve(c.r.Context(), c.repo.Dir, c.value(name))
	if err != nil {
		return "", ptr(fail(http.StatusInternalServerError, "%v", err))
	}
	if sha == "" {
		return "", ptr(fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", c.value(name)))
	}
	return sha, nil
}

const commitFormat = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00%x01"

// commitOf is a commit as REST shows it; nil when the repository does not have it.
func (s *Server) commitOf(ctx context.Context, r *model.Repo, sha string) (obj, error) {
	all, err := s.commits(ctx, r, "-n1", "--end-of-options", sha+"^{commit}")
	if bare.Exited(err, 128) {
		return nil, nil
	}
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

func (s *Server) commits(ctx context.Context, r *model.Repo, args ...string) ([]obj, error) {
	out, err := s.git.Run(ctx, r.Dir, append([]string{"log", "--format=" + commitFormat}, args...)...)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	api, html := s.render.REST(r), s.render.HTML(r)
	s.mu.Unlock()
	all := []obj{}
	for rec := range strings.SplitSeq(out, "\x01") {
		f := strings.Split(strings.TrimLeft(rec, "\n"), "\x00")
		if len(f) < 11 {
			continue
		}
		parents := []obj{}
		for _, p := range strings.Fields(f[2]) {
			parents = append(parents, obj{"sha": p, "url": api + "/commits/" + p, "html_url": html + "/commit/" + p})
		}
		all = append(all, obj{
			"sha": f[0], "node_id": base64.StdEncoding.EncodeToString([]byte("C_" + f[0])), "url": api + "/commits/" + f[0],
			"html_url":     html + "/commit/" + f[0],
			"comments_url": api + "/commits/" + f[0] + "/comments", "author": nil, "committer": nil, "parents": parents,
			"commit": obj{
				"url": api + "/git/commits/" + f[0], "message": strings.TrimRight(f[9], "\n"), "comment_count": 0,
				"tree":         obj{"sha": f[1], "url": api + "/git/trees/" + f[1]},
				"author":       obj{"name": f[3], "email": f[4], "date": utc(f[5])},
				"committer":    obj{"name": f[6], "email": f[7], "date": utc(f[8])},
				"verification": obj{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil},
			},
		})
	}
	return all, nil
}

func utc(iso string) string {
	t, err := time.Parse(time.RFC3339, iso)
	if err != nil {
		return iso
	}
	return render.Stamp(t)
}

func getCommit(c *call) reply {
	sha, bad := c.commitSHA("ref")
	if bad != nil {
		return *bad
	}
	o, err := c.s.commitOf(c.r.Context(), c.repo, sha)
	if err != nil || o == nil {
		return fail(http.StatusInternalServerError, "reading %s: %v", sha, err)
	}
	return ok(o)
}

func getBranch(c *call) reply {
	name := c.value("branch")
	o, err := c.s.commitOf(c.r.Context(), c.repo, "refs/heads/"+name)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	if o == nil {
		return fail(http.StatusNotFound, "Branch not found")
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	p := c.repo.Protection[name]
	api := c.rest + "/branches/" + name
	level, contexts, checks := "off", []string{}, []obj{}
	for _, ch := range p.Checks {
		level = "non_admins"
		contexts = append(contexts, ch.Context)
		checks = append(checks, obj{"context": ch.Context, "app_id": render.IDOrNil(ch.AppID)})
	}
	return ok(obj{
		"name": name, "commit": o, "_links": obj{"self": api, "html": c.html + "/tree/" + name}, "protected": p.On(),
		"protection_url": api + "/protection",
		"protection": obj{"enabled": p.On(),
			"required_status_checks": obj{"enforcement_level": level, "contexts": contexts, "checks": checks}},
	})
}

func getProtection(c *call) reply {
	p := c.repo.Protection[c.value("branch")]
	if !p.On() {
		return fail(http.StatusNotFound, "Branch not protected")
	}
	api := c.rest + "/branches/" + c.value("branch") + "/protection"
	o := obj{"url": api, "enforce_admins": obj{"url": api + "/enforce_admins", "enabled": p.EnforceAdmins}}
	if len(p.Checks) > 0 || p.Strict {
		contexts, checks := []string{}, []obj{}
		for _, ch := range p.Checks {
			contexts = append(contexts, ch.Context)
			checks = append(checks, obj{"context": ch.Context, "app_id": render.IDOrNil(ch.AppID)})
		}
		o["required_status_checks"] = obj{"url": api + "/required_status_checks", "strict": p.Strict, "contexts": contexts,
			"checks": checks, "contexts_url": api + "/required_status_checks/contexts"}
	}
	if p.Reviews > 0 {
		o["required_pull_request_reviews"] = obj{
			"url": api + "/required_pull_request_reviews", "dismiss_stale_reviews": p.DismissStale,
			"require_code_owner_reviews": false, "required_approving_review_count": p.Reviews,
		}
	}
	return ok(o)
}

// branchRules lists the rules of rulesets. Protect is classic branch protection, which is not among them.
func branchRules(c *call) reply {
	out := []obj{}
	if checks := c.repo.Rulesets[c.value("branch")]; len(checks) > 0 {
		list := []obj{}
		for _, ch := range checks {
			one := obj{"context": ch.Context}
			if ch.AppID != 0 {
				one["integration_id"] = ch.AppID
			}
			list = append(list, one)
		}
		out = append(out, obj{
			"type": "required_status_checks", "ruleset_source_type": "Repository",
			"ruleset_source": c.repo.Full(), "ruleset_id": 1,
			"parameters": obj{"required_status_checks": list, "strict_required_status_checks_policy": false,
				"do_not_enforce_on_create": false},
		})
	}
	return ok(out)
}

func getRef(c *call) reply {
	ref := "refs/" + c.value("ref")
	out, err := c.s.git.Run(c.r.Context(), c.repo.Dir, "for-each-ref",
		"--format=%(objectname) %(objecttype) %(refname)", ref)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) == 3 && f[2] == ref {
			api := c.rest
			return ok(obj{
				"ref": ref, "node_id": base64.StdEncoding.EncodeToString([]byte("REF_" + ref)), "url": api + "/git/" + ref,
				"object": obj{"sha": f[0], "type": f[1], "url": fmt.Sprintf("%s/git/%ss/%s", api, f[1], f[0])},
			})
		}
	}
	return notFound()
}

// maxContents is the size up to which GitHub puts a file's content into the answer.
const maxContents = 1 << 20

func getContents(c *call) reply {
	ref := c.query("ref")
	if ref == "" {
		ref = c.repo.DefaultBranch
	}
	sha, err := c.s.git.Resolve(c.r.Context(), c.repo.Dir, ref)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	if sha == "" {
		return fail(http.StatusNotFound, "No commit found for the ref %s", ref)
	}
	file := strings.Trim(c.value("path"), "/")
	if file == "" {
		return c.directory(ref, sha, "")
	}
	out, err := c.s.git.Run(c.r.Context(), c.repo.Dir, "ls-tree", "-l", "-z", sha, "--", file)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	meta, _, found := strings.Cut(out, "\t")
	f := strings.Fields(meta)
	switch {
	case !found || len(f) != 4:
		return notFound()
	case f[1] == "tree":
		return c.directory(ref, sha, file)
	}
	size, err := strconv.Atoi(f[3])
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	o := c.entry(ref, file, "file", f[2], size)
	o["encoding"], o["content"] = "none", ""
	if size <= maxContents {
		body, err := c.s.git.Blob(c.r.Context(), c.repo.Dir, f[2])
		if err != nil {
			return fail(http.StatusInternalServerError, "%v", err)
		}
		if strings.Contains(c.r.Header.Get("Accept"), "raw") {
			return reply{status: http.StatusOK, body: body,
				header: http.Header{"Content-Type": {"application/vnd.github.raw+json; charset=utf-8"}}}
		}
		o["encoding"], o["content"] = "base64", base64.StdEncoding.EncodeToString(body)
	}
	return ok(o)
}

func (c *call) entry(ref, file, typ, sha string, size int) obj {
	api := c.rest
	self := api + "/contents/" + file + "?ref=" + ref
	git := api + "/git/blobs/" + sha
	html := c.html + "/blob/" + ref + "/" + file
	return obj{
		"type": typ, "size": size, "name": path.Base(file), "path": file, "sha": sha, "url": self, "git_url": git,
		"html_url": html, "download_url": nil,
		"_links": obj{"self": self, "git": git, "html": html},
	}
}

func (c *call) directory(ref, sha, dir string) reply {
	out, err := c.s.git.Run(c.r.Context(), c.repo.Dir, "ls-tree", "-l", "-z", sha+":"+dir)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	list := []obj{}
	for rec := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		meta, name, _ := strings.Cut(rec, "\t")
		f := strings.Fields(meta)
		if len(f) != 4 {
			continue
		}
		typ := "file"
		if f[1] == "tree" {
			typ = "dir"
		}
		list = append(list, c.entry(ref, path.Join(dir, name), typ, f[2], atoi(f[3], 0)))
	}
	return ok(list)
}

func compare(c *call) reply {
	base, head, found := strings.Cut(c.value("basehead"), "...")
	if !found {
		return notFound()
	}
	ctx, dir, g := c.r.Context(), c.repo.Dir, c.s.git
	from, err := g.Resolve(ctx, dir, base)
	to, err2 := g.Resolve(ctx, dir, head)
	if from == "" || to == "" || err != nil || err2 != nil {
		return notFound()
	}
	fork, err := g.MergeBase(ctx, dir, from, to)
	if err != nil || fork == "" {
		return fail(http.StatusNotFound, "No common ancestor between %s and %s.", base, head)
	}
	ahead, err := c.s.commits(ctx, c.repo, "--reverse", "-n250", from+".."+to)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	behind, err := g.Count(ctx, dir, to+".."+from)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	n, err := g.Count(ctx, dir, from+".."+to)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	files, err := g.Diff(ctx, dir, from, to, false)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	status := map[[2]bool]string{{true, true}: "diverged", {true, false}: "ahead", {false, true}: "behind",
		{false, false}: "identical"}[[2]bool{n > 0, behind > 0}]
	baseCommit, err := c.s.commitOf(ctx, c.repo, from)
	mergeBase, err2 := c.s.commitOf(ctx, c.repo, fork)
	if err != nil || err2 != nil {
		return fail(http.StatusInternalServerError, "reading commits")
	}
	html := c.html + "/compare/" + base + "..." + head
	return ok(obj{
		"url": c.rest + "/compare/" + base + "..." + head, "html_url": html, "permalink_url": html, "diff_url": html +
			".diff", "patch_url": html + ".patch",
		"base_commit": baseCommit, "merge_base_commit": mergeBase, "status": status, "ahead_by": n, "behind_by": behind,
		"total_commits": n, "commits": ahead,
		"files": c.files(files[:min(len(files), 300)], to),
	})
}

var statusStates = []string{"error", "failure", "pending", "success"}

// createStatus: anyone who may push may set any context.
func createStatus(c *call) reply {
	var in struct {
		State, Context, Description string
		TargetURL                   string `json:"target_url"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if !slices.Contains(statusStates, in.State) {
		return malformed("%q is not a member of %v.", in.State, statusStates)
	}
	sha, bad := c.commitSHA("sha")
	if bad != nil {
		return *bad
	}
	if in.Context == "" {
		in.Context = "default"
	}
	fields, err := c.statusFields(sha)
	if err != nil {
		return fail(http.StatusInternalServerError, "reading %s: %v", sha, err)
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	fields["name"] = c.repo.Full()
	for _, b := range fields["branches"].([]obj) {
		b["protected"] = c.repo.Protection[b["name"].(string)].On()
	}
	st := &model.CommitStatus{
		ID: c.s.st.ID("status"), SHA: sha, Context: in.Context, State: in.State, Description: in.Description,
		Target: in.TargetURL, Creator: c.who.account(), Created: c.s.now(),
	}
	c.repo.Statuses = append(c.repo.Statuses, st)
	o := c.s.render.Status(c.repo, st)
	for _, k := range []string{"id", "state", "context", "description", "target_url",
		"created_at", "updated_at", "avatar_url"} {
		fields[k] = o[k]
	}
	c.s.emit(event{repo: c.repo, name: "status", sender: c.who.account(), fields: fields})
	return created(o)
}

// statusFields are what the event of a status says about its commit, and about at most ten
// branches that contain it.
func (c *call) statusFields(sha string) (obj, error) {
	ctx := c.r.Context()
	commit, err := c.s.commitOf(ctx, c.repo, sha)
	if err != nil {
		return nil, err
	}
	delete(commit, "stats")
	delete(commit, "files")
	out, err := c.s.git.Run(ctx, c.repo.Dir, "for-each-ref", "--contains", sha, "--count=10",
		"--format=%(objectname) %(refname:lstrip=2)", "refs/heads")
	if err != nil {
		return nil, err
	}
	branches := []obj{}
	for line := range strings.Lines(out) {
		if tip, name, found := strings.Cut(strings.TrimSpace(line), " "); found {
			branches = append(branches, obj{"name": name, "commit": obj{"sha": tip, "url": c.rest + "/commits/" + tip}})
		}
	}
	return obj{"sha": sha, "commit": commit, "branches": branches}, nil
}

func combinedStatus(c *call) reply {
	sha, bad := c.commitSHA("ref")
	if bad != nil {
		return *bad
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	all, list, state := c.repo.StatusesAt(sha), []obj{}, "success"
	for _, st := range all {
		o := c.s.render.Status(c.repo, st)
		delete(o, "creator") // the event has it for each status, but not here
		list = append(list, o)
		if st.State == "pending" && state == "success" || len(list) == 0 {
			state = "pending"
		}
		if st.State == "failure" || st.State == "error" {
			state = "failure"
		}
	}
	if len(all) == 0 {
		state = "pending"
	}
	api := c.rest + "/commits/" + sha
	return ok(obj{"state": state, "statuses": list, "sha": sha, "total_count": len(all),
		"repository": c.s.render.Repo(c.repo, nil), "commit_url": api, "url": api + "/status"})
}
