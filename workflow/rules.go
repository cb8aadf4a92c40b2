package workflow

import (
	"path"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/internal/phrase"
)

// PlanCredentials names the server's credentials entry for a project's plans, ""
// for none. Head's label never chooses: an environment that nobody but head names
// gets the repository's.
func (r Rules) PlanCredentials(p Project) string {
	if env, ok := r.Environments[p.Environment]; ok && p.Environment != "" && env.Credentials.Plan != "" {
		return env.Credentials.Plan
	}
	return r.Credentials.Plan
}

// EnvironmentsOf names the environments whose rules hold for a project, sorted.
func (r Rules) EnvironmentsOf(p Project) []string {
	var names []string
	for name := range r.Environments {
		if p.Strictest || name == p.Environment || name == p.HeadEnvironment || slices.Contains(p.Neighbours, name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// ListsBot reports whether `bots` has the app.
func (r Rules) ListsBot(a Actor) bool {
	return slices.ContainsFunc(r.Bots, func(slug string) bool { return strings.EqualFold(slug, a.Slug()) })
}

// Includes reports whether a person with a role is among those meant. Who names nobody means nobody.
func (w Who) Includes(a Actor, role Role) bool {
	for _, also := range w.And {
		if !also.Includes(a, role) {
			return false
		}
	}
	if w.Role != "" && role.AtLeast(w.Role) {
		return true
	}
	return a.Login != "" && slices.Contains(w.Users, strings.ToLower(a.Login))
}

// Describe is whom w means, in words.
func (w Who) Describe() string {
	var parts []string
	if w.Role != "" {
		parts = append(parts, "anyone with "+w.Role.Access())
	}
	for _, u := range w.Users {
		parts = append(parts, "`"+u+"`")
	}
	if len(parts) == 0 {
		parts = []string{"nobody"}
	}
	all := phrase.OrList(parts)
	for _, also := range w.And {
		if also.Role != "" && len(also.Users)+len(also.And) == 0 {
			all += " (with " + also.Role.Access() + ")"
		} else {
			all += " (who must also be " + also.Describe() + ")"
		}
	}
	return all
}

// Mention names a person without notifying them.
func Mention(a Actor) string {
	if a.Login == "" {
		return "a deleted account"
	}
	return "`" + phrase.Shown(a.Login) + "`"
}

// EnvironmentOf is the environment in which the server's rules place a project, "" when none
// does: `dirs` match its directory, or `projects` its directory with one of its variants. Of
// several the one with the highest order counts, among equals the first by name.
func (r Rules) EnvironmentOf(dir string, variants []string) string {
	best := ""
	for name, env := range r.Environments {
		if !glob.MatchAny(env.Dirs, dir) &&
			!slices.ContainsFunc(variants, func(v string) bool { return glob.MatchAny(env.Projects, path.Join(dir, v)) }) {
			continue
		}
		if best == "" || env.Order > r.Environments[best].Order || (env.Order == r.Environments[best].Order && name < best) {
			best = name
		}
	}
	return best
}

// PlaceVariants reports whether variants decide in which environment a project is.
func (r Rules) PlaceVariants() bool {
	for _, env := range r.Environments {
		if len(env.Projects) > 0 {
			return true
		}
	}
	return false
}

// SortProjects sorts by name, then by what identifies a project.
func SortProjects(list []Project) {
	sort.Slice(list, func(i, j int) bool {
		if list[i].Name != list[j].Name {
			return list[i].Name < list[j].Name
		}
		if list[i].Dir != list[j].Dir {
			return list[i].Dir < list[j].Dir
		}
		if list[i].Variant != list[j].Variant {
			return list[i].Variant < list[j].Variant
		}
		return list[i].Entry < list[j].Entry
	})
}

// MayApplyOn reports whether applies may run for pulls on a base branch; the default
// branch is taken by name, not as a pattern.
func (r Rules) MayApplyOn(ref, defaultBranch string) bool {
	if len(r.ApplyBranches) == 0 {
		return ref != "" && ref == defaultBranch
	}
	return slices.ContainsFunc(r.ApplyBranches, func(g string) bool { return ref != "" && glob.Match(g, ref) })
}

// Who may do something: a GitHub role (at least), or named users. Teams come later.
type Who struct {
	Role  Role     `json:"role,omitempty"`
	Users []string `json:"users,omitempty"` // logins, lower case
	// And are others that must include the person as well: where the rules of
	// several environments hold for one project, only those whom all of them name may.
	And []Who `json:"and,omitempty"`
}

// Rules are the server's rules for one repository: the first match of `repos`,
// with the defaults filled in. Head cannot change them, base can only tighten.
type Rules struct {
	Match            string                      `json:"match"`
	Checkout         CheckoutMode                `json:"checkout"`
	Plan             Who                         `json:"plan"` // permissions.plan
	Credentials      CredentialNames             `json:"credentials"`
	Environments     map[string]EnvironmentRules `json:"environments,omitempty"`
	Drafts           bool                        `json:"drafts"`
	Bots             []string                    `json:"bots,omitempty"`  // app slugs
	Allow            []string                    `json:"allow,omitempty"` // of target, replace, destroy, refresh_only
	PerProjectChecks int                         `json:"per_project_checks"`
	CreateWorkspace  bool                        `json:"create_workspace"`
	Closure          bool                        `json:"closure,omitempty"` // `workspace: closure`: workspaces hold what code was found to name
	Modules          ModuleRules                 `json:"modules,omitzero"`
	Registries       map[string]string           `json:"registries,omitempty"` // host, as the tool compares it -> entry of credentials

	// Workflow names the workflow of its projects, MayName those that a project may choose.
	Workflow string   `json:"workflow,omitempty"`
	MayName  []string `json:"may_name,omitempty"`
	// Workflows are all that the rule mentions, by name.
	Workflows map[string]Workflow `json:"workflows,omitempty"`

	// What follows is about apply. ApplyBranches are globs of base branches; empty: the default branch.
	ApplyBranches []string      `json:"apply_branches,omitempty"`
	Require       []Requirement `json:"require"` // of approved, mergeable, up_to_date, reviewed
	Approvals     ApprovalRules `json:"approvals"`
	Apply         Who           `json:"apply"`
	Approve       Who           `json:"approve"`
	Unlock        Who           `json:"unlock"`
	Admin         Who           `json:"admin"`
	LockOnPlan    bool          `json:"lock_on_plan"` // lock: plan
	StaleAfter    time.Duration `json:"stale_after"`
	Automerge     bool          `json:"automerge"`
}

// ModuleRules say what fetching modules is given, and nothing else of a run.
type ModuleRules struct {
	Repos []string `json:"repos,omitempty"` // globs over owner/name: the App's token reads these
	SSH   string   `json:"ssh,omitempty"`   // entry of credentials
}

// Includes reports whether `repos` names a repository, whatever the case.
func (m ModuleRules) Includes(fullName string) bool {
	return slices.ContainsFunc(m.Repos, func(pattern string) bool {
		return glob.Match(strings.ToLower(pattern), strings.ToLower(fullName))
	})
}

// ApprovalRules say how many approvals a plan needs, and whose count.
type ApprovalRules struct {
	Count  int      `json:"count"`
	By     []string `json:"by,omitempty"` // logins, lower case; empty: everyone with the permission to approve
	Author bool     `json:"author"`       // the pull's author counts too
	// Review says which plans an approving review on GitHub approves.
	Review ReviewRule `json:"review,omitempty"`
}

// ReviewRule says which plans an approving review on GitHub approves; one that is not known: none.
type ReviewRule string

// The rules for reviews, the strictest first.
const (
	ReviewNever  ReviewRule = "never"
	ReviewSafe   ReviewRule = "safe" // those that destroy, replace, hide and put off nothing
	ReviewAlways ReviewRule = "always"
)

// and is the stricter of both.
func (r ReviewRule) and(other ReviewRule) ReviewRule {
	for _, rule := range []ReviewRule{ReviewAlways, ReviewSafe} {
		if r == rule && (other == rule || other == ReviewAlways) || other == rule && r == ReviewAlways {
			return rule
		}
	}
	return ReviewNever
}

// ForProject returns the rules that hold for one project: its environment's own
// approvals, permissions and credentials in place of the repository's, and what
// `.cardea.yml` requires besides. Where head asks for another environment, both
// environments' rules hold; where several hold for its directory (Neighbours), those
// of all of them do, and where nobody but head names one (Strictest), those of the
// repository and of all its environments: the highest count, and only the people
// whom all of them name. Credentials are never those of a label that only head has.
func (r Rules) ForProject(p Project) Rules {
	holds := r.InEnvironment(p.Environment)
	for _, name := range r.EnvironmentsOf(p) {
		holds = holds.And(r.InEnvironment(name))
	}
	if p.HeadEnvironment != "" || len(p.Neighbours) > 0 || p.Strictest {
		holds = holds.And(r.InEnvironment("")) // a label without rules of its own means the repository's
	}
	holds.Require = RequirementsOf(holds.Require, p.Require)
	return holds
}

// InEnvironment is r with one environment's own words in place of the repository's.
func (r Rules) InEnvironment(name string) Rules {
	e, ok := r.Environments[name]
	if !ok || name == "" {
		return r
	}
	if e.Approvals != nil {
		r.Approvals = *e.Approvals
	}
	for _, w := range []struct {
		own *Who
		to  *Who
	}{{e.Plan, &r.Plan}, {e.Apply, &r.Apply}, {e.Approve, &r.Approve}, {e.Unlock, &r.Unlock}} {
		if w.own != nil {
			*w.to = *w.own
		}
	}
	if e.Credentials.Plan != "" {
		r.Credentials.Plan = e.Credentials.Plan
	}
	if e.Credentials.Apply != "" {
		r.Credentials.Apply = e.Credentials.Apply
	}
	return r
}

// And returns r made as strict as other where that is stricter: every requirement
// of both, the higher count, the people whom both name, the shorter time. What is
// not about strictness, credentials too, stays r's. It also serves two projects
// whose state is one: each gets the other's rules as well.
func (r Rules) And(other Rules) Rules {
	r.Require = RequirementsOf(r.Require, other.Require)
	r.Plan, r.Apply, r.Unlock = r.Plan.and(other.Plan), r.Apply.and(other.Apply), r.Unlock.and(other.Unlock)
	r.Approve = r.Approve.and(other.Approve)
	if a, b := r.Approvals, other.Approvals; !slices.Equal(a.By, b.By) {
		// Two lists of people make one of those on both, which may be empty; an empty By means everyone.
		for _, by := range [][]string{a.By, b.By} {
			if len(by) > 0 {
				r.Approve = r.Approve.and(Who{Users: by})
			}
		}
		r.Approvals.By = nil
	}
	r.Approvals.Count = max(r.Approvals.Count, other.Approvals.Count)
	r.Approvals.Author = r.Approvals.Author && other.Approvals.Author
	r.Approvals.Review = r.Approvals.Review.and(other.Approvals.Review)
	r.LockOnPlan = r.LockOnPlan || other.LockOnPlan
	r.StaleAfter = min(r.StaleAfter, other.StaleAfter)
	return r
}

// and means whoever both mean. Roles alone become the higher one.
func (w Who) and(other Who) Who {
	var all []Who
	role := Role("")
	for _, list := range [][]Who{{w}, w.And, {other}, other.And} {
		for _, one := range list {
			one.And = nil
			switch {
			case one.Role.Known() && len(one.Users) == 0:
				if role == "" || one.Role.AtLeast(role) {
					role = one.Role
				}
			case !slices.ContainsFunc(all, func(a Who) bool { return reflect.DeepEqual(a, one) }):
				all = append(all, one)
			}
		}
	}
	if role != "" {
		all = append([]Who{{Role: role}}, all...)
	}
	first := all[0]
	if len(all) > 1 {
		first.And = all[1:]
	}
	return first
}

// DefaultRules are the rules of a repository that no rule of the server says
// anything about. Match is the glob that they are for.
func DefaultRules(match string) Rules {
	writers := Who{Role: RoleWrite}
	return Rules{
		Match: match, Checkout: CheckoutMerge, Plan: writers, Drafts: true, PerProjectChecks: 10,
		Require: []Requirement{NeedUpToDate, NeedApproved, NeedMergeable}, Approvals: ApprovalRules{Count: 1, Review: ReviewSafe},
		Apply: writers, Approve: writers, Unlock: writers, Admin: Who{Role: RoleAdmin}, StaleAfter: 24 * time.Hour,
	}
}

// CredentialNames names entries of the server's `credentials`.
type CredentialNames struct {
	Plan  string `json:"plan,omitempty"`
	Apply string `json:"apply,omitempty"`
}

// EnvironmentRules are one environment's rules.
type EnvironmentRules struct {
	Dirs        []string        `json:"dirs,omitempty"`     // globs over project directories
	Projects    []string        `json:"projects,omitempty"` // globs over DIR/VARIANT
	Plan        *Who            `json:"plan,omitempty"`
	Credentials CredentialNames `json:"credentials"`
	Order       int             `json:"order,omitempty"`
	Workflow    string          `json:"workflow,omitempty"`
	Approvals   *ApprovalRules  `json:"approvals,omitempty"`
	Apply       *Who            `json:"apply,omitempty"`
	Approve     *Who            `json:"approve,omitempty"`
	Unlock      *Who            `json:"unlock,omitempty"`
}

// Allows reports whether the option (target, replace, destroy, refresh_only) is named by `allow`.
func (r Rules) Allows(option string) bool {
	return slices.Contains(r.Allow, option)
}
