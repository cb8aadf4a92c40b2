package workflow

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// RunKind is what a run does.
type RunKind string

// The kinds of run. A verify is a plan after an apply, quietly.
const (
	RunPlan   RunKind = "plan"
	RunApply  RunKind = "apply"
	RunVerify RunKind = "verify"
)

// RunState is where a run stands. Only methods of Run change it.
type RunState string

// The states of a run.
const (
	RunQueued   RunState = "queued"
	RunRunning  RunState = "running"
	RunFinished RunState = "finished"
)

// Outcome of a finished run.
type Outcome string

// The outcomes.
const (
	OutcomeNone       Outcome = ""
	OutcomeSucceeded  Outcome = "succeeded"
	OutcomeFailed     Outcome = "failed"
	OutcomeTimedOut   Outcome = "timed_out"
	OutcomeCancelled  Outcome = "cancelled"
	OutcomeSuperseded Outcome = "superseded"
	OutcomeLost       Outcome = "lost"    // its runner died without a result
	OutcomeUnknown    Outcome = "unknown" // an apply whose runner died without a result: a person decides
	OutcomeRefused    Outcome = "refused" // the gate said no before anything was applied
)

// Priorities of the queue: a higher number goes first.
const (
	PriorityDrift    = 10
	PriorityAutoplan = 20
	PriorityCommand  = 30
	PriorityApply    = 40
)

// Run is one execution of one kind for one project at one commit. Immutable once finished.
type Run struct {
	ID     string  `json:"id"`
	Epoch  int     `json:"epoch"` // grows with every claim; a message with an older epoch changes nothing
	Kind   RunKind `json:"kind"`
	Repo   Repo    `json:"repo"`
	Number int     `json:"number"` // of a pull; ask Subject
	SubjectJSON
	Project       Project     `json:"project"`
	Options       PlanOptions `json:"options,omitzero"`
	Head          string      `json:"head"`
	Base          string      `json:"base"`
	Tree          string      `json:"tree"` // the planned tree's id
	BaseTree      string      `json:"base_tree,omitempty"`
	Paths         []string    `json:"paths,omitempty"` // what the workspace holds; empty: the whole tree
	InputsDigest  string      `json:"inputs_digest,omitempty"`
	FilesDigest   string      `json:"files_digest,omitempty"`   // of those inputs that are no configuration
	ComputedPaths []string    `json:"computed_paths,omitempty"` // code that may read any file of the tree
	States        States      `json:"state_identity,omitempty"`
	// Lineage is what the state itself is called, of a plan that succeeded; "" while there is no state.
	Lineage string `json:"lineage,omitempty"`
	// SameState and LikeState name the projects that surely, and those that may, keep
	// the same state; StateDoubt is that of its Inputs.
	SameState Others `json:"same_state,omitzero"`
	LikeState Others `json:"like_state,omitzero"`
	// SameLineage names those that are on record with the lineage.
	SameLineage Others `json:"same_lineage,omitzero"`
	StateDoubt  string `json:"state_doubt,omitempty"`
	// OnBase: the base, one on which applies may run, has the project too, with this state.
	OnBase bool `json:"on_base,omitempty"`
	// Sharing are the other projects of base and of the planned tree that keep, or may
	// keep, the same state, as far as rules are about them: those hold for an apply as well.
	Sharing []Project `json:"sharing,omitempty"`
	// BaseKnown, Hidden and Expected go to the engine's jobs.
	BaseKnown []string        `json:"base_providers,omitempty"`
	Hidden    []HiddenEffect  `json:"hidden,omitempty"`
	Expected  json.RawMessage `json:"expected,omitempty"`
	// Credentials names the server's credentials entry for this run; CreateWorkspace is the rule's.
	Credentials     string `json:"credentials,omitempty"`
	CreateWorkspace bool   `json:"create_workspace,omitempty"`
	// Workflow is the server's as it was when the plan was asked for; an apply has its plan's.
	Workflow *Workflow `json:"workflow,omitempty"`
	Actor    Actor     `json:"actor"`
	// Unasked: nobody asked for this plan, and Actor is only whose it counts as in the queue.
	Unasked  bool   `json:"unasked,omitempty"`
	Request  string `json:"request,omitempty"`
	Priority int    `json:"priority"`

	State      RunState  `json:"state"`
	Outcome    Outcome   `json:"outcome,omitempty"`
	Reason     string    `json:"reason,omitempty"`  // of the outcome, a sentence
	Waiting    string    `json:"waiting,omitempty"` // why a queued run waits, a sentence
	Attempts   int       `json:"attempts,omitempty"`
	Queued     time.Time `json:"queued"`
	NotBefore  time.Time `json:"not_before,omitzero"`
	Started    time.Time `json:"started,omitzero"`
	Finished   time.Time `json:"finished,omitzero"`
	Worker     string    `json:"worker,omitempty"`
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	// Interrupt asks the worker to stop a running run; the sentence becomes its Reason, InterruptOutcome its outcome.
	Interrupt        string  `json:"interrupt,omitempty"`
	InterruptOutcome Outcome `json:"interrupt_outcome,omitempty"`
	Replaces         string  `json:"replaces,omitempty"` // the lost run this one repeats
	Yielded          bool    `json:"yielded,omitempty"`  // it repeats one that stopped for others who waited

	// Own are the directories in which a symlink that leaves the tree refuses the
	// project; empty: the project's directory.
	Own []string `json:"own,omitempty"`
	// Artefact is the digest of what a plan run kept for its apply, "" without one.
	Artefact string `json:"artefact,omitempty"`
	// TreeChanges are the files that differ from the trees in which the plan was approved, by
	// tree: found when a plan ends, for its approvals, and not kept.
	TreeChanges map[string][]FileChange `json:"-"`
	// After are the applies of what the project depends on that had ended in this pull when the
	// run was begun: what they changed is in it.
	After []string `json:"after,omitempty"`
	// Apply is what an apply run applies; nil for other kinds.
	Apply *ApplyOrder `json:"apply,omitempty"`

	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
	Counts      Counts       `json:"counts,omitzero"`
	NoChanges   bool         `json:"no_changes,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty"`
	ChangesHash string       `json:"changes_hash,omitempty"`
	// Whole says that the plan was made in the whole tree although Paths was set.
	Whole bool `json:"whole,omitempty"`
}

// ApplyOrder is what an apply run applies, and how far it got.
type ApplyOrder struct {
	PlanRun     string       `json:"plan_run"` // the run whose saved plan this is
	Fingerprint string       `json:"fingerprint"`
	Artefact    string       `json:"artefact"` // digest
	State       StateVersion `json:"state"`    // what the plan was made from
	// Authorised is set, together with Spent, before the engine's tool starts; nil before.
	Authorised *Authorisation `json:"authorised,omitempty"`
	Spent      bool           `json:"spent,omitempty"`
	// Missing is what the gate lacked when the run was refused.
	Missing []Missing `json:"missing,omitempty"`
	// Done and Total count the planned changes that the state shows as carried out after the apply ended.
	Done  int `json:"done,omitempty"`
	Total int `json:"total,omitempty"`
	// Progress is that of what did not succeed, of an apply that did not: what failed, what was in hand
	// when it ended, what was not begun. The first of them, if they are many.
	Progress []Progress `json:"progress,omitempty"`
	// ErroredState: the state could not be stored; it is kept, encrypted, under artefacts/ with this name.
	ErroredState string `json:"errored_state,omitempty"`
	// Took are the keys of the locks that were taken for this apply, Was the pull's own
	// locks whose reason it changed, Held whether the project was held before: what
	// is put back when it provably did not start.
	Took []string `json:"took,omitempty"`
	Was  []Lock   `json:"was,omitempty"`
	Held bool     `json:"held,omitempty"`
	// Before is the project's apply before this one, "" without one.
	Before string `json:"before,omitempty"`
	// Resolved is what a person decided of an unknown outcome: "applied" or "failed", by whom.
	Resolved   string `json:"resolved,omitempty"`
	ResolvedBy Actor  `json:"resolved_by,omitzero"`
}

// Result is what a runner reports at the end of a run.
type Result struct {
	Run     string  `json:"run"`
	Epoch   int     `json:"epoch"`
	Outcome Outcome `json:"outcome"`
	// NotStarted proves that neither plan nor apply was begun.
	NotStarted bool `json:"not_started,omitempty"`
	// Passing marks a failure that is not the change's fault and may go away (state lock held, network).
	Passing     bool         `json:"passing,omitempty"`
	Reason      string       `json:"reason,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
	Plan        *Plan        `json:"plan,omitempty"`
	Whole       bool         `json:"whole,omitempty"`
	Artefact    string       `json:"artefact,omitempty"` // digest of what was kept for the apply
	// Of an apply: what the state shows as carried out, and a kept errored state.
	Done         int        `json:"done,omitempty"`
	Total        int        `json:"total,omitempty"`
	ErroredState string     `json:"errored_state,omitempty"`
	Progress     []Progress `json:"progress,omitempty"` // of an apply: how each of its changes ended
	Started      time.Time  `json:"started"`
	Finished     time.Time  `json:"finished"`
}

// ErrStale says that a message names an epoch that is no longer the run's, or a run that is finished.
var ErrStale = errors.New("the run has moved on")

// Claim gives a queued run to a worker: a new epoch under a lease.
func (r *Run) Claim(worker string, now time.Time, lease time.Duration) error {
	if r.State != RunQueued {
		return fmt.Errorf("claiming run %s: it is %s: %w", r.ID, r.State, ErrStale)
	}
	r.State, r.Epoch, r.Worker = RunRunning, r.Epoch+1, worker
	r.Started, r.LeaseUntil, r.Waiting = now, now.Add(lease), ""
	r.Attempts++
	return nil
}

// Renew extends the lease of a running run.
func (r *Run) Renew(epoch int, until time.Time) error {
	if r.State != RunRunning || r.Epoch != epoch {
		return fmt.Errorf("renewing run %s: %w", r.ID, ErrStale)
	}
	r.LeaseUntil = until
	return nil
}

// Finish ends a running run with its runner's result.
func (r *Run) Finish(res Result, now time.Time) error {
	if r.State != RunRunning || r.Epoch != res.Epoch {
		return fmt.Errorf("finishing run %s: %w", r.ID, ErrStale)
	}
	r.Outcome, r.Reason, r.Diagnostics, r.Whole = res.Outcome, res.Reason, res.Diagnostics, res.Whole
	if r.Interrupt != "" && res.Outcome != OutcomeSucceeded {
		r.Outcome, r.Reason = r.InterruptOutcome, r.Interrupt
	}
	if res.Plan != nil && r.Outcome == OutcomeSucceeded {
		r.Counts, r.NoChanges = res.Plan.Counts, res.Plan.NoChanges
		r.Fingerprint, r.ChangesHash = res.Plan.Fingerprint, res.Plan.ChangesHash
		r.Lineage = res.Plan.StateID
	}
	r.end(now)
	return nil
}

// PutBack returns a running run whose runner proved that nothing was started, or
// whose failure is passing, to the queue, not before the given time.
func (r *Run) PutBack(epoch int, why string, notBefore time.Time) error {
	if r.State != RunRunning || r.Epoch != epoch {
		return fmt.Errorf("putting back run %s: %w", r.ID, ErrStale)
	}
	r.State, r.Waiting, r.NotBefore = RunQueued, why, notBefore
	r.Started, r.LeaseUntil, r.Worker = time.Time{}, time.Time{}, ""
	return nil
}

// Drop ends a queued run, or asks for the interrupt of a running one. It reports
// whether the run is finished now; a finished run is left as it is.
func (r *Run) Drop(outcome Outcome, why string, now time.Time) bool {
	switch r.State {
	case RunQueued:
		r.Outcome, r.Reason = outcome, why
		r.end(now)
	case RunRunning:
		if r.Interrupt == "" {
			r.Interrupt, r.InterruptOutcome = why, outcome
		}
		return false
	}
	return true
}

// Lose ends a running run whose runner died without a result.
func (r *Run) Lose(why string, now time.Time) error {
	if r.State != RunRunning {
		return fmt.Errorf("losing run %s: it is %s: %w", r.ID, r.State, ErrStale)
	}
	r.Outcome, r.Reason = OutcomeLost, why
	r.end(now)
	return nil
}

func (r *Run) end(now time.Time) {
	r.State, r.Finished, r.Waiting = RunFinished, now, ""
	r.LeaseUntil = time.Time{}
}

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns an id of 20 lower-case letters and digits that sorts by time (milliseconds) and cannot be guessed.
func NewID(now time.Time) string {
	var b [13]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	if _, err := rand.Read(b[6:]); err != nil {
		panic(err) // crypto/rand never fails on supported systems
	}
	return strings.ToLower(idEncoding.EncodeToString(b[:]))[:20]
}

// MaxTold is how many projects of a kind are named, and kept with a run beside those
// that bring rules of their own: where nothing tells states apart they may be all.
const MaxTold = 20

// StateNotes say, as sentences, what is known of others that keep a run's state.
func (r Run) StateNotes() []string {
	var out []string
	if len(r.SameState.Names) > 0 {
		out = append(out, fmt.Sprintf("It uses the same state as %s.", r.SameState))
	}
	if len(r.SameLineage.Names) > 0 {
		out = append(out, fmt.Sprintf("Its state has the same lineage as the state of %s, "+
			"so it is that state or a copy of it, and the rules of all of them apply.", r.SameLineage))
	}
	if len(r.LikeState.Names) > 0 {
		out = append(out, fmt.Sprintf("It may use the same state as %s: "+
			"their configurations do not tell the states apart, so the rules of all of them apply.", r.LikeState))
	}
	if r.StateDoubt != "" {
		out = append(out, r.StateDoubt)
	}
	return out
}

// KeepsWith are the projects that keep the run's state, by its place or by its lineage.
func (r Run) KeepsWith() Others {
	return Others{Names: slices.Concat(r.SameState.Names, r.SameLineage.Names), More: r.SameState.More + r.SameLineage.More}
}

// Others are projects by name: the first ones, and how many more there are.
type Others struct {
	Names []string `json:"names,omitempty"`
	More  int      `json:"more,omitempty"`
}

// OthersOf is the first of the names, sorted, and how many more there are.
func OthersOf(names []string) Others {
	slices.Sort(names)
	more := max(0, len(names)-MaxTold)
	return Others{Names: names[:len(names)-more], More: more}
}

// String is the list for a sentence.
func (o Others) String() string {
	var out []string
	for _, name := range o.Names {
		out = append(out, phrase.Name(name))
	}
	if o.More > 0 {
		out = append(out, fmt.Sprintf("%d more", o.More))
	}
	return phrase.AndList(out)
}
