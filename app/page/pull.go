package page

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/templates/web"
	"github.com/cardea-iac/cardea/workflow"
)

// pullState is what a pull's page is made from: the pull, all that share its head, and the
// history. The plans are not in it; the record has their runs.
func (s *server) pullState(ctx context.Context, r *http.Request) (any, error) {
	repo, err := s.repoOf(ctx, r)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return nil, errNotFound
	}
	rec, err := s.Service.Pull(ctx, workflow.PullKey{RepoID: repo.ID, Number: number})
	if err != nil {
		return nil, err
	}
	peers, err := s.Service.PullsByHead(ctx, repo.ID, rec.Pull.Head.SHA)
	if err != nil {
		return nil, err
	}
	events, err := s.Service.Events(ctx, rec.Pull.Subject().About(), 0, 1)
	if err != nil {
		return nil, err
	}
	return []any{repo, rec, peers, events}, nil
}

func (s *server) pull(ctx context.Context, r *http.Request) (page, error) {
	repo, err := s.repoOf(ctx, r)
	if err != nil {
		return page{}, err
	}
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return page{}, errNotFound
	}
	v, err := s.Service.View(ctx, workflow.PullKey{RepoID: repo.ID, Number: number})
	if err != nil {
		return page{}, err
	}
	plan, apply, err := s.checks(ctx, v.PullRecord)
	if err != nil {
		return page{}, err
	}
	if wantsJSON(r) {
		runs, err := s.Service.RunsOf(ctx, v.Pull.Subject(), "", pullRuns)
		if err != nil {
			return page{}, err
		}
		return page{json: pullJSONOf(v, s.links, checksJSON{plan, apply}, runs)}, nil
	}
	events, err := s.Service.Events(ctx, v.Pull.Subject().About(), 0, eventsShown)
	if err != nil {
		return page{}, err
	}
	p, err := s.pullPage(ctx, v, events)
	if err != nil {
		return page{}, err
	}
	p.Checks = []web.CheckLine{checkLine("cardea/plan", plan), checkLine("cardea/apply", apply)}
	return page{html: func(w io.Writer) error { return web.WritePull(w, p) }}, nil
}

// checks reads what the checks of a pull's head say: of all open pulls with that head.
func (s *server) checks(ctx context.Context, rec workflow.PullRecord) (plan, apply Check, err error) {
	all := []workflow.PullRecord{rec}
	peers, err := s.Service.PullsByHead(ctx, rec.Pull.Repo.ID, rec.Pull.Head.SHA)
	if err != nil {
		return plan, apply, err
	}
	for _, p := range peers {
		if p.Pull.State == workflow.PullOpen && p.Pull.Number != rec.Pull.Number {
			all = append(all, p)
		}
	}
	plan, apply = s.Checks(all)
	return plan, apply, nil
}

func checkLine(name string, c Check) web.CheckLine {
	class := c.Conclusion
	if class == "" {
		class = c.Status
	}
	return web.CheckLine{Name: name, Word: strings.ReplaceAll(class, "_", " "), Class: class}
}

func (s *server) pullPage(ctx context.Context, v workflow.PullView, events []workflow.Event) (web.PullPage, error) {
	m := model.Read(v, s.links)
	pull, path := v.Pull, model.PullPath(v.Pull)
	p := web.PullPage{
		Head: web.Head{
			Title: pull.Title + " · " + pull.Repo.FullName() + " #" + strconv.Itoa(pull.Number),
			Crumbs: []web.Crumb{{Text: pull.Repo.FullName(), URL: model.RepoPath(pull.Repo)},
				{Text: "#" + strconv.Itoa(pull.Number)}},
			JSON: path + ".json",
			Live: pull.State == workflow.PullOpen && moving(m),
		},
		View: v, Model: m, Rows: slices.Concat(m.Rows, m.Unchanged), Acts: model.ActsOf(events, s.links),
		BaseSHA: v.BaseSHA, When: planned(m),
	}
	if s.WebURL != "" {
		p.ForgeURL, p.Source = s.WebURL+path, web.SourceURL(s.WebURL, pull.Repo, pull.Head.SHA)
	}
	// Each plan may take an equal part of what is left; what one does not need is left for those
	// after it.
	left := web.PageBudget
	for i, g := range m.Groups {
		var shown []web.ShownChange
		next := web.Spot{}
		if part := left / (len(m.Groups) - i); part >= leastPart {
			changes, err := s.firstChanges(ctx, g, max(leastOpen, changesOpen/len(m.Groups)), part)
			if err != nil {
				return p, err
			}
			shown, next = web.ShowChanges(changes, web.Spot{}, part)
			left -= web.SizeOf(shown)
		}
		whole := next.Change // a change that continues on the next page counts there
		p.Groups = append(p.Groups, web.ShownGroup{Group: g, Shown: shown, More: g.Total() - whole,
			MoreURL: model.RunPath(g.Rows[0].Record.Run.ID) + "?" + query("", next)})
	}
	web.Fold(p.Groups)
	return p, nil
}

// firstChanges are the changes of a group that a page has room for. The plan itself is read
// only where there is room for more than its brief.
func (s *server) firstChanges(ctx context.Context, g model.Group, most, part int) ([]workflow.Change, error) {
	changes := g.Changes
	if len(changes) < most && g.Left.Changes > 0 && part > workflow.BriefBytes {
		plan, err := s.Service.Plan(ctx, g.Rows[0].Record.Run.ID)
		if err != nil {
			return nil, err
		}
		changes = workflow.ByRisk(plan.Changes)
	}
	return changes[:min(len(changes), most)], nil
}

// moving reports whether something in the pull is under way or about to start.
func moving(m model.Model) bool {
	return m.Status == model.StatusPlanning || m.Status == model.StatusUnknown || m.Tally.Applying > 0 ||
		m.Tally.Queued+m.Tally.Planning > 0 || m.Verifying()
}

// planned says when the newest plan was made.
func planned(m model.Model) string {
	var newest time.Time
	for _, r := range slices.Concat(m.Rows, m.Unchanged) {
		if r.Plan != nil && r.Plan.PlannedAt.After(newest) {
			newest = r.Plan.PlannedAt
		}
	}
	if newest.IsZero() {
		return ""
	}
	return "planned " + phrase.Clock(newest)
}
