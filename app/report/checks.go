package report

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/app/event"
	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/workflow"
)

// checks writes what differs. While something goes on checks show their status
// only, so that their words cost no calls, unless they say why nothing moves.
func (p *pass) checks(ctx context.Context, w Wanted) {
	for _, c := range w.Checks {
		if p.stop() {
			return
		}
		if err := p.check(ctx, w, c); err != nil {
			p.failed(err)
		}
	}
}

// later reports whether new words of a completed check can wait: while projects
// are planned, applied or verified each of them changes the words, and once all are
// applied, what cardea/plan says of the plans is still so, unless it told of an
// apply that went wrong. A project's own check is written once more at the end.
func (p *pass) later(w Wanted, c github.Check) bool {
	return !w.Final || c.Name == PlanCheck && w.Applied && !p.state.Checks[c.SHA][c.Name].Alarmed
}

func (p *pass) check(ctx context.Context, w Wanted, c github.Check) error {
	words := c.Status == completed && !p.later(w, c) || w.Waiting && c.Name == PlanCheck
	shown, there := p.state.Checks[c.SHA][c.Name]
	now := workflow.CheckShown{ID: shown.ID, Status: c.Status, Conclusion: c.Conclusion, Hash: hashOf(c),
		At: p.config.Now(), Alarmed: w.Alarmed}
	same := there && shown.Status == c.Status && shown.Conclusion == c.Conclusion
	// A button on a page that somebody still looks at must not come to mean other plans.
	old := refOf(shown)
	bound := shown.Status == completed && old.Shown != "" && old.String() != c.ExternalID
	if same && !bound && (!words || shown.Hash == now.Hash) {
		return nil
	}
	if there && !bound && (shown.Status != completed || same) {
		if same {
			c.Annotations = nil // GitHub would add them once more
		}
		err := p.config.GitHub.UpdateCheck(ctx, p.view.Pull.Repo, shown.ID, c)
		if err == nil {
			p.state.Checks[c.SHA][c.Name] = now
			return nil
		}
		if !github.Gone(err) && github.Status(err) != http.StatusUnprocessableEntity {
			return err
		}
		p.config.Log.InfoContext(ctx, "a check run can no longer be changed", "check", c.Name, "sha", c.SHA, "error", err)
	}
	if err := p.sure(ctx); err != nil {
		return err
	}
	id, err := p.config.GitHub.CreateCheck(ctx, p.view.Pull.Repo, c)
	if err != nil {
		return p.doubt(err)
	}
	now.ID = id
	p.state.Checks[c.SHA][c.Name] = now
	return nil
}

// hashOf is of everything that is sent but the annotations, which are sent once.
// What the check is about stands in it as it is.
func hashOf(c github.Check) string {
	c.Annotations = nil
	return hash(c) + " " + c.ExternalID
}

// refOf is what a check was about when it was last written.
func refOf(shown workflow.CheckShown) event.CheckRef {
	_, external, _ := strings.Cut(shown.Hash, " ")
	ref, _ := event.ParseCheckRef(external)
	return ref
}

func hash(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and lists of strings always marshal
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}

// oldHeads cancels the checks of superseded heads that are still under way,
// unless another open pull has that head. What is completed is final.
func (p *pass) oldHeads(ctx context.Context) {
	heads := p.view.OldHeads
	if len(heads) == 0 {
		p.forgetHeads()
		return
	}
	var done []string
	for _, sha := range heads {
		if p.stop() {
			break
		}
		if err := p.oldHead(ctx, sha); err != nil {
			p.failed(err)
			continue
		}
		done = append(done, sha)
		delete(p.state.Checks, sha)
	}
	if err := p.config.Service.HeadsCancelled(ctx, p.view.Pull.Key(), done); err != nil {
		p.failed(err)
	}
}

func (p *pass) oldHead(ctx context.Context, sha string) error {
	peers, err := p.config.Service.PullsByHead(ctx, p.view.Pull.Repo.ID, sha)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(peers, func(r workflow.PullRecord) bool { return r.Pull.State == workflow.PullOpen }) {
		return nil
	}
	if !p.state.Searched || p.looked { // there may be checks that the state does not know
		if err := p.findChecks(ctx, sha); err != nil && !github.Gone(err) {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.state.Checks[sha])) {
		shown := p.state.Checks[sha][name]
		if shown.Status == completed {
			continue
		}
		c := newCheck(p.view, name, event.CheckRef{}, p.config.Links)
		c.SHA = sha
		head := p.view.Pull.Head.SHA
		c.set(cancelled, templates.CheckText{
			Title:   "Superseded by " + phrase.Short(head),
			Summary: "This commit is no longer the head of the pull request; " + phrase.Short(head) + " is.",
		})
		err := p.config.GitHub.UpdateCheck(ctx, p.view.Pull.Repo, shown.ID, c.Check)
		if err != nil && !github.Gone(err) && github.Status(err) != http.StatusUnprocessableEntity {
			return err
		}
		shown.Status, shown.Conclusion = completed, cancelled
		p.state.Checks[sha][name] = shown
	}
	return nil
}

// forgetHeads drops the checks of heads that are neither current nor to be cancelled.
func (p *pass) forgetHeads() {
	maps.DeleteFunc(p.state.Checks, func(sha string, _ map[string]workflow.CheckShown) bool { return sha != p.view.Pull.Head.SHA })
}
