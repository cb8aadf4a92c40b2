package page

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/templates/web"
	"github.com/cardea-iac/cardea/workflow"
)

// runState is what a run's page is made from, without its plan, which never changes.
func (s *server) runState(ctx context.Context, r *http.Request) (any, error) {
	run, err := s.Service.Run(ctx, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	size, err := s.logSize(run.ID)
	if err != nil {
		return nil, err
	}
	progress, err := s.progress(run)
	return []any{run, size, progress}, err
}

// progress is what a run does, as it stands: of an apply, and of a plan while it goes on.
func (s *server) progress(run workflow.Run) ([]workflow.Progress, error) {
	if run.State == workflow.RunQueued || run.State == workflow.RunFinished && run.Apply == nil {
		return nil, nil
	}
	list, err := s.Progress(run.ID)
	switch {
	case errors.Is(err, fs.ErrNotExist) && run.Apply != nil:
		return run.Apply.Progress, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the progress of run %s: %w", run.ID, err)
	}
	for i := range list {
		if run.State == workflow.RunFinished {
			list[i] = list[i].Ended()
		}
	}
	return workflow.ProgressByNeed(list), nil
}

func (s *server) logSize(id string) (size int64, err error) {
	f, err := s.Logs(id)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("opening the log of run %s: %w", id, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Seek(0, io.SeekEnd)
}

func (s *server) run(ctx context.Context, r *http.Request) (page, error) {
	run, err := s.Service.Run(ctx, r.PathValue("id"))
	if err != nil {
		return page{}, err
	}
	var plan *workflow.Plan
	made := run.ID // for an apply, the plan that it applies is shown
	if run.Apply != nil {
		made = run.Apply.PlanRun
	}
	if run.Outcome == workflow.OutcomeSucceeded || run.Apply != nil {
		p, err := s.Service.Plan(ctx, made)
		if err != nil && !errors.Is(err, workflow.ErrNotFound) {
			return page{}, err
		}
		if err == nil {
			plan = &p
		}
	}
	progress, err := s.progress(run)
	if err != nil {
		return page{}, err
	}
	if wantsJSON(r) {
		out := runDetailOf(run, plan, r.URL.Query().Get("from"), s.links)
		out.Progress, out.Left.Progress = fitting(append([]workflow.Progress{}, progress...), jsonList)
		return page{json: out}, nil
	}
	log, err := s.log(run.ID, r.URL.Query().Get("line"))
	if err != nil {
		return page{}, err
	}
	p := runPage(run, plan, s.links)
	if p.Apply = web.ApplyPartOf(run, plan, s.links); p.Apply != nil && p.Apply.Alarm != nil && run.Reason == "" {
		p.Reason = ""
	}
	p.Progress = progress
	if log != nil && !p.Failed {
		log.Error = 0 // the run got over it, or goes on
	}
	p.Log, p.Source = log, web.SourceURL(s.WebURL, run.Repo, run.Head)
	narrow(&p, r.URL.Query().Get("action"), r.URL.Query().Get("from"))
	return page{html: func(w io.Writer) error { return web.WriteRun(w, p) }}, nil
}

func runPage(run workflow.Run, plan *workflow.Plan, l model.Links) web.RunPage {
	subject := web.SubjectOf(run)
	p := web.RunPage{
		Head: web.Head{
			Title:  run.Project.Name + " · " + string(run.Kind) + " of " + strings.ReplaceAll(subject.Words, "`", ""),
			Crumbs: crumbs(run),
			JSON:   model.RunPath(run.ID) + ".json",
			Live:   run.State != workflow.RunFinished,
		},
		Run: run, Plan: plan, Options: model.OptionsText(run.Options), For: subject, Steps: steps(run),
		Failed: run.State == workflow.RunFinished && run.Outcome != workflow.OutcomeSucceeded,
	}
	if plan != nil {
		p.Tool = model.ToolName(plan.Tool, plan.ToolVersion)
	}
	if p.Reason = l.Reason(run); model.Told(run.Reason, run.Diagnostics) {
		p.Reason = ""
		return p
	}
	if p.Failed && p.Reason == "" {
		p.Reason = "It did not succeed; the log below may say why."
	}
	return p
}

// crumbs lead to a run's page, over its pull's where one shows it.
func crumbs(run workflow.Run) []web.Crumb {
	out := []web.Crumb{{Text: run.Repo.FullName(), URL: model.RepoPath(run.Repo)}}
	if pull, shown := run.Subject().Pull(); shown {
		out = append(out, web.Crumb{Text: workflow.OfPull(pull).Words(), URL: model.SubjectPath(run.Repo, workflow.OfPull(pull))})
	}
	return append(out, web.Crumb{Text: run.Project.Name, URL: model.ProjectPath(run.Repo, run.Project.Name)}, web.Crumb{Text: string(run.Kind)})
}

// steps are the points of a run's life so far.
func steps(run workflow.Run) []web.Step {
	out := []web.Step{{Word: "Queued", At: run.Queued, Class: "done"}}
	if run.State == workflow.RunQueued {
		out[0].Class = "now"
		return out
	}
	if !run.Started.IsZero() {
		out = append(out, web.Step{Word: "Started", At: run.Started, Class: "done", After: after(run.Queued, run.Started, "waited")})
	}
	if run.Apply != nil && run.Apply.Authorised != nil {
		at := run.Apply.Authorised.At
		out = append(out, web.Step{Word: "Authorised", At: at, Class: "done", After: after(run.Started, at, "prepared in")})
	}
	if run.State == workflow.RunRunning {
		out[len(out)-1].Class = "now"
		return out
	}
	end := web.Step{Word: "Finished", At: run.Finished, Class: "done", After: after(run.Started, run.Finished, "took")}
	if run.Outcome != workflow.OutcomeSucceeded {
		end.Class = "bad"
	}
	return append(out, end)
}

func after(from, to time.Time, word string) string {
	if from.IsZero() || to.IsZero() {
		return ""
	}
	return word + " " + markdown.Duration(to.Sub(from))
}

// narrow chooses the changes that the page shows: those of one action, from a place on. Both
// come from the address; what is not an action or a place is ignored.
func narrow(p *web.RunPage, action, from string) {
	if p.Plan == nil {
		return
	}
	changes := workflow.ByRisk(p.Plan.Changes)
	path := model.RunPath(p.Run.ID)
	p.Filters = []web.Filter{{Word: "all", URL: path, Count: len(changes), Current: action == ""}}
	var chosen []workflow.Change
	for _, c := range changes {
		word := web.ActionWord(c)
		if action == "" || action == word {
			chosen = append(chosen, c)
		}
		i := slices.IndexFunc(p.Filters, func(f web.Filter) bool { return f.Word == word })
		if i < 0 {
			i = len(p.Filters)
			p.Filters = append(p.Filters, web.Filter{Word: word, URL: path + "?action=" + template.URLQueryEscaper(word), Current: action == word})
		}
		if i > 0 {
			p.Filters[i].Count++
		}
	}
	start := spotOf(from, len(chosen))
	end := min(start.Change+changesShown, len(chosen))
	var next web.Spot
	p.Changes, next = web.ShowChanges(chosen[:end], start, web.PageBudget)
	if start != (web.Spot{}) {
		p.EarlierURL = path + "?" + query(action, web.Spot{Change: max(start.Change-changesShown, 0)})
	}
	if next.Change < len(chosen) {
		p.LaterURL, p.Later = path+"?"+query(action, next), len(chosen)-next.Change
	}
}

// query is a run's page from a spot on.
func query(action string, from web.Spot) string {
	at := strconv.Itoa(from.Change)
	if from.Attribute > 0 {
		at += "." + strconv.Itoa(from.Attribute)
	}
	if action == "" {
		return "from=" + at
	}
	return fmt.Sprintf("action=%s&from=%s", template.URLQueryEscaper(action), at)
}

// spotOf reads the spot of a query: "12", or "12.340" for an attribute of that change.
func spotOf(text string, changes int) web.Spot {
	change, attribute, within := strings.Cut(text, ".")
	i, err := strconv.Atoi(change)
	if err != nil || i < 0 || i > changes {
		return web.Spot{}
	}
	k, err := strconv.Atoi(attribute)
	if within && (err != nil || k < 0) {
		return web.Spot{}
	}
	return web.Spot{Change: i, Attribute: k}
}

// log is what the page shows of a run's log, around a line or its end; nil without one.
func (s *server) log(id, line string) (log *web.Log, err error) {
	f, err := s.Logs(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the log of run %s: %w", id, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	at, err := strconv.Atoi(line)
	if err != nil || at < 0 {
		at = 0 // it comes from the address
	}
	if log, err = web.ReadLog(f, at); err != nil {
		return nil, fmt.Errorf("reading the log of run %s: %w", id, err)
	}
	return log, nil
}

// runLog serves a whole log as plain text.
func (s *server) runLog(w http.ResponseWriter, r *http.Request) {
	missing := s.serve(func(context.Context, *http.Request) (page, error) { return page{}, errNotFound })
	if _, err := s.Service.Run(r.Context(), r.PathValue("id")); err != nil {
		missing(w, r)
		return
	}
	f, err := s.Logs(r.PathValue("id"))
	if err != nil {
		missing(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err = io.Copy(w, f)
	if err = errors.Join(err, f.Close()); err != nil {
		s.Log.DebugContext(r.Context(), "sending a log", "run", r.PathValue("id"), "error", err)
	}
}
