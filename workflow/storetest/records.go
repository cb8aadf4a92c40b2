package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// What the contract says about pulls, runs, plans, history, locks and settings.

func pullRecord(repo int64, number int, sha string) workflow.PullRecord {
	return workflow.PullRecord{
		Pull: workflow.Pull{Repo: workflow.Repo{ID: repo, Owner: "acme", Name: "infra"}, Number: number,
			State: workflow.PullOpen, Head: workflow.Ref{Ref: "x", SHA: sha}},
		Version: 1, CreatedAt: at, ChangedAt: at,
	}
}

func numbers(recs []workflow.PullRecord) (out []int) {
	for _, r := range recs {
		out = append(out, r.Pull.Number)
	}
	return out
}

func checkPulls(t *testing.T, b *bench) {
	b.update(func(tx workflow.Tx) error {
		return errors.Join(tx.PutPull(pullRecord(7, 12, "aaa")), tx.PutPull(pullRecord(7, 3, "aaa")),
			tx.PutPull(pullRecord(8, 1, "aaa")))
	})
	open := func(repo int64) []int {
		return numbers(see(b, func(tx workflow.Tx) ([]workflow.PullRecord, error) { return tx.OpenPulls(repo) }))
	}
	byHead := func(sha string) []int {
		return numbers(see(b, func(tx workflow.Tx) ([]workflow.PullRecord, error) { return tx.PullsByHead(7, sha) }))
	}
	same(t, "open pulls of one repository", open(7), []int{3, 12})
	same(t, "all open pulls", open(0), []int{3, 12, 1})
	same(t, "by head", byHead("aaa"), []int{3, 12})
	after := func(number, limit int) []int {
		return numbers(see(b, func(tx workflow.Tx) ([]workflow.PullRecord, error) { return tx.OpenPullsAfter(7, number, limit) }))
	}
	same(t, "open pulls from the first", after(0, 1), []int{3})
	same(t, "open pulls after the first", after(3, 10), []int{12})
	same(t, "open pulls after the last", len(after(12, 10)), 0)
	moved := pullRecord(7, 12, "bbb")
	closed := pullRecord(7, 3, "aaa")
	closed.Pull.State = workflow.PullClosed
	b.update(func(tx workflow.Tx) error { return errors.Join(tx.PutPull(moved), tx.PutPull(closed)) })
	b.reopen()
	same(t, "open pulls after", open(7), []int{12})
	same(t, "by the old head", byHead("aaa"), []int{3})
	same(t, "by the new head", byHead("bbb"), []int{12})
	same(t, "pull", see(b, func(tx workflow.Tx) (workflow.PullRecord, error) { return tx.Pull(moved.Pull.Key()) }), moved)
	b.missing(func(tx workflow.Tx) error { _, err := tx.Pull(workflow.PullKey{RepoID: 7, Number: 99}); return err })
}

// checkMeeting: open pulls are found by the locks that their projects meet, as they
// are written last; states that nothing tells apart meet.
func checkMeeting(t *testing.T, b *bench) {
	state := func(name string) string {
		part := workflow.PlacePart{Sort: workflow.PartKnown, Value: name}
		if name == "anywhere" {
			part = workflow.PlacePart{Sort: workflow.PartUnknown, Value: name}
		}
		return workflow.StatePlace{Realm: "s3", Parts: []workflow.PlacePart{part}}.Identity()
	}
	with := func(number int, dirs ...string) workflow.PullRecord {
		rec := pullRecord(7, number, "aaa")
		rec.Projects = nil
		for _, dir := range dirs {
			r := run("r", number, dir)
			r.States = workflow.StatesOf(state(dir))
			rec.Projects = append(rec.Projects, workflow.ProjectRecord{Project: workflow.Project{Name: dir, Dir: dir}, Run: &r})
		}
		return rec
	}
	one, two, closed := with(1, "net", "app"), with(2, "app"), with(3, "net")
	closed.Pull.State = workflow.PullClosed
	elsewhere := with(4, "net")
	elsewhere.Pull.Repo.ID = 8
	meeting := func(keys ...string) []int {
		return numbers(see(b, func(tx workflow.Tx) ([]workflow.PullRecord, error) { return tx.PullsMeeting(7, keys) }))
	}
	b.update(func(tx workflow.Tx) error {
		return errors.Join(tx.PutPull(two), tx.PutPull(one), tx.PutPull(closed), tx.PutPull(elsewhere))
	})
	net, app := one.Projects[0].LockKeys(), two.Projects[0].LockKeys()
	b.reopen()
	same(t, "of one project", meeting(net[0]), []int{1})
	same(t, "of its state", meeting(net[1]), []int{1})
	same(t, "of two", meeting(net[0], app[1]), []int{1, 2})
	same(t, "of none", meeting("project\x00db\x00"), []int(nil))
	same(t, "of nothing", meeting(), []int(nil))
	two.Projects = one.Projects[:1]
	one.Pull.State = workflow.PullMerged
	b.update(func(tx workflow.Tx) error { return errors.Join(tx.PutPull(one), tx.PutPull(two)) })
	same(t, "after one is merged and one has another project", meeting(net[0]), []int{2})
	same(t, "of what it has no more", meeting(app...), []int(nil))
	one.Pull.State = workflow.PullOpen
	b.update(func(tx workflow.Tx) error { return tx.PutPull(one) })
	same(t, "after it is open again", meeting(app[0], app[1]), []int{1})
	b.update(func(tx workflow.Tx) error { return tx.PutPull(with(5, "anywhere")) })
	same(t, "of a state that may be theirs", meeting(app[1]), []int{1, 5})
	same(t, "of its project", meeting(app[0]), []int{1})
}

func checkUnreported(t *testing.T, b *bench) {
	rec := pullRecord(7, 12, "aaa")
	key := rec.Pull.Key()
	step := func(what string, rule func(workflow.Tx) error, want ...workflow.PullKey) {
		t.Helper()
		b.update(rule)
		same(t, what, see(b, workflow.Tx.UnreportedPulls), want)
	}
	step("new", func(tx workflow.Tx) error { return tx.PutPull(rec) }, key)
	state := workflow.ReportState{Key: key, Version: 1, CommentID: 5,
		Checks: map[string]map[string]workflow.CheckShown{"aaa": {"cardea/plan": {ID: 1}}}}
	step("shown", func(tx workflow.Tx) error { return tx.PutReport(state) })
	rec.Version = 2
	rec.Pull.State = workflow.PullMerged
	step("changed, and closed", func(tx workflow.Tx) error { return tx.PutPull(rec) }, key)
	step("an old version shown", func(tx workflow.Tx) error { return tx.PutReport(state) }, key)
	same(t, "report", see(b, func(tx workflow.Tx) (workflow.ReportState, error) { return tx.Report(key) }), state)
	state.Version = 2
	step("shown again", func(tx workflow.Tx) error { return tx.PutReport(state) })
	step("forgotten", func(tx workflow.Tx) error { return tx.PutReport(workflow.ReportState{Key: key}) }, key)
	b.missing(func(tx workflow.Tx) error { _, err := tx.Report(workflow.PullKey{RepoID: 7, Number: 99}); return err })
}

func run(id string, number int, project string) workflow.Run {
	return workflow.Run{ID: id, Repo: workflow.Repo{ID: 7}, Number: number,
		Project: workflow.Project{Name: project, Dir: project}, State: workflow.RunQueued, Queued: at}
}

func runIDs(runs []workflow.Run) (ids string) {
	for _, r := range runs {
		ids += r.ID
	}
	return ids
}

func checkRuns(t *testing.T, b *bench) {
	finished := run("a", 1, "net")
	finished.State = workflow.RunFinished
	old := run("d", 1, "db")
	old.Queued = at.Add(-time.Hour)
	b.update(func(tx workflow.Tx) error {
		return errors.Join(tx.PutRun(finished), tx.PutRun(run("b", 1, "net")), tx.PutRun(run("c", 2, "net")), tx.PutRun(old),
			tx.PutRun(run("e", 1, "net/x")))
	})
	live := func() string { return runIDs(see(b, workflow.Tx.LiveRuns)) }
	liveOf := func(number int) string {
		return runIDs(see(b, func(tx workflow.Tx) ([]workflow.Run, error) {
			return tx.LiveRunsOf(workflow.OfPull(workflow.PullKey{RepoID: 7, Number: number}))
		}))
	}
	ofPull := func(before string, limit int) string {
		return runIDs(see(b, func(tx workflow.Tx) ([]workflow.Run, error) {
			return tx.RunsOf(workflow.OfPull(workflow.PullKey{RepoID: 7, Number: 1}), before, limit)
		}))
	}
	ofProject := func(before string, limit int) string {
		return runIDs(see(b, func(tx workflow.Tx) ([]workflow.Run, error) { return tx.RunsOfProject(7, "net", before, limit) }))
	}
	same(t, "live, oldest first", live(), "dbce")
	same(t, "live of each pull", liveOf(1)+" "+liveOf(2)+" "+liveOf(3), "dbe c ")
	for _, c := range []struct{ what, got, want string }{
		{"of a pull", ofPull("", 10), "edba"},
		{"at most two", ofPull("", 2), "ed"},
		{"older than d", ofPull("d", 10), "ba"},
		{"older than one that is not there", ofPull("cc", 10), "ba"},
		{"older than the oldest", ofPull("a", 10), ""},
		{"none", ofPull("", 0), ""},
		{"of a project", ofProject("", 10), "cba"},
		{"of a project, older than c", ofProject("c", 1), "b"},
	} {
		same(t, c.what, c.got, c.want)
	}
	claimed := run("b", 1, "net")
	claimed.State, claimed.Epoch, claimed.Queued = workflow.RunRunning, 1, at.Add(time.Minute)
	gone := run("e", 1, "net/x")
	gone.State, gone.Outcome = workflow.RunFinished, workflow.OutcomeFailed
	b.update(func(tx workflow.Tx) error { return errors.Join(tx.PutRun(claimed), tx.PutRun(gone)) })
	b.reopen()
	same(t, "live after", live(), "dcb")
	same(t, "live of the pull after", liveOf(1), "db")
	same(t, "run", see(b, func(tx workflow.Tx) (workflow.Run, error) { return tx.Run("b") }), claimed)
	b.missing(func(tx workflow.Tx) error { _, err := tx.Run("nothing"); return err })
}

func checkPlans(t *testing.T, b *bench) {
	plan := workflow.Plan{ChangesHash: "abc", PlannedAt: at, Tool: "terraform"}
	for i := range 5000 {
		plan.Changes = append(plan.Changes,
			workflow.Change{Address: fmt.Sprintf("terraform_data.x[%d]", i), Action: workflow.ActionCreate})
	}
	b.update(func(tx workflow.Tx) error { return tx.PutPlan("r1", plan) })
	b.reopen()
	same(t, "plan", see(b, func(tx workflow.Tx) (workflow.Plan, error) { return tx.Plan("r1") }), plan)
	brief, _ := plan.Brief()
	small := workflow.Plan{ChangesHash: "def", PlannedAt: at, Changes: plan.Changes[:3], Notes: []string{"a note"}}
	same(t, "brief", see(b, func(tx workflow.Tx) (workflow.Plan, error) { return tx.PlanBrief("r1") }), brief)
	b.update(func(tx workflow.Tx) error { return tx.PutPlan("r1", small) })
	b.reopen()
	same(t, "brief of a small plan", see(b, func(tx workflow.Tx) (workflow.Plan, error) { return tx.PlanBrief("r1") }), small)
	b.missing(func(tx workflow.Tx) error { _, err := tx.Plan("r2"); return err })
	b.missing(func(tx workflow.Tx) error { _, err := tx.PlanBrief("r2"); return err })
}

func checkHistory(t *testing.T, b *bench) {
	b.update(func(tx workflow.Tx) error {
		for i := range 6 {
			e := workflow.Event{At: at, Repo: 7, Number: i % 2, Kind: "request", Text: phrase.Say("event %d", i)}
			if err := tx.Append(&e); err != nil {
				return err
			}
			if e.Seq == 0 {
				return errors.New("appending set no Seq")
			}
		}
		return tx.Append(&workflow.Event{Repo: 8, Text: phrase.Say("elsewhere")})
	})
	b.reopen()
	pull, repo := workflow.OfPull(workflow.PullKey{RepoID: 7, Number: 1}).About(), workflow.OfRepo(7)
	texts := func(of workflow.About, before uint64, limit int) (out []string, last uint64) {
		for _, e := range see(b, func(tx workflow.Tx) ([]workflow.Event, error) { return tx.Events(of, before, limit) }) {
			out, last = append(out, e.Text.String()), e.Seq
		}
		return out, last
	}
	got, last := texts(pull, 0, 2)
	same(t, "of a pull", got, []string{"event 5", "event 3"})
	got, _ = texts(pull, last, 10)
	same(t, "the rest of it", got, []string{"event 1"})
	got, _ = texts(repo, 0, 3)
	same(t, "of the repository", got, []string{"event 5", "event 4", "event 3"})
	var forward []string
	var after uint64
	for {
		page := see(b, func(tx workflow.Tx) ([]workflow.Event, error) { return tx.EventsAfter(7, after, 4) })
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			forward, after = append(forward, e.Text.String()), e.Seq
		}
	}
	same(t, "oldest first, in pages of four", forward,
		[]string{"event 0", "event 1", "event 2", "event 3", "event 4", "event 5"})
}

// checkLocks: one pull holds a key, whatever anybody writes.
func checkLocks(t *testing.T, b *bench) {
	lock := func(repo int64, key string, number int) workflow.Lock {
		return workflow.Lock{RepoID: repo, Key: key, Project: "net", Pull: workflow.PullKey{RepoID: repo, Number: number},
			Since: at, Why: workflow.LockApply, Epoch: 3}
	}
	mine, other, elsewhere := lock(7, "project\x00a\x00default", 1), lock(7, "state\x00s", 2), lock(8, "state\x00s", 1)
	b.update(func(tx workflow.Tx) error {
		return errors.Join(tx.PutLock(mine), tx.PutLock(other), tx.PutLock(elsewhere))
	})
	b.reopen()
	one := func(repo int64, key string) workflow.Lock {
		return see(b, func(tx workflow.Tx) (workflow.Lock, error) { return tx.Lock(repo, key) })
	}
	same(t, "a lock", one(7, mine.Key), mine)
	same(t, "the same key of another repository", one(8, other.Key), elsewhere)
	all := func() []workflow.Lock {
		return see(b, func(tx workflow.Tx) ([]workflow.Lock, error) { return tx.Locks(7) })
	}
	same(t, "of the repository", all(), []workflow.Lock{mine, other})
	same(t, "of a pull", see(b, func(tx workflow.Tx) ([]workflow.Lock, error) { return tx.LocksOfPull(other.Pull) }), []workflow.Lock{other})
	if err := b.store.Update(t.Context(), func(tx workflow.Tx) error { return tx.PutLock(lock(7, mine.Key, 2)) }); err == nil {
		t.Error("a lock moved to another pull")
	}
	same(t, "the lock after", one(7, mine.Key), mine)
	again := mine
	again.Epoch = 4
	b.update(func(tx workflow.Tx) error {
		return errors.Join(tx.PutLock(again), tx.DeleteLock(7, other.Key), tx.DeleteLock(7, "never"))
	})
	same(t, "after one is gone", all(), []workflow.Lock{again})
	b.missing(func(tx workflow.Tx) error { _, err := tx.Lock(7, other.Key); return err })
	same(t, "elsewhere", one(8, other.Key), elsewhere)
	// The key of one entry of several begins with that of their directory and is another one.
	entry := lock(7, mine.Key+"\x00a/prod", 2)
	entry.Of = workflow.LockedProject{Dir: "a", Variant: "default", Entry: "a/prod", Neighbours: []string{"dev", "prod"}}
	b.update(func(tx workflow.Tx) error { return tx.PutLock(entry) })
	b.reopen()
	same(t, "an entry's lock", one(7, entry.Key), entry)
	same(t, "beside that of its directory", one(7, mine.Key), again)
	b.update(func(tx workflow.Tx) error { return tx.DeleteLock(7, mine.Key) })
	same(t, "after that of its directory is gone", all(), []workflow.Lock{entry})
}

// checkEpochs: the highest epoch stays when its lock goes.
func checkEpochs(t *testing.T, b *bench) {
	last := func(repo int64) uint64 {
		return see(b, func(tx workflow.Tx) (uint64, error) { return tx.LastEpoch(repo) })
	}
	same(t, "of no lock", last(7), uint64(0))
	lock := func(key string, epoch uint64) workflow.Lock {
		return workflow.Lock{RepoID: 7, Key: key, Pull: workflow.PullKey{RepoID: 7, Number: 1}, Epoch: epoch}
	}
	b.update(func(tx workflow.Tx) error { return errors.Join(tx.PutLock(lock("a", 5)), tx.PutLock(lock("b", 3))) })
	same(t, "of two locks", last(7), uint64(5))
	b.update(func(tx workflow.Tx) error {
		return errors.Join(tx.PutLock(lock("a", 2)), tx.DeleteLock(7, "a"), tx.DeleteLock(7, "b"))
	})
	b.reopen()
	same(t, "of released locks", last(7), uint64(5))
	same(t, "of another repository", last(8), uint64(0))
	no := errors.New("no")
	if err := b.store.Update(t.Context(), func(tx workflow.Tx) error { return errors.Join(tx.PutLock(lock("a", 9)), no) }); !errors.Is(err, no) {
		t.Fatalf("got %v, want the rule's error", err)
	}
	same(t, "of a rule that failed", last(7), uint64(5))
}

// checkSpent: a plan is spent once, whoever asks again and however often the store is opened.
func checkSpent(t *testing.T, b *bench) {
	spend := func(plan, apply string) error {
		return b.store.Update(t.Context(), func(tx workflow.Tx) error { return tx.Spend(plan, apply) })
	}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, workflow.ErrSpent) {
			t.Errorf("%s: got %v, want ErrSpent", what, err)
		}
	}
	by := func(plan string) string {
		return see(b, func(tx workflow.Tx) (string, error) { return tx.Spent(plan) })
	}
	no := errors.New("no")
	err := b.store.Update(t.Context(), func(tx workflow.Tx) error { return errors.Join(tx.Spend("p1", "a1"), no) })
	if !errors.Is(err, no) {
		t.Fatalf("got %v, want the rule's error", err)
	}
	b.missing(func(tx workflow.Tx) error { _, err := tx.Spent("p1"); return err })
	b.update(func(tx workflow.Tx) error {
		if err := tx.Spend("p1", "a1"); err != nil {
			return err
		}
		refused("twice in one transaction", tx.Spend("p1", "a2"))
		return nil
	})
	refused("by the same apply", spend("p1", "a1"))
	b.reopen()
	refused("by another apply, after a restart", spend("p1", "a2"))
	same(t, "who spent it", by("p1"), "a1")
	b.missing(func(tx workflow.Tx) error { _, err := tx.Spent("p2"); return err })
	// Names that begin alike belong to different plans.
	if err := errors.Join(spend("p", "a3"), spend("p11", "a4")); err != nil {
		t.Errorf("other plans: %v", err)
	}
	same(t, "who spent the others", by("p")+" "+by("p11")+" "+by("p1"), "a3 a4 a1")
	for _, nameless := range [][2]string{{"", "a5"}, {"p5", ""}} {
		if err := spend(nameless[0], nameless[1]); err == nil || errors.Is(err, workflow.ErrSpent) {
			t.Errorf("plan %q by apply %q: got %v, want an error of its own", nameless[0], nameless[1], err)
		}
	}
	if err := b.store.View(t.Context(), func(tx workflow.Tx) error { return tx.Spend("p6", "a6") }); err == nil {
		t.Error("a view spent a plan and was not told")
	}
	b.missing(func(tx workflow.Tx) error { _, err := tx.Spent("p6"); return err })
}

// checkLineages: one is found by its repository and its name, as it was written last.
func checkLineages(t *testing.T, b *bench) {
	prod, dev := workflow.Project{Name: "prod", Dir: "prod", Environment: "prod"},
		workflow.Project{Name: "dev", Dir: "dev"}
	mine, elsewhere := workflow.Lineage{RepoID: 7, Lineage: "l", Projects: []workflow.Project{prod}},
		workflow.Lineage{RepoID: 8, Lineage: "l", Projects: []workflow.Project{dev}}
	b.update(func(tx workflow.Tx) error { return errors.Join(tx.PutLineage(mine), tx.PutLineage(elsewhere)) })
	b.reopen()
	one := func(repo int64) workflow.Lineage {
		return see(b, func(tx workflow.Tx) (workflow.Lineage, error) { return tx.Lineage(repo, "l") })
	}
	same(t, "a lineage", one(7), mine)
	mine, _ = mine.With(dev)
	b.update(func(tx workflow.Tx) error { return tx.PutLineage(mine) })
	same(t, "written again", one(7), workflow.Lineage{RepoID: 7, Lineage: "l", Projects: []workflow.Project{prod, dev}})
	same(t, "of another repository", one(8), elsewhere)
	second := workflow.Lineage{RepoID: 7, Lineage: "a", Projects: []workflow.Project{dev}}
	b.update(func(tx workflow.Tx) error { return tx.PutLineage(second) })
	of := func(p workflow.Project) []workflow.Lineage {
		return see(b, func(tx workflow.Tx) ([]workflow.Lineage, error) { return tx.LineagesOf(7, p.Key()) })
	}
	same(t, "of a project", of(dev), []workflow.Lineage{second, mine})
	mine.Projects = mine.Projects[:1]
	b.update(func(tx workflow.Tx) error { return tx.PutLineage(mine) })
	same(t, "of a project that is not among one's any more", of(dev), []workflow.Lineage{second})
	same(t, "of the other project", of(prod), []workflow.Lineage{mine})
	b.missing(func(tx workflow.Tx) error { _, err := tx.Lineage(7, "k"); return err })
}

func checkSettings(t *testing.T, b *bench) {
	b.update(func(tx workflow.Tx) error { return tx.PutSetting("mark", []byte("17")) })
	b.reopen()
	same(t, "setting", see(b, func(tx workflow.Tx) ([]byte, error) { return tx.Setting("mark") }), []byte("17"))
	b.missing(func(tx workflow.Tx) error { _, err := tx.Setting("other"); return err })
}
