package workflow

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
}

// CredentialNames names entries of the server's `credentials`.
type CredentialNames struct {
	Plan string `json:"plan,omitempty"`
}

// EnvironmentRules are one environment's rules.
type EnvironmentRules struct {
	Dirs        []string        `json:"dirs,omitempty"` // globs over project directories
	Plan        *Who            `json:"plan,omitempty"`
	Credentials CredentialNames `json:"credentials"`
	Order       int             `json:"order,omitempty"`
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
