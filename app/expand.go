package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/app/event"
	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/app/recover"
	"github.com/cardea-iac/cardea/app/report"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
	"github.com/cardea-iac/cardea/workflow/service"
)

const (
	// expanding is how many pulls are expanded at a time; no sender has more than senderShare of
	// those and no repository more than repoShare, so that there is always room for others.
	expanding   = 8
	senderShare = 4
	repoShare   = 6
	// expandAtMost is how long a request may take, expandGrace how long it may then take to
	// stop.
	expandAtMost = 10 * time.Minute
	expandGrace  = 5 * time.Second
	nearLook     = 512
	expandPoll   = 5 * time.Second
	// commandLife is how long after it was written a command is still carried out: a delivery
	// that arrives days late must not surprise anybody.
	commandLife = 30 * time.Minute
	// goneAfter is how often a pull has to be missing before we believe that it is gone.
	goneAfter = 3
	// retryStore is the wait after an error that is not GitHub's.
	retryStore = time.Second
)

// expansions are the requests under way, one about a thing.
type expansions struct {
	running map[workflow.About]workflow.Request
	farLook time.Time // when all of the queue is looked at again
	// later are those about which none is begun before that time.
	later map[workflow.About]time.Time
	ends  chan expanded
}

// may reports whether a request can be begun alongside those under way.
func (x *expansions) may(req workflow.Request, now time.Time) bool {
	if _, busy := x.running[req.About()]; busy || x.later[req.About()].After(now) {
		return false
	}
	senders, repos := 0, 0
	for _, r := range x.running {
		if r.Actor.ID == req.Actor.ID {
			senders++
		}
		if r.Repo.ID == req.Repo.ID {
			repos++
		}
	}
	return senders < senderShare && repos < repoShare && len(x.running) < expanding
}

type expanded struct {
	about workflow.About
	err   error
}

// expand carries requests out: one at a time about a pull, several pulls at a time.
func (a *App) expand(ctx context.Context) error {
	x := &expansions{running: map[workflow.About]workflow.Request{},
		later: map[workflow.About]time.Time{}, ends: make(chan expanded)}
	defer func() {
		for range x.running {
			<-x.ends
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.config.Service.Woken(service.WakeRequests):
		case <-timer.C:
		case e := <-x.ends:
			delete(x.running, e.about)
			delete(x.later, e.about)
			if e.err != nil && ctx.Err() == nil {
				a.config.Log.ErrorContext(ctx, "a request could not be carried out", "about", e.about.String(), "error", e.err)
				x.later[e.about] = a.config.Now().Add(retryStore)
			}
		}
		soonest, err := a.begin(ctx, x)
		if err != nil && ctx.Err() == nil {
			a.config.Log.ErrorContext(ctx, "requests could not be read", "error", err)
		}
		timer.Reset(max(soonest.Sub(a.config.Now()), time.Millisecond))
	}
}

// begin starts the requests that are due. It returns when to look again.
func (a *App) begin(ctx context.Context, x *expansions) (soonest time.Time, err error) {
	now := a.config.Now()
	soonest = now.Add(expandPoll)
	if len(x.running) == expanding {
		return soonest, nil // when one ends, we look again
	}
	// Requests that are due may stand far back in the queue. Looking through all of it is not
	// cheap, so that is done once a second.
	query := service.DueQuery{Look: nearLook, May: func(req workflow.Request) bool {
		if !x.may(req, now) {
			return false
		}
		x.running[req.About()] = req
		return true
	}}
	if !x.farLook.After(now) {
		query.Look, x.farLook = 0, now.Add(time.Second)
	} else if x.farLook.Before(soonest) {
		soonest = x.farLook
	}
	before := maps.Clone(x.running)
	due, next, err := a.config.Service.DueRequests(ctx, query)
	if err != nil {
		x.running = before
		return soonest, err
	}
	if !next.IsZero() && next.Before(soonest) {
		soonest = next
	}
	for key, until := range x.later {
		if !until.After(now) {
			delete(x.later, key)
		} else if until.Before(soonest) {
			soonest = until
		}
	}
	for _, req := range due {
		go func() { x.ends <- expanded{req.About(), a.try(ctx, req)} }()
	}
	return soonest, nil
}

// try carries a request out and expects it to go wrong in any way: whatever happens, it ends,
// and the others go on.
func (a *App) try(ctx context.Context, req workflow.Request) error {
	service := a.config.Service
	begun, err := service.BeginRequest(ctx, req.ID)
	if err != nil || !begun {
		return err
	}
	how, err := attempt(ctx, expandAtMost, expandGrace, func(ctx context.Context) error { return a.expandOne(ctx, req) })
	if how == endedInOrder && err == nil {
		return nil
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), expandGrace)
	defer cancel()
	switch how {
	case endedInOrder, endedWithServer: // not the request's fault
		return errors.Join(err, service.PutBackRequest(after, req.ID))
	case endedTooLate:
		return service.FailRequest(after, req.ID, fmt.Sprintf("It took longer than %d minutes.", int(expandAtMost.Minutes())))
	}
	a.config.Log.ErrorContext(ctx, "an internal error stopped a request", "request", req.ID,
		"about", req.About().String(), "error", err)
	return service.FailRequest(after, req.ID,
		fmt.Sprintf("It hit an internal error; the server's log has the details under %s.", req.ID))
}

// expandOne reads what is true now and lets the service decide.
func (a *App) expandOne(ctx context.Context, req workflow.Request) error {
	rules, ok := a.config.Rules(req.Repo)
	if !ok {
		return a.config.Service.FinishRequest(ctx, req.ID, "Ignored: no rule of the server matches this repository.", nil)
	}
	if req.Spreads() {
		return a.config.Service.Expand(ctx, service.Expansion{Request: req})
	}
	key, shown := req.About().Pull()
	if !shown {
		return a.config.Service.FinishRequest(ctx, req.ID, "Ignored: Cardea only acts on pull requests so far.", nil)
	}
	known, err := a.config.Service.Pull(ctx, key)
	isNew := errors.Is(err, workflow.ErrNotFound)
	switch {
	case err != nil && !isNew:
		return err
	case withdraws(req) && !isNew: // it needs nothing of GitHub, and does not wait for that
		return a.config.Service.Expand(ctx, service.Expansion{Request: req, Pull: known.Pull})
	}
	e, err := a.facts(ctx, req, key, known)
	pull := e.Pull
	switch {
	case ctx.Err() != nil:
		return nil
	case github.Gone(err) && req.Attempts >= goneAfter:
		return a.config.Service.FinishRequest(ctx, req.ID, "Ignored: this pull request does not exist on GitHub, or no longer does.", nil)
	case err != nil: // also faults that look permanent: a key that is being rotated, a pull that GitHub does not show yet
		a.sayUnread(ctx, req, err)
		return a.config.Service.DeferRequest(ctx, req.ID, waitSentence(err), github.RetryAt(err))
	}
	pending, err := a.config.Service.PendingOf(ctx, req.About())
	if err != nil {
		return err
	}
	if (lag{pending, known.Pull, known.Left, a.config.Now()}).behind(req, pull) {
		return a.config.Service.DeferRequest(ctx, req.ID,
			"GitHub still shows an older state of this pull request.", time.Time{})
	}
	if isNew {
		if err := a.meet(ctx, req, pull); err != nil {
			return err
		}
	}
	if err := a.config.Service.Observe(ctx, req, pull); err != nil {
		return err
	}
	if reply := a.tooLate(req, pull); reply != nil {
		return a.config.Service.FinishRequest(ctx, req.ID, "Refused: "+reply.Text[0].String(), reply)
	}
	a.roles(ctx, &e, rules)
	// Shared facts may be older than the locks that an apply takes now.
	a.shared.forget(pull.Key())
	err = a.config.Service.Expand(ctx, e)
	a.shared.forget(pull.Key())
	if err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// meet begins with a pull that we hear of for the first time. On one that was just opened there
// is nothing of ours yet, so nothing has to be searched for. One that a command names was opened
// before, perhaps when we were not installed: its plans are asked for.
func (a *App) meet(ctx context.Context, req workflow.Request, pull workflow.Pull) error {
	switch {
	case req.Kind == workflow.RequestPull && req.Action == "opened":
		return a.config.Service.SaveReport(ctx, workflow.ReportState{Key: pull.Key(), Searched: true})
	case req.Kind == workflow.RequestCommand && pull.State == workflow.PullOpen:
		_, _, err := a.config.Service.Submit(ctx, recover.Found(pull, "command"))
		return err
	}
	return nil
}

// sayUnread says why a pull could not be read: not what is told elsewhere, and once what lasts until somebody acts.
func (a *App) sayUnread(ctx context.Context, req workflow.Request, err error) {
	log := a.config.Log.With("request", req.ID, "repo", req.Repo.FullName(), "about", req.About().String())
	d := new(github.Denied)
	switch denied := errors.As(err, &d); {
	case a.health.tells(err), denied && req.Attempts > 0:
	case denied:
		log.ErrorContext(ctx, "A pull request could not be read: "+d.Error()+".")
	default:
		log.WarnContext(ctx, "the pull could not be read", "error", err)
	}
}

// waitSentence tells people why something waits.
func waitSentence(err error) string {
	if d := new(github.Denied); errors.As(err, &d) {
		return d.Error() + "."
	}
	if l := new(github.Limited); errors.As(err, &l) {
		return l.Error() + "."
	}
	said := strings.TrimRight(strings.TrimSpace(github.Message(err)), ".")
	switch s := github.Status(err); {
	case s == http.StatusUnauthorized:
		return "GitHub does not accept the App's signature; the page of all repositories says why."
	case s != 0 && said != "" && s < 500:
		return fmt.Sprintf("GitHub answered %d: %s.", s, markdown.Clean(said))
	case s != 0:
		return fmt.Sprintf("GitHub answered %d.", s)
	case said != "":
		return fmt.Sprintf("GitHub answered: %s.", markdown.Clean(said))
	}
	return "GitHub is not responding."
}

// lagLife is how long we believe a delivery rather than the API, when the API still shows the
// state before it: longer than GitHub's replicas lag, and no longer than a request is
// retried.
const lagLife = 2 * time.Minute

// lag holds what shows that GitHub's API lags behind its own deliveries.
type lag struct {
	pending []workflow.Request // of the pull, including the one being carried out
	known   workflow.Pull      // as we last saw it, before these
	left    []workflow.LeftFacts
	now     time.Time
}

// behind reports whether the API still shows the pull as it was before an event that was
// delivered: because its clock says so, or because, whatever its clock says, it shows exactly
// what the event replaced. A later event that confirms what the API shows ends the doubt, and
// so does time.
func (l lag) behind(req workflow.Request, pull workflow.Pull) bool {
	if pull.UpdatedAt.Before(req.CommentedAt) && l.unshown(req, pull) {
		return true
	}
	for _, r := range l.pending {
		old := l.now.Sub(r.Received) >= lagLife || l.known.UpdatedAt.After(r.CommentedAt) // or it arrived late
		if !old && l.reverts(r, pull) && !l.since(r, pull) {
			return true
		}
	}
	return l.again(pull)
}

// again reports whether the API shows a state that the pull has just left, although no
// pending event could have brought it back.
func (l lag) again(pull workflow.Pull) bool {
	for _, r := range l.pending {
		event := r.Kind == workflow.RequestClosed ||
			r.Action != "found" && (r.Kind == workflow.RequestPull || r.Kind.LooksAgain())
		if event && l.now.Sub(r.Received) < lagLife {
			return false
		}
	}
	return slices.ContainsFunc(l.left, func(f workflow.LeftFacts) bool {
		return f.Are(pull) && !f.Are(l.known) && l.now.Sub(f.Until) < lagLife
	})
}

// unshown reports whether the API does not yet show what an event did to a pull.
func (l lag) unshown(r workflow.Request, pull workflow.Pull) bool {
	switch r.Kind {
	case workflow.RequestClosed:
		return pull.State == workflow.PullOpen
	case workflow.RequestPull:
		return pull.State != workflow.PullOpen || r.Head != "" && r.Head != pull.Head.SHA
	}
	return l.reverts(r, pull)
}

// reverts reports whether a pull is exactly what it was before an event.
func (l lag) reverts(r workflow.Request, pull workflow.Pull) bool {
	if r.Kind == workflow.RequestBase {
		return false // its action is the name of a branch
	}
	switch r.Action {
	case "synchronize":
		// Of several pushes in a row only the last is pending; what we knew is from before all of
		// them.
		return pull.Head.SHA != r.Head && (pull.Head.SHA == r.Before || pull.Head.SHA == l.known.Head.SHA)
	case "edited":
		return r.Before != "" && pull.Base.Ref == r.Before
	case "closed":
		return pull.State == workflow.PullOpen
	case "reopened":
		return pull.State == workflow.PullClosed
	case "ready_for_review":
		return pull.Draft
	case "converted_to_draft":
		return !pull.Draft
	}
	return false
}

// since reports whether a later event brought back what the API shows.
func (l lag) since(of workflow.Request, pull workflow.Pull) bool {
	for _, r := range l.pending {
		if r.Seq <= of.Seq || r.Kind == workflow.RequestBase || r.CommentedAt.Before(of.CommentedAt) {
			continue
		}
		switch of.Action {
		case "synchronize":
			if r.Head == pull.Head.SHA {
				return true
			}
		case "edited":
			if r.Action == "edited" && r.Before != "" {
				return true
			}
		case "closed":
			if r.Action == "reopened" {
				return true
			}
		case "reopened":
			if r.Action == "closed" {
				return true
			}
		case "ready_for_review", "converted_to_draft":
			if r.Action == "ready_for_review" || r.Action == "converted_to_draft" {
				return true
			}
		}
	}
	return false
}

// withdraws reports whether a request takes an approval back.
func withdraws(req workflow.Request) bool {
	return req.Command != nil && req.Command.Verb == workflow.VerbUnapprove
}

// tooLate refuses commands from another time: an old comment, a button of an old head. What takes an approval back
// is never too late: it must not count because GitHub could not reach us.
func (a *App) tooLate(req workflow.Request, pull workflow.Pull) *workflow.Reply {
	switch {
	case req.Kind != workflow.RequestCommand, req.Follow != "", withdraws(req):
		return nil
	case req.CommentID != 0 && a.config.Now().Sub(req.CommentedAt) > commandLife:
		return &workflow.Reply{Kind: workflow.ReplyRefused, Text: []phrase.Text{
			phrase.Say("This command is older than %d minutes, so it is not carried out.", int(commandLife.Minutes())),
			phrase.Say("Write it again if you still want it."),
		}}
	case req.CommentID == 0 && a.config.Now().Sub(req.Received) > commandLife: // GitHub dates no button
		return &workflow.Reply{Kind: workflow.ReplyRefused, Text: []phrase.Text{
			phrase.Say("The button was pressed more than %d minutes ago, so nothing is done.", int(commandLife.Minutes())),
			phrase.Say("Press it again if you still want it."),
		}}
	case req.Head != "" && req.Head != pull.Head.SHA && pull.State == workflow.PullOpen:
		return &workflow.Reply{Kind: workflow.ReplyRefused, Text: []phrase.Text{
			phrase.Say("The check belongs to %s, which is no longer the head of this pull request.", phrase.Short(req.Head)),
			phrase.Say("Comment %s to plan the head.", workflow.VerbPlan.Typed("")),
		}}
	case event.Binds(req) && len(req.Command.Fingerprints) == 0:
		return &workflow.Reply{Kind: workflow.ReplyRefused, Text: []phrase.Text{
			phrase.Say("The plans have changed since this button's check was shown, so it does not %s them.",
				req.Command.Verb),
			phrase.Say("Read the current plans, then press the button on the newest `%s`, or comment %s.",
				report.ApplyCheck, req.Command.Verb.Typed("")),
		}}
	}
	return nil
}

// roles reads, live, the role that counts: that of a command's sender, otherwise that of the
// pull's author. It is not read where no role would help, nor for apps whose heads are
// planned because the rule lists them: GitHub has no role for those.
func (a *App) roles(ctx context.Context, e *service.Expansion, rules workflow.Rules) {
	who, role := e.Pull.Author, &e.AuthorRole
	if e.Request.Kind.LooksAgain() || e.Live != nil {
		return
	}
	if e.Request.Kind == workflow.RequestCommand {
		who, role = e.Request.Actor, &e.ActorRole
		switch cmd := e.Request.Command; {
		case cmd != nil && cmd.Verb == workflow.VerbHelp:
			a.readRole(ctx, e, who, role)
			return
		case cmd == nil || cmd.Verb != workflow.VerbPlan:
			return
		}
	} else if who.Bot {
		return
	}
	in := gate.MayPlanInput{Rules: rules, Pull: e.Pull, Request: e.Request, ActorRole: workflow.RoleAdmin,
		AuthorRole: workflow.RoleAdmin}
	if e.Pull.State != workflow.PullOpen || gate.MayPlan(in) != nil {
		return
	}
	a.readRole(ctx, e, who, role)
}

func (a *App) readRole(ctx context.Context, e *service.Expansion, who workflow.Actor, role *workflow.Role) {
	*role, e.RoleError = a.github.Role(ctx, e.Pull.Repo, who)
	if github.NoAccount(e.RoleError) {
		e.RoleError = nil // that is an answer too: no role
	}
	if e.RoleError != nil {
		a.config.Log.WarnContext(ctx, "a role could not be read", "request",
			e.Request.ID, "who", who.Login, "error", e.RoleError)
	}
}
