package report

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/workflow"
)

// comment writes the summary when it should be there and differs.
func (p *pass) comment(ctx context.Context, w Wanted) {
	if w.Comment == "" || p.stop() {
		return
	}
	if w.Final {
		p.state.Writes = 0
	}
	sum := hash(w.Comment) // of the whole text, even if not all of it fits
	if n := p.view.Edits; n > 0 {
		sum = hash(fmt.Sprint(n, w.Comment)) // if somebody else overwrote it, we write it again
	}
	if sum == p.state.CommentHash {
		return
	}
	if !w.Final && !p.mayProgress() {
		return
	}
	if w.Optional && p.state.CommentID == 0 {
		return
	}
	written, text, err := p.writeComment(ctx, w)
	if err == nil && p.state.CommentID == 0 {
		return // it was deleted, and is not needed
	}
	// Before it counts as written: an approval of something that was not recorded as shown would be refused for ever.
	if err == nil {
		named := templates.Named(text, w.Plans)
		err = p.config.Service.ShownAt(ctx, p.view.Pull.Key(),
			workflow.Shown{At: written.At, Fingerprints: named, Runs: Runs(p.view, named)})
	}
	if err != nil {
		p.failed(err)
		return
	}
	p.state.CommentHash, p.state.CommentAt = sum, p.config.Now()
	if !w.Final {
		p.state.Writes++
	}
}

// mayProgress reports whether a progress edit may be written now; if it may be written later,
// it makes the pass due then.
func (p *pass) mayProgress() bool {
	now := p.config.Now()
	at, ok := p.progressAt(p.view.PullRecord)
	switch {
	case !ok:
		p.next = now.Add(time.Hour)
		return false
	case p.config.GitHub.Busy(p.view.Pull.Repo.InstallationID):
		p.next = now.Add(2 * time.Second)
		return false
	case at.After(now):
		p.next = at
		return false
	}
	return true
}

// writeComment returns the comment as GitHub has it now, and the text that was written.
func (p *pass) writeComment(ctx context.Context, w Wanted) (written github.Comment, text string, err error) {
	if id := p.state.CommentID; id != 0 {
		text, err = p.fitting(ctx, w.Comment, func(text string) (err error) {
			written, err = p.config.GitHub.UpdateComment(ctx, p.view.Pull.Repo, id, text)
			return err
		})
		if !github.Gone(err) {
			return written, text, err
		}
		// Somebody deleted it. Perhaps there is another one of ours.
		p.state.CommentID, p.ours = 0, nil
		if err := p.findComments(ctx); err != nil {
			return written, "", err
		}
		if p.state.CommentID = p.marked(); p.state.CommentID != 0 && p.state.CommentID != id {
			return p.writeComment(ctx, w)
		}
		p.state.CommentID = 0
	}
	if w.Optional {
		return written, "", nil
	}
	if err := p.sure(ctx); err != nil {
		return written, "", err
	}
	text, err = p.fitting(ctx, w.Comment, func(text string) (err error) {
		written, err = p.config.GitHub.CreateComment(ctx, p.view.Pull.Repo, p.view.Pull.Number, text)
		if err == nil {
			p.state.CommentID = written.ID
		}
		return p.doubt(err)
	})
	return written, text, err
}

// fitting writes a text, or half of it if GitHub says that it is too long. It returns what
// was written.
func (p *pass) fitting(ctx context.Context, text string, write func(string) error) (string, error) {
	err := write(text)
	for range 3 {
		if github.Status(err) != http.StatusUnprocessableEntity || !strings.Contains(github.Message(err), "too long") {
			return text, err
		}
		p.config.Log.WarnContext(ctx, "GitHub refuses a comment of this size", "bytes", len(text))
		text = halve(text, p.config.Links.Pull(p.view.Pull))
		err = write(text)
	}
	return text, err
}

// replies writes the comments that commands asked for, each exactly once.
func (p *pass) replies(ctx context.Context) {
	for _, r := range p.view.Replies {
		if !r.Unwritten() || p.stop() {
			continue
		}
		if err := p.reply(ctx, r); err != nil {
			p.failed(err)
		}
	}
}

func (p *pass) reply(ctx context.Context, r workflow.Reply) error {
	pull := p.view.Pull
	// Only an earlier attempt can have written it, by this process or a previous one.
	if p.tried.has(r.Key) || r.At.Before(p.started) {
		p.ours = nil
		if err := p.findComments(ctx); err != nil {
			return err
		}
		for _, c := range p.ours {
			if strings.HasPrefix(c.Body, templates.ReplyMarker) &&
				strings.Contains(firstLines(c.Body), templates.KeyMarker(r.Key)) {
				return p.config.Service.ReplyWritten(ctx, pull.Key(), r.Key, c.ID)
			}
		}
	}
	p.tried.add(r.Key)
	var written github.Comment
	_, err := p.fitting(ctx, templates.Reply(r, p.view, p.config.Links), func(text string) (err error) {
		written, err = p.config.GitHub.CreateComment(ctx, pull.Repo, pull.Number, text)
		return err
	})
	if err != nil {
		return err
	}
	if err := p.config.Service.ReplyWritten(ctx, pull.Key(), r.Key, written.ID); err != nil {
		return err
	}
	p.tried.remove(r.Key)
	return nil
}

// firstLines are the lines that may hold markers: what follows may quote anything.
func firstLines(body string) string {
	parts := strings.SplitN(body, "\n", 3)
	return strings.Join(parts[:min(len(parts), 2)], "\n")
}
