package localgithub

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
	"github.com/cardea-iac/cardea/internal/localgithub/render"
)

// The limits of check runs, from GitHub's REST description of POST and PATCH check-runs.
const (
	maxOutput         = 65535 // characters of summary and of text
	maxAnnotations    = 50    // a request
	maxAnnotationText = 64 << 10
	maxTitle          = 255 // of an annotation
	maxActions        = 3
	maxLabel          = 20
	maxDescription    = 40
	maxIdentifier     = 20
)

// runInput is the body of creating and of updating a check run.
type runInput struct {
	Name        *string    `json:"name"`
	HeadSHA     string     `json:"head_sha"`
	DetailsURL  *string    `json:"details_url"`
	ExternalID  *string    `json:"external_id"`
	Status      *string    `json:"status"`
	StartedAt   *time.Time `json:"started_at"`
	Conclusion  *string    `json:"conclusion"`
	CompletedAt *time.Time `json:"completed_at"`
	Output      *struct {
		Title       *string            `json:"title"`
		Summary     *string            `json:"summary"`
		Text        *string            `json:"text"`
		Annotations []model.Annotation `json:"annotations"`
	} `json:"output"`
	Actions *[]model.Action `json:"actions"`
}

var (
	runStatuses    = []string{"queued", "in_progress", "completed"} // those an App may set
	runConclusions = []string{"action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"}
)

// check checks a request against the limits.
func (in *runInput) check() *reply {
	bad := func(format string, args ...any) *reply { return ptr(malformed(format, args...)) }
	if in.Status != nil && !slices.Contains(runStatuses, *in.Status) {
		return bad("%q is not a member of %v.", *in.Status, runStatuses)
	}
	if in.Conclusion != nil && !slices.Contains(runConclusions, *in.Conclusion) {
		return bad("%q is not a member of %v.", *in.Conclusion, runConclusions)
	}
	if in.Conclusion == nil && (in.CompletedAt != nil || in.Status != nil && *in.Status == "completed") {
		return bad("\"conclusion\" is required when completed.")
	}
	if in.DetailsURL != nil && *in.DetailsURL != "" && !strings.HasPrefix(*in.DetailsURL, "http://") &&
		!strings.HasPrefix(*in.DetailsURL, "https://") {
		return bad("details_url must use http or https scheme")
	}
	if o := in.Output; o != nil {
		if o.Summary == nil {
			return bad("\"summary\" wasn't supplied.")
		}
		if o.Title == nil && in.HeadSHA != "" {
			return bad("\"title\" wasn't supplied.")
		}
		for _, text := range []*string{o.Summary, o.Text} {
			if text != nil && utf8.RuneCountInString(*text) > maxOutput {
				return bad("Only %d characters are allowed; %d were supplied.", maxOutput, utf8.RuneCountInString(*text))
			}
		}
		if msg := checkAnnotations(o.Annotations); msg != "" {
			return bad("%s", msg)
		}
	}
	if in.Actions != nil {
		if msg := checkActions(*in.Actions); msg != "" {
			return bad("%s", msg)
		}
	}
	return nil
}

func checkAnnotations(all []model.Annotation) string {
	if len(all) > maxAnnotations {
		return fmt.Sprintf("No more than %d items are allowed; %d were supplied.", maxAnnotations, len(all))
	}
	for _, a := range all {
		switch {
		case a.Path == "" || a.Message == "" || a.StartLine < 1 || a.EndLine < a.StartLine:
			return "An annotation needs path, start_line, end_line and message."
		case !slices.Contains([]string{"notice", "warning", "failure"}, a.Level):
			return fmt.Sprintf("%q is not a member of [notice warning failure].", a.Level)
		case len(a.Message) > maxAnnotationText || len(a.RawDetails) > maxAnnotationText ||
			utf8.RuneCountInString(a.Title) > maxTitle:
			return "An annotation's message and raw_details may have 64 KB, its title 255 characters."
		case a.StartLine != a.EndLine && (a.StartColumn != nil || a.EndColumn != nil):
			return "Columns are only allowed on annotations of a single line."
		}
	}
	return ""
}

func checkActions(all []model.Action) string {
	if len(all) > maxActions {
		return fmt.Sprintf("No more than %d items are allowed; %d were supplied.", maxActions, len(all))
	}
	for _, a := range all {
		for _, limit := range []struct {
			text string
			max  int
		}{{a.Label, maxLabel}, {a.Description, maxDescription}, {a.Identifier, maxIdentifier}} {
			if n := utf8.RuneCountInString(limit.text); n == 0 || n > limit.max {
				return fmt.Sprintf("An action's text must have 1 to %d characters; %d were supplied.", limit.max, n)
			}
		}
	}
	return ""
}

// createRun makes a new run. An older one of the same name and App on the same commit stays,
// but the newest counts.
func createRun(c *call) reply {
	var in runInput
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if in.Name == nil || *in.Name == "" || in.HeadSHA == "" {
		return malformed("\"name\" and \"head_sha\" weren't supplied.")
	}
	if bad := in.check(); bad != nil {
		return *bad
	}
	commit, err := c.s.commitOf(c.r.Context(), c.repo, in.HeadSHA)
	if err != nil {
		return fail(http.StatusInternalServerError, "%v", err)
	}
	if commit == nil || len(in.HeadSHA) != 40 {
		return fail(http.StatusUnprocessableEntity, "No commit found for SHA: %s", in.HeadSHA)
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	by := c.who.via()
	su := c.repo.SuiteOf(by, in.HeadSHA)
	if su == nil {
		su = c.s.newSuite(c.repo, by, render.HeadCommit(commit))
	}
	run := &model.CheckRun{ID: c.s.st.ID("check_run"), Suite: su, Name: *in.Name, Status: "queued",
		Started: c.s.now(), Actions: []model.Action{}}
	su.Runs = append(su.Runs, run)
	c.s.st.Runs[run.ID] = run
	c.s.setRun(run, in)
	c.s.emitRun(run, "created", c.who.account(), nil)
	if run.Status == "completed" {
		c.s.emitRun(run, "completed", c.who.account(), nil)
	}
	return created(c.s.render.Run(run))
}

// setRun copies a checked request into the run. A conclusion by itself completes the run.
func (s *Server) setRun(run *model.CheckRun, in runInput) {
	for to, from := range map[*string]*string{&run.Name: in.Name, &run.External: in.ExternalID,
		&run.Details: in.DetailsURL, &run.Status: in.Status} {
		if from != nil {
			*to = *from
		}
	}
	if in.StartedAt != nil {
		run.Started = in.StartedAt.UTC()
	}
	if in.Conclusion != nil {
		run.Status, run.Conclusion = "completed", *in.Conclusion
		done := s.now()
		if in.CompletedAt != nil {
			done = in.CompletedAt.UTC()
		}
		run.Completed = &done
	}
	if o := in.Output; o != nil {
		run.HasOutput = true
		if o.Title != nil {
			run.Title = *o.Title
		}
		run.Summary = *o.Summary
		if o.Text != nil {
			run.Text = *o.Text
		}
		run.Annotations = append(run.Annotations, o.Annotations...) // every update adds annotations, none replaces any
	}
	if in.Actions != nil {
		run.Actions = *in.Actions
	}
	run.Suite.Updated = s.now()
}

func (c *call) run() *model.CheckRun {
	if run := c.s.st.Runs[c.number("id")]; run != nil && run.Suite.Repo == c.repo {
		return run
	}
	return nil
}

// updateRun: only the App that made a run may change it, and a completed run never goes back.
func updateRun(c *call) reply {
	run := c.run()
	if run == nil {
		return notFound()
	}
	if run.Suite.App != c.who.via() {
		return fail(http.StatusForbidden,
			"Invalid app_id `%d` - check run can only be modified by the GitHub App that created it.", c.who.via().ID)
	}
	var in runInput
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	in.HeadSHA = "" // not for updates
	if in.Name != nil && *in.Name == "" {
		return malformed("\"name\" cannot be blank.")
	}
	if bad := in.check(); bad != nil {
		return *bad
	}
	was := run.Status
	if was == "completed" && in.Conclusion == nil && in.Status != nil && *in.Status != "completed" {
		return malformed("A completed check run cannot go back to %s; create a new one.", *in.Status)
	}
	c.s.setRun(run, in)
	if was != "completed" && run.Status == "completed" {
		c.s.emitRun(run, "completed", c.who.account(), nil)
	}
	return ok(c.s.render.Run(run))
}

func getRun(c *call) reply {
	if run := c.run(); run != nil {
		return ok(c.s.render.Run(run))
	}
	return notFound()
}

func runAnnotations(c *call) reply {
	run := c.run()
	if run == nil {
		return notFound()
	}
	return each(c, run.Annotations, func(a model.Annotation) obj {
		return obj{
			"path": a.Path, "start_line": a.StartLine, "end_line": a.EndLine, "start_column": a.StartColumn,
			"end_column": a.EndColumn, "annotation_level": a.Level,
			"message": a.Message, "title": render.OrNil(a.Title), "raw_details": render.OrNil(a.RawDetails),
			"blob_href": c.html + "/blob/" + run.Suite.SHA + "/" + a.Path,
		}
	})
}

func listRuns(c *call) reply {
	sha, bad := c.commitSHA("ref")
	if bad != nil {
		return *bad
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	all := c.repo.RunsAt(sha)
	if c.query("filter") != "all" {
		all = model.Latest(all)
	}
	name, status, by := c.query("check_name"), c.query("status"), c.query("app_id")
	all = slices.DeleteFunc(all, func(run *model.CheckRun) bool {
		return name != "" && run.Name != name || status != "" && run.Status != status ||
			by != "" && fmt.Sprint(run.Suite.App.ID) != by
	})
	slices.Reverse(all) // newest first
	return counted(c, "check_runs", all, c.s.render.Run)
}
