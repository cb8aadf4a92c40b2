package model

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// RepoPath is the path of a repository's page.
func RepoPath(r workflow.Repo) string {
	return "/" + url.PathEscape(r.Owner) + "/" + url.PathEscape(r.Name)
}

// PullPath is the path of a pull's page.
func PullPath(p workflow.Pull) string { return RepoPath(p.Repo) + "/pull/" + strconv.Itoa(p.Number) }

// SubjectPath is the path of the page that shows what a run is for: of its pull. "" where
// nothing has a page that does.
func SubjectPath(in workflow.Repo, s workflow.Subject) string {
	pull, shown := s.Pull()
	if !shown {
		return ""
	}
	return PullPath(workflow.Pull{Repo: in, Number: pull.Number})
}

// ProjectPath is the path of a project's history. A name may contain slashes.
func ProjectPath(r workflow.Repo, name string) string {
	if name == "." { // which browsers and servers take off a path
		return RepoPath(r) + "/project/"
	}
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return RepoPath(r) + "/project/" + strings.Join(parts, "/")
}

// RunPath is the path of a run's page.
func RunPath(id string) string { return "/runs/" + url.PathEscape(id) }
