package report

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/workflow"
)

// Mergeable reports whether a pull is done: something was applied, a plan after each apply
// found nothing left to do, and nothing else waits, not even a project that is planned only
// on command.
func Mergeable(rec workflow.PullRecord) bool {
	if rec.Pull.State != workflow.PullOpen || rec.Pull.Draft || busy(rec) || len(rec.Unplanned) > 0 ||
		StandingsOf(rec) != (Standings{Applied, Applied}) {
		return false
	}
	for _, p := range rec.Projects {
		v := p.Verify
		if p.State() == workflow.StateApplied && (v == nil || v.Outcome != workflow.OutcomeSucceeded || !v.NoChanges) {
			return false
		}
	}
	return true
}

// merge merges a pull that is done, if the rule says so, once everything is shown, because
// GitHub may require our checks too. It merges exactly the head that was applied, into the
// base branch for which it was applied. If GitHub refuses, that is said once per head, in
// GitHub's own words.
func (p *pass) merge(ctx context.Context, rules workflow.Rules) {
	if !rules.Automerge || len(p.errs) > 0 || !p.next.IsZero() || !Mergeable(p.view.PullRecord) {
		return
	}
	err := p.config.GitHub.Merge(ctx, p.view.Pull)
	switch {
	case err == nil:
		p.config.Log.InfoContext(ctx, "merged", "pull", p.view.Pull.Key().String(), "head", p.view.Pull.Head.SHA)
	case errors.Is(err, workflow.ErrPassing):
		p.failed(err)
	case errors.Is(err, github.ErrMoved): // we will hear of what moved it, and decide again
		p.config.Log.InfoContext(ctx, "not merged", "pull", p.view.Pull.Key().String(), "error", err)
	default:
		p.config.Log.InfoContext(ctx, "GitHub did not merge", "pull", p.view.Pull.Key().String(), "error", err)
		if err := p.refusedMerge(ctx, err); err != nil {
			p.failed(err)
		}
	}
}

func (p *pass) refusedMerge(ctx context.Context, refusal error) error {
	head := p.view.Pull.Head.SHA
	said := github.Message(refusal)
	switch {
	case said == "":
		said = refusal.Error()
	// For GitHub, what an App may not do does not exist.
	case github.Status(refusal) == http.StatusForbidden || github.Gone(refusal):
		said += " (an App needs the permission `contents: write` to merge)"
	}
	return p.once(ctx, workflow.Reply{
		Key: "merge-" + head, Kind: workflow.ReplyMerge, At: p.config.Now(),
		Text: []phrase.Text{
			phrase.Say("GitHub did not merge %s: %s.", phrase.Short(head), strings.TrimRight(strings.TrimSpace(said), ".")),
			phrase.Say("Everything is applied; once that is fixed, merge it with GitHub's button."),
		},
	})
}

// once writes a comment that no request asked for, unless it is there already.
func (p *pass) once(ctx context.Context, r workflow.Reply) error {
	if p.state.Said == r.Key {
		return nil
	}
	p.ours = nil
	if err := p.findComments(ctx); err != nil {
		return err
	}
	there := false
	for _, c := range p.ours {
		there = there || strings.HasPrefix(c.Body, templates.ReplyMarker) &&
			strings.Contains(firstLines(c.Body), templates.KeyMarker(r.Key))
	}
	if !there {
		_, err := p.fitting(ctx, templates.Reply(r, p.view, p.config.Links), func(text string) error {
			_, err := p.config.GitHub.CreateComment(ctx, p.view.Pull.Repo, p.view.Pull.Number, text)
			return err
		})
		if err != nil {
			return err
		}
	}
	p.state.Said = r.Key
	return nil
}
