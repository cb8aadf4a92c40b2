package localgithub

import (
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// newSuite makes a suite for a commit, given in the form in which suites show it. The caller
// holds s.mu.
func (s *Server) newSuite(r *model.Repo, a *model.App, commit obj) *model.Suite {
	sha := commit["id"].(string)
	su := &model.Suite{ID: s.st.ID("check_suite"), Repo: r, App: a, SHA: sha,
		Commit: commit, Created: s.now(), Updated: s.now()}
	for _, p := range r.Pulls() {
		if p.Head == sha && !p.Fork() {
			su.Branch = p.HeadRef
		}
	}
	r.Suites = append(r.Suites, su)
	s.st.Suites[su.ID] = su
	return su
}

func listSuites(c *call) reply {
	sha, bad := c.commitSHA("ref")
	if bad != nil {
		return *bad
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	var all []*model.Suite
	for _, su := range c.repo.Suites {
		if su.SHA == sha && (c.query("app_id") == "" || c.query("app_id") == fmt.Sprint(su.App.ID)) {
			all = append(all, su)
		}
	}
	return counted(c, "check_suites", all, func(su *model.Suite) obj { return c.s.render.Suite(su, true) })
}

func getSuite(c *call) reply {
	if su := c.s.st.Suites[c.number("id")]; su != nil && su.Repo == c.repo {
		return ok(c.s.render.Suite(su, true))
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
	su := c.s.st.Suites[c.number("id")]
	if su == nil || su.Repo != c.repo {
		return notFound()
	}
	c.s.emitSuite(su, "rerequested", c.who.account())
	return created(obj{})
}

// PressButton is a person pressing an action of a completed check run. People without write access see no buttons.
func (s *Server) PressButton(login string, runID int64, identifier string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	run, by := s.st.Runs[runID], s.st.Login(login)
	if run == nil || by == nil || !run.Suite.Repo.May(by, "write") {
		return fmt.Errorf("%s has no button on check run %d", login, runID)
	}
	if run.Status != "completed" {
		return fmt.Errorf("check run %d shows no buttons before it is completed", runID)
	}
	if !slices.ContainsFunc(run.Actions, func(a model.Action) bool { return a.Identifier == identifier }) {
		return fmt.Errorf("check run %d has no button %q", runID, identifier)
	}
	s.emitRun(run, "requested_action", by, obj{"requested_action": obj{"identifier": identifier}})
	return nil
}

// Rerequest is a person asking to run one completed check again.
func (s *Server) Rerequest(login string, runID int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	run, by := s.st.Runs[runID], s.st.Login(login)
	if run == nil || by == nil || !run.Suite.Repo.May(by, "write") || run.Status != "completed" {
		return fmt.Errorf("%s cannot run check run %d again", login, runID)
	}
	s.emitRun(run, "rerequested", by, nil)
	return nil
}

// RerequestAll is a person asking to run all of an App's checks of a commit again.
func (s *Server) RerequestAll(login string, suiteID int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	su, by := s.st.Suites[suiteID], s.st.Login(login)
	if su == nil || by == nil || !su.Repo.May(by, "write") {
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
	r, err := s.st.Find(full)
	if err != nil {
		return nil, err
	}
	var out []CheckRun
	for _, run := range model.Latest(r.RunsAt(sha)) {
		x := CheckRun{
			ID: run.ID, SuiteID: run.Suite.ID, App: run.Suite.App.Slug, Name: run.Name, ExternalID: run.External,
			Status: run.Status, Conclusion: run.Conclusion,
			Title: run.Title, Summary: run.Summary, Text: run.Text, DetailsURL: run.Details, Annotations: len(run.Annotations),
		}
		for _, a := range run.Actions {
			x.Actions = append(x.Actions, a.Identifier)
		}
		out = append(out, x)
	}
	return out, nil
}
