package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-iac/cardea/cmd/cardea/credential"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/internal/progress"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/templates/terminal"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/git"
	"github.com/cardea-iac/cardea/workflow/run"
	"github.com/cardea-iac/cardea/workflow/survey"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// previewCmd shows for a local branch what the server would show for its pull.
type previewCmd struct {
	Base     string        `placeholder:"BRANCH" help:"The branch to merge into; default: the remote's default branch, else main or master."`
	Head     string        `default:"HEAD" help:"The branch or commit to preview. Uncommitted changes are not included."`
	Worktree bool          `help:"Preview the work tree with uncommitted changes: changed files, and new files that are not ignored."`
	Project  []string      `short:"p" sep:"none" placeholder:"NAME" help:"Only this project (a name or a glob), affected or not; can be repeated."`
	Explain  bool          `help:"Show which projects are affected, why, and which would be refused; plan nothing."`
	Output   string        `short:"o" enum:"text,markdown" default:"text" help:"text, or markdown: the comment that a pull request would get."`
	Timeout  time.Duration `default:"30m" help:"Time limit for each plan."`
}

// Help is what --help says besides.
func (previewCmd) Help() string {
	return "Exit status: 0 = no changes; 1 = an error, or something that Cardea does not plan; " +
		"2 = changes, or with --explain affected projects.\n\nExample: cardea preview --worktree -p 'prod/*'"
}

// Validate says what is wrong with the flags.
func (p previewCmd) Validate() error {
	if p.Timeout <= 0 {
		return errors.New("--timeout must be longer than 0s, like 30m")
	}
	return nil
}

// Run exits 0 without changes, 2 with changes (or, with --explain, affected projects), 1 on
// any error, or if the change concerns a layout that Cardea does not plan.
func (p previewCmd) Run(c *console, ctx bind) error {
	scratch, err := makeScratch("cardea-preview-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	local, err := git.OpenLocal(ctx, ".", filepath.Join(scratch, "repository.git"))
	if errors.Is(err, git.ErrNotClone) {
		return errors.New("this directory is not inside a git repository: run `cardea preview` in a clone of the repository that you are changing")
	}
	if err != nil {
		return err
	}
	change, err := p.change(ctx, c, local)
	if err != nil {
		return err
	}
	looking := progress.Show(c.err, func(elapsed time.Duration) string {
		return "… finding out what the change affects" + progress.Since(elapsed)
	})
	s, trouble, err := survey.Read(ctx, engines(""),
		workflow.Rules{Checkout: workflow.CheckoutMerge, Drafts: true}, change.pull, change.checkout)
	looking.End()
	if err != nil {
		return err
	}
	if trouble != nil {
		printDiagnostics(c.err, trouble.Diagnostics)
		return fmt.Errorf("%s. %s", trouble.Title, phrase.All(trouble.Sentences))
	}
	if err := p.narrow(&s); err != nil {
		return err
	}
	if p.Explain {
		return explain(ctx, c, s)
	}
	tools, err := previewTools()
	if err != nil {
		return err
	}
	if !terraform.Installed(tools) && len(s.Affected) > 0 {
		fmt.Fprintf(c.err, "cardea: neither terraform nor tofu is on PATH. What the projects need is downloaded first, to %s.\n", tools.Dir)
	}
	previewer := &previewer{local: local, survey: s, tools: tools, scratch: scratch, err: c.err, timeout: p.Timeout}
	defer hurried(c, scratch)()
	view, err := previewer.plan(ctx, change.pull)
	if err != nil {
		return err
	}
	if p.Output == "markdown" {
		if change.head != "" {
			view.Notes = append(view.Notes, "These plans are of a "+change.head+".")
		}
		fmt.Fprint(c.out, strings.TrimPrefix(templates.Summary(view, model.Links{}), templates.SummaryMarker+"\n"))
	} else {
		fmt.Fprint(c.out, strings.TrimPrefix(terminal.Preview(view, shape(c.out, change.head)), "\n"))
	}
	return previewStatus(view)
}

// shape is how a preview is written to w.
func shape(w io.Writer, head string) terminal.Options {
	if !progress.IsTerminal(w) {
		return terminal.Options{Head: head}
	}
	return terminal.Options{Width: progress.Width(w), Colour: os.Getenv("NO_COLOR") == "", Head: head}
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// hurried lets a second interrupt end the preview at once. After the first we wait, up to a
// minute and a half, for terraform to let go of its locks.
func hurried(c *console, scratch string) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		first := true
		for range signals {
			if !first {
				_ = os.RemoveAll(scratch)
				os.Exit(1)
			}
			first = false
			progress.Clear(c.err)
			fmt.Fprintln(c.err, "cardea: stopping; terraform releases its locks first, which may take a minute. Interrupt again to exit now.")
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

// narrow keeps the projects that -p names, affected or not.
func (p previewCmd) narrow(s *survey.Survey) error {
	if len(p.Project) == 0 {
		return nil
	}
	chosen, fault := workflow.Select(s.Selecting(workflow.Selector{Projects: p.Project}))
	if fault != "" {
		return errors.New(fault)
	}
	reasons := map[workflow.ProjectKey][]string{}
	for _, a := range s.Affected {
		reasons[a.Project.Key()] = a.Reasons
	}
	s.Affected, s.NotPlanned = nil, nil
	for _, project := range chosen {
		why := reasons[project.Key()]
		if why == nil {
			why = []string{"asked for with -p"}
		}
		s.Affected = append(s.Affected, survey.Affected{Project: project, Reasons: why})
	}
	return nil
}

// explain prints a line for each project, with its reasons.
func explain(ctx context.Context, c *console, s survey.Survey) error {
	c = &console{out: cleaned{c.out}, err: c.err}
	for _, note := range s.Notes {
		fmt.Fprintln(c.out, note)
	}
	for _, n := range s.NotPlanned {
		fmt.Fprintln(c.out, model.NotPlanned(n))
	}
	fault := len(workflow.Unsupported(s.NotPlanned)) > 0
	if len(s.Affected) == 0 && fault {
		return exitCode(1)
	}
	if len(s.Affected) == 0 {
		fmt.Fprintf(c.out, "No projects affected: %s changed.\n", counted(len(s.Checkout.Changes), "file"))
		return nil
	}
	why, err := refusals(ctx, s)
	if err != nil {
		return err
	}
	for i, a := range s.Affected {
		refused, name := why[i], a.Project.Name
		switch {
		case a.MovedTo != "":
			name += " (moved)"
		case a.Deleted:
			name += " (deleted)"
		case refused != "":
			name += " (refused)"
		}
		fmt.Fprintln(c.out, name)
		if refused != "" {
			fault = true
			fmt.Fprintf(c.out, "  refused: %s\n", refused)
		}
		for _, r := range a.Reasons {
			fmt.Fprintf(c.out, "  because %s\n", r)
		}
		if w := a.Project.Workflow; w != "" {
			fmt.Fprintf(c.out, "  its workflow `%s` is defined on the server: its steps run there, not in a preview\n", w)
		}
	}
	if fault {
		return exitCode(1)
	}
	return exitCode(2)
}

// refusals say why affected projects would not be planned, each "" where it would.
func refusals(ctx context.Context, s survey.Survey) ([]string, error) {
	out := make([]string, len(s.Affected))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, a := range s.Affected {
		if a.Deleted || !a.Project.Refused.Empty() {
			out[i] = a.Project.Refused.String()
			continue
		}
		group.Go(func() (err error) {
			out[i], err = s.Refused(ctx, a.Project)
			return err
		})
	}
	return out, group.Wait()
}

// previewer plans what a survey found.
type previewer struct {
	local   *git.Local
	survey  survey.Survey
	tools   terraform.Tools
	scratch string
	err     io.Writer // for what goes on
	timeout time.Duration
}

// plan plans the affected projects, as many at once as the machine can carry.
func (p *previewer) plan(ctx context.Context, pull workflow.Pull) (workflow.PullView, error) {
	now := time.Now()
	view := workflow.PullView{Plans: map[string]workflow.Plan{},
		PullRecord: workflow.PullRecord{Pull: pull, Known: true, Total: p.survey.Resolution.Total(), BaseSHA: p.survey.Checkout.Base,
			Tree: p.survey.Checkout.Planned.ID, Notes: p.survey.Notes, NotPlanned: p.survey.NotPlanned,
			CreatedAt: now, ChangedAt: now}}
	for _, a := range p.survey.Affected {
		view.Projects = append(view.Projects,
			workflow.ProjectRecord{Project: a.Project, Reasons: phrase.Texts(a.Reasons...),
				Deleted: a.Deleted, MovedTo: a.MovedTo})
	}
	results := make([]workflow.Result, len(view.Projects))
	launcher := &run.Launcher{Runs: filepath.Join(p.scratch, "runs"), Engines: engines("")}
	group, runs := errgroup.WithContext(ctx)
	group.SetLimit(run.DefaultParallel())
	list := progress.Start(p.err, len(view.Projects))
	for i := range view.Projects {
		group.Go(func() (err error) {
			one := list.Begin(markdown.CleanLine(view.Projects[i].Project.Name))
			defer func() { one.End(outcomeOf(view.Projects[i], results[i], err)) }()
			if results[i], err = p.planOne(runs, launcher, &view.Projects[i], one); err != nil {
				return fmt.Errorf("planning %s: %w", view.Projects[i].Project.Name, err)
			}
			return nil
		})
	}
	err := group.Wait()
	list.End()
	for i, r := range results {
		if r.Plan != nil {
			view.Plans[view.Projects[i].Run.ID] = *r.Plan
		}
	}
	return view, cmp.Or(err, ctx.Err())
}

// outcomeOf is how a project's plan ended, in a few words.
func outcomeOf(p workflow.ProjectRecord, r workflow.Result, err error) string {
	switch {
	case err != nil:
		return "not planned"
	case p.Deleted:
		return "deleted, not planned"
	case !p.Project.Refused.Empty():
		return "refused"
	case r.Plan == nil:
		return "plan failed"
	case r.Plan.NoChanges:
		return "no changes"
	}
	return model.CountsText(r.Plan.Counts)
}

// planOne carries out one project's run. What goes wrong with the project is said in its
// record.
func (p *previewer) planOne(ctx context.Context, launcher *run.Launcher,
	record *workflow.ProjectRecord, shown *progress.Item) (workflow.Result, error) {
	if record.Deleted || !record.Project.Refused.Empty() {
		return workflow.Result{}, nil
	}
	r, refused, err := p.survey.PlanRun(ctx, record.Project)
	if err != nil || refused != "" {
		record.Project.Refused = phrase.Plain(refused)
		return workflow.Result{}, err
	}
	now := time.Now()
	r.ID, r.Queued = workflow.NewID(now), now
	shown.Follow(func() string { return downloading(p.scratch, r.ID) })
	if err := r.Claim("preview", now, p.timeout); err != nil {
		return workflow.Result{}, err
	}
	job := run.Job{Run: r, GitDir: p.local.GitDir(), Server: serverWords(p.tools)(r), PlanTimeout: p.timeout}
	result, err := run.Once(ctx, launcher, job, ownEnvironment(os.Environ()))
	if err != nil {
		return workflow.Result{}, err
	}
	if err := r.Finish(result, time.Now()); err != nil {
		return workflow.Result{}, err
	}
	record.Run = &r
	return result, nil
}

// previewTools keeps downloaded tools and providers where the user's other caches are.
func previewTools() (terraform.Tools, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return terraform.Tools{}, fmt.Errorf("there is no place for downloaded tools and providers (%w): set HOME, or XDG_CACHE_HOME to a directory", err)
	}
	dir := filepath.Join(cache, "cardea")
	if err := mayWrite(dir); err != nil {
		return terraform.Tools{}, fmt.Errorf("cannot write to the directory for downloaded tools and providers, %s: %w. Set XDG_CACHE_HOME to a directory of yours", dir, reason(err))
	}
	return terraform.Tools{Dir: filepath.Join(dir, "tools"), Providers: filepath.Join(dir, "providers"), Tool: "auto",
		Versions: ">= 1.5", Path: os.Getenv("PATH"), Own: true}, nil
}

// mayWrite makes a directory where there is none, and says why nothing can be written to it.
func mayWrite(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".write-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// makeScratch makes a directory that its caller removes.
func makeScratch(pattern string) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		return "", fmt.Errorf("cannot write to the directory for temporary files, %s: %w. Set TMPDIR to a directory of yours", os.TempDir(), reason(err))
	}
	return filepath.Abs(dir)
}

// secretNames and secretValue tell what is secret in somebody's own environment: hiding all
// of its values would hide most words of a plan.
var (
	secretNames = regexp.MustCompile(`(?i)secret|token|passw|passphrase|credential|private|auth|api_?key|access_?key|_key$`)
	secretValue = regexp.MustCompile(`://[^/@\s]+:[^/@\s]+@`)
)

// ownSecrets are files in which tools keep secrets in somebody's home directory.
var ownSecrets = []string{".aws/config", ".aws/credentials", ".azure/msal_token_cache.json", ".azure/service_principal_entries.json",
	".config/gcloud/application_default_credentials.json", ".docker/config.json", ".git-credentials", ".gitconfig", ".kube/config",
	".netrc", ".terraform.d/credentials.tfrc.json", ".vault-token"}

// ownEnvironment is the user's environment for a run: a preview runs as the user,
// with what the user's terraform would have, the home directory too.
func ownEnvironment(environ []string) run.Secrets {
	own := run.Secrets{Env: map[string]string{}, Plain: map[string]string{}}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		switch {
		case name == "HOME":
			own.Home = value
		case envFault(name) != "":
		case strings.HasPrefix(name, "GIT_CONFIG_") || secretNames.MatchString(name) || secretValue.MatchString(value):
			own.Env[name] = value
		default:
			own.Plain[name] = value
		}
	}
	for _, file := range ownSecrets {
		if own.Home == "" {
			break
		}
		if data, err := credential.ReadFile(filepath.Join(own.Home, file)); err == nil { // else there is nothing to hide
			own.Files = append(own.Files, run.HomeFile{Data: data})
		}
	}
	return own
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// previewStatus is the exit status that goes with a preview.
func previewStatus(v workflow.PullView) error {
	changes := false
	for _, p := range v.Projects {
		switch p.State() {
		case workflow.StatePlanned, workflow.StateDeleted:
			changes = true
		case workflow.StateNoChanges:
		default:
			return exitCode(1)
		}
	}
	if len(workflow.Unsupported(v.NotPlanned)) > 0 {
		return exitCode(1)
	}
	if changes {
		return exitCode(2)
	}
	return nil
}
