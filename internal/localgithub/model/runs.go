package model

import "slices"

// SuiteOf is the App's suite of a commit: the checks of one App on one commit.
func (r *Repo) SuiteOf(a *App, sha string) *Suite {
	for _, su := range slices.Backward(r.Suites) {
		if su.App == a && su.SHA == sha {
			return su
		}
	}
	return nil
}

// Latest keeps the newest run of each name and App; runs are in the order in which they were
// made.
func Latest(all []*CheckRun) []*CheckRun {
	type key struct {
		app  int64
		name string
	}
	seen := map[key]bool{}
	var out []*CheckRun
	for _, run := range slices.Backward(all) {
		k := key{run.Suite.App.ID, run.Name}
		if !seen[k] {
			seen[k] = true
			out = append(out, run)
		}
	}
	slices.Reverse(out)
	return out
}

// RunsAt are the runs of a commit, oldest first.
func (r *Repo) RunsAt(sha string) []*CheckRun {
	var out []*CheckRun
	for _, su := range r.Suites {
		if su.SHA == sha {
			out = append(out, su.Runs...)
		}
	}
	slices.SortFunc(out, func(a, b *CheckRun) int { return int(a.ID - b.ID) })
	return out
}

// badness orders conclusions, best first: a suite concludes like its worst run.
var badness = []string{"skipped", "neutral", "success", "stale", "cancelled", "action_required", "timed_out", "failure"}

// State of a suite, from the newest run of each name.
func (su *Suite) State() (status, conclusion string) {
	runs := Latest(su.Runs)
	if len(runs) == 0 {
		return "queued", ""
	}
	status, worst := "completed", 0
	for _, run := range runs {
		if run.Status != "completed" {
			status = "in_progress"
		}
		worst = max(worst, slices.Index(badness, run.Conclusion))
	}
	if status != "completed" {
		return status, ""
	}
	return status, badness[worst]
}

// Icon is the class of a check's mark.
func (run *CheckRun) Icon() string {
	if run.Status != "completed" {
		return run.Status
	}
	return run.Conclusion
}

// Worst is the mark of several runs: that of one under way, else that of the worst.
func Worst(runs []*CheckRun) string {
	icon := ""
	for _, run := range runs {
		if run.Status != "completed" {
			return run.Status
		}
		if icon == "" || slices.Index(badness, run.Conclusion) > slices.Index(badness, icon) {
			icon = run.Conclusion
		}
	}
	return icon
}

// StatusesAt are the newest statuses of each context.
func (r *Repo) StatusesAt(sha string) []*CommitStatus {
	var out []*CommitStatus
	seen := map[string]bool{}
	for _, st := range slices.Backward(r.Statuses) {
		if st.SHA == sha && !seen[st.Context] {
			seen[st.Context] = true
			out = append(out, st)
		}
	}
	return out
}
