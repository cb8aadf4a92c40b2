package model

import "sort"

// EventNeeds is the permission an App must have to subscribe to an event, from GitHub's "Webhook events and payloads".
var EventNeeds = map[string]string{
	"pull_request": "pull_requests", "pull_request_review": "pull_requests", "issue_comment": "issues",
	"issues": "issues", "push": "contents",
	"check_run": "checks", "check_suite": "checks", "status": "statuses",
	"merge_group": "merge_queues", "repository": "metadata",
	"member": "members", "membership": "members", "organization": "members", "team": "members",
	"branch_protection_rule": "administration", "repository_ruleset": "administration",
	"deployment_protection_rule": "deployments", "create": "contents", "delete": "contents",
}

// Subscribed reports whether the App receives an event. Those of installations always come; those of checks come with
// checks:write, without asking.
func (a *App) Subscribed(event string) bool {
	switch event {
	case "installation", "installation_repositories", "ping":
		return true
	case "check_run", "check_suite":
		return a.Events[event] || a.Perms["checks"] == "write"
	}
	return a.Events[event]
}

// EventList are the events that the App asked for, in the order of the alphabet.
func (a *App) EventList() []string {
	out := make([]string, 0, len(a.Events))
	for e := range a.Events {
		out = append(out, e)
	}
	sort.Strings(out)
	return out
}
