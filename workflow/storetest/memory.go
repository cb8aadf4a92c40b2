package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// MemoryStore is a store without a disk, for tests that need many thousand transactions:
// nothing in it outlives the process. It keeps the contract all the same; a closed store can
// be opened again with what it held.
type MemoryStore struct {
	writing chan struct{}
	mu      sync.Mutex
	now     memory // never changed in place: a transaction replaces it
	closed  bool
}

// Memory returns an empty store.
func Memory() *MemoryStore { return &MemoryStore{writing: make(chan struct{}, 1)} }

// Reopen opens a closed store again.
func (s *MemoryStore) Reopen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = false
}

// Close implements workflow.Store.
func (s *MemoryStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *MemoryStore) state() (memory, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return memory{}, workflow.ErrClosed
	}
	return s.now, nil
}

// Update implements workflow.Store.
func (s *MemoryStore) Update(ctx context.Context, rule func(workflow.Tx) error) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	m, err := s.state()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &memoryTx{memory: m}
	if err := rule(t); err != nil {
		return err
	}
	t.memory.written()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = t.memory
	return nil
}

// View implements workflow.Store.
func (s *MemoryStore) View(ctx context.Context, look func(workflow.Tx) error) error {
	m, err := s.state()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return look(&memoryTx{memory: m, readOnly: true})
}

// Receive implements workflow.Store.
func (s *MemoryStore) Receive(ctx context.Context, d workflow.Delivery) (added bool, err error) {
	err = s.Update(ctx, func(tx workflow.Tx) error {
		added = false
		if _, err := tx.Delivery(d.GUID, d.Event); !errors.Is(err, workflow.ErrNotFound) {
			return err
		}
		added = true
		return tx.PutDelivery(d)
	})
	return added, err
}

// table holds records by key. Each record is its own value, never changed.
type table[K comparable, V any] struct {
	rows map[K]*V
	own  bool // the transaction has its own copy of rows
}

func (t *table[K, V]) get(k K) (v V, err error) {
	row, ok := t.rows[k]
	if !ok {
		return v, fmt.Errorf("reading %T %v: %w", v, k, workflow.ErrNotFound)
	}
	return own(*row), nil
}

// change gives the transaction its own rows.
func (t *table[K, V]) change() map[K]*V {
	if !t.own {
		t.rows, t.own = maps.Clone(t.rows), true
		if t.rows == nil {
			t.rows = map[K]*V{}
		}
	}
	return t.rows
}

func (t *table[K, V]) put(k K, v V) {
	v = own(v)
	t.change()[k] = &v
}

// where returns copies of the records that are wanted, in an order.
func (t *table[K, V]) where(want func(*V) bool, order func(a, b *V) int) []V {
	var found []*V
	for _, v := range t.rows {
		if want(v) {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, order)
	var out []V
	for _, v := range found {
		out = append(out, own(*v))
	}
	return out
}

type deliveryID struct{ guid, event string }

type lineageID struct {
	repo    int64
	lineage string
}

type lockID struct {
	repo int64
	key  string
}

type memory struct {
	deliveries table[deliveryID, workflow.Delivery]
	requests   table[string, workflow.Request]
	meanings   table[string, string]
	repos      table[int64, workflow.RepoRecord]
	pulls      table[workflow.PullKey, workflow.PullRecord]
	reports    table[workflow.PullKey, workflow.ReportState]
	runs       table[string, workflow.Run]
	plans      table[string, workflow.Plan]
	locks      table[lockID, workflow.Lock]
	lineages   table[lineageID, workflow.Lineage]
	epochs     table[int64, uint64]
	spent      table[string, string]
	settings   table[string, []byte]
	events     []workflow.Event
	// The last numbers given out.
	deliverySeq, requestSeq uint64
}

// written ends a transaction: its rows are everybody's now.
func (m *memory) written() {
	m.deliveries.own, m.requests.own, m.meanings.own, m.repos.own, m.pulls.own = false, false, false, false, false
	m.reports.own, m.runs.own, m.plans.own, m.locks.own, m.lineages.own,
		m.settings.own = false, false, false, false, false, false
	m.epochs.own, m.spent.own = false, false
}

type memoryTx struct {
	memory
	readOnly bool
}

var errReadOnly = errors.New("writing in a view")

func (t *memoryTx) mayWrite() error {
	if t.readOnly {
		return errReadOnly
	}
	return nil
}

func (t *memoryTx) PendingDeliveries(limit int) ([]workflow.Delivery, error) {
	out := t.deliveries.where(func(d *workflow.Delivery) bool { return !d.Done }, func(a, b *workflow.Delivery) int { return cmp.Compare(a.Seq, b.Seq) })
	return out[:min(limit, len(out))], nil
}

func (t *memoryTx) Delivery(guid, event string) (workflow.Delivery, error) {
	return t.deliveries.get(deliveryID{guid, event})
}

func (t *memoryTx) PutDelivery(d workflow.Delivery) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	id := deliveryID{d.GUID, d.Event}
	if old, ok := t.deliveries.rows[id]; ok {
		d.Seq, d.Payload = old.Seq, old.Payload
	} else {
		t.deliverySeq++
		d.Seq = t.deliverySeq
	}
	t.deliveries.put(id, d)
	return nil
}

func (t *memoryTx) ForgetDeliveries(before time.Time, limit int) (int, error) {
	if err := t.mayWrite(); err != nil {
		return 0, err
	}
	old := t.deliveries.where(func(d *workflow.Delivery) bool { return d.Done && d.Finished.Before(before) },
		func(a, b *workflow.Delivery) int { return a.Finished.Compare(b.Finished) })
	old = old[:min(limit, len(old))]
	for _, d := range old {
		delete(t.deliveries.change(), deliveryID{d.GUID, d.Event})
	}
	return len(old), nil
}

func (t *memoryTx) Repo(id int64) (workflow.RepoRecord, error) { return t.repos.get(id) }

func (t *memoryTx) RepoByName(fullName string) (workflow.RepoRecord, error) {
	found := t.repos.where(func(r *workflow.RepoRecord) bool { return strings.EqualFold(r.Repo.FullName(), fullName) },
		func(a, b *workflow.RepoRecord) int { return b.SeenAt.Compare(a.SeenAt) })
	if len(found) == 0 {
		return workflow.RepoRecord{}, fmt.Errorf("reading the repository %s: %w", fullName, workflow.ErrNotFound)
	}
	return found[0], nil
}

func (t *memoryTx) Repos() ([]workflow.RepoRecord, error) {
	return t.repos.where(func(*workflow.RepoRecord) bool { return true }, func(a, b *workflow.RepoRecord) int { return cmp.Compare(a.Repo.ID, b.Repo.ID) }), nil
}

func (t *memoryTx) PutRepo(r workflow.RepoRecord) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	t.repos.put(r.Repo.ID, r)
	return nil
}

func (t *memoryTx) Pull(k workflow.PullKey) (workflow.PullRecord, error) { return t.pulls.get(k) }

func (t *memoryTx) PutPull(p workflow.PullRecord) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	t.pulls.put(p.Pull.Key(), p)
	return nil
}

func byNumber(a, b *workflow.PullRecord) int {
	return cmp.Or(cmp.Compare(a.Pull.Repo.ID, b.Pull.Repo.ID), cmp.Compare(a.Pull.Number, b.Pull.Number))
}

func (t *memoryTx) OpenPulls(repoID int64) ([]workflow.PullRecord, error) {
	return t.pulls.where(func(p *workflow.PullRecord) bool {
		return p.Pull.State == workflow.PullOpen && (repoID == 0 || p.Pull.Repo.ID == repoID)
	}, byNumber), nil
}

func (t *memoryTx) OpenPullsAfter(repoID int64, number, limit int) ([]workflow.PullRecord, error) {
	all := t.pulls.where(func(p *workflow.PullRecord) bool {
		return p.Pull.State == workflow.PullOpen && p.Pull.Repo.ID == repoID && p.Pull.Number > number
	}, byNumber)
	return all[:min(limit, len(all))], nil
}

func (t *memoryTx) PullsMeeting(repoID int64, keys []string) ([]workflow.PullRecord, error) {
	return t.pulls.where(func(p *workflow.PullRecord) bool {
		return p.Pull.State == workflow.PullOpen && p.Pull.Repo.ID == repoID && workflow.MeetAny(p.LockKeys(), keys)
	}, byNumber), nil
}

func (t *memoryTx) PullsByHead(repoID int64, sha string) ([]workflow.PullRecord, error) {
	return t.pulls.where(func(p *workflow.PullRecord) bool { return p.Pull.Repo.ID == repoID && p.Pull.Head.SHA == sha }, byNumber), nil
}

func (t *memoryTx) UnreportedPulls() (out []workflow.PullKey, err error) {
	for k, p := range t.pulls.rows {
		if shown, ok := t.reports.rows[k]; p.Version > 0 && (!ok || p.Version > shown.Version) {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b workflow.PullKey) int {
		return cmp.Or(cmp.Compare(a.RepoID, b.RepoID), cmp.Compare(a.Number, b.Number))
	})
	return out, nil
}

func (t *memoryTx) Report(k workflow.PullKey) (workflow.ReportState, error) { return t.reports.get(k) }

func (t *memoryTx) PutReport(r workflow.ReportState) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	t.reports.put(r.Key, r)
	return nil
}

func (t *memoryTx) Run(id string) (workflow.Run, error) { return t.runs.get(id) }

func (t *memoryTx) PutRun(r workflow.Run) error {
	if err := errors.Join(t.mayWrite(), r.Check()); err != nil {
		return err
	}
	t.runs.put(r.ID, r)
	return nil
}

func oldestFirst(a, b *workflow.Run) int {
	return cmp.Or(a.Queued.Compare(b.Queued), cmp.Compare(a.ID, b.ID))
}

func (t *memoryTx) LiveRuns() ([]workflow.Run, error) {
	return t.runs.where(func(r *workflow.Run) bool { return r.State != workflow.RunFinished }, oldestFirst), nil
}

func (t *memoryTx) LiveRunsOf(s workflow.Subject) ([]workflow.Run, error) {
	return t.runs.where(func(r *workflow.Run) bool { return r.State != workflow.RunFinished && r.Subject() == s }, oldestFirst), nil
}

func (t *memoryTx) newest(before string, limit int, want func(*workflow.Run) bool) []workflow.Run {
	out := t.runs.where(func(r *workflow.Run) bool { return (before == "" || r.ID < before) && want(r) },
		func(a, b *workflow.Run) int { return cmp.Compare(b.ID, a.ID) })
	return out[:min(limit, len(out))]
}

func (t *memoryTx) RunsOf(s workflow.Subject, before string, limit int) ([]workflow.Run, error) {
	return t.newest(before, limit, func(r *workflow.Run) bool { return r.Subject() == s }), nil
}

func (t *memoryTx) RunsOfProject(repoID int64, project, before string, limit int) ([]workflow.Run, error) {
	return t.newest(before, limit, func(r *workflow.Run) bool { return r.Repo.ID == repoID && r.Project.Name == project }), nil
}

func (t *memoryTx) Plan(runID string) (workflow.Plan, error) { return t.plans.get(runID) }

func (t *memoryTx) PlanBrief(runID string) (workflow.Plan, error) {
	p, err := t.Plan(runID)
	brief, _ := p.Brief()
	return brief, err
}

func (t *memoryTx) PutPlan(runID string, p workflow.Plan) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	t.plans.put(runID, p)
	return nil
}

func (t *memoryTx) Spend(planRun, applyRun string) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	if planRun == "" || applyRun == "" {
		return errors.New("spending a plan: it needs the runs of plan and apply")
	}
	if _, err := t.spent.get(planRun); err == nil {
		return fmt.Errorf("spending the plan of run %s: %w", planRun, workflow.ErrSpent)
	}
	t.spent.put(planRun, applyRun)
	return nil
}

func (t *memoryTx) Spent(planRun string) (string, error) { return t.spent.get(planRun) }

func (t *memoryTx) Lock(repoID int64, key string) (workflow.Lock, error) {
	return t.locks.get(lockID{repoID, key})
}

func byKey(a, b *workflow.Lock) int { return cmp.Compare(a.Key, b.Key) }

func (t *memoryTx) Locks(repoID int64) ([]workflow.Lock, error) {
	return t.locks.where(func(l *workflow.Lock) bool { return l.RepoID == repoID }, byKey), nil
}

func (t *memoryTx) LocksOfPull(k workflow.PullKey) ([]workflow.Lock, error) {
	return t.locks.where(func(l *workflow.Lock) bool { return l.RepoID == k.RepoID && l.Pull == k }, byKey), nil
}

func (t *memoryTx) PutLock(l workflow.Lock) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	id := lockID{l.RepoID, l.Key}
	if old, ok := t.locks.rows[id]; ok && old.Pull != l.Pull {
		return fmt.Errorf("writing lock %q of #%d: #%d holds it", l.Key, l.Pull.Number, old.Pull.Number)
	}
	t.locks.put(id, l)
	if last := t.epochs.rows[l.RepoID]; last == nil || l.Epoch > *last {
		t.epochs.put(l.RepoID, l.Epoch)
	}
	return nil
}

func (t *memoryTx) LastEpoch(repoID int64) (uint64, error) {
	epoch, err := t.epochs.get(repoID)
	if errors.Is(err, workflow.ErrNotFound) {
		return 0, nil
	}
	return epoch, err
}

func (t *memoryTx) DeleteLock(repoID int64, key string) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	delete(t.locks.change(), lockID{repoID, key})
	return nil
}

func (t *memoryTx) Lineage(repoID int64, lineage string) (workflow.Lineage, error) {
	return t.lineages.get(lineageID{repoID, lineage})
}

func (t *memoryTx) LineagesOf(repoID int64, project workflow.ProjectKey) ([]workflow.Lineage, error) {
	theirs := func(l *workflow.Lineage) bool {
		return l.RepoID == repoID && slices.ContainsFunc(l.Projects, func(p workflow.Project) bool { return p.Key() == project })
	}
	return t.lineages.where(theirs, func(a, b *workflow.Lineage) int { return cmp.Compare(a.Lineage, b.Lineage) }), nil
}

func (t *memoryTx) PutLineage(l workflow.Lineage) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	t.lineages.put(lineageID{l.RepoID, l.Lineage}, l)
	return nil
}

func (t *memoryTx) Append(e *workflow.Event) error {
	if err := errors.Join(t.mayWrite(), e.Check()); err != nil {
		return err
	}
	e.Seq = 1
	if n := len(t.events); n > 0 {
		e.Seq = t.events[n-1].Seq + 1
	}
	t.events = append(t.events, *e) // others see only what comes before it
	return nil
}

func (t *memoryTx) Events(of workflow.About, before uint64, limit int) (out []workflow.Event, err error) {
	for _, e := range slices.Backward(t.events) {
		if len(out) < limit && of.Includes(e.About()) && (before == 0 || e.Seq < before) {
			out = append(out, e)
		}
	}
	return out, nil
}

func (t *memoryTx) EventsAfter(repoID int64, after uint64, limit int) (out []workflow.Event, err error) {
	from, _ := slices.BinarySearchFunc(t.events, after+1, func(e workflow.Event, seq uint64) int { return cmp.Compare(e.Seq, seq) })
	for _, e := range t.events[from:] {
		if len(out) < limit && e.Repo == repoID {
			out = append(out, e)
		}
	}
	return out, nil
}

func (t *memoryTx) Setting(name string) ([]byte, error) { return t.settings.get(name) }

func (t *memoryTx) PutSetting(name string, value []byte) error {
	if err := t.mayWrite(); err != nil {
		return err
	}
	if name == "" {
		return errors.New("writing a setting: it needs a name")
	}
	t.settings.put(name, bytes.Clone(value))
	return nil
}
