package render

import (
	"fmt"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// Run is a check run.
func (v *Renderer) Run(run *model.CheckRun) obj {
	su := run.Suite
	api := fmt.Sprintf("%s/check-runs/%d", v.REST(su.Repo), run.ID)
	details := run.Details
	if details == "" {
		details = v.URL + "/apps/" + su.App.Slug // the App's homepage
	}
	return obj{
		"id": run.ID, "head_sha": su.SHA, "node_id": NodeID("CheckRun", run.ID), "external_id": run.External, "url": api,
		"html_url": fmt.Sprintf("%s/runs/%d", v.HTML(su.Repo), run.ID), "details_url": details, "status": run.Status,
		"conclusion": OrNil(run.Conclusion),
		"started_at": Stamp(run.Started), "completed_at": StampOrNil(run.Completed), "name": run.Name,
		"check_suite": obj{"id": su.ID}, "app": v.App(su.App),
		"output": obj{
			"title": OrNil(run.Title), "summary": OrNil(run.Summary), "text": OrNil(run.Text),
			"annotations_count": len(run.Annotations), "annotations_url": api + "/annotations",
		},
		"pull_requests": v.pullsAt(su),
	}
}

// RunEvent is a run as webhooks show it: with the simple form of its suite, and without its buttons.
func (v *Renderer) RunEvent(run *model.CheckRun) obj {
	o, suite := v.Run(run), v.Suite(run.Suite, false)
	for _, k := range []string{"latest_check_runs_count", "check_runs_url",
		"rerequestable", "runs_rerequestable", "head_commit"} {
		delete(suite, k)
	}
	o["check_suite"] = suite
	return o
}

// pullsAt are the open pulls of this repository with the suite's head; heads in forks are not listed, as at GitHub.
func (v *Renderer) pullsAt(su *model.Suite) []obj {
	out := []obj{}
	side := func(r *model.Repo, ref, sha string) obj {
		return obj{"ref": ref, "sha": sha, "repo": obj{"id": r.ID, "url": v.REST(r), "name": r.Name}}
	}
	for _, p := range su.Repo.Pulls() {
		if p.Closed == nil && !p.Fork() && p.Head == su.SHA {
			out = append(out, obj{
				"url": fmt.Sprintf("%s/pulls/%d", v.REST(p.Repo), p.Number), "id": p.PullID, "number": p.Number,
				"head": side(p.Repo, p.HeadRef, p.Head), "base": side(p.Repo, p.BaseRef, p.Base),
			})
		}
	}
	return out
}

// Suite is a suite as webhooks show it; REST adds the repository.
func (v *Renderer) Suite(su *model.Suite, rest bool) obj {
	status, conclusion := su.State()
	api := fmt.Sprintf("%s/check-suites/%d", v.REST(su.Repo), su.ID)
	o := obj{
		"id": su.ID, "node_id": NodeID("CheckSuite", su.ID), "head_branch": OrNil(su.Branch), "head_sha": su.SHA,
		"status": status, "conclusion": OrNil(conclusion), "url": api,
		"before": OrNil(su.Before), "after": su.SHA, "pull_requests": v.pullsAt(su), "app": v.App(su.App),
		"created_at": Stamp(su.Created), "updated_at": Stamp(su.Updated),
		"latest_check_runs_count": len(model.Latest(su.Runs)), "check_runs_url": api + "/check-runs", "rerequestable": true,
		"runs_rerequestable": true, "head_commit": su.Commit,
	}
	if rest {
		o["repository"] = v.Repo(su.Repo, nil)
	}
	return o
}

// HeadCommit is a commit, as REST shows it, in the short form that suites show.
func HeadCommit(commit obj) obj {
	git := commit["commit"].(obj)
	by := git["author"].(obj)
	person := obj{"name": by["name"], "email": by["email"]}
	return obj{"id": commit["sha"], "tree_id": git["tree"].(obj)["sha"], "message": git["message"],
		"timestamp": by["date"], "author": person, "committer": person}
}

// PushedCommit is a commit, as pushes show it, in that short form.
func PushedCommit(commit obj) obj {
	short := func(who any) obj { return obj{"name": who.(obj)["name"], "email": who.(obj)["email"]} }
	return obj{
		"id": commit["id"], "tree_id": commit["tree_id"], "message": commit["message"], "timestamp": commit["timestamp"],
		"author": short(commit["author"]), "committer": short(commit["committer"]),
	}
}
