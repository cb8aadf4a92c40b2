package localgithub

import (
	"fmt"
	"slices"
)

// suiteOf is the App's suite of a commit: the checks of one App on one commit. The caller holds s.mu.
func (s *Server) suiteOf(r *repo, a *app, sha string) *suite {
	for _, su := range slices.Backward(r.suites) {
		if su.app == a && su.sha == sha {
			return su
		}
	}
	return nil
}

// newSuite makes a suite for the commit, which is given as suites show it. The caller holds s.mu.
func (s *Server) newSuite(r *repo, a *app, commit obj) *suite {
	sha := commit["id"].(string)
	su := &suite{id: s.st.id("check_suite"), repo: r, app: a, sha: sha, commit: commit, created: s.now(), updated: s.now()}
	for _, p := range r.pulls() {
		if p.head == sha && !p.fork() {
			su.branch = p.headRef
		}
	}
	r.suites = append(r.suites, su)
	s.st.suites[su.id] = su
	return su
}

// badness of conclusions, best first: a suite concludes as its worst run.
var badness = []string{"skipped", "neutral", "success", "stale", "cancelled", "action_required", "timed_out", "failure"}

// state of a suite, from the newest run of each name.
func (su *suite) state() (status, conclusion string) {
	runs := latest(su.runs)
	if len(runs) == 0 {
		return "queued", ""
	}
	status, worst := "completed", 0
	for _, run := range runs {
		if run.status != "completed" {
			status = "in_progress"
		}
		worst = max(worst, slices.Index(badness, run.conclusion))
	}
	if status != "completed" {
		return status, ""
	}
	return status, badness[worst]
}

// suiteJSON is a suite as webhooks show it; REST adds the repository.
func (s *Server) suiteJSON(su *suite, rest bool) obj {
	status, conclusion := su.state()
	api := fmt.Sprintf("%s/check-suites/%d", s.rest(su.repo), su.id)
	o := obj{
		"id": su.id, "node_id": nodeID("CheckSuite", su.id), "head_branch": orNil(su.branch), "head_sha": su.sha, "status": status, "conclusion": orNil(conclusion), "url": api,
		"before": orNil(su.before), "after": su.sha, "pull_requests": s.pullsAt(su), "app": s.appJSON(su.app), "created_at": stamp(su.created), "updated_at": stamp(su.updated),
		"latest_check_runs_count": len(latest(su.runs)), "check_runs_url": api + "/check-runs", "rerequestable": true, "runs_rerequestable": true, "head_commit": su.commit,
	}
	if rest {
		o["repository"] = s.repoJSON(su.repo, nil)
	}
	return o
}

// headCommit is a commit, as REST shows it, in the short form that suites show.
func headCommit(commit obj) obj {
	git := commit["commit"].(obj)
	by := git["author"].(obj)
	person := obj{"name": by["name"], "email": by["email"]}
	return obj{"id": commit["sha"], "tree_id": git["tree"].(obj)["sha"], "message": git["message"], "timestamp": by["date"], "author": person, "committer": person}
}

// pushedCommit is a commit, as pushes show it, in that short form.
func pushedCommit(commit obj) obj {
	short := func(who any) obj { return obj{"name": who.(obj)["name"], "email": who.(obj)["email"]} }
	return obj{
		"id": commit["id"], "tree_id": commit["tree_id"], "message": commit["message"], "timestamp": commit["timestamp"],
		"author": short(commit["author"]), "committer": short(commit["committer"]),
	}
}

func listSuites(c *call) reply {
	sha, bad := c.commitSHA("ref")
	if bad != nil {
		return *bad
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	var all []*suite
	for _, su := range c.repo.suites {
		if su.sha == sha && (c.query("app_id") == "" || c.query("app_id") == fmt.Sprint(su.app.id)) {
			all = append(all, su)
		}
	}
	return counted(c, "check_suites", all, func(su *suite) obj { return c.s.suiteJSON(su, true) })
}

func getSuite(c *call) reply {
	if su := c.s.st.suites[c.number("id")]; su != nil && su.repo == c.repo {
		return ok(c.s.suiteJSON(su, true))
	}
	return notFound()
}

// rerequestRun asks the App to run again. The run itself is not changed.
func rerequestRun(c *call) reply {
	run := c.run()
	if run == nil {
		return notFound()
	}
	c.s.emitRun(run, "rerequested", c.who.account(), nil)
	return created(obj{})
}

func rerequestSuite(c *call) reply {
	su := c.s.st.suites[c.number("id")]
	if su == nil || su.repo != c.repo {
		return notFound()
	}
	c.s.emitSuite(su, "rerequested", c.who.account())
	return created(obj{})
}

// PressButton is a person pressing an action of a completed check run. People without write access see no buttons.
func (s *Server) PressButton(login string, runID int64, identifier string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	run, by := s.st.runs[runID], s.st.login(login)
	if run == nil || by == nil || !run.suite.repo.may(by, "write") {
		return fmt.Errorf("%s has no button on check run %d", login, runID)
	}
	if run.status != "completed" {
		return fmt.Errorf("check run %d shows no buttons before it is completed", runID)
	}
	if !slices.ContainsFunc(run.actions, func(a action) bool { return a.Identifier == identifier }) {
		return fmt.Errorf("check run %d has no button %q", runID, identifier)
	}
	s.emitRun(run, "requested_action", by, obj{"requested_action": obj{"identifier": identifier}})
	return nil
}

// Rerequest is a person asking to run one completed check again.
func (s *Server) Rerequest(login string, runID int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	run, by := s.st.runs[runID], s.st.login(login)
	if run == nil || by == nil || !run.suite.repo.may(by, "write") || run.status != "completed" {
		return fmt.Errorf("%s cannot run check run %d again", login, runID)
	}
	s.emitRun(run, "rerequested", by, nil)
	return nil
}

// RerequestAll is a person asking to run all of an App's checks of a commit again.
func (s *Server) RerequestAll(login string, suiteID int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	su, by := s.st.suites[suiteID], s.st.login(login)
	if su == nil || by == nil || !su.repo.may(by, "write") {
		return fmt.Errorf("%s cannot run check suite %d again", login, suiteID)
	}
	s.emitSuite(su, "rerequested", by)
	return nil
}

// CheckRun is what a commit's newest run of a name says.
type CheckRun struct {
	ID                   int64
	SuiteID              int64
	App                  string // slug
	Name, ExternalID     string
	Status, Conclusion   string
	Title, Summary, Text string
	DetailsURL           string
	Actions              []string // identifiers
	Annotations          int
}

// CheckRuns are the runs of a commit, the newest of each name and App, in the order of their making.
func (s *Server) CheckRuns(full, sha string) ([]CheckRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.find(full)
	if err != nil {
		return nil, err
	}
	var out []CheckRun
	for _, run := range latest(r.runsAt(sha)) {
		x := CheckRun{
			ID: run.id, SuiteID: run.suite.id, App: run.suite.app.slug, Name: run.name, ExternalID: run.external, Status: run.status, Conclusion: run.conclusion,
			Title: run.title, Summary: run.summary, Text: run.text, DetailsURL: run.details, Annotations: len(run.annotations),
		}
		for _, a := range run.actions {
			x.Actions = append(x.Actions, a.Identifier)
		}
		out = append(out, x)
	}
	return out, nil
}
