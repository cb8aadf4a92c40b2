package localgithub

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
)

// eventNeeds is the permission an App must have to subscribe to an event, from GitHub's "Webhook events and payloads".
var eventNeeds = map[string]string{
	"pull_request": "pull_requests", "pull_request_review": "pull_requests", "issue_comment": "issues", "issues": "issues", "push": "contents",
	"check_run": "checks", "check_suite": "checks", "status": "statuses", "merge_group": "merge_queues", "repository": "metadata",
	"member": "members", "membership": "members", "organization": "members", "team": "members",
	"branch_protection_rule": "administration", "repository_ruleset": "administration", "deployment_protection_rule": "deployments", "create": "contents", "delete": "contents",
}

// subscribed reports whether the App receives an event. Those of installations always come; those of checks come with
// checks:write, without asking.
func (a *app) subscribed(event string) bool {
	switch event {
	case "installation", "installation_repositories", "ping":
		return true
	case "check_run", "check_suite":
		return a.events[event] || a.perms["checks"] == "write"
	}
	return a.events[event]
}

// event is something that happened, before it is written for those who hear of it.
type event struct {
	repo   *repo
	name   string
	action string // "" for events that have none
	sender *account
	fields obj
	only   *app // nil: every App that subscribes
}

// emit queues the event for every App that subscribes and is installed on the repository. All deliveries of one event
// carry one GUID. The caller holds s.mu; nothing is sent before it lets go.
func (s *Server) emit(e event) {
	id := guid()
	for _, in := range sorted(s.st.installs, func(in *installation) int64 { return in.id }) {
		if in.suspended != nil || !in.covers(e.repo) || !in.app.subscribed(e.name) || e.only != nil && e.only != in.app {
			continue
		}
		if need := eventNeeds[e.name]; need != "metadata" && in.perms[need] == "" {
			continue
		}
		payload := obj{"repository": s.repoJSON(e.repo, nil), "sender": s.userJSON(e.sender), "installation": obj{"id": in.id, "node_id": nodeID("Installation", in.id)}}
		if e.action != "" {
			payload["action"] = e.action
		}
		if e.repo.owner.typ == "Organization" {
			payload["organization"] = s.orgJSON(e.repo.owner)
		}
		for k, v := range e.fields {
			payload[k] = v
		}
		s.hooks.enqueue(&delivery{
			guid: id, app: in.app, hookID: in.app.hookID, event: e.name, action: e.action, installID: in.id, repoID: e.repo.id, payload: mustJSON(payload),
		})
	}
}

func (s *Server) emitPull(p *pull, action string, by *account, extra obj) {
	fields := obj{"number": p.number, "pull_request": s.pullJSON(p, true)}
	for k, v := range extra {
		fields[k] = v
	}
	s.emit(event{repo: p.repo, name: "pull_request", action: action, sender: by, fields: fields})
}

func (s *Server) emitComment(c *comment, action string, by *account, extra obj) {
	fields := obj{"issue": s.issueJSON(c.issue), "comment": s.commentJSON(c)}
	for k, v := range extra {
		fields[k] = v
	}
	s.emit(event{repo: c.issue.repo, name: "issue_comment", action: action, sender: by, fields: fields})
}

func (s *Server) emitReview(rv *review, action string, by *account) {
	body := s.reviewJSON(rv)
	body["state"] = strings.ToLower(rv.state) // lower case in webhooks, upper case in REST
	s.emit(event{repo: rv.pull.repo, name: "pull_request_review", action: action, sender: by, fields: obj{"review": body, "pull_request": s.pullJSON(rv.pull, false)}})
}

// emitRun tells of a check run. A re-run request or a pressed button is told to the App that owns the run alone.
func (s *Server) emitRun(run *checkRun, action string, by *account, extra obj) {
	fields := obj{"check_run": s.runEventJSON(run)}
	for k, v := range extra {
		fields[k] = v
	}
	e := event{repo: run.suite.repo, name: "check_run", action: action, sender: by, fields: fields}
	if action == "rerequested" || action == "requested_action" {
		e.only = run.suite.app
	}
	s.emit(e)
}

func (s *Server) emitSuite(su *suite, action string, by *account) {
	s.emit(event{repo: su.repo, name: "check_suite", action: action, sender: by, only: su.app, fields: obj{"check_suite": s.suiteJSON(su, false)}})
}

// requestSuites makes the empty suite of a pushed head for every App that may write checks, and tells it.
func (s *Server) requestSuites(r *repo, by *account, ch bare.Change, info pushInfo) {
	for _, in := range sorted(s.st.installs, func(in *installation) int64 { return in.id }) {
		if in.suspended == nil && in.covers(r) && in.perms["checks"] == "write" && s.suiteOf(r, in.app, ch.New) == nil {
			su := s.newSuite(r, in.app, pushedCommit(info.head))
			su.branch, su.before = ch.Branch(), ch.Old
			s.emitSuite(su, "requested", by)
		}
	}
}

// installationEvent tells an App of its own installation.
func (s *Server) installationEvent(in *installation, name, action string, by *account, extra obj) {
	payload := obj{"action": action, "installation": s.installationJSON(in), "sender": s.userJSON(by)}
	for k, v := range extra {
		payload[k] = v
	}
	s.hooks.enqueue(&delivery{guid: guid(), app: in.app, hookID: in.app.hookID, event: name, action: action, installID: in.id, payload: mustJSON(payload)})
}

// pushInfo is what git says of a push.
type pushInfo struct {
	head    obj // the new tip, nil for what is deleted
	commits []obj
	forced  bool
}

// maxPushCommits is how many commits a push event lists at most.
const maxPushCommits = 2048

func (s *Server) pushInfo(ctx context.Context, r *repo, ch bare.Change) (pushInfo, error) {
	var info pushInfo
	if ch.New == bare.ZeroSHA || !strings.HasPrefix(ch.Ref, "refs/heads/") {
		return info, nil
	}
	tip, err := s.pushLog(ctx, r, "-n1", ch.New)
	if err != nil || len(tip) == 0 {
		return info, err
	}
	info.head = tip[0]
	if ch.Old == bare.ZeroSHA { // what is new in a new branch cannot be known from the push alone: its tip is told
		info.commits = tip
		return info, nil
	}
	kept, err := s.git.IsAncestor(ctx, r.dir, ch.Old, ch.New)
	if err != nil {
		return info, err
	}
	info.forced = !kept
	info.commits, err = s.pushLog(ctx, r, fmt.Sprintf("-n%d", maxPushCommits), ch.New, "^"+ch.Old)
	return info, err
}

// pushLog lists commits as push events do, oldest first.
func (s *Server) pushLog(ctx context.Context, r *repo, args ...string) ([]obj, error) {
	out, err := s.git.Run(ctx, r.dir, append([]string{"log", "--reverse", "--topo-order", "--diff-merges=first-parent", "--no-renames", "--name-status",
		"--format=%x01%H%x00%T%x00%an%x00%ae%x00%aI%x00%B%x00"}, args...)...)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	html := s.html(r)
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
		"id": f[0], "tree_id": f[1], "distinct": true, "message": strings.TrimRight(f[5], "\n"), "timestamp": f[4], "url": html + "/commit/" + f[0],
		"author": by, "committer": by, "added": files['A'], "removed": files['D'], "modified": files['M'],
	}
}

func (s *Server) emitPush(r *repo, by *account, ch bare.Change, info pushInfo) {
	var head any
	if info.head != nil {
		head = info.head
	}
	commits := info.commits
	if commits == nil {
		commits = []obj{}
	}
	repo := s.repoJSON(r, nil)
	repo["pushed_at"], repo["created_at"] = r.pushed.Unix(), r.created.Unix() // numbers in this event alone
	s.emit(event{repo: r, name: "push", sender: by, fields: obj{
		"ref": ch.Ref, "before": ch.Old, "after": ch.New, "created": ch.Old == bare.ZeroSHA, "deleted": ch.New == bare.ZeroSHA, "forced": info.forced, "base_ref": nil,
		"compare": s.html(r) + "/compare/" + ch.Old[:12] + "..." + ch.New[:12], "commits": commits, "head_commit": head, "repository": repo,
		"pusher": obj{"name": nameOf(by), "email": nameOf(by) + "@users.noreply.localgithub"},
	}})
}

func nameOf(a *account) string {
	if a == nil {
		return ""
	}
	return a.login
}

// sorted are the values of a map in the order of a key.
func sorted[K comparable, V any](m map[K]V, key func(V) int64) []V {
	out := make([]V, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	sort.Slice(out, func(i, j int) bool { return key(out[i]) < key(out[j]) })
	return out
}

// ping tells an App that its hook is there.
func (s *Server) ping(a *app) {
	payload := obj{"zen": "Keep it logically awesome.", "hook_id": a.hookID, "hook": obj{
		"type": "App", "id": a.hookID, "name": "web", "active": true, "created_at": stamp(a.created), "updated_at": stamp(a.created), "events": a.eventList(), "app_id": a.id, "config": obj{"content_type": "json", "insecure_ssl": "0", "url": a.hookURL},
	}}
	s.hooks.enqueue(&delivery{guid: guid(), app: a, hookID: a.hookID, event: "ping", payload: mustJSON(payload)})
}

func (a *app) eventList() []string {
	out := make([]string, 0, len(a.events))
	for e := range a.events {
		out = append(out, e)
	}
	sort.Strings(out)
	return out
}

// rawPayload is a payload as REST shows it.
func rawPayload(b []byte) any {
	if json.Valid(b) {
		return json.RawMessage(b)
	}
	return string(b)
}
