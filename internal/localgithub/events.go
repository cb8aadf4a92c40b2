package localgithub

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
	"github.com/cardea-iac/cardea/internal/localgithub/hooks"
	"github.com/cardea-iac/cardea/internal/localgithub/model"
	"github.com/cardea-iac/cardea/internal/localgithub/render"
)

// event is something that happened, before it is written down for each App that is told.
type event struct {
	repo   *model.Repo
	name   string
	action string // "" for events that have none
	sender *model.Account
	fields obj
	only   *model.App // nil: every App that subscribes
}

// emit queues the event for every App that subscribes and is installed on the repository. All
// deliveries of one event carry one GUID. The caller holds s.mu; nothing is sent before it is
// released.
func (s *Server) emit(e event) {
	id := guid()
	for _, in := range model.Sorted(s.st.Installs, func(in *model.Installation) int64 { return in.ID }) {
		if in.Suspended != nil || !in.Covers(e.repo) || !in.App.Subscribed(e.name) || e.only != nil && e.only != in.App {
			continue
		}
		if need := model.EventNeeds[e.name]; need != "metadata" && in.Perms[need] == "" {
			continue
		}
		payload := obj{"repository": s.render.Repo(e.repo, nil), "sender": s.render.User(e.sender),
			"installation": obj{"id": in.ID, "node_id": render.NodeID("Installation", in.ID)}}
		if e.action != "" {
			payload["action"] = e.action
		}
		if e.repo.Owner.Type == "Organization" {
			payload["organization"] = s.render.Org(e.repo.Owner)
		}
		for k, v := range e.fields {
			payload[k] = v
		}
		s.hooks.Enqueue(&hooks.Delivery{
			GUID: id, App: in.App, HookID: in.App.HookID, Event: e.name, Action: e.action, InstallID: in.ID,
			RepoID: e.repo.ID, Payload: mustJSON(payload),
		})
	}
}

func (s *Server) emitPull(p *model.Pull, action string, by *model.Account, extra obj) {
	fields := obj{"number": p.Number, "pull_request": s.render.Pull(p, true)}
	for k, v := range extra {
		fields[k] = v
	}
	s.emit(event{repo: p.Repo, name: "pull_request", action: action, sender: by, fields: fields})
}

func (s *Server) emitComment(c *model.Comment, action string, by *model.Account, extra obj) {
	fields := obj{"issue": s.render.Issue(c.Issue), "comment": s.render.Comment(c)}
	for k, v := range extra {
		fields[k] = v
	}
	s.emit(event{repo: c.Issue.Repo, name: "issue_comment", action: action, sender: by, fields: fields})
}

func (s *Server) emitReview(rv *model.Review, action string, by *model.Account, extra obj) {
	body := s.render.Review(rv)
	body["state"] = strings.ToLower(rv.State) // lower case in webhooks, upper case in REST
	pull := s.render.Pull(rv.Pull, false)
	if action == "edited" { // GitHub's description of this action has repositories without these two
		for _, side := range []string{"base", "head"} {
			if ref, ok := pull[side].(obj); ok {
				if repo, ok := ref["repo"].(obj); ok {
					delete(repo, "has_discussions")
					delete(repo, "web_commit_signoff_required")
				}
			}
		}
	}
	fields := obj{"review": body, "pull_request": pull}
	for k, v := range extra {
		fields[k] = v
	}
	s.emit(event{repo: rv.Pull.Repo, name: "pull_request_review", action: action, sender: by, fields: fields})
}

// emitRun tells of a check run. A re-run request or a pressed button is told to the App that owns the run alone.
func (s *Server) emitRun(run *model.CheckRun, action string, by *model.Account, extra obj) {
	fields := obj{"check_run": s.render.RunEvent(run)}
	for k, v := range extra {
		fields[k] = v
	}
	e := event{repo: run.Suite.Repo, name: "check_run", action: action, sender: by, fields: fields}
	if action == "rerequested" || action == "requested_action" {
		e.only = run.Suite.App
	}
	s.emit(e)
}

func (s *Server) emitSuite(su *model.Suite, action string, by *model.Account) {
	s.emit(event{repo: su.Repo, name: "check_suite", action: action, sender: by, only: su.App,
		fields: obj{"check_suite": s.render.Suite(su, false)}})
}

// requestSuites makes the empty suite of a pushed head for every App that may write checks, and tells it.
func (s *Server) requestSuites(r *model.Repo, by *model.Account, ch bare.Change, info pushInfo) {
	for _, in := range model.Sorted(s.st.Installs, func(in *model.Installation) int64 { return in.ID }) {
		if in.Suspended == nil && in.Covers(r) && in.Perms["checks"] == "write" && r.SuiteOf(in.App, ch.New) == nil {
			su := s.newSuite(r, in.App, render.PushedCommit(info.head))
			su.Branch, su.Before = ch.Branch(), ch.Old
			s.emitSuite(su, "requested", by)
		}
	}
}

// installationEvent tells an App of its own installation.
func (s *Server) installationEvent(in *model.Installation, name, action string, by *model.Account, extra obj) {
	payload := obj{"action": action, "installation": s.render.Installation(in), "sender": s.render.User(by)}
	for k, v := range extra {
		payload[k] = v
	}
	s.hooks.Enqueue(&hooks.Delivery{GUID: guid(), App: in.App, HookID: in.App.HookID, Event: name, Action: action,
		InstallID: in.ID, Payload: mustJSON(payload)})
}

// pushInfo is what git says of a push.
type pushInfo struct {
	head    obj // the new tip, nil for what is deleted
	commits []obj
	forced  bool
}

// maxPushCommits is how many commits a push event lists at most.
const maxPushCommits = 2048

func (s *Server) pushInfo(ctx context.Context, r *model.Repo, ch bare.Change) (pushInfo, error) {
	var info pushInfo
	if ch.New == bare.ZeroSHA || !strings.HasPrefix(ch.Ref, "refs/heads/") {
		return info, nil
	}
	tip, err := s.pushLog(ctx, r, "-n1", ch.New)
	if err != nil || len(tip) == 0 {
		return info, err
	}
	info.head = tip[0]
	// What is new in a new branch cannot be known from the push alone, so only its tip is listed.
	if ch.Old == bare.ZeroSHA {
		info.commits = tip
		return info, nil
	}
	kept, err := s.git.IsAncestor(ctx, r.Dir, ch.Old, ch.New)
	if err != nil {
		return info, err
	}
	info.forced = !kept
	info.commits, err = s.pushLog(ctx, r, fmt.Sprintf("-n%d", maxPushCommits), ch.New, "^"+ch.Old)
	return info, err
}

// pushLog lists commits as push events do, oldest first.
func (s *Server) pushLog(ctx context.Context, r *model.Repo, args ...string) ([]obj, error) {
	out, err := s.git.Run(ctx, r.Dir,
		append([]string{"log", "--reverse", "--topo-order", "--diff-merges=first-parent", "--no-renames", "--name-status",
			"--format=%x01%H%x00%T%x00%an%x00%ae%x00%aI%x00%B%x00"}, args...)...)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	html := s.render.HTML(r)
	s.mu.Unlock()
	all := []obj{}
	for rec := range strings.SplitSeq(out, "\x01") {
		f := strings.SplitN(rec, "\x00", 7)
		if len(f) == 7 {
			all = append(all, pushCommit(html, f))
		}
	}
	return all, nil
}

func pushCommit(html string, f []string) obj {
	files := map[byte][]string{'A': {}, 'D': {}, 'M': {}}
	for line := range strings.Lines(f[6]) {
		status, path, found := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if found {
			kind := status[0]
			if kind == 'T' {
				kind = 'M'
			}
			files[kind] = append(files[kind], path)
		}
	}
	by := obj{"name": f[2], "email": f[3], "date": f[4]}
	return obj{
		"id": f[0], "tree_id": f[1], "distinct": true, "message": strings.TrimRight(f[5], "\n"), "timestamp": f[4],
		"url":    html + "/commit/" + f[0],
		"author": by, "committer": by, "added": files['A'], "removed": files['D'], "modified": files['M'],
	}
}

func (s *Server) emitPush(r *model.Repo, by *model.Account, ch bare.Change, info pushInfo) {
	var head any
	if info.head != nil {
		head = info.head
	}
	commits := info.commits
	if commits == nil {
		commits = []obj{}
	}
	repo := s.render.Repo(r, nil)
	repo["pushed_at"], repo["created_at"] = r.Pushed.Unix(), r.Created.Unix() // numbers in this event alone
	s.emit(event{repo: r, name: "push", sender: by, fields: obj{
		"ref": ch.Ref, "before": ch.Old, "after": ch.New, "created": ch.Old == bare.ZeroSHA,
		"deleted": ch.New == bare.ZeroSHA, "forced": info.forced, "base_ref": nil,
		"compare": s.render.HTML(r) + "/compare/" + ch.Old[:12] + "..." + ch.New[:12], "commits": commits,
		"head_commit": head, "repository": repo,
		"pusher": obj{"name": model.NameOf(by), "email": model.NameOf(by) + "@users.noreply.localgithub"},
	}})
}

// ping tells an App that its hook works.
func (s *Server) ping(a *model.App) {
	payload := obj{"zen": "Keep it logically awesome.", "hook_id": a.HookID, "hook": obj{
		"type": "App", "id": a.HookID, "name": "web", "active": true, "created_at": render.Stamp(a.Created),
		"updated_at": render.Stamp(a.Created), "events": a.EventList(), "app_id": a.ID,
		"config": obj{"content_type": "json", "insecure_ssl": "0", "url": a.HookURL},
	}}
	s.hooks.Enqueue(&hooks.Delivery{GUID: guid(), App: a, HookID: a.HookID, Event: "ping", Payload: mustJSON(payload)})
}

// rawPayload is a payload as REST shows it.
func rawPayload(b []byte) any {
	if json.Valid(b) {
		return json.RawMessage(b)
	}
	return string(b)
}
