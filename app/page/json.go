package page

import (
	"time"

	"github.com/cardea-iac/cardea/app/preflight"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// The JSON of the pages is a contract: lists are never null, and every key is always there.

type indexJSON struct {
	Problems     []preflight.Finding `json:"problems"` // errors and warnings
	Repositories []repoJSON          `json:"repositories"`
}

type repoJSON struct {
	Repository string         `json:"repository"`
	Pulls      []pullLineJSON `json:"pulls"`
}

type pullLineJSON struct {
	Number   int                `json:"number"`
	Title    string             `json:"title"`
	Author   string             `json:"author"`
	Head     workflow.Ref       `json:"head"`
	Base     workflow.Ref       `json:"base"`
	State    workflow.PullState `json:"state"`
	Draft    bool               `json:"draft"`
	Verdict  string             `json:"verdict"`
	Projects []projectLineJSON  `json:"projects"`
}

type projectLineJSON struct {
	Name        string                `json:"name"`
	Environment string                `json:"environment"`
	Component   string                `json:"component"`
	State       workflow.ProjectState `json:"state"`
}

func repoJSONOf(r workflow.Repo, pulls []workflow.PullRecord) repoJSON {
	out := repoJSON{Repository: r.FullName(), Pulls: []pullLineJSON{}}
	for _, rec := range pulls {
		p := pullLineJSON{Number: rec.Pull.Number, Title: rec.Pull.Title, Author: rec.Pull.Author.Login, Head: rec.Pull.Head,
			Base: rec.Pull.Base, State: rec.Pull.State,
			Draft: rec.Pull.Draft, Verdict: model.Read(workflow.PullView{PullRecord: rec}, model.Links{}).Title,
			Projects: []projectLineJSON{}}
		for _, pr := range rec.Projects {
			p.Projects = append(p.Projects,
				projectLineJSON{pr.Project.Name, pr.Project.Environment, pr.Project.Component, pr.State()})
		}
		out.Pulls = append(out.Pulls, p)
	}
	return out
}

type pullJSON struct {
	Repository string             `json:"repository"`
	Number     int                `json:"number"`
	Head       workflow.Ref       `json:"head"`
	Base       workflow.Ref       `json:"base"`
	State      workflow.PullState `json:"state"`
	Plan       Check              `json:"plan"`
	Apply      Check              `json:"apply"`
	Projects   []projectJSON      `json:"projects"`
}

type projectJSON struct {
	Name        string                `json:"name"`
	Variant     string                `json:"variant"`
	Environment string                `json:"environment"`
	Component   string                `json:"component"`
	State       workflow.ProjectState `json:"state"`
	Reason      []string              `json:"reason"`
	Add         int                   `json:"add"`
	Change      int                   `json:"change"`
	Replace     int                   `json:"replace"`
	Destroy     int                   `json:"destroy"`
	Fingerprint string                `json:"fingerprint"`
	Approvals   []approvalJSON        `json:"approvals"`
	WaitsFor    []string              `json:"waits_for"`
	Follows     []string              `json:"follows"`
	Lock        *lockJSON             `json:"lock"`
	Runs        []runJSON             `json:"runs"`
}

// approvalJSON is one approval that counts for the plan, by GitHub's clock.
type approvalJSON struct {
	User string    `json:"user"`
	At   time.Time `json:"at"`
	// Review: it was given by a review on GitHub.
	Review bool `json:"review,omitempty"`
}

// lockJSON is who holds the project: this pull or another.
type lockJSON struct {
	Pull  int       `json:"pull"`
	User  string    `json:"user"`
	Since time.Time `json:"since"`
}

// runJSON: times are RFC 3339 or null, the outcome is "" before the end.
type runJSON struct {
	ID       string            `json:"id"`
	Kind     workflow.RunKind  `json:"kind"`
	State    workflow.RunState `json:"state"`
	Outcome  workflow.Outcome  `json:"outcome"`
	Head     string            `json:"head"`
	Started  *time.Time        `json:"started"`
	Finished *time.Time        `json:"finished"`
}

type projectHistoryJSON struct {
	Repository string    `json:"repository"`
	Project    string    `json:"project"`
	Says       string    `json:"says"` // "applied from #12 at abc1234, never merged", "" when there is nothing to say
	Lock       *lockJSON `json:"lock"`
	Runs       []runJSON `json:"runs"`
	Older      string    `json:"older"` // path of the next page, "" at the end
}

type runDetailJSON struct {
	Run        runJSON `json:"run"`
	Repository string  `json:"repository"`
	Number     int     `json:"number"` // 0 without a pull

	workflow.SubjectJSON // of what is no pull

	Project     string                `json:"project"`
	Reason      string                `json:"reason"`
	Diagnostics []workflow.Diagnostic `json:"diagnostics"`
	Plan        *workflow.Plan        `json:"plan"`     // its changes from the given spot on, as far as one answer goes
	Apply       *applyJSON            `json:"apply"`    // with the authorisation; null for other kinds
	Progress    []workflow.Progress   `json:"progress"` // of what it does, those first that people should see
	Later       string                `json:"later"`    // path of the changes after these, "" at the end
	Left        leftJSON              `json:"left"`
}

// applyJSON is what an apply applies, with its sentences as people read them.
type applyJSON struct {
	workflow.ApplyOrder
	Missing []missingJSON `json:"missing,omitempty"`
}

type missingJSON struct {
	Need     workflow.Requirement `json:"need"`
	Short    string               `json:"short,omitempty"`
	Sentence string               `json:"sentence"`
	Mend     string               `json:"mend"`
}

func applyJSONOf(o *workflow.ApplyOrder, l model.Links) *applyJSON {
	if o == nil {
		return nil
	}
	out := &applyJSON{ApplyOrder: *o}
	for _, m := range o.Missing {
		out.Missing = append(out.Missing, missingJSON{m.Need, l.Say(m.Short), l.Say(m.Sentence), l.Say(m.Mend)})
	}
	return out
}

// leftJSON counts what one answer leaves out of a run's other lists.
type leftJSON struct {
	Diagnostics int `json:"diagnostics"`
	Progress    int `json:"progress"`
	Drift       int `json:"drift"`
	Hidden      int `json:"hidden"`
	Warnings    int `json:"warnings"`
	Checks      int `json:"checks"`
	Notes       int `json:"notes"`
	Named       int `json:"named"`
}

type checksJSON struct{ plan, apply Check }

// pullJSONOf is a pull with the runs of each of its projects, newest first.
func pullJSONOf(v workflow.PullView, l model.Links, c checksJSON, runs []workflow.Run) pullJSON {
	out := pullJSON{Repository: v.Pull.Repo.FullName(), Number: v.Pull.Number,
		Head: v.Pull.Head, Base: v.Pull.Base, State: v.Pull.State,
		Plan: c.plan, Apply: c.apply, Projects: []projectJSON{}}
	by := map[workflow.ProjectKey][]workflow.Run{}
	for _, r := range runs {
		by[r.Project.Key()] = append(by[r.Project.Key()], r)
	}
	for _, rec := range v.Projects {
		r := model.RowOf(v, rec, l)
		p := projectJSON{
			Name: r.Name(), Variant: rec.Project.Entry, Environment: rec.Project.Environment, Component: rec.Project.Component,
			State: r.State, Reason: full(r.Reasons),
			Add: r.Counts.Add, Change: r.Counts.Change, Replace: r.Counts.Replace, Destroy: r.Counts.Destroy,
			Approvals: []approvalJSON{}, WaitsFor: full(r.WaitsFor()), Follows: full(r.Follows), Runs: runsJSON(by[rec.Project.Key()]),
		}
		p.Fingerprint = workflow.ShortFingerprint(r.Fingerprint())
		for _, a := range r.Approvals() {
			p.Approvals = append(p.Approvals, approvalJSON{User: a.User.Login, At: a.At.UTC(), Review: a.ReviewID != 0})
		}
		if r.Lock != nil {
			p.Lock = &lockJSON{Pull: r.Lock.Pull.Number, User: r.Lock.User.Login, Since: r.Lock.Since.UTC()}
		}
		out.Projects = append(out.Projects, p)
	}
	return out
}

// full is a list that is never null.
func full(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func runsJSON(runs []workflow.Run) []runJSON {
	out := make([]runJSON, len(runs))
	for i, r := range runs {
		out[i] = runJSONOf(r)
	}
	return out
}

func runJSONOf(r workflow.Run) runJSON {
	return runJSON{ID: r.ID, Kind: r.Kind, State: r.State, Outcome: r.Outcome, Head: r.Head,
		Started: at(r.Started), Finished: at(r.Finished)}
}

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
