// Package event turns GitHub's webhook payloads into requests, or into the
// reason why one is ignored. It is pure: it looks at the payload and the
// server's rules and at nothing else.
//
// A payload is a hint. It says that something happened to a pull; what is true
// now is read live when the request is carried out. Only three things are taken
// from it: who did it, the text of a comment, and the head that a push made.
//
// Every request has a key for its meaning. The delivery's GUID is not signed, so
// a replay under a fresh one must be recognised by what it says: the comment's
// id, the pull with its head and the action, the check run with the button and
// the sender.
package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// Known are the events that the webhook stores (behaviour.md §8), in the order of their
// names. Others are acknowledged and forgotten.
var Known = []string{
	"check_run", "check_suite", "installation", "installation_repositories", "issue_comment", "merge_group", "ping",
	"pull_request", "pull_request_review", "push", "repository",
}

// Config is what a decision depends on besides the payload.
type Config struct {
	AppID    int64
	Prefixes []string
	// Rules gives the server's rules for a repository; false: it is not one of ours.
	Rules func(workflow.Repo) (workflow.Rules, bool)
}

// Decision says what becomes of a delivery.
type Decision struct {
	// Request is what is asked for; nil: the delivery is ignored because of Note. A
	// re-run of a check suite is asked for of every open pull with its head: which
	// those are GitHub does not say, or not of all of them, so that it is about a pull that is a hint, or about the repository.
	Request *workflow.Request
	// Shown is, for a button that approves or applies, the [ShownKey] of what its check run
	// offers.
	Shown string
	// Note says in words what became of the delivery, for support.
	Note string
	// Repos are repositories that we learned about: a new name, an installation.
	// Suspended says that we may not use them any more (or for now).
	Repos     []workflow.Repo
	Suspended bool
	// Edited is a comment of ours that somebody else edited, usually nil.
	Edited *Edited
	// Installation, when not 0, means all repositories of it that we know.
	Installation int64
}

// Edited is an edit of one of our comments by somebody else: anybody who may write to a
// repository may edit every comment in it.
type Edited struct {
	Pull      workflow.PullKey
	CommentID int64
	By        workflow.Actor
	At        time.Time // GitHub's clock
}

func ignored(format string, args ...any) Decision {
	return Decision{Note: "ignored: " + fmt.Sprintf(format, args...)}
}

// Decide reads one delivery. A payload that does not fit its event is ignored, and the reason
// is noted: GitHub adds events and actions over time.
func Decide(d workflow.Delivery, c Config) Decision {
	var p payload
	if err := json.Unmarshal(d.Payload, &p); err != nil {
		return ignored("the payload does not match the event %s: %v", d.Event, err)
	}
	switch d.Event {
	case "installation", "installation_repositories":
		return installation(p)
	case "repository":
		return repository(p)
	case "ping", "merge_group":
		return ignored("no action for %s", d.Event)
	}
	if p.Repository.ID == 0 || p.Installation.ID == 0 {
		return ignored("the payload names no repository or no installation")
	}
	rules, ok := c.Rules(p.repo())
	if !ok {
		return ignored("no rule of the server matches %s", p.Repository.FullName)
	}
	var out Decision
	switch d.Event {
	case "pull_request":
		out = pullRequest(p)
	case "issue_comment":
		out = comment(p, rules, c)
	case "check_run":
		out = checkRun(p, rules, c)
	case "check_suite":
		out = checkSuite(p, rules, c)
	case "push":
		out = push(p)
	case "pull_request_review":
		out = review(p)
	default:
		return ignored("unknown event %s", d.Event)
	}
	if r := out.Request; r != nil {
		r.GUID, r.Repo, r.Actor, r.Received = d.GUID, p.repo(), p.Sender.actor(), d.Received
		if err := r.Check(); err != nil {
			return ignored("the payload names no pull: %v", err)
		}
		if r.CheckRunID != 0 { // GitHub does not say when a button was pressed, only when it told us
			r.CommentedAt = d.Received
		}
		if out.Note == "" {
			out.Note = fmt.Sprintf("%s of %s", r.Kind, r.Repo.FullName())
			if s, one := r.About().Subject(); one {
				out.Note += s.Words()
			}
		}
	}
	return out
}

// payload is the part of GitHub's payloads that we read; each event has some of it.
type payload struct {
	Action       string       `json:"action"`
	Repository   repositoryJS `json:"repository"`
	Installation struct {
		ID int64 `json:"id"`
	} `json:"installation"`
	Sender userJS `json:"sender"`

	PullRequest pullJS `json:"pull_request"`
	Changes     struct {
		Base *struct {
			Ref struct {
				From string `json:"from"`
			} `json:"ref"`
		} `json:"base"`
		Title *json.RawMessage `json:"title"`
	} `json:"changes"`
	Before string `json:"before"`

	Ref     string `json:"ref"` // of a push
	After   string `json:"after"`
	Deleted bool   `json:"deleted"`

	Review struct {
		ID        int64     `json:"id"`
		User      userJS    `json:"user"`
		State     string    `json:"state"`
		Commit    string    `json:"commit_id"`
		Submitted time.Time `json:"submitted_at"`
	} `json:"review"`

	Issue struct {
		Number      int              `json:"number"`
		PullRequest *json.RawMessage `json:"pull_request"`
	} `json:"issue"`
	Comment struct {
		ID        int64     `json:"id"`
		Body      string    `json:"body"`
		User      userJS    `json:"user"`
		CreatedAt time.Time `json:"created_at"`
		UpdatedAt time.Time `json:"updated_at"`
		Via       *struct {
			ID int64 `json:"id"`
		} `json:"performed_via_github_app"`
	} `json:"comment"`

	CheckRun        checkRunJS `json:"check_run"`
	CheckSuite      suiteJS    `json:"check_suite"`
	RequestedAction struct {
		Identifier string `json:"identifier"`
	} `json:"requested_action"`

	Repositories        []repositoryJS `json:"repositories"`
	RepositoriesAdded   []repositoryJS `json:"repositories_added"`
	RepositoriesRemoved []repositoryJS `json:"repositories_removed"`
}

type userJS struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Type  string `json:"type"`
}

func (u userJS) actor() workflow.Actor {
	return workflow.Actor{ID: u.ID, Login: u.Login, Bot: u.Type == "Bot"}
}

type repositoryJS struct {
	ID            int64  `json:"id"`
	FullName      string `json:"full_name"`
	Private       bool   `json:"private"`
	DefaultBranch string `json:"default_branch"`
	// PushedAt is seconds in a push, a text elsewhere; it only tells pushes apart.
	PushedAt json.RawMessage `json:"pushed_at"`
}

type pullJS struct {
	Number int `json:"number"`
	Head   struct {
		SHA string `json:"sha"`
	} `json:"head"`
	Base struct {
		Ref string `json:"ref"`
		SHA string `json:"sha"`
	} `json:"base"`
	UpdatedAt time.Time `json:"updated_at"`
}

type appJS struct {
	ID int64 `json:"id"`
}

type checkRunJS struct {
	ID         int64  `json:"id"`
	HeadSHA    string `json:"head_sha"`
	ExternalID string `json:"external_id"`
	App        appJS  `json:"app"`
}

type suiteJS struct {
	ID        int64     `json:"id"`
	HeadSHA   string    `json:"head_sha"`
	App       appJS     `json:"app"`
	UpdatedAt time.Time `json:"updated_at"`
	Pulls     []struct {
		Number int `json:"number"`
		Base   struct {
			Repo struct {
				ID int64 `json:"id"`
			} `json:"repo"`
		} `json:"base"`
	} `json:"pull_requests"`
}

func (r repositoryJS) repo(installation int64) workflow.Repo {
	owner, name, _ := strings.Cut(r.FullName, "/")
	return workflow.Repo{ID: r.ID, Owner: owner, Name: name, InstallationID: installation,
		DefaultBranch: r.DefaultBranch, Private: r.Private}
}

// pull is the pull with a number of the payload, zero when it names none.
func (p payload) pull(number int) workflow.Subject {
	return workflow.OfPull(workflow.PullKey{RepoID: p.Repository.ID, Number: number})
}

func (p payload) repo() workflow.Repo { return p.Repository.repo(p.Installation.ID) }

// installation reads which repositories we may use from now on, and which not.
func installation(p payload) Decision {
	d := Decision{Note: fmt.Sprintf("the installation %d: %s", p.Installation.ID, p.Action)}
	list := p.Repositories
	switch p.Action {
	case "created":
	case "unsuspend", "new_permissions_accepted":
		d.Installation = p.Installation.ID
	case "suspend", "deleted":
		d.Suspended, d.Installation = true, p.Installation.ID
	case "added":
		list = p.RepositoriesAdded
	case "removed":
		list, d.Suspended = p.RepositoriesRemoved, true
	default:
		return ignored("the action %q of an installation", p.Action)
	}
	for _, r := range list {
		d.Repos = append(d.Repos, r.repo(p.Installation.ID))
	}
	return d
}

// repository reads a new name or default branch. We key by the id, so nothing else follows.
func repository(p payload) Decision {
	if p.Repository.ID == 0 || p.Installation.ID == 0 || p.Action == "deleted" {
		return ignored("the action %q of a repository", p.Action)
	}
	return Decision{Note: "the repository " + p.Repository.FullName + ": " + p.Action, Repos: []workflow.Repo{p.repo()}}
}

// Ignores reports whether an event with this action is ignored whatever else it
// says: recovery does not fetch those.
func Ignores(event, action string) bool {
	switch event {
	case "ping", "merge_group":
		return true
	case "pull_request_review":
		return action != "submitted" && action != "edited" && action != "dismissed"
	case "check_run":
		return action != "rerequested" && action != "requested_action"
	case "check_suite":
		return action != "rerequested"
	case "issue_comment":
		return action != "created" && action != "edited"
	}
	return false
}
