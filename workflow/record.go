package workflow

import (
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// Ran reports whether an apply run was told to carry out the project's current
// plan, whatever came of it: that plan is spent.
func (p ProjectRecord) Ran(apply *Run) bool {
	return apply != nil && apply.Apply != nil && apply.Apply.Spent && p.Run != nil && apply.Apply.PlanRun == p.Run.ID
}

// NotPlanned is something that a change concerns and that Cardea does not plan. It is told,
// so that no check looks as if there were nothing to do.
type NotPlanned struct {
	// Kind is a layout that Cardea does not support, or Unreadable; "" are discovered directories without
	// a backend that nothing calls: modules for others, as far as anybody can tell.
	Kind  string   `json:"kind,omitempty"`
	Dirs  []string `json:"dirs"` // sorted, at most 20
	Count int      `json:"count"`
}

// Unreadable are directories of which a file cannot be read, so that they may be projects.
const Unreadable = "unreadable"

// Unsupported are those of a layout that Cardea does not support, and those that it cannot read.
func Unsupported(all []NotPlanned) []NotPlanned {
	return slices.DeleteFunc(slices.Clone(all), func(n NotPlanned) bool { return n.Kind == "" })
}

// ProjectState is where a project stands in a pull. The words are part of the pages' contract.
type ProjectState string

// The states of a project in a pull.
const (
	StateQueued      ProjectState = "queued"
	StatePlanning    ProjectState = "planning"
	StatePlanned     ProjectState = "planned"
	StateNoChanges   ProjectState = "no_changes"
	StatePlanFailed  ProjectState = "plan_failed"
	StateRefused     ProjectState = "refused"
	StateDeleted     ProjectState = "deleted"
	StateApplying    ProjectState = "applying"
	StateApplied     ProjectState = "applied"
	StateApplyFailed ProjectState = "apply_failed"
	StateUnknown     ProjectState = "unknown"
	StateErrored     ProjectState = "errored_state"
)

// TroubleKind says why the projects of a head could not be determined or may not be planned.
type TroubleKind string

// The kinds of trouble.
const (
	TroubleConflict     TroubleKind = "conflict"      // head conflicts with base
	TroubleConfig       TroubleKind = "config"        // `.cardea.yml` faulty in head
	TroubleNotPermitted TroubleKind = "not_permitted" // fork, author without permission, unlisted bot, draft with drafts: false
	TroubleFailed       TroubleKind = "failed"        // anything else: GitHub or git kept failing
)

// Trouble is one such reason, for the checks and the page.
type Trouble struct {
	Kind      TroubleKind   `json:"kind"`
	Title     phrase.Text   `json:"title"`     // at most 100 characters
	Sentences []phrase.Text `json:"sentences"` // what is wrong, who can mend it, how
	// BaseSHA and Tree are what was looked at, "" when it did not come to that.
	BaseSHA     string       `json:"base_sha,omitempty"`
	Tree        string       `json:"tree,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
}

// ProjectRecord is one project of a pull with its current run.
type ProjectRecord struct {
	Project Project       `json:"project"`
	Reasons []phrase.Text `json:"reasons"` // why it is affected
	Deleted bool          `json:"deleted,omitempty"`
	// MovedTo is the new project that keeps a deleted one's state, "" when none does.
	MovedTo string `json:"moved_to,omitempty"`
	// Run is the newest plan run (any state).
	Run *Run `json:"run,omitempty"`
	// Runs are the ids of this project's runs in this pull, newest first, at most 20.
	Runs []string `json:"runs,omitempty"`
	// Apply is the newest apply run in this pull (any state), Verify the newest
	// verify run after it. Held: an apply of this pull started, so the project belongs to the pull until merge.
	Apply  *Run `json:"apply,omitempty"`
	Verify *Run `json:"verify,omitempty"`
	Held   bool `json:"held,omitempty"`
	// Approvals of this project's plans in this pull, oldest first, void ones included.
	Approvals []Approval `json:"approvals,omitempty"`
	// Outdated says, as a sentence, why the plan no longer holds (base moved in what it watches, ...); "" while it does.
	Outdated phrase.Text `json:"outdated,omitempty"`
	// WaitsFor is what the gate lacked when it was last asked, for comment and pages.
	WaitsFor []Missing `json:"waits_for,omitempty"`
	// Freed: the lock that stood in the way was released. That is told when the plan that is
	// made anew because of it is there.
	Freed *Freed `json:"freed,omitempty"`
	// MetLock: an apply of it was refused because of another pull's lock, so that lock's release is told.
	MetLock bool `json:"met_lock,omitempty"`
	// Upstream names projects of depends_on that change in this pull too: the plan is provisional.
	Upstream []string `json:"upstream,omitempty"`
}

// Freed is the release of a lock that a pull was refused for.
type Freed struct {
	By  int    `json:"by"`  // the number of the pull that held it
	Run string `json:"run"` // the project's plan before that
}

// State is the project's state by its record alone. An apply that is running, whose outcome
// nobody knows, or that could not store its state decides it, whatever is planned meanwhile
// and at whichever head. An apply that failed decides it until the next apply or the next
// head, unless a newer plan fails too. A project stays applied while no plan shows changes
// again.
func (p ProjectRecord) State() ProjectState {
	switch a := p.Apply; {
	case a == nil:
	case a.State != RunFinished:
		return StateApplying
	case a.OutcomeOpen():
		return StateUnknown
	case a.StateKept():
		return StateErrored
	}
	planned := p.PlanState()
	switch {
	case p.Deleted, !p.Project.Refused.Empty(), planned == StatePlanFailed && !p.applied():
		return planned
	case p.applyFailed():
		return StateApplyFailed
	case p.applied():
		return StateApplied
	}
	return planned
}

// PlanState is the state by the newest plan alone.
func (p ProjectRecord) PlanState() ProjectState {
	switch {
	case p.Deleted:
		return StateDeleted
	case !p.Project.Refused.Empty():
		return StateRefused
	case p.Run == nil:
		return StateQueued
	}
	switch r := p.Run; {
	case r.State == RunQueued:
		return StateQueued
	case r.State == RunRunning:
		return StatePlanning
	case r.Outcome == OutcomeSucceeded && r.NoChanges:
		return StateNoChanges
	case r.Outcome == OutcomeSucceeded:
		return StatePlanned
	}
	return StatePlanFailed
}

// applyFailed reports whether the newest apply that began failed at the head of the newest plan.
func (p ProjectRecord) applyFailed() bool {
	a := p.Apply
	if a == nil || !a.Begun() || p.Run == nil || p.Run.Head != a.Head {
		return false
	}
	return !a.ApplySucceeded()
}

// applied reports whether the newest apply succeeded and no newer plan has
// changes, or may still turn out to have some at a later head. One that was
// dropped while the apply ran says nothing.
func (p ProjectRecord) applied() bool {
	a := p.Apply
	if a == nil || !a.Begun() || !a.ApplySucceeded() || p.Run == nil {
		return false
	}
	if p.Run.ID == a.Apply.PlanRun {
		return true
	}
	if p.Run.State != RunFinished {
		return false
	}
	dropped := p.Run.Outcome == OutcomeCancelled || p.Run.Outcome == OutcomeSuperseded
	return p.Run.Outcome == OutcomeSucceeded && p.Run.NoChanges || dropped && p.Run.Head == a.Head && a.Finished.After(p.Run.Finished)
}

// PullRecord is all we keep of a pull: its facts, what its head affects, and
// each project's newest run. The service is its only writer.
type PullRecord struct {
	Pull Pull `json:"pull"`
	// Version grows with every change; the report loop writes when it is ahead of what was shown.
	Version uint64 `json:"version"`
	// Known: the projects (or the trouble) below are those of Pull.Head.SHA.
	Known bool `json:"known"`
	// BaseSHA and Tree are the base tip and the planned tree of these plans.
	BaseSHA  string          `json:"base_sha,omitempty"`
	Tree     string          `json:"tree,omitempty"`
	Trouble  *Trouble        `json:"trouble,omitempty"`
	Waiting  string          `json:"waiting,omitempty"` // why the expansion waits (GitHub lags, rate limit), a sentence
	Projects []ProjectRecord `json:"projects,omitempty"`
	// Total is how many projects the planned tree has, affected or not; 0 where that is not known.
	Total int `json:"total,omitempty"`
	// Asked are projects that a command named although this change does not
	// affect them: they belong to the pull and are planned at its later heads too.
	Asked []AskedProject `json:"asked,omitempty"`
	Notes []string       `json:"notes,omitempty"` // sentences about the whole pull (base `.cardea.yml` is faulty, ...)
	// Unplanned names projects that the head affects and that are planned only when somebody
	// asks (`autoplan: false`), if nobody has asked.
	Unplanned []string `json:"unplanned,omitempty"`
	// NotPlanned is what the head concerns and is no project.
	NotPlanned []NotPlanned `json:"not_planned,omitempty"`
	// Following are applies that wait for others of the pull, and those that ended while they
	// did, until that is told; one a project at most.
	Following []Follow `json:"following,omitempty"`
	// Left is what the pull was shortly before: where GitHub shows that again and no
	// event says why, its API lags.
	Left []LeftFacts `json:"left,omitempty"`
	// OldHeads are superseded heads whose checks still have to be cancelled.
	OldHeads         []string `json:"old_heads,omitempty"`
	PerProjectChecks int      `json:"per_project_checks,omitempty"` // the rule's checks.per_project
	// Shown are the states of the summary comment, oldest first, at most 20.
	Shown []Shown `json:"shown,omitempty"`
	Edits int     `json:"edits,omitempty"` // how often somebody else edited the summary
	// Reviews are people's latest reviews, as GitHub told of them: those that approve of people who may
	// approve something, and those that ended or request changes, as GitHub may tell of an earlier one later.
	Reviews []Review `json:"reviews,omitempty"`
	// Withdrawn is when people took approvals back, for as long as there is the record: an approval from before that may still be
	// delivered, whenever somebody has GitHub send a review again. Withdraw keeps it short.
	Withdrawn []Withdrawal `json:"withdrawn,omitempty"`
	// Past are projects of earlier heads, with what a later head inherits of them: an
	// apply, its hold on the project, approvals. A project is in Projects or here, never in both.
	Past []ProjectRecord `json:"past,omitempty"`
	// BaseFaulty: the base's `.cardea.yml` was faulty when these plans were made.
	BaseFaulty bool `json:"base_faulty,omitempty"`
	// Locked are the locks on this pull's projects by project name, its own and others', for comment and pages.
	Locked    map[string]Lock `json:"locked,omitempty"`
	Replies   []Reply         `json:"replies,omitempty"` // comments that still have to be written, oldest first
	CreatedAt time.Time       `json:"created_at"`
	ChangedAt time.Time       `json:"changed_at"`
	ClosedAt  time.Time       `json:"closed_at,omitzero"`
}

// AskedProject is one project that somebody's command added to a pull.
type AskedProject struct {
	Key ProjectKey `json:"key"`
	By  Actor      `json:"by"`
}

// Reply is one comment of ours that a command asked for: exactly one is
// written, found again by its Key in the hidden marker.
type Reply struct {
	Key  string        `json:"key"`  // unique: the request's id
	Kind string        `json:"kind"` // one of the Reply constants
	To   Actor         `json:"to"`
	Text []phrase.Text `json:"text,omitempty"`
	// Items are the projects it tells of, each with its own sentence; Text comes before them.
	Items []ReplyItem `json:"items,omitempty"`
	// May are the commands that the person may use here, for kind help; nil: all.
	May []Verb    `json:"may,omitempty"`
	At  time.Time `json:"at"`
	// Waits: it is told with the end of the applies that the same command started, so that one command has one answer.
	Waits bool `json:"waits,omitempty"`
	// Done is set when it was written; it is then kept for a while so that nothing writes it twice.
	Done      bool  `json:"done,omitempty"`
	CommentID int64 `json:"comment_id,omitempty"`
}

// Unwritten reports whether it is to be written now.
func (r Reply) Unwritten() bool { return !r.Done && !r.Waits }

// Project returns the record of the project with that name, or nil.
func (p *PullRecord) Project(name string) *ProjectRecord {
	for i := range p.Projects {
		if p.Projects[i].Project.Name == name {
			return &p.Projects[i]
		}
	}
	return nil
}

// ReportState is what was last shown on GitHub for a pull: enough to write only
// differences, and safe to lose (everything is found again by marker and app id).
type ReportState struct {
	Key         PullKey   `json:"key"`
	Version     uint64    `json:"version"` // of the PullRecord that is shown in full
	CommentID   int64     `json:"comment_id,omitempty"`
	CommentHash string    `json:"comment_hash,omitempty"`
	CommentAt   time.Time `json:"comment_at,omitzero"` // our last write of it
	Searched    bool      `json:"searched,omitempty"`  // markers were looked for once
	// Checks by head SHA, then by check name.
	Checks map[string]map[string]CheckShown `json:"checks,omitempty"`
	// Writes counts progress edits at this head, to stay within the call budget.
	Writes     int    `json:"writes,omitempty"`
	WritesHead string `json:"writes_head,omitempty"`
	// Said is the key of the newest comment that nobody asked for and that must not be said twice.
	Said string `json:"said,omitempty"`
}

// CheckShown is one check run as we last wrote it.
type CheckShown struct {
	ID         int64  `json:"id"`
	Status     string `json:"status"`
	Conclusion string `json:"conclusion,omitempty"`
	Hash       string `json:"hash"` // of everything we send
	// At is when we wrote it: two pulls with one head write the same check runs, and the newer word counts.
	At time.Time `json:"at,omitzero"`
	// Alarmed: its words tell of an apply that went wrong.
	Alarmed bool `json:"alarmed,omitempty"`
}

// RepoRecord is a repository we have seen, with the key that fingerprints and masks are made with.
type RepoRecord struct {
	Repo      Repo      `json:"repo"`
	Key       []byte    `json:"key"` // 32 random bytes
	Suspended bool      `json:"suspended,omitempty"`
	SeenAt    time.Time `json:"seen_at"`
}

// EventKind says what a line of the history is about.
type EventKind string

// The kinds of events: what was asked for, what became of runs, of the pull, of
// approvals and of locks.
const (
	EventRequest    EventKind = "request"
	EventRefused    EventKind = "refused"
	EventExpanded   EventKind = "expanded"
	EventQueued     EventKind = "queued"
	EventStarted    EventKind = "started"
	EventFinished   EventKind = "finished"
	EventAuthorised EventKind = "authorised"
	EventResolved   EventKind = "resolved"
	EventSuperseded EventKind = "superseded"
	EventClosed     EventKind = "closed"
	EventApproved   EventKind = "approved"
	EventUnapproved EventKind = "unapproved"
	EventVoided     EventKind = "voided"
	EventEdited     EventKind = "edited"
	EventLocked     EventKind = "locked"
	EventUnlocked   EventKind = "unlocked"
	EventFollowing  EventKind = "following"
)

// Event is one line of the history: who did what, when, with which result. Append-only.
type Event struct {
	Seq    uint64    `json:"seq"`
	At     time.Time `json:"at"`
	Repo   int64     `json:"repo"`
	Number int       `json:"number,omitempty"` // of a pull; ask About
	SubjectJSON
	Project string      `json:"project,omitempty"`
	Run     string      `json:"run,omitempty"`
	Actor   Actor       `json:"actor,omitzero"`
	Kind    EventKind   `json:"kind"`
	Text    phrase.Text `json:"text"`
}

// PullView is a pull with the plans of its projects: what comments, checks and pages are rendered from.
type PullView struct {
	PullRecord
	// Plans by run id, for every project whose newest run has one.
	Plans map[string]Plan
}

// PlanOf returns the plan of a project's newest run, or nil.
func (v PullView) PlanOf(p ProjectRecord) *Plan {
	if p.Run == nil {
		return nil
	}
	if plan, ok := v.Plans[p.Run.ID]; ok {
		return &plan
	}
	return nil
}

// AddRun names a run among those of its project, newest first.
func (p *ProjectRecord) AddRun(id string) {
	p.Runs = append([]string{id}, p.Runs...)
	if len(p.Runs) > MaxRunIDs {
		p.Runs = p.Runs[:MaxRunIDs]
	}
}

// GiveBackTo is what a lock becomes when the apply does not start, unless it becomes something stronger.
func (o *ApplyOrder) GiveBackTo(l Lock) {
	same := func(w Lock) bool { return w.Key == l.Key }
	if i := slices.IndexFunc(o.Was, same); i >= 0 && o.Was[i].Why.Strength() >= l.Why.Strength() {
		return
	}
	o.Took = slices.DeleteFunc(slices.Clone(o.Took), func(key string) bool { return key == l.Key })
	o.Was = append(slices.DeleteFunc(slices.Clone(o.Was), same), l)
}

// TellFreed notes an answer for the author: another pull let go of locks that this one waits for.
func (rec *PullRecord) TellFreed(id string, by int, items []ReplyItem, now time.Time) {
	rec.Replies = append(rec.Replies, Reply{Key: "freed/" + id, Kind: ReplyFreed, To: rec.Pull.Author, At: now, Items: items,
		Text: []phrase.Text{phrase.Say("#%d released its lock.", by)}})
}

// Done is the word for what happens to a project during a run of this kind.
func (k RunKind) Done() string {
	switch k {
	case RunApply:
		return "applied"
	case RunVerify:
		return "verified"
	}
	return "planned"
}

// MaxRunIDs is how many runs of a project its record in a pull names.
const MaxRunIDs = 20

// Newest makes a run the project's newest.
func (p *ProjectRecord) Newest(run Run) {
	p.Run = ShownRun(run)
	p.AddRun(run.ID)
}

// Shelve puts the projects aside when they are not, or not yet, those of the
// pull's head, and keeps of them what a later head inherits.
func (rec *PullRecord) Shelve() {
	for _, p := range rec.Projects {
		rec.ShelveOne(p)
	}
	rec.Projects = nil
}

// ShelveOne puts a project that left the pull aside, if something of it must be remembered.
func (rec *PullRecord) ShelveOne(p ProjectRecord) {
	rec.Past = slices.DeleteFunc(slices.Clone(rec.Past), func(old ProjectRecord) bool { return old.Project.Key() == p.Project.Key() })
	if p.Apply != nil || p.Held || len(p.Approvals) > 0 || p.Freed != nil || p.MetLock {
		p.WaitsFor, p.Upstream, p.Reasons, p.Deleted = nil, nil, nil, false
		rec.Past = append(rec.Past, p)
	}
}

// Inherit gives a project's record what an earlier one of this pull leaves to it.
func (p *ProjectRecord) Inherit(was ProjectRecord) {
	p.Apply, p.Verify, p.Held, p.Approvals = was.Apply, was.Verify, was.Held, was.Approvals
	p.Freed, p.MetLock = was.Freed, was.MetLock
}

// ShownRun is a run as a record shows it: without what only its runner needs.
func ShownRun(run Run) *Run {
	run.Paths, run.BaseKnown, run.Hidden, run.Expected = nil, nil, nil, nil
	return &run
}

// AppliedSince reports whether a project was applied in this pull, or may have been, since
// the given plan of a project that depends on it was begun.
func (p ProjectRecord) AppliedSince(plan *Run) bool {
	return plan != nil && plan.State != RunQueued && p.Apply != nil && p.Apply.Begun() && !slices.Contains(plan.After, p.Apply.ID)
}

// Cancelled reports whether a person ended a run, or asked for it.
func (r Run) Cancelled() bool {
	return r.Outcome == OutcomeCancelled || (r.Interrupt != "" && r.InterruptOutcome == OutcomeCancelled)
}

// LeftFacts are what a pull was until a moment.
type LeftFacts struct {
	Head  string    `json:"head"`
	Base  string    `json:"base"`
	State PullState `json:"state"`
	Draft bool      `json:"draft,omitempty"`
	Until time.Time `json:"until"`
}

// mostLeft is how many former states of a pull's facts are kept: enough for a burst of
// events.
const mostLeft = 16

// Are reports whether a pull is shown as it was then.
func (f LeftFacts) Are(p Pull) bool {
	return f.Head == p.Head.SHA && f.Base == p.Base.Ref && f.State == p.State && f.Draft == p.Draft
}

// Leave notes that these were the pull's facts until now, when they became those of the
// record.
func (rec *PullRecord) Leave(old Pull, now time.Time) {
	left := LeftFacts{old.Head.SHA, old.Base.Ref, old.State, old.Draft, now}
	if old.Head.SHA == "" || left.Are(rec.Pull) {
		return
	}
	kept := slices.DeleteFunc(append(slices.Clone(rec.Left), left), func(f LeftFacts) bool { return f.Are(rec.Pull) })
	rec.Left = kept[max(0, len(kept)-mostLeft):]
}
