package workflow

import "time"

// Who may do something: a GitHub role (at least), or named users. Teams come later.
type Who struct {
	Role  Role     `json:"role,omitempty"`
	Users []string `json:"users,omitempty"` // logins, lower case
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

// ApprovalRules say how many approvals a plan needs, and whose count.
type ApprovalRules struct {
	Count  int      `json:"count"`
	By     []string `json:"by,omitempty"` // logins, lower case; empty: everyone with the permission to approve
	Author bool     `json:"author"`       // the pull's author counts too
}

// ForProject returns the rules with the project's environment's own in place:
// counts, permissions and credentials of `environments.<name>`; for a project of
// the strictest environment the strictest of each.
func (r Rules) ForProject(p Project) Rules {
	e, ok := r.Environments[p.Environment]
	if !ok {
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
	if e.Credentials.Apply != "" {
		r.Credentials.Apply = e.Credentials.Apply
	}
	return r
}

// CredentialNames names entries of the server's `credentials`.
type CredentialNames struct {
	Plan  string `json:"plan,omitempty"`
	Apply string `json:"apply,omitempty"`
}

// EnvironmentRules are one environment's rules.
type EnvironmentRules struct {
	Dirs        []string        `json:"dirs,omitempty"` // globs over project directories
	Plan        *Who            `json:"plan,omitempty"`
	Credentials CredentialNames `json:"credentials"`
	Order       int             `json:"order,omitempty"`
	Approvals   *ApprovalRules  `json:"approvals,omitempty"`
	Apply       *Who            `json:"apply,omitempty"`
	Approve     *Who            `json:"approve,omitempty"`
	Unlock      *Who            `json:"unlock,omitempty"`
}

// Allows reports whether the option (target, replace, destroy, refresh_only) is named by `allow`.
func (r Rules) Allows(option string) bool {
	for _, a := range r.Allow {
		if a == option {
			return true
		}
	}
	return false
}
