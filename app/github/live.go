package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-iac/cardea/workflow"
)

// Facts are what decides whether a pull may be applied, as far as GitHub knows. They are all
// read by one query, so that they are of one moment.
type Facts struct {
	Pull           workflow.Pull
	BaseTip        string
	Conflicts      string // "no", "yes", "unknown"
	ReviewDecision string
	ApprovedHead   bool
	Reviews        []workflow.Review // of everybody, those that approve, request changes or were dismissed
	MoreReviews    bool              // there are more of them than were read
	Required       []workflow.RequiredCheck
	// Trouble says, in sentences, what could not be found out.
	Trouble []string
}

// mergeablePolls are how long to wait each time while GitHub works out whether a pull can be
// merged.
var mergeablePolls = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}

// FactsInput says which facts are wanted.
type FactsInput struct {
	Repo   workflow.Repo
	Number int
	// Wait: it matters whether the pull can be merged, so we wait for GitHub to say.
	Wait bool
	// Own says which names of checks are ours. Our own checks with these names are left out of
	// Required, because whether they may pass is just what is being decided.
	Own func(name string) bool
}

// Facts reads the facts of a pull. While GitHub works out whether it can be merged it asks
// again, for at most 7 s; everything returned is from the last answer, and since is when that
// was asked for.
func (c *Client) Facts(ctx context.Context, in FactsInput) (f Facts, since time.Time, err error) {
	for try := 0; ; try++ {
		since = c.config.Now()
		if f, err = c.facts(ctx, in); err != nil {
			return f, since, fmt.Errorf("reading the facts of %s#%d: %w", in.Repo.FullName(), in.Number, err)
		}
		if !in.Wait || f.Conflicts != "unknown" || f.Pull.State != workflow.PullOpen || try == len(mergeablePolls) {
			return f, since, nil
		}
		select {
		case <-ctx.Done():
			return f, since, passing(ctx.Err(), time.Time{})
		case <-time.After(mergeablePolls[try]):
		}
	}
}

// factsQuery: required checks come from two places. refUpdateRule is the classic protection
// as those without administration rights may see it; rules are those of rulesets. isRequired
// joins both, but only for checks that are there.
const factsQuery = `query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    databaseId nameWithOwner isPrivate defaultBranchRef { name }
    pullRequest(number: $number) {
      ` + pullFields + `
      mergeable reviewDecision
      baseRef {
        target { oid }
        refUpdateRule { requiredStatusCheckContexts }
        rules(first: 100) {
          nodes { type parameters {
            ... on RequiredStatusChecksParameters { requiredStatusChecks { context integrationId } }
            ... on WorkflowsParameters { workflows { path } }
          } }
          pageInfo { hasNextPage }
        }
      }
      latestOpinionatedReviews(first: 100, writersOnly: true) {
        nodes { state author { __typename login ... on User { databaseId } ... on Bot { databaseId } } commit { oid } }
      }
      standing: latestOpinionatedReviews(first: 100) {
        nodes {
          state submittedAt lastEditedAt
          author { __typename login ... on User { databaseId } ... on Bot { databaseId } } commit { oid }
        }
        pageInfo { hasNextPage }
      }
      commits(last: 1) { nodes { commit { oid statusCheckRollup { contexts(first: 100) { ` + contextFields + ` } } } } }
    }
  }
}`

const contextFields = `nodes {
  __typename
  ... on CheckRun { name status conclusion isRequired(pullRequestNumber: $number) checkSuite { app { databaseId slug } } }
  ... on StatusContext { context state isRequired(pullRequestNumber: $number) }
} pageInfo { hasNextPage endCursor }`

// contextsQuery reads the pages that follow: a commit may have any number of checks.
const contextsQuery = `query($owner: String!, $name: String!, $number: Int!, $after: String!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      headRefOid
      commits(last: 1) { nodes { commit { oid statusCheckRollup { contexts(first: 100, after: $after) { ` + contextFields + ` } } } } }
    }
  }
}`

type factsJS struct {
	Repository struct {
		ID       int64  `json:"databaseId"`
		FullName string `json:"nameWithOwner"`
		Private  bool   `json:"isPrivate"`
		Default  struct {
			Name string `json:"name"`
		} `json:"defaultBranchRef"`
		Pull *pullJS `json:"pullRequest"`
	} `json:"repository"`
}

type pullJS struct {
	pullFactsJS
	Mergeable string `json:"mergeable"`
	Decision  string `json:"reviewDecision"`
	BaseRef   *struct {
		Target struct {
			OID string `json:"oid"`
		} `json:"target"`
		Rule *struct {
			Contexts []string `json:"requiredStatusCheckContexts"`
		} `json:"refUpdateRule"`
		Rules struct {
			Nodes []ruleJS `json:"nodes"`
			Page  pageJS   `json:"pageInfo"`
		} `json:"rules"`
	} `json:"baseRef"`
	Reviews  reviewsJS `json:"latestOpinionatedReviews"` // of those who may write
	Standing reviewsJS `json:"standing"`                 // of everybody
	Commits  struct {
		Nodes []struct {
			Commit struct {
				OID    string `json:"oid"`
				Rollup *struct {
					Contexts struct {
						Nodes []contextJS `json:"nodes"`
						Page  pageJS      `json:"pageInfo"`
					} `json:"contexts"`
				} `json:"statusCheckRollup"`
			} `json:"commit"`
		} `json:"nodes"`
	} `json:"commits"`
}

type reviewsJS struct {
	Nodes []struct {
		State     string     `json:"state"`
		Submitted time.Time  `json:"submittedAt"`
		Edited    *time.Time `json:"lastEditedAt"`
		Author    *actorJS   `json:"author"`
		Commit    struct {
			OID string `json:"oid"`
		} `json:"commit"`
	} `json:"nodes"`
	Page pageJS `json:"pageInfo"`
}

// reviews makes our type from the answer. They have no ids: those that GitHub gives here are of 32
// bits, which reviews have used up.
func (r reviewsJS) reviews() (out []workflow.Review) {
	for _, n := range r.Nodes {
		out = append(out, workflow.Review{By: n.Author.actor(), At: n.Submitted, Head: n.Commit.OID,
			State: strings.ToLower(n.State), Edited: n.Edited != nil})
	}
	return out
}

type pageJS struct {
	More bool   `json:"hasNextPage"`
	End  string `json:"endCursor"`
}

type ruleJS struct {
	Type       string `json:"type"`
	Parameters struct {
		Checks []struct {
			Context string `json:"context"`
			App     int64  `json:"integrationId"`
		} `json:"requiredStatusChecks"`
		Workflows []struct {
			Path string `json:"path"`
		} `json:"workflows"`
	} `json:"parameters"`
}

type contextJS struct {
	Type       string `json:"__typename"`
	Name       string `json:"name"`    // of a check run
	Context    string `json:"context"` // of a status
	Status     string `json:"status"`
	Conclusion string `json:"conclusion"`
	State      string `json:"state"`
	Required   bool   `json:"isRequired"`
	Suite      struct {
		App struct {
			ID   int64  `json:"databaseId"`
			Slug string `json:"slug"`
		} `json:"app"`
	} `json:"checkSuite"`
}

func (c *Client) facts(ctx context.Context, in FactsInput) (Facts, error) {
	repo := in.Repo
	vars := map[string]any{"owner": repo.Owner, "name": repo.Name, "number": in.Number}
	var q factsJS
	if err := c.query(ctx, repo.InstallationID, factsQuery, vars, &q); err != nil {
		return Facts{}, err
	}
	p := q.Repository.Pull
	switch {
	case p == nil || p.HeadOID == "" || p.BaseName == "":
		return Facts{}, errors.New("the answer is not a pull request")
	case q.Repository.ID != repo.ID:
		return Facts{}, errors.New("the name now belongs to another repository")
	}
	f := Facts{Pull: q.pull(repo), Conflicts: map[string]string{"MERGEABLE": "no", "CONFLICTING": "yes"}[p.Mergeable],
		ReviewDecision: strings.ToLower(p.Decision), Reviews: p.Standing.reviews(), MoreReviews: p.Standing.Page.More}
	if f.Conflicts == "" {
		f.Conflicts = "unknown"
	}
	if p.BaseRef == nil {
		f.Trouble = append(f.Trouble, fmt.Sprintf("The base branch `%s` no longer exists.", p.BaseName))
	} else {
		f.BaseTip = p.BaseRef.Target.OID
	}
	for _, r := range p.Reviews.Nodes {
		f.ApprovedHead = f.ApprovedHead ||
			r.State == "APPROVED" && r.Commit.OID == p.HeadOID && r.Author != nil && r.Author.Type != "Bot" &&
				(p.Author == nil || r.Author.ID != p.Author.ID)
	}
	if f.Pull.State != workflow.PullOpen { // it is not required any more
		return f, nil
	}
	contexts, err := c.contexts(ctx, repo, vars, p)
	if err != nil {
		return Facts{}, err
	}
	var trouble []string
	f.Required, trouble = required(p, contexts, func(name string, app int64) bool {
		return (app == 0 || app == c.config.AppID) && in.Own(name)
	}, c.config.AppID)
	f.Trouble = append(f.Trouble, trouble...)
	return f, nil
}

// contexts are all checks and statuses of the head.
func (c *Client) contexts(ctx context.Context, repo workflow.Repo, vars map[string]any,
	p *pullJS) ([]contextJS, error) {
	head := p.HeadOID
	var all []contextJS
	for {
		if len(p.Commits.Nodes) != 1 || p.Commits.Nodes[0].Commit.OID != head || p.HeadOID != head {
			return nil, passing(errors.New("GitHub shows the checks of another commit than the head"), time.Time{})
		}
		rollup := p.Commits.Nodes[0].Commit.Rollup
		if rollup == nil {
			return all, nil
		}
		all = append(all, rollup.Contexts.Nodes...)
		if !rollup.Contexts.Page.More {
			return all, nil
		}
		vars["after"] = rollup.Contexts.Page.End
		var q factsJS
		if err := c.query(ctx, repo.InstallationID, contextsQuery, vars, &q); err != nil {
			return nil, err
		}
		if p = q.Repository.Pull; p == nil {
			return nil, errors.New("the answer is not a pull request")
		}
	}
}

// required joins what the base branch asks for with what the head has. Of several with one
// name the worst counts: where a check and a status have the same name, both have to pass. A
// check that is required from one App (0: from any) cannot come from another; own says
// whether it is a check of ours.
func required(p *pullJS, contexts []contextJS, own func(name string, app int64) bool,
	us int64) (out []workflow.RequiredCheck, trouble []string) {
	states := map[string]string{}
	var names []string
	note := func(name, state string) {
		old, seen := states[name]
		if !seen {
			names = append(names, name)
		}
		if !seen || worse(state, old) {
			states[name] = state
		}
	}
	workflowRan := false
	for _, x := range contexts {
		if ours := x.Type == "CheckRun" && x.Suite.App.ID == us && own(x.Name, us); x.Required && !ours {
			note(x.name(), x.passed())
			workflowRan = workflowRan || x.Suite.App.Slug == "github-actions"
		}
	}
	want := func(name string, app int64) {
		given := func(x contextJS) bool { return x.Required && x.name() == name && x.from(app) }
		// Ours is there and is not the required one: the rule, without saying so, wants that of
		// another App.
		foreign := func(x contextJS) bool { return !x.Required && x.name() == name && x.Suite.App.ID == us }
		if own(name, app) && !slices.ContainsFunc(contexts, foreign) || slices.ContainsFunc(contexts, given) {
			return
		}
		note(name, "missing")
	}
	if p.BaseRef != nil {
		if r := p.BaseRef.Rule; r != nil {
			for _, name := range r.Contexts {
				want(name, 0)
			}
		}
		for _, r := range p.BaseRef.Rules.Nodes {
			for _, ch := range r.Parameters.Checks {
				want(ch.Context, ch.App)
			}
			for _, wf := range r.Parameters.Workflows {
				if !workflowRan {
					note("workflow "+wf.Path, "missing")
				}
			}
		}
		if p.BaseRef.Rules.Page.More {
			trouble = append(trouble, fmt.Sprintf("The branch `%s` has more than 100 rules, more than are looked at.",
				p.BaseName))
		}
	}
	slices.Sort(names)
	for _, name := range names {
		out = append(out, workflow.RequiredCheck{Name: name, State: states[name]})
	}
	return out, trouble
}

// checkStates from best to worst.
var checkStates = []string{"passed", "pending", "missing", "failed"}

func worse(a, b string) bool { return slices.Index(checkStates, a) > slices.Index(checkStates, b) }

func (x contextJS) name() string {
	if x.Type == "StatusContext" {
		return x.Context
	}
	return x.Name
}

// from reports whether that App made it; for a status GitHub does not say which App did.
func (x contextJS) from(app int64) bool {
	return app == 0 || x.Type == "StatusContext" || x.Suite.App.ID == app
}

// passed is the state of a check or status. Success, neutral and skipped pass, as at GitHub;
// an expected status is one that has not been sent yet.
func (x contextJS) passed() string {
	if x.Type == "StatusContext" {
		switch x.State {
		case "SUCCESS":
			return "passed"
		case "PENDING":
			return "pending"
		case "EXPECTED":
			return "missing"
		}
		return "failed"
	}
	switch {
	case x.Status != "COMPLETED":
		return "pending"
	case slices.Contains([]string{"SUCCESS", "NEUTRAL", "SKIPPED"}, x.Conclusion):
		return "passed"
	}
	return "failed"
}

// rolesAtOnce is how many people's roles are asked for at a time.
const rolesAtOnce = 4

// Roles reads the roles of several people, live. Somebody whom GitHub does not know, or whose
// login belongs to another account by now, has none. For those about whom it gives no answer
// there is a sentence instead.
func (c *Client) Roles(ctx context.Context, repo workflow.Repo,
	people []workflow.Actor) (roles map[int64]workflow.Role, trouble []string) {
	roles = map[int64]workflow.Role{}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(rolesAtOnce)
	for _, who := range people {
		g.Go(func() error {
			role, err := c.Role(ctx, repo, who)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				roles[who.ID] = role
			case NoAccount(err):
				roles[who.ID] = workflow.RoleNone
			default:
				trouble = append(trouble, fmt.Sprintf("GitHub did not say which role `%s` has.", strings.ReplaceAll(who.Login, "`", "?")))
			}
			return nil
		})
	}
	_ = g.Wait() // the functions never return errors
	slices.Sort(trouble)
	return roles, trouble
}
