package workflow

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"time"
)

// ObjectID is a git object id in hex. The FileInfo of a Tree's files and
// directories returns one from Sys(), so that parsed results can be cached by content.
type ObjectID string

// Tree is a snapshot of a repository's files. ID is its git tree id. A git submodule is
// an empty directory whose mode has fs.ModeSticky: what it holds is in no tree.
type Tree struct {
	ID string
	fs.FS
}

// The embedded FS hides the methods beyond Open that make reading a git tree
// cheap and its symlinks visible; these bring them back.

// ReadDir lists a directory.
func (t Tree) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(t.FS, name) }

// ReadFile reads a file.
func (t Tree) ReadFile(name string) ([]byte, error) { return fs.ReadFile(t.FS, name) }

// Stat follows symlinks.
func (t Tree) Stat(name string) (fs.FileInfo, error) { return fs.Stat(t.FS, name) }

// Lstat does not follow a final symlink.
func (t Tree) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(t.FS, name) }

// ReadLink returns a symlink's target as committed.
func (t Tree) ReadLink(name string) (string, error) { return fs.ReadLink(t.FS, name) }

// Discovery is what an engine found in a tree: every directory that holds its
// files, and which other directories each one calls as a local module.
type Discovery struct {
	Modules map[string]Module // by clean slash directory, "." for the root
	// Units are directories of layouts that Cardea does not plan.
	Units map[string]Unit
	// UnitNames are ends of paths that files of nested units name, as "common/vars.yaml", where
	// only running their tool could tell the rest. One with a "/" before it is a whole path.
	// Sorted.
	UnitNames []string
	// Links are the symlinks of the tree that lead to something in it, by their paths: others on the way, then the end.
	Links map[string][]string
	// own is what each engine found itself, by its name, where several were asked.
	own map[string]Discovery
}

// Unit is a directory of a layout that Cardea does not plan. People who change it are told
// so: what is not supported must not look like nothing to do.
type Unit struct {
	Kind  string   // as people call it: "Terragrunt", "Pulumi", ...
	Calls []string // directories of local modules that its literal sources name, sorted
	// Nested: the directories above it may hold files of common settings, too ([Kind.UnitSettings]).
	Nested bool
}

// Module is one directory with engine files.
type Module struct {
	Dir string
	// Engine is whose files they are, by its name; set where several were asked.
	Engine string
	// Calls are the directories of local modules, clean and relative to the
	// root, sorted; one that leaves the repository starts with "../".
	Calls []string
	// Tests are the directories of local modules that its test files call; init installs
	// them where it is the project's directory. Clean, relative to the root, sorted.
	Tests []string
	// KeepsState: its own files say that it keeps a state, so that it is a project, whoever calls
	// it. SaysWhich: they also say which one.
	KeepsState, SaysWhich bool
	// Files are the files and directories, with all below them, that it names by paths from its own
	// directory (var files are not among them), there or not. Clean, relative to the root, sorted.
	Files []string
	// RootFiles are such paths relative to the project's directory, whichever that is.
	RootFiles []string
	// Parts are such paths that are computed in part; those of RootParts are relative to the project's directory.
	Parts, RootParts []PathPart
	// Words are strings that name something below its own or the project's directory if it is there.
	Words []string
	// Ends are words that strings of its code are, or have after a dot, in lower case and sorted: with
	// one of them ends the name of a file that it may compute, or with one of them, or one that has a
	// slash behind it here, the name of a directory. AnyEnd: of any file beside the code.
	Ends []string
	// Computed are the files of code with paths of which the code does not say where they
	// lead; InputPaths those whose paths begin with an input variable, so that this is so
	// where the directory is a project itself. What a module is given counts as the caller's.
	Computed, InputPaths []string
	// AnySource are its files with a module source of which the code says nothing; Commands
	// those with commands, which may read what lies below the directory.
	AnySource, Commands []string
	// Links are the files and directories to which symlinks lead: those in its directory, and
	// those on the way to its calls and Files; links on the way to another end are among them.
	// Clean, relative to the root, sorted.
	Links []string
	// Above is what files in its directory or above it say that counts where it is a project: by file, a hash of it.
	Above map[string]string
	// Diagnostics are what Cardea cannot read in the way that the tool will; after an error the
	// projects that reach it are refused.
	Diagnostics []Diagnostic
	// Private is what only its engine reads of it.
	Private any
}

// AnyEnd stands among [Module.Ends] for all; others are no longer than MaxEnd.
const (
	AnyEnd = "*"
	MaxEnd = 32
)

// Roots returns the directories that keep a state by their own word, whoever
// calls them, and those that no other directory calls as a module, sorted. Calls from
// ignored directories do not count; nil ignores none.
func (d Discovery) Roots(ignored func(dir string) bool) []string {
	called := map[string]bool{}
	note := func(dir string, calls []string) {
		if ignored != nil && len(calls) > 0 && ignored(dir) {
			return
		}
		for _, c := range calls {
			called[c] = called[c] || c != dir
		}
	}
	for dir, m := range d.Modules {
		note(dir, m.Calls)
	}
	for dir, u := range d.Units {
		note(dir, u.Calls)
	}
	var roots []string
	for dir, m := range d.Modules {
		if m.KeepsState || !called[dir] {
			roots = append(roots, dir)
		}
	}
	sort.Strings(roots)
	return roots
}

// Inputs is what a project's plan is made from.
type Inputs struct {
	Dir     string   // the project's directory
	Modules []string // its module closure
	Named   []string // the files that its entry names, relative to the root
	Files   []string // further files and directories that code names, relative to the root
	Watch   []string // globs relative to the root
	// ComputedPaths are the files of its code, and its modules', with paths that the code
	// does not tell: any file of the tree may be read, also where `watch` names some. Sorted.
	ComputedPaths []string
	// Digest is the inputs digest: a hash of the paths, modes and object ids of
	// every file above and of the project's configuration entry. With computed paths and
	// no `watch` it covers every file that belongs to no directory with engine files as well.
	Digest string
	// FilesDigest is a hash of those inputs whose meaning does not stand in a plan ([Kind.Shown]). Never empty.
	FilesDigest string
	// Refused says as a sentence why the project must not be planned ("" = it may): state in the
	// workspace, a path outside the repository, a symlink out of the tree.
	Refused string
	// Absent refuses it as well, unless a step makes what its entry names and the tree does not have.
	Absent string
	// States are those that it keeps, none where the configuration does not say enough to plan.
	States States
	// StateDoubt says, as a sentence, why their names do not say surely which they are; "" where they do.
	StateDoubt string
	// Facets are what the plan's changes do not show of what it is made from, in the order in which people are told.
	Facets []Facet
	// Known is what the engine wants to know of base, in its own words, when it plans a change: see [PlanJob].
	Known []string
	// AnyFile: any file of the tree may be code of the project, so all of them are inputs.
	AnyFile bool
	// Diagnostics of parsing that do not refuse it.
	Diagnostics []Diagnostic
	// Expected is what the engine must find again in the runner, in its own words: it goes to its jobs.
	Expected json.RawMessage
}

// Facet is one thing that a plan is made from and that its changes do not show. What differs between
// base and the planned tree is told as a hidden effect.
type Facet struct {
	Kind, Address string // of the effect; with What they are one facet's name in its project
	Hash          string // of the thing; "" where it is not there
	// What it is, as people call it: told is that it changes, is new, or is removed.
	What string
	// New and Gone say so in other words, where those would not do.
	New, Gone string
	// Always: its presence is told even where base has it too, and its absence never.
	Always bool
}

// RunFiles are the private directories of one run, absolute.
type RunFiles struct {
	Workspace string // the exported tree
	Home, Tmp string // HOME, TMPDIR
	Out       string // where what is kept for the apply goes, the saved plan; deleted when the run ends
}

// PlanJob is what an engine needs to plan one project.
type PlanJob struct {
	Project Project
	Options PlanOptions
	Files   RunFiles
	// Server is what the server says to this engine of the run, in the engine's words: no secret is in it.
	Server       json.RawMessage
	RepoID       int64
	Key          []byte // the repository's key; nil in preview: no fingerprint
	States       States
	InputsDigest string
	// BaseKnown is the Known of base's Inputs; Hidden is what the trees say that the change does and
	// its plan does not show.
	BaseKnown []string
	Hidden    []HiddenEffect
	// Expected is that of its Inputs: what the engine finds must be that, or the run ends before it plans.
	Expected json.RawMessage
	// Log gets what init, workspace and plan print. It redacts and never returns an error.
	Log io.Writer
	// Progress gets what becomes of each thing that is done, as it begins, goes on and ends; nil: nobody looks.
	Progress func(Progress)
	// Redact hides credentials in a plan's texts; nil: there is nothing to hide.
	Redact func(text string) string
	// Fetch runs what the engine fetches with (init): within it alone the process has what that
	// needs. Its error is do's own, within a [Denied] where do asked for something that it was not
	// given. Nil: do needs nothing.
	Fetch func(do func() error) error
	// FetchSecret says that what Fetch gives is secret: no code of the change may run within it.
	FetchSecret bool
	// Ready is called after all preparation (init) and before anything plans. An
	// error means the run must not start: Plan returns a Result with NotStarted.
	Ready func(context.Context) error
	// Keep is called once, at the end, when the plan has something to apply: it makes
	// the artefact. Nil: nothing is kept (preview).
	Keep func(ctx context.Context, k Kept) error
	// Whole is called when the plan shows hidden effects, or fails, but the workspace holds only a
	// part of the tree: it exports the rest, after which the plan is made again. Nil when the tree is whole.
	Whole func(context.Context) error
	// At takes the server's steps of a point: the engine calls it before init, before it plans, and
	// after it planned with the plan in the engine's own form, which may hold secrets. An error is a
	// sentence: it ends the run. Nil: there are none.
	At     func(ctx context.Context, at Point, plan []byte) error
	Tuning Tuning
}

// Denied is the error of what could not be fetched because the run was not given what that needs.
type Denied struct {
	Err     error    // how it failed
	What    []string // what was not given, as whoever fetched calls it
	Why     string   // sentences for people
	Passing bool     // another try may be given it
}

func (d *Denied) Error() string { return d.Why }

func (d *Denied) Unwrap() error { return d.Err }

// Kept is what an engine wants back to apply a plan: the content of its artefact.
type Kept struct {
	Files []string // names in the run's Out: the saved plan
	Made  []string // files that the plan, or a step before it, made in the workspace, relative to it
	Gone  []string // files of the tree that were removed there before the plan
	Seal  []byte   // the engine's own words to its apply (tool, lock file, ...); no secret is in it
}

// ApplyJob is what an engine needs to apply one saved plan. The workspace holds
// the planned tree with the artefact's files over it.
type ApplyJob struct {
	Project  Project
	Options  PlanOptions
	Files    RunFiles
	Server   json.RawMessage // see PlanJob
	RepoID   int64
	Key      []byte // the repository's key
	States   States
	Expected json.RawMessage // see PlanJob
	Seal     []byte          // of its Kept, whose files are in Out again
	// Fingerprint is the one that was approved: the saved plan must have it.
	Fingerprint string
	State       StateVersion // what the plan was made from
	Log         io.Writer
	Progress    func(Progress)              // see PlanJob
	Fetch       func(do func() error) error // see PlanJob
	FetchSecret bool
	// At is called as a plan's is, without a plan, and before the apply: before Ready.
	At     func(ctx context.Context, at Point, plan []byte) error
	Tuning Tuning
	// Ready is called after init, with the state as it is then, before anything is applied. An
	// error means that the apply must not start: NotStarted.
	Ready func(context.Context, StateVersion) error
}

// Engine knows how to discover, plan and apply a kind of project.
type Engine interface {
	// Kind says what the rest of the house may know of the engine.
	Kind() Kind
	// Discover parses every directory of the tree. A directory that does not
	// parse is reported in its Diagnostics, not as an error.
	Discover(ctx context.Context, t Tree) (Discovery, error)
	// States says which states a project writes, as Inputs does: its locks are by them. None
	// when that is not known. It is asked of every project of a tree.
	States(ctx context.Context, t Tree, d Discovery, p Project) (States, error)
	// Inputs says what a project's plan is made from.
	Inputs(ctx context.Context, t Tree, d Discovery, p Project) (Inputs, error)
	// Plan carries out one plan run. What goes wrong with the project is in the
	// Result; an error is ours. Called in the runner's process only.
	Plan(ctx context.Context, job PlanJob) (Result, error)
	// Apply applies one saved plan; nothing of ours ends it before its end. What goes
	// wrong is in the Result, with the outcome unknown where nothing proves what was
	// done. Called in the runner's process only.
	Apply(ctx context.Context, job ApplyJob) (Result, error)
}

// FileChange is one file of the local diff between base and the planned tree.
type FileChange struct {
	Path    string // in the planned tree; for a deletion the old path
	OldPath string // for renames, else ""
	Status  string // added, modified, deleted, renamed
}

// Checkout is what a pull's plans are made from.
type Checkout struct {
	Head, Base string // SHAs
	Planned    Tree   // head merged into base, or head
	BaseTree   Tree   // base's tip; with `checkout: head` the merge base's
	Changes    []FileChange
	Conflicts  []string // paths; not empty: there is no planned tree
}

// CheckoutMode is merge or head.
type CheckoutMode string

// The checkout modes.
const (
	CheckoutMerge CheckoutMode = "merge"
	CheckoutHead  CheckoutMode = "head"
)

// Source is what the service needs of git.
type Source interface {
	// Checkout fetches exactly these commits into the mirror, merges, pins the
	// planned tree under refs/cardea/trees/ and diffs. ErrNotYet (wrapped) when
	// the remote does not have head yet.
	Checkout(ctx context.Context, p Pull, mode CheckoutMode) (Checkout, error)
}

// ErrPassing marks (by errors.Is) faults that do not come from the change and may pass: the
// caller tries again with backoff.
var ErrPassing = passing{}

// ErrNotYet says that the remote does not have the commit yet; it is passing too.
var ErrNotYet = notYet{}

type passing struct{}

func (passing) Error() string { return "a passing fault" }

type notYet struct{}

func (notYet) Error() string { return "the commit is not there yet" }

func (notYet) Is(target error) bool { return target == error(ErrPassing) }

// Clock is the time source; tests give their own.
type Clock func() time.Time

// OnlyUnit reports whether a directory is a unit of a layout that is not supported and no
// project by its own word: which state it keeps, the unit says.
func (d Discovery) OnlyUnit(dir string) bool {
	_, unit := d.Units[dir]
	return unit && !d.Modules[dir].SaysWhich
}

// A provider reads files at apply: of an object that is uploaded, a chart or a build
// context the plan shows the name alone. So every string of the plan that names a file
// or directory of the workspace binds what approves it to the content.
//
// A string that looks like a path (it has a slash or a suffix) and that a provider
// would find, which runs in the project's directory, is told to people as a hidden
// effect: only the same whole tree will do. A bare word that happens to be a name
// ("prod"), a path from the root of the repository (a tag) and what an output says
// are mostly none: those are not told, but a change at such a name voids all the same.

// Place is what a word names in the workspace.
type Place struct {
	Path string // relative to the root
	Dir  bool
	// Rooted: it is found from the root of the tree, not from the project's directory, where providers run.
	Rooted bool
	// Leads are the places to which symlinks lead, those on the way and those within.
	Leads []string
	// Made is a digest of what is in no tree in this form: the plan made it, or init brought it.
	Made Exact
	// Unclear: not all that it holds could be looked at.
	Unclear bool
}

// Touches is the first of the changed files that is at, below or above one of the places, ""
// if there is none. Above: a symlink or a file in the place of a directory.
func Touches(places []Exact, changes []FileChange) string {
	for _, c := range changes {
		for _, changed := range []string{c.Path, c.OldPath} {
			for _, p := range places {
				at := string(p)
				if changed != "" && (at == "." || changed == at ||
					strings.HasPrefix(changed, at+"/") || strings.HasPrefix(at, changed+"/")) {
					return changed
				}
			}
		}
	}
	return ""
}

// Dirs are the directories that the plan reads for sure: the project's, its
// modules' and those of the files that its entry names. Sorted, each once.
func (in Inputs) Dirs() []string {
	out := append([]string{path.Clean(in.Dir)}, in.Modules...)
	for _, f := range in.Named {
		if dir := path.Dir(f); dir != "." {
			f = dir // of a file at the root the file alone: the root is everything
		}
		out = append(out, f)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
