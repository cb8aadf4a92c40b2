package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// What is particular to applies. Once an apply was told to go, nothing of ours ends it: no
// timeout, no hang-up, no kill. An interrupt is one SIGINT to its tool.

// isApply reports whether a job is an apply.
func (j Job) isApply() bool { return j.Run.Kind == workflow.RunApply }

// keep makes the artefact of a plan.
func (r *runner) keep(_ context.Context, k workflow.Kept) error {
	store := Artefacts{Dir: r.job.Artefacts}
	digest, err := writeArtefact(store.file(r.job.Run.ID), r.job.Recipient, r.dir.engine(), k)
	var no *notKeptError
	if errors.As(err, &no) {
		r.notes = append(r.notes, no.sentence)
		return nil
	}
	r.artefact = digest
	return err
}

// refusal is an error whose text is a sentence for people.
type refusal string

func (r refusal) Error() string { return string(r) }

// overlay puts the artefact's files over the workspace.
func (r *runner) overlay() (err error) {
	order := r.job.Run.Apply
	if order == nil || order.Spent {
		return refusal("The apply has no saved plan that can still be used.")
	}
	if _, err := dirName(order.PlanRun, 0); err != nil {
		return err
	}
	f := r.dir.engine()
	name := Artefacts{Dir: r.job.Artefacts}.file(order.PlanRun)
	r.seal, r.artefact, err = unpackArtefact(name, r.secrets.Identity, f)
	if errors.Is(err, fs.ErrNotExist) {
		return refusal("The saved plan no longer exists. Plan again.")
	}
	if err != nil {
		return refusal(fmt.Sprintf("The saved plan cannot be used: %s. Plan again.", err))
	}
	if r.artefact != order.Artefact {
		return refusal("The saved plan on disk is not the one that was made: its digest differs. Plan again.")
	}
	return nil
}

// apply calls the engine. If anything of ours goes wrong after it was told to go, the outcome
// is unknown.
func (r *runner) apply() (res workflow.Result, err error) {
	run := r.job.Run
	res, err = r.deps.Engines.Apply(r.stop.ctx, workflow.ApplyJob{Project: run.Project, Options: run.Options,
		Files: r.files(), Server: r.job.Server, RepoID: run.Repo.ID, Key: r.secrets.Key, States: run.States, Expected: run.Expected, Seal: r.seal,
		Fingerprint: run.Apply.Fingerprint, State: run.Apply.State, Log: r.redact, Progress: r.told.tell, Fetch: r.fetch,
		FetchSecret: r.secrets.Fetch.secret(), Ready: r.readyToApply,
		At: r.steps(), Tuning: r.tuning()})
	r.notStarted = res.NotStarted
	if err == nil && res.Outcome == workflow.OutcomeSucceeded {
		res.Reason = r.afterApply()
	}
	res.Diagnostics = append(res.Diagnostics, r.stepFaults...)
	return res, err
}

// readyToApply says what we are about to apply and to which state, and waits for the word.
func (r *runner) readyToApply(_ context.Context, now workflow.StateVersion) error {
	if err := r.say(message{Ready: true, Digest: r.artefact, State: &now}); err != nil {
		return err
	}
	if !r.stop.begin() {
		r.went = false // stopped in the same instant: the engine begins nothing
		return errNotStarted
	}
	// From here on every process that is left of this apply holds its lock.
	return inherit(r.lock)
}

// rescues are the files that an engine may leave, there or not.
func (d files) rescues(p workflow.Project, kind workflow.Kind) []string {
	dir := filepath.Join(d.engine().Workspace, filepath.FromSlash(p.Dir))
	names := make([]string, len(kind.Rescue))
	for i, file := range kind.Rescue {
		names[i] = filepath.Join(dir, file)
	}
	return names
}

// rescued are those of them that are there, with a state that is stored nowhere else. One that
// is no file, as a symlink is none, cannot be kept: an error.
func (d files) rescued(p workflow.Project, kind workflow.Kind) (names []string, err error) {
	for _, name := range d.rescues(p, kind) {
		switch info, err := os.Lstat(name); {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		case err != nil:
			return nil, fmt.Errorf("looking for an errored state: %w", err)
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("looking for an errored state: %s is not a regular file", filepath.Base(name))
		default:
			names = append(names, name)
		}
	}
	return names, nil
}

// keepErrored encrypts a state that could not be stored; kept is its name, "" when there is none.
// Whoever did it before may have died before they could tell. While it cannot be kept, the workspace must stay.
func (a Artefacts) keepErrored(d files, run workflow.Run, kind workflow.Kind, recipient string) (kept string, err error) {
	there, err := d.rescued(run.Project, kind)
	if err != nil {
		return "", err
	}
	if _, err := dirName(run.ID, run.Epoch); err != nil {
		return "", err
	}
	for _, from := range d.rescues(run.Project, kind) {
		name, own := rescuedName(run.ID, filepath.Base(from)), slices.Contains(there, from)
		if _, err := os.Lstat(filepath.Join(a.Dir, name)); !own && err != nil {
			continue
		}
		if own {
			if err := sealFile(from, filepath.Join(a.Dir, name), recipient); err != nil {
				return kept, fmt.Errorf("keeping the errored state: %w", err)
			}
		}
		if kept != "" {
			kept += ", "
		}
		if kept += name; !own {
			continue
		}
		if err := os.Remove(from); err != nil {
			return kept, fmt.Errorf("removing the errored state: %w", err)
		}
	}
	return kept, nil
}

// erroredState keeps the state that an apply could not store, and reports whether all of the
// run's files may be removed.
func (r *runner) erroredState(res *workflow.Result) (clean bool) {
	if !r.job.isApply() || !r.went {
		return true
	}
	kind := r.deps.Engines.KindOf(r.job.Run.Project)
	var err error
	res.ErroredState, err = Artefacts{Dir: r.job.Artefacts}.keepErrored(r.dir, r.job.Run, kind, r.job.Recipient)
	r.dir.unkept(res, r.job.Run.Project, kind, err)
	return err == nil
}

// unkept says where a state is that could be kept nowhere else: below the directory of runs.
func (d files) unkept(res *workflow.Result, p workflow.Project, kind workflow.Kind, err error) {
	if err == nil {
		return
	}
	var places []string
	for _, name := range d.rescues(p, kind) {
		if rel, e := filepath.Rel(filepath.Dir(string(d)), name); e == nil {
			places = append(places, filepath.ToSlash(rel))
		}
	}
	res.Diagnostics = append(res.Diagnostics, workflow.Diagnostic{Severity: workflow.SeverityError,
		Summary: "The state could not be stored, and could not be kept encrypted either",
		Detail: fmt.Sprintf("It remains, not encrypted, as %s below the server's directory of runs: %s. The run's other files were removed.",
			phrase.AndList(places), err)})
	if res.ErroredState == "" {
		res.ErroredState = strings.Join(places, ", ")
	}
}
