package workflow

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound says that a record is not there.
var ErrNotFound = errors.New("not found")

// ErrSpent says that a plan is spent: an apply of it has begun.
var ErrSpent = errors.New("the plan is spent")

// ErrClosed says that the store is closed.
var ErrClosed = errors.New("the store is closed")

// Store keeps all durable state. Everything that Receive and Update did is on disk when they
// return nil; when they return an error, none of it happened, unless the error comes from a
// context or a broken disk: then it may have. A store does not decide: it loads, calls the
// rule inside its transaction, saves.
type Store interface {
	// Receive adds a delivery unless one with its (GUID, Event) is there, and reports whether it
	// was added. Concurrent calls share one disk sync. Receive and Update wait for another
	// writer no longer than their context lasts.
	Receive(ctx context.Context, d Delivery) (added bool, err error)
	// Update runs rule in one read-write transaction: all of its writes or none.
	// The rule may be called more than once and must change nothing but tx; an
	// error of the rule is returned as it is and nothing is written.
	Update(ctx context.Context, rule func(Tx) error) error
	// View runs look on one consistent snapshot; writes through its tx are errors.
	View(ctx context.Context, look func(Tx) error) error
	Close() error
}

// Tx is a transaction. Lookups of one record return ErrNotFound (wrapped) when
// it is not there. Returned values are the caller's own. Runs, requests and events
// that do not say what they are for or about (their Check) are errors, written or read.
type Tx interface {
	// PendingDeliveries returns up to limit deliveries that are not done, oldest first.
	PendingDeliveries(limit int) ([]Delivery, error)
	Delivery(guid, event string) (Delivery, error)
	PutDelivery(Delivery) error
	// ForgetDeliveries removes up to limit done deliveries that were finished before the given time.
	ForgetDeliveries(finishedBefore time.Time, limit int) (int, error)

	Request(id string) (Request, error)
	// RequestByKey finds a request by its meaning.
	RequestByKey(key string) (Request, error)
	// PendingRequests returns up to limit requests that are not done, in order of
	// Seq, with Seq above after; PendingRequestsOf all that are about exactly this, without looking at any other.
	PendingRequests(after uint64, limit int) ([]Request, error)
	PendingRequestsOf(About) ([]Request, error)
	// PutRequest saves a request; a new one gets the next Seq.
	PutRequest(*Request) error
	// ForgetRequests removes up to limit done requests, and with them their meaning, that were finished before the given time.
	ForgetRequests(finishedBefore time.Time, limit int) (int, error)

	Repo(id int64) (RepoRecord, error)
	RepoByName(fullName string) (RepoRecord, error) // owner/name, case-insensitive
	Repos() ([]RepoRecord, error)
	PutRepo(RepoRecord) error

	Pull(PullKey) (PullRecord, error)
	PutPull(PullRecord) error
	// OpenPulls returns the open pulls of a repository (0: of all), by number.
	OpenPulls(repoID int64) ([]PullRecord, error)
	// OpenPullsAfter returns up to limit open pulls of a repository with a number above the given one, by number.
	OpenPullsAfter(repoID int64, number, limit int) ([]PullRecord, error)
	// PullsMeeting returns the open pulls of a repository one of whose LockKeys meets one of these keys, by number.
	PullsMeeting(repoID int64, keys []string) ([]PullRecord, error)
	// PullsByHead returns all pulls, open or not, whose current head is sha.
	PullsByHead(repoID int64, sha string) ([]PullRecord, error)
	// UnreportedPulls returns the pulls, open or not, whose Version is ahead of what their ReportState shows.
	UnreportedPulls() ([]PullKey, error)

	Run(id string) (Run, error)
	PutRun(Run) error
	// LiveRuns returns every queued and running run, oldest first; LiveRunsOf those for one
	// subject, without looking at any other.
	LiveRuns() ([]Run, error)
	LiveRunsOf(Subject) ([]Run, error)
	// RunsOf returns the runs for a subject and RunsOfProject those of a project for whichever,
	// newest first, at most limit, older than the run id `before` ("" = from the newest).
	RunsOf(s Subject, before string, limit int) ([]Run, error)
	RunsOfProject(repoID int64, project string, before string, limit int) ([]Run, error)

	// Plan returns the plan of a run, PlanBrief its brief, without reading the whole of a long
	// plan.
	Plan(runID string) (Plan, error)
	PlanBrief(runID string) (Plan, error)
	PutPlan(runID string, p Plan) error

	// Spend marks the saved plan of a run as spent by an apply, for ever: nothing takes
	// the mark away. ErrSpent (wrapped) says that it was spent before, by whichever
	// apply, and nothing was changed. Spent returns the apply that spent it.
	Spend(planRun, applyRun string) error
	Spent(planRun string) (applyRun string, err error)

	Report(PullKey) (ReportState, error)
	PutReport(ReportState) error

	// Lock returns the lock with that key of a repository; Locks all of a
	// repository, LocksOfPull those that one pull holds. PutLock of a key that
	// another pull holds is an error: a store never moves a lock by itself.
	Lock(repoID int64, key string) (Lock, error)
	Locks(repoID int64) ([]Lock, error)
	LocksOfPull(PullKey) ([]Lock, error)
	PutLock(Lock) error
	DeleteLock(repoID int64, key string) error
	// LastEpoch is the highest epoch that PutLock was ever given for a repository,
	// released locks included; 0 when it never was.
	LastEpoch(repoID int64) (uint64, error)

	// Lineage returns what is on record of a state's lineage in a repository.
	Lineage(repoID int64, lineage string) (Lineage, error)
	PutLineage(Lineage) error
	// LineagesOf are those with a project among theirs, in order of their names.
	LineagesOf(repoID int64, project ProjectKey) ([]Lineage, error)

	// Append adds to the history and sets Seq.
	Append(*Event) error
	// Events returns the lines that the history of this includes, newest first, at most
	// limit, with Seq below before (0 = from the newest).
	Events(of About, before uint64, limit int) ([]Event, error)

	// EventsAfter returns the history of a repository oldest first, at most limit, with Seq above after (0 = from the beginning).
	EventsAfter(repoID int64, after uint64, limit int) ([]Event, error)

	// Setting and PutSetting keep small values by name (high-water marks).
	Setting(name string) ([]byte, error)
	PutSetting(name string, value []byte) error
}
