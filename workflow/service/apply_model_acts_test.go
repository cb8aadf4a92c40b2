package service_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
	"github.com/cardea-iac/cardea/workflow/storetest"
)

// acts are all that can happen. Each means something in every state of the world.
var acts map[string]func(*life, step)

func init() {
	acts = map[string]func(*life, step){
		"push": (*life).actPush, "back": (*life).actBack, "base": (*life).actBase, "retarget": (*life).actRetarget, "say": (*life).actSay,
		"button": (*life).actButton, "post": (*life).actPost, "twice": (*life).actTwice, "expand": func(l *life, _ step) { l.expandOnce() },
		"claim": func(l *life, _ step) { l.claimOne() }, "work": (*life).actWork, "ripen": func(l *life, _ step) { l.ripen() },
		"report": func(l *life, s step) { l.report(pullOf(s.a)) }, "time": (*life).actTime, "role": (*life).actRole, "github": (*life).actGitHub,
		"pull": (*life).actPull, "over": (*life).actOver, "restart": (*life).actRestart, "hand": (*life).actHand, "artefact": (*life).actArtefact,
		"stale": (*life).actStale, "fault": (*life).actFault, "review": (*life).actReview, "backwards": (*life).actBackwards,
	}
}

func (l *life) act(s step) {
	if s.during {
		l.armed = append(l.armed, s)
		return
	}
	l.now = l.now.Add(time.Duration(200+s.d%1000) * time.Millisecond)
	l.mood = s.d
	acts[s.act](l, s)
}

func pullOf(n int) int { return 1 + n%3 }

// try tells whether a call of the service worked; the store may have failed, and
// what came too late may be stale. Anything else is wrong.
func (l *life) try(err error) bool {
	if err != nil && !errors.Is(err, storetest.ErrInjected) && !errors.Is(err, workflow.ErrStale) {
		l.wrong("the service failed: %v", err)
	}
	return err == nil
}

func (l *life) must(err error) {
	if err != nil {
		panic(err)
	}
}

// patches are what heads change.
var patches = []files{
	{"a/main.tf": "v1"}, {"a/main.tf": "v2"}, {"a/main.tf": "v1", "b/main.tf": "v1"}, {"d/main.tf": "v1"}, {"a/main.tf": "state shared\nv1"},
	{"b/main.tf": "state shared\nv1"}, {"a/main.tf": "v1\nscript"}, {"README.md": "more"}, {"b/main.tf": "v2", "c/main.tf": "v1"},
	{"e/main.tf": "new", workflow.RepoConfigFile: goodConfig + "- dir: e\n  environment: dev\n"},
	{"d/main.tf": "v1", workflow.RepoConfigFile: "version: 1\nprojects:\n- dir: d\n  environment: dev\nrequire: []\n"},
	{"a/main.tf": "v1", workflow.RepoConfigFile: "nonsense"}, {"a/main.tf": "-", "b/main.tf": "v1"}, {"a/main.tf": "refuse\n"},
	{"a/main.tf": "v1", "b/main.tf": "state state of a\nv1"}, {"a/main.tf": "v1", "d/main.tf": "state shared\nv1"},
	{"a/main.tf": "v1\nscript", "README.md": "more"}, {"a/main.tf": "state shared\nv1", "b/main.tf": "state shared\nv2"}, {"c/main.tf": "v1", "b/main.tf": "v1"}, {"a/main.tf": "v1", "d/main.tf": "v2"},
}

// scripts are those with a script.
var scripts = []int{6, 16}

// push gives a pull a new head.
func (l *life) push(n, patch int) {
	sha := fmt.Sprintf("head%03d", len(l.heads)+1)
	l.heads[sha] = patches[patch%len(patches)]
	l.changed(n, func(p *hubPull) { p.Head.SHA = sha })
}

// changed changes a pull by GitHub's clock, and remembers it as it was for answers that lag.
func (l *life) changed(n int, change func(*hubPull)) {
	p := l.pulls[n]
	l.older[n] = append(l.older[n], p.Pull)
	change(p)
	p.UpdatedAt = l.now
	p.Base.SHA = l.tips[p.Base.Ref]
}

// event posts a webhook of a pull.
func (l *life) event(n int, action string, kind workflow.RequestKind) {
	l.serial++
	p := l.pulls[n]
	l.mail(workflow.Request{
		Kind: kind, Repo: repo, Number: n, Action: action, Head: p.Head.SHA, Actor: p.Author, Immediate: action != "synchronize", CommentedAt: p.UpdatedAt,
		Key: fmt.Sprintf("pull:%d:%s:%s:%d", n, p.Head.SHA, action, l.serial),
	})
}

func (l *life) actPush(s step) {
	n := pullOf(s.a)
	if l.pulls[n].State == workflow.PullMerged {
		return
	}
	l.push(n, s.b)
	l.event(n, "synchronize", workflow.RequestPull)
	l.maybeDeliver(s.c)
}

// actBack forces a pull back to a head of before, or to that of another pull.
func (l *life) actBack(s step) {
	n := pullOf(s.a)
	if l.pulls[n].State == workflow.PullMerged {
		return
	}
	all := slices.Sorted(maps.Keys(l.heads))
	sha := all[s.b%len(all)]
	if sha == l.pulls[n].Head.SHA {
		return
	}
	l.changed(n, func(p *hubPull) { p.Head.SHA = sha })
	l.event(n, "synchronize", workflow.RequestPull)
	l.maybeDeliver(s.c)
}

// actBase moves the base branch: elsewhere, in a project, or in the configuration.
func (l *life) actBase(s step) {
	f := maps.Clone(l.bases[l.tips["main"]])
	switch what := s.a % 8; what {
	case 0, 1, 2:
		f["README.md"] += "x"
	case 3, 4, 5:
		name := []string{"a", "b", "d"}[what-3] + "/main.tf"
		f[name] += fmt.Sprint("\nbase", s.b%3)
	default:
		f[workflow.RepoConfigFile] = baseConfigs[s.b%len(baseConfigs)]
	}
	l.moveBase(f)
	l.maybeDeliver(s.c)
}

func (l *life) moveBase(f files) {
	sha := fmt.Sprint("base", len(l.bases)+1)
	l.bases[sha] = f
	l.tips["main"] = sha
	for _, p := range l.pulls[1:] {
		p.Base.SHA = l.tips[p.Base.Ref] // GitHub shows it without touching the pull
	}
	l.mail(workflow.Request{Kind: workflow.RequestBase, Repo: repo, Action: "main", Head: sha, Key: "push:" + sha})
}

func (l *life) actRetarget(s step) {
	n := pullOf(s.a)
	if l.pulls[n].State == workflow.PullMerged {
		return
	}
	l.changed(n, func(p *hubPull) {
		if p.Base.Ref == "main" {
			p.Base.Ref = "rel"
		} else {
			p.Base.Ref = "main"
		}
	})
	l.event(n, "edited", workflow.RequestPull)
	l.maybeDeliver(s.c)
}

// What people say, from the most wanted on.
const (
	sayApprove   = 0
	sayApply     = 1
	sayUnapprove = 3
)

var projectNames = []string{"a", "b", "c", "d", "e"}

// command is one of all commands. more chooses what it names.
func (l *life) command(verb, more int, n int) workflow.Command {
	one := projectNames[more%len(projectNames)]
	some := workflow.Selector{}
	if more%3 == 1 {
		some.Projects = []string{one}
	}
	switch verb % 15 {
	case sayApprove:
		return workflow.Command{Verb: workflow.VerbApprove, Select: some}
	case sayApply, 2:
		return workflow.Command{Verb: workflow.VerbApply, Select: some}
	case sayUnapprove:
		return workflow.Command{Verb: workflow.VerbUnapprove, Select: some}
	case 4: // one exactly, as some summary showed it
		c := workflow.Command{Verb: workflow.VerbApprove, Select: workflow.Selector{Projects: []string{one}}, Fingerprints: map[string]string{one: "00000000"}}
		if d := l.pulls[n].displays; len(d) > 0 && d[more%len(d)].fingerprints[one] != "" {
			c.Fingerprints[one] = d[more%len(d)].fingerprints[one][:12]
		}
		return c
	case 5, 6:
		return workflow.Command{Verb: workflow.VerbPlan, Select: some}
	case 7:
		return workflow.Command{Verb: workflow.VerbLock, Select: workflow.Selector{Projects: []string{one}}}
	case 8:
		return workflow.Command{Verb: workflow.VerbUnlock, Select: some}
	case 9:
		return workflow.Command{Verb: workflow.VerbCancel, CancelApply: more%2 == 0}
	case 10, 11:
		return workflow.Command{Verb: workflow.VerbResolve, Select: workflow.Selector{Projects: []string{one}}, Outcome: []string{"applied", "failed"}[more%2]}
	case 12:
		return workflow.Command{Verb: workflow.VerbStatus}
	case 13:
		return workflow.Command{Verb: workflow.VerbPlan, Select: workflow.Selector{Projects: []string{"nobody"}}}
	}
	return workflow.Command{Verb: workflow.VerbPlan, Options: workflow.PlanOptions{Destroy: true}} // not allowed
}

// actSay is a comment: a the pull, b who, c what and d on which project.
func (l *life) actSay(s step) {
	n, who := pullOf(s.a), crowd[s.b%len(crowd)]
	c := l.command(s.c, s.d, n)
	if c.Verb == workflow.VerbResolve && l.mayKnow(n, c.Select.Projects[0]) {
		who = crowd[3] // whoever may resolve looks first whether terraform still runs
	} else if c.Verb == workflow.VerbResolve {
		who = crowd[0]
	}
	l.say(n, who, c)
	l.maybeDeliver(s.d)
}

// mayKnow reports whether somebody who looks can tell how an apply ended.
func (l *life) mayKnow(n int, project string) bool {
	for _, p := range l.procs {
		if p.alive && p.run.Number == n && p.run.Project.Name == project {
			return false
		}
	}
	return l.roles["root"] == workflow.RoleAdmin
}

func (l *life) say(n int, who workflow.Actor, c workflow.Command) {
	l.serial++
	req := workflow.Request{
		Kind: workflow.RequestCommand, Repo: repo, Number: n, Actor: who, Immediate: true, Command: &c, CommentID: int64(l.serial),
		CommentedAt: l.now.Truncate(time.Second), Key: fmt.Sprint("comment:", l.serial),
	}
	l.written[req.Key] = l.now
	l.mail(req)
}

// actButton is a button of some summary, pressed once more than is needed.
func (l *life) actButton(s step) {
	n, who := pullOf(s.a), crowd[s.b%len(crowd)]
	shown := l.pulls[n].displays
	if len(shown) == 0 {
		return
	}
	at := len(shown) - 1
	if s.d%3 == 0 {
		at = s.d / 3 % len(shown)
	}
	c := workflow.Command{Verb: []workflow.Verb{workflow.VerbApprove, workflow.VerbApply}[s.c%2], Fingerprints: shown[at].fingerprints}
	for range 2 {
		key := fmt.Sprintf("button:%d:%d:%s:%d", n, at, c.Verb, who.ID)
		req := workflow.Request{Kind: workflow.RequestCommand, Repo: repo, Number: n, Actor: who, Immediate: true, Command: &c, CheckRunID: int64(at + 1), CommentedAt: l.now.Truncate(time.Second), Key: key}
		if _, pressed := l.written[key]; !pressed {
			l.written[key] = l.now
		}
		l.mail(req)
	}
	l.maybeDeliver(s.d)
}

// actPost delivers a waiting webhook, not always the oldest.
func (l *life) actPost(s step) {
	if len(l.post) > 0 {
		l.deliver(s.a % len(l.post))
	}
}

// mail posts a webhook; how it will be carried out is the step's matter.
func (l *life) mail(req workflow.Request) {
	l.serial++
	if _, before := l.moods[req.Key]; !before {
		l.moods[req.Key] = l.mood
	}
	l.post = append(l.post, letter{fmt.Sprint("guid-", l.serial), req})
}

func (l *life) maybeDeliver(chance int) {
	if chance%4 > 0 {
		l.deliver(len(l.post) - 1)
	}
}

// actTwice delivers again what was delivered before, as GitHub or a replayer would.
func (l *life) actTwice(s step) {
	if len(l.sent) == 0 {
		return
	}
	again := l.sent[s.a%len(l.sent)]
	if s.b%2 == 0 {
		l.serial++
		again.guid = fmt.Sprint("replayed-", l.serial)
	}
	l.post = append(l.post, again)
	before := len(l.requests)
	if l.deliver(len(l.post)-1) && len(l.requests) != before {
		l.wrong("I5: a delivery that came twice became two requests: %+v", again)
	}
}

// deliver brings a webhook to the service; one that was not taken waits.
func (l *life) deliver(i int) bool {
	if i < 0 {
		return false
	}
	d := l.post[i]
	delivery := workflow.Delivery{GUID: d.guid, Event: "event", Payload: []byte("{}"), Received: l.now}
	if _, err := l.svc.Receive(l.ctx(), delivery); !l.try(err) {
		return false
	}
	if _, _, err := l.svc.WorkOffDelivery(l.ctx(), delivery, &d.req, ""); !l.try(err) {
		return false
	}
	l.post = slices.Delete(l.post, i, i+1)
	l.sent = append(l.sent, d)
	return true
}

func (l *life) deliverAll() {
	for range 3 * len(l.post) {
		if len(l.post) == 0 {
			return
		}
		l.deliver(0)
	}
}

// actTime lets time pass; a worker that is there renews its leases.
func (l *life) actTime(s step) {
	l.now = l.now.Add([]time.Duration{time.Second, 4 * time.Second, 11 * time.Second, time.Minute, service.DefaultLease + time.Second,
		service.DefaultLease + time.Second, 40 * time.Minute, 25 * time.Hour}[s.a%8])
	for _, j := range l.jobs {
		if !j.silent {
			l.try(l.svc.Renew(l.ctx(), j.run))
		}
	}
}

func (l *life) actRole(s step) {
	roles := []workflow.Role{workflow.RoleWrite, workflow.RoleRead, workflow.RoleWrite, workflow.RoleNone, workflow.RoleMaintain, workflow.RoleWrite}
	if who := crowd[s.a%5]; who.Login != "root" {
		l.roles[who.Login] = roles[s.b%len(roles)]
	}
}

// actGitHub makes GitHub's answers poor, or good again.
func (l *life) actGitHub(s step) {
	if l.trouble = 0; s.a%3 == 0 {
		l.trouble = s.b % troubles
	}
}

// actPull changes what GitHub says of a pull beside its head.
func (l *life) actPull(s step) {
	n := pullOf(s.a)
	if l.pulls[n].State == workflow.PullMerged {
		return
	}
	l.changed(n, func(p *hubPull) {
		switch s.b % 10 {
		case 0:
			p.Draft = !p.Draft
		case 1:
			p.conflicts = !p.conflicts
		case 2:
			p.check = []string{"failed", "pending", "missing"}[s.c%3]
		case 3, 4:
			p.check = ""
		case 5:
			p.review = "changes_requested"
		case 6:
			p.review = "approved"
		case 7:
			p.review = ""
		default:
			p.Draft, p.conflicts, p.check, p.review = false, false, "", ""
		}
	})
	l.event(n, "edited", workflow.RequestPull)
	l.maybeDeliver(s.d)
}

// actOver closes, reopens or merges a pull.
func (l *life) actOver(s step) {
	n := pullOf(s.a)
	p := l.pulls[n]
	switch {
	case p.State == workflow.PullMerged:
		return
	case p.State == workflow.PullClosed && s.b%4 > 0:
		l.changed(n, func(p *hubPull) { p.State = workflow.PullOpen })
		l.event(n, "reopened", workflow.RequestPull)
	case p.State == workflow.PullOpen && s.b%3 == 0 && !p.conflicts:
		l.merge(n)
	case p.State == workflow.PullOpen:
		l.changed(n, func(p *hubPull) { p.State = workflow.PullClosed })
		l.event(n, "closed", workflow.RequestClosed)
	}
	l.maybeDeliver(s.c)
}

// merge merges a pull's head into its base.
func (l *life) merge(n int) {
	p := l.pulls[n]
	if p.Base.Ref == "main" {
		t := l.merged(p.Head.SHA, l.tips["main"])
		f := files{}
		for _, name := range append(slices.Collect(maps.Keys(l.bases[l.tips["main"]])), slices.Collect(maps.Keys(l.heads[p.Head.SHA]))...) {
			if data, err := t.ReadFile(name); err == nil {
				f[name] = string(data)
			}
		}
		l.moveBase(f)
	}
	l.changed(n, func(p *hubPull) { p.State = workflow.PullMerged })
	l.event(n, "closed", workflow.RequestClosed)
}

// actRestart ends the server. Plans and applies without the word end with it;
// terraform goes on, unless the whole machine went.
func (l *life) actRestart(s step) {
	if l.nested > 0 {
		return // a server that ended goes on with nothing
	}
	l.now = l.now.Add(time.Second)
	var left []*job
	for _, j := range l.jobs {
		if j.proc == nil {
			continue
		}
		if s.a%3 == 0 && j.proc.alive {
			l.end(j.proc, []string{"some", "none", "all"}[s.b%3])
			continue
		}
		j.silent = s.a%3 == 1
		left = append(left, j)
	}
	l.jobs, l.armed, l.cached = left, nil, map[cacheKey]workflow.LiveFacts{}
	l.serve()
	for !l.try(l.svc.Start(l.ctx(), "worker")) {
	}
}

// actHand changes a state without us.
func (l *life) actHand(s step) {
	state := l.state("state of " + projectNames[s.a%4])
	state.move()
	if s.b%2 == 0 {
		state.value = "by hand"
	}
	if s.b%5 == 0 {
		state.ID += "'"
	}
}

// actArtefact swaps or loses a saved plan on the disk.
func (l *life) actArtefact(s step) {
	all := slices.Sorted(maps.Keys(l.disk))
	if len(all) == 0 {
		return
	}
	if id := all[s.a%len(all)]; s.b%2 == 0 {
		delete(l.disk, id)
	} else {
		l.disk[id] = "another plan"
	}
}

// actStale says again, or too late, how a run ended.
func (l *life) actStale(s step) {
	ids := slices.Sorted(maps.Keys(l.runs))
	if len(ids) == 0 {
		return
	}
	run := l.runs[ids[s.a%len(ids)]]
	res := workflow.Result{Run: run.ID, Epoch: run.Epoch - s.b%2, Outcome: []workflow.Outcome{workflow.OutcomeSucceeded, workflow.OutcomeFailed, workflow.OutcomeLost}[s.c%3]}
	current := run.State != workflow.RunFinished && res.Epoch == run.Epoch
	unknown := run.Outcome == workflow.OutcomeUnknown && run.Apply.Resolved == ""
	if current || (unknown && res.Epoch == run.Epoch) {
		return
	}
	commits := l.store.commits
	if err := l.svc.Finish(l.ctx(), res); !errors.Is(err, workflow.ErrStale) || l.store.commits != commits {
		l.wrong("I15: a stale result of %s (epoch %d, it is %s %s at %d) was taken: %v", run.ID, res.Epoch, run.State, run.Outcome, run.Epoch, err)
	}
	if err := l.svc.Renew(l.ctx(), workflow.Run{ID: run.ID, Epoch: res.Epoch}); !errors.Is(err, workflow.ErrStale) {
		l.wrong("I15: a stale lease of %s was renewed: %v", run.ID, err)
	}
}

// actFault lets a commit soon fail, before it or after.
func (l *life) actFault(s step) {
	l.fault = storetest.Faulty(l.store, storetest.Fault{Commit: 1 + s.a%4, After: s.b%2 == 0})
}
