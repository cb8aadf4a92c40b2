package survey

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/steps"
)

// closureNote says that a plan may have been made without a file that its code reads.
const closureNote = "The server's rule says `workspace: closure`: a plan sees only the files that its code was found to name, " +
	"and code that looks for any other file does not find it. Without that setting, every plan sees the whole tree."

// Survey is what a pull's trees say: the projects, and which the change affects and why.
type Survey struct {
	Checkout         workflow.Checkout
	BaseFound, Found workflow.Discovery // of base and of the planned tree
	Resolution       Resolution
	Affected         []Affected
	NotPlanned       []workflow.NotPlanned
	Notes            []string // sentences about the whole pull
	// BaseFaulty: the base's `.cardea.yml` is faulty.
	BaseFaulty bool

	engines workflow.Engines
	states  *keepers
	rules   workflow.Rules
	closure bool // `workspace: closure` of the server's rule
	binding bool // applies may run for pulls on this base, so that what it says of projects holds for others
}

// Read reads both trees of a checkout. A trouble is a fault of the change; an error is not.
func Read(
	ctx context.Context, engines workflow.Engines, rules workflow.Rules, p workflow.Pull, co workflow.Checkout,
) (Survey, *workflow.Trouble, error) {
	s := Survey{Checkout: co, engines: engines, states: &keepers{}, rules: rules, closure: rules.Closure,
		binding: rules.MayApplyOn(p.Base.Ref, p.Repo.DefaultBranch)}
	if len(co.Conflicts) > 0 {
		return s, conflict(p, co.Conflicts), nil
	}
	in := Input{Rules: rules, Kinds: engines.Kinds()}
	var faults []workflow.Diagnostic
	var err error
	if in.Head, faults, err = readRepoConfig(co.Planned, in.Kinds); err != nil {
		return s, nil, err
	}
	if len(faults) > 0 {
		return s, faultyConfig(faults), nil
	}
	if in.Base, faults, err = readRepoConfig(co.BaseTree, in.Kinds); err != nil {
		return s, nil, err
	}
	in.BaseFaulty = len(faults) > 0
	if s.Found, err = engines.Discover(ctx, co.Planned); err != nil {
		return s, nil, fmt.Errorf("looking for projects: %w", err)
	}
	if s.BaseFound, err = engines.Discover(ctx, co.BaseTree); err != nil {
		return s, nil, fmt.Errorf("looking for the base's projects: %w", err)
	}
	in.BaseFound, in.HeadFound = s.BaseFound, s.Found
	s.Resolution = Resolve(in)
	if len(s.Resolution.Diagnostics) > 0 {
		return s, faultyConfig(s.Resolution.Diagnostics), nil
	}
	if excess := s.Resolution.BaseExcess; excess != nil {
		faults, in.BaseFaulty = append(faults, *excess), true
	}
	if s.BaseFaulty = in.BaseFaulty; s.BaseFaulty {
		s.Notes = append(s.Notes, fmt.Sprintf("`%s` on `%s` has errors: %s. "+
			"The projects are read from this pull request's file instead, and the strictest rules apply.",
			workflow.RepoConfigFile, p.Base.Ref, faults[0].Summary))
	}
	s.Notes = append(s.Notes, s.Resolution.Notes...)
	change := AffectedInput{Changes: co.Changes, Resolution: s.Resolution, BaseFound: s.BaseFound, HeadFound: s.Found, Stepped: s.stepped}
	if !in.BaseFaulty {
		steps, ignored := 0, glob.CompileList(in.Base.Autodiscover.Ignore)
		change.Ignored = func(dir string) bool { return ignored.MatchCounted(dir, &steps) }
	}
	if change.Reach, err = s.reach(ctx); err != nil {
		return s, nil, err
	}
	s.Affected, s.NotPlanned = AffectedBy(change)
	if err := s.findMoved(ctx); err != nil {
		return s, nil, err
	}
	s.Notes = append(s.Notes, append(noteMisnamed(co.Planned, in.Kinds), noteUnread(s.NotPlanned, s.Found)...)...)
	s.noteWorkflows()
	if s.closure && len(s.Affected) > 0 {
		s.Notes = append(s.Notes, closureNote)
	}
	return s, nil, nil
}

// Refused says why a project of the planned tree must not be planned, "" where it may.
func (s Survey) Refused(ctx context.Context, p workflow.Project) (string, error) {
	in, err := s.engines.Inputs(ctx, s.Checkout.Planned, s.Found, p)
	if err != nil {
		return "", err
	}
	around, _ := steps.Of(s.rules, p) // the resolution says why it has none
	return s.refusal(in, around, p), nil
}

// stepped reports whether steps may run around a project's plan. Without a server nobody knows
// those of a workflow that its entry names.
func (s *Survey) stepped(p workflow.Project) bool {
	around, _ := steps.Of(s.rules, p) // the resolution says why it has none
	return around != nil && len(around.Steps) > 0 || s.rules.Match == "" && p.Workflow != ""
}

// refusal says why a project must not be planned. What the tree does not have, only a step can make.
func (s Survey) refusal(in workflow.Inputs, around *workflow.Workflow, p workflow.Project) string {
	switch {
	case in.Refused != "" || steps.MayMake(around):
		return in.Refused
	case in.Absent != "" && s.rules.Match == "" && p.Workflow != "":
		return in.Absent + " The server's workflow may make it, but the server's steps do not run here."
	}
	return in.Absent
}

// PlanRun is a plan run of a project as far as the trees say: what it is made
// from and what its changes will not show. refused, a sentence, means that the
// project must not be planned.
func (s Survey) PlanRun(ctx context.Context, p workflow.Project) (r workflow.Run, refused string, err error) {
	in, err := s.engines.Inputs(ctx, s.Checkout.Planned, s.Found, p)
	if err != nil || in.Refused != "" {
		return r, in.Refused, err
	}
	around, why := steps.Of(s.rules, p)
	if !why.Empty() {
		return r, why.String(), nil
	}
	if refused = s.refusal(in, around, p); refused != "" {
		return r, refused, nil
	}
	var was *workflow.Inputs
	for _, b := range s.Resolution.BaseProjects {
		if b.Key() != p.Key() {
			continue
		}
		found, err := s.engines.Inputs(ctx, s.Checkout.BaseTree, s.BaseFound, b)
		if err != nil {
			return r, "", err
		}
		was = &found
	}
	r = workflow.Run{
		Kind: workflow.RunPlan, State: workflow.RunQueued, Project: p, Head: s.Checkout.Head, Base: s.Checkout.Base,
		Tree: s.Checkout.Planned.ID, BaseTree: s.Checkout.BaseTree.ID,
		Own: in.Dirs(), Workflow: around, InputsDigest: steps.Digest(in.Digest, around), FilesDigest: in.FilesDigest, ComputedPaths: in.ComputedPaths,
		States: in.States, StateDoubt: in.StateDoubt, Hidden: append(Hidden(was, &in), s.hiddenSteps(around, p)...),
		Expected: in.Expected,
	}
	if err = s.Share(ctx, &r); err != nil {
		return r, "", err
	}
	if was != nil {
		r.BaseKnown, r.OnBase = was.Known, s.binding && slices.Equal(was.States, in.States)
	}
	anyFile := len(in.ComputedPaths) > 0 || in.AnyFile || around != nil && len(around.Steps) > 0
	if s.closure && !anyFile { // else nobody knows what it reads
		r.Paths = WorkspacePaths(p, in)
	}
	return r, "", nil
}

// noteWorkflows says, where there is no server, that its workflows are not known.
func (s *Survey) noteWorkflows() {
	var names []string
	for _, a := range s.Affected {
		if a.Project.Workflow != "" && s.rules.Match == "" {
			names = append(names, a.Project.Name)
		}
	}
	if len(names) > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("The workflow for %s is defined on the server. Its steps do not run here, "+
			"so the server's plan may differ.", phrase.SomeNames(names)))
	}
}

// hiddenSteps are the steps of a project's applies that may run code of the planned tree.
func (s Survey) hiddenSteps(around *workflow.Workflow, p workflow.Project) []workflow.HiddenEffect {
	return steps.Hidden(around, func(name string) bool {
		info, err := fs.Stat(s.Checkout.Planned, path.Join(p.Dir, name))
		return err == nil && !info.IsDir()
	})
}

// Selecting is what a selector chooses from: the projects of the planned tree.
func (s Survey) Selecting(selector workflow.Selector) workflow.SelectInput {
	in := workflow.SelectInput{Selector: selector, Kinds: s.Resolution.Kinds, Projects: s.Resolution.Projects}
	for _, a := range s.Affected {
		if a.Deleted {
			in.Deleted = append(in.Deleted, a.Project)
		} else {
			in.Affected = append(in.Affected, a.Project)
		}
	}
	return in
}

// readRepoConfig reads a tree's `.cardea.yml`; without one the defaults hold.
func readRepoConfig(t workflow.Tree, kinds workflow.Kinds) (config.Repo, []workflow.Diagnostic, error) {
	fault := func(summary string) (config.Repo, []workflow.Diagnostic, error) {
		return config.Repo{}, []workflow.Diagnostic{{Severity: workflow.SeverityError, Summary: summary,
			Position: workflow.Position{File: workflow.RepoConfigFile, Line: 1}}}, nil
	}
	info, err := fs.Stat(t, workflow.RepoConfigFile)
	link, gone := fs.Lstat(t, workflow.RepoConfigFile)
	switch {
	case gone == nil && link.Mode()&fs.ModeSymlink != 0 && (err != nil || !info.Mode().IsRegular()):
		return fault(workflow.RepoConfigFile + " is a symlink that does not lead to a file in the repository: commit the file itself")
	case errors.Is(err, fs.ErrNotExist):
		return config.DefaultRepo(), nil, nil
	case err != nil:
		return config.Repo{}, nil, fmt.Errorf("reading %s: %w", workflow.RepoConfigFile, err)
	case !info.Mode().IsRegular():
		return fault(workflow.RepoConfigFile + " is not a file")
	case info.Size() > config.MaxBytes: // then it is not even read
		return fault(fmt.Sprintf("%s has %d bytes; the limit is %d", workflow.RepoConfigFile, info.Size(), config.MaxBytes))
	}
	data, err := fs.ReadFile(t, workflow.RepoConfigFile)
	if err != nil {
		return config.Repo{}, nil, fmt.Errorf("reading %s: %w", workflow.RepoConfigFile, err)
	}
	cfg, faults := config.ParseRepo(workflow.RepoConfigFile, data, kinds)
	return cfg, faults, nil
}

func conflict(p workflow.Pull, paths []string) *workflow.Trouble {
	const most = 10
	names := make([]string, 0, most)
	for _, f := range paths {
		if len(names) == most {
			break
		}
		names = append(names, "`"+phrase.Shown(f)+"`")
	}
	list := strings.Join(names, ", ")
	if more := len(paths) - len(names); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return &workflow.Trouble{
		Kind:  workflow.TroubleConflict,
		Title: phrase.Say("The head conflicts with %s", phrase.Shown(p.Base.Ref)),
		Sentences: []phrase.Text{
			phrase.Say("%s and `%s` both changed %s.", phrase.Short(p.Head.SHA), phrase.Shown(p.Base.Ref), list),
			phrase.Say("Merge `%s` into this branch, or rebase it, and push.", phrase.Shown(p.Base.Ref)),
		},
	}
}

func faultyConfig(faults []workflow.Diagnostic) *workflow.Trouble {
	count := "an error"
	if len(faults) > 1 {
		count = fmt.Sprintf("%d errors", len(faults))
	}
	return &workflow.Trouble{
		Kind:        workflow.TroubleConfig,
		Title:       phrase.Say("%s has %s", workflow.RepoConfigFile, count),
		Sentences:   phrase.Texts("Nothing is planned until the file is fixed. Every error is listed with its line."),
		Diagnostics: faults,
	}
}
