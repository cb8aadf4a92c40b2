package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// Rules returns the rules of a repository: the first of `repos` that matches its
// owner/name, whatever the case, and whether there is one. Without `repos` every
// repository has the defaults.
func (c Config) Rules(repo workflow.Repo) (workflow.Rules, bool) {
	if c.anyRepo {
		return workflow.DefaultRules("*/*"), true
	}
	name := strings.ToLower(repo.FullName())
	for _, rule := range c.repos {
		if glob.Match(strings.ToLower(rule.Match), name) {
			return rule, true
		}
	}
	return workflow.Rules{}, false
}

// merges reports whether some rule lets Cardea merge.
func (c Config) merges() bool {
	return slices.ContainsFunc(c.repos, func(r workflow.Rules) bool { return r.Automerge })
}

// webhookURL is where GitHub has to send deliveries, "" when nobody has said where people reach this server.
func (c Config) webhookURL() string {
	if c.PublicURL == "" {
		return ""
	}
	return c.PublicURL + "/webhook"
}

// order is how the rules of a repository order an environment, false where they do not know it.
func (c Config) order(repo workflow.Repo, environment string) (int, bool) {
	rules, _ := c.Rules(repo)
	env, known := rules.Environments[environment]
	return env.Order, known
}

func (r *configReader) repos(y *config.Value) {
	r.cfg.anyRepo = false
	var seen []string
	y.List(func(item *config.Value) {
		rule := workflow.DefaultRules("")
		keys := r.ruleKeys(&rule)
		// An environment starts from the rule's own settings, wherever in the rule those stand.
		var environments *config.Value
		keys["environments"] = func(y *config.Value) { environments = y }
		item.Map(keys, nil)
		if environments != nil {
			rule.Environments = r.environments(environments, rule)
		}
		enoughApprovers(item, rule)
		if rule.Match == "" && !item.Has("match") {
			item.Fault("`%s` needs a `match`, like \"acme/*\"", item.Path())
		}
		if match := strings.ToLower(rule.Match); match != "" {
			if slices.ContainsFunc(seen, func(s string) bool { return s == match || covers(s, match) }) {
				item.Fault("`%s` is never used: an earlier rule also matches `%s`", item.Path(), rule.Match)
			}
			seen = append(seen, match)
		}
		r.cfg.repos = append(r.cfg.repos, rule)
	})
}

// repoGlob is a glob over names of repositories, "" where it can name none: an address is no name.
func repoGlob(y *config.Value, s string) string {
	all := glob.Alternatives(s)
	switch {
	case strings.ContainsAny(s, ":@ "), strings.HasSuffix(strings.ToLower(s), ".git"),
		len(all) > 0 && !slices.ContainsFunc(all, namesRepo):
		y.Fault("`%s` must be a glob over owner/name, like \"acme/*\", not %q", y.Path(), s)
	case glob.Fault(s) != "":
		y.Fault("`%s` %s", y.Path(), glob.Fault(s))
	default:
		return s
	}
	return ""
}

// namesRepo reports whether an owner/name can be what a glob without sets names.
func namesRepo(s string) bool {
	if strings.Contains(s, "**") { // any number of parts, none included
		return strings.Contains(s, "/")
	}
	owner, name, found := strings.Cut(s, "/")
	return found && owner != "" && name != "" && !strings.Contains(name, "/")
}

// covers reports that a rule for a glob takes all that a later one is for. What stands for some characters only is
// compared with names alone: `?` matches a `*` that is written, and not what it stands for.
func covers(earlier, later string) bool {
	return glob.Match(earlier, later) && (!strings.ContainsAny(earlier, `?[{\`) || !glob.Is(later))
}

// ruleKeys reads one rule of `repos`.
func (r *configReader) ruleKeys(rule *workflow.Rules) config.Keys {
	return config.Keys{
		"match": func(y *config.Value) {
			if s, ok := y.Text(); ok {
				rule.Match = repoGlob(y, s)
			}
		},
		"checkout": func(y *config.Value) { y.Choice((*string)(&rule.Checkout), "merge", "head") },
		"apply": func(y *config.Value) {
			y.Map(config.Keys{"branches": func(y *config.Value) { rule.ApplyBranches = branchGlobs(y) }}, nil)
		},
		"require":      func(y *config.Value) { rule.Require = config.RequireList(y) },
		"approvals":    func(y *config.Value) { y.Map(approvalKeys(&rule.Approvals), nil) },
		"permissions":  func(y *config.Value) { y.Map(permissionKeys(rule), nil) },
		"credentials":  func(y *config.Value) { y.Map(r.credentialKeys(&rule.Credentials), nil) },
		"modules":      func(y *config.Value) { r.modules(y, &rule.Modules) },
		"registries":   func(y *config.Value) { rule.Registries = r.registries(y) },
		"environments": func(y *config.Value) { rule.Environments = r.environments(y, *rule) },
		"lock": func(y *config.Value) {
			when := ""
			if y.Choice(&when, "apply", "plan"); when != "" {
				rule.LockOnPlan = when == "plan"
			}
		},
		"stale_after": func(y *config.Value) { y.Duration(&rule.StaleAfter, time.Second) },
		"automerge":   func(y *config.Value) { y.Bool(&rule.Automerge) },
		"forks": func(y *config.Value) {
			s, ok := y.Text()
			if ok && s == "on_command" {
				y.Fault("`%s: on_command` is not available yet: pull requests from forks are never planned",
					y.Path())
				return
			}
			y.Choice(new(string), "never")
		},
		"drafts": func(y *config.Value) { y.Bool(&rule.Drafts) },
		"bots":   func(y *config.Value) { rule.Bots = bots(y) },
		"allow":  func(y *config.Value) { rule.Allow = allowList(y) },
		"checks": func(y *config.Value) {
			y.Map(config.Keys{"per_project": func(y *config.Value) { y.Int(&rule.PerProjectChecks, 0) }}, nil)
		},
		"create_workspace": func(y *config.Value) { y.Bool(&rule.CreateWorkspace) },
		"workflow":         r.workflowName(&rule.Workflow),
		"workflows":        r.workflowNames(rule),
		"workspace": func(y *config.Value) {
			holds := ""
			if y.Choice(&holds, "tree", "closure"); holds != "" {
				rule.Closure = holds == "closure"
			}
		},
	}
}

// enoughApprovers checks that the people who are named can give as many approvals as a plan needs.
func enoughApprovers(y *config.Value, rules workflow.Rules) {
	may, named := rules.Approve.Users, rules.Approve.Role == ""
	if by := rules.Approvals.By; len(by) > 0 && named {
		may = slices.DeleteFunc(slices.Clone(may), func(login string) bool { return !slices.Contains(by, login) })
	} else if len(by) > 0 {
		may, named = by, true
	}
	n := len(slices.Compact(slices.Sorted(slices.Values(may))))
	if named && n < rules.Approvals.Count && slices.Contains(rules.Require, workflow.NeedApproved) {
		y.Fault("`%s` has approvals.count: %d, but only %d of the people it names may approve: nothing could ever be applied. "+
			"Name more people or lower the count", y.Path(), rules.Approvals.Count, n)
	}
}

// permissionKeys reads who may do what.
func permissionKeys(rule *workflow.Rules) config.Keys {
	keys := config.Keys{}
	for name, who := range map[string]*workflow.Who{"plan": &rule.Plan, "apply": &rule.Apply, "approve": &rule.Approve,
		"unlock": &rule.Unlock, "admin": &rule.Admin} {
		keys[name] = func(y *config.Value) {
			if given, ok := readWho(y); ok {
				*who = given
			}
		}
	}
	return keys
}

// approvalKeys reads how many approvals a plan needs, and whose count.
func approvalKeys(rules *workflow.ApprovalRules) config.Keys {
	return config.Keys{
		"count": func(y *config.Value) { y.Int(&rules.Count, 0) },
		"by": func(y *config.Value) {
			if !y.IsMap() {
				y.Fault("`%s` must be {users: [...]}: roles belong in permissions.approve", y.Path())
				return
			}
			if who, ok := readWho(y); ok {
				rules.By = who.Users
			}
		},
		"author": func(y *config.Value) { y.Bool(&rules.Author) },
		"review": func(y *config.Value) { y.Choice((*string)(&rules.Review), "never", "safe", "always") },
	}
}

func (r *configReader) credentialKeys(names *workflow.CredentialNames) config.Keys {
	keys := config.Keys{}
	for key, into := range map[string]*string{"plan": &names.Plan, "apply": &names.Apply} {
		keys[key] = func(y *config.Value) {
			if y.String(into); *into != "" {
				r.used = append(r.used, namedCredential{name: *into, at: y.Position(), path: y.Path()})
			}
		}
	}
	return keys
}

// environments reads the environments of one rule, which start from the rule's own settings.
func (r *configReader) environments(y *config.Value, rule workflow.Rules) map[string]workflow.EnvironmentRules {
	out := map[string]workflow.EnvironmentRules{}
	y.MapOf(func(name string, v *config.Value) {
		if why := config.LabelFault(name); why != "" {
			v.Fault("the environment's name %s", why)
			return
		}
		var env workflow.EnvironmentRules
		v.Map(config.Keys{
			"dirs":     func(y *config.Value) { env.Dirs = config.DirGlobs(y, nil) },
			"projects": func(y *config.Value) { env.Projects = config.DirGlobs(y, variantGlobFault) },
			"approvals": func(y *config.Value) {
				approvals := rule.Approvals
				y.Map(approvalKeys(&approvals), nil)
				env.Approvals = &approvals
			},
			"permissions": func(y *config.Value) { y.Map(environmentPermissions(&env), ofTheRule("admin")) },
			"credentials": func(y *config.Value) { y.Map(r.credentialKeys(&env.Credentials), nil) },
			"order":       func(y *config.Value) { y.Int(&env.Order, 0) },
			"workflow":    r.workflowName(&env.Workflow),
		}, ofTheRule("apply", "require", "lock", "stale_after", "automerge", "forks", "drafts",
			"bots", "allow", "checks", "checkout", "workspace", "modules", "registries", "workflows"))
		out[name] = env
		if rule.Environments = out; env.Approvals != nil || env.Approve != nil { // else the rule's own fault says it
			enoughApprovers(v, rule.InEnvironment(name))
		}
	})
	return out
}

// variantGlobFault says why a glob over directories is none over DIR/VARIANT, "" where it is.
func variantGlobFault(glob string) string {
	name := strings.TrimPrefix(glob, "!")
	if strings.Contains(glob, "/") || name == "**" {
		return ""
	}
	return fmt.Sprintf("%q is matched against DIRECTORY/VARIANT, like \"app/prod\": write %q for any directory", name, "**/"+name)
}

func environmentPermissions(env *workflow.EnvironmentRules) config.Keys {
	keys := config.Keys{}
	for name, into := range map[string]**workflow.Who{"plan": &env.Plan, "apply": &env.Apply,
		"approve": &env.Approve, "unlock": &env.Unlock} {
		keys[name] = func(y *config.Value) {
			if who, ok := readWho(y); ok {
				*into = &who
			}
		}
	}
	return keys
}

// ofTheRule refuses keys that belong to the rule and that people may expect in an
// environment.
func ofTheRule(keys ...string) map[string]string {
	refused := map[string]string{}
	for _, key := range keys {
		refused[key] = "belongs to the whole rule, not to one environment"
	}
	return refused
}

// branchGlobs reads globs over names of base branches.
func branchGlobs(y *config.Value) []string {
	var list []string
	y.List(func(v *config.Value) {
		s, ok := v.Text()
		if !ok {
			return
		}
		if s == "" || strings.HasPrefix(s, "refs/") {
			v.Fault("`%s` must be a branch's name or a glob like \"release/*\", not %q", v.Path(), s)
			return
		}
		if why := glob.Fault(s); why != "" {
			v.Fault("`%s` %s", v.Path(), why)
			return
		}
		list = append(list, s)
	})
	if y.IsEmptyList() { // an empty list would mean the default branch, which is not what anybody means by it
		y.Fault("`%s` names no branch; leave it out to use the default branch", y.Path())
	}
	return list
}

var loginPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// readWho reads a role, or users.
func readWho(y *config.Value) (workflow.Who, bool) {
	if !y.IsMap() {
		var role string
		y.Choice(&role, "read", "triage", "write", "maintain", "admin")
		return workflow.Who{Role: workflow.Role(role)}, role != ""
	}
	who, ok, nobody := workflow.Who{}, false, !y.Has("users")
	y.Map(config.Keys{"users": func(y *config.Value) {
		nobody = y.IsEmptyList()
		y.List(func(v *config.Value) {
			s, isText := v.Text()
			if isText && !loginPattern.MatchString(s) {
				v.Fault("`%s` must be a GitHub login, not %q", v.Path(), s)
				isText = false
			}
			if !isText {
				s = v.Path() // somebody is meant, and counts where people are counted
			}
			who.Users = append(who.Users, strings.ToLower(s))
			ok = true
		})
	}}, map[string]string{"teams": laterTeams})
	if nobody && !y.Has("teams") {
		y.Fault("`%s` names nobody: give a role or {users: [...]}", y.Path())
	}
	return who, ok
}

// bots reads slugs of apps.
func bots(y *config.Value) []string {
	var list []string
	y.List(func(v *config.Value) {
		s, ok := v.Text()
		switch {
		case !ok:
		case strings.HasSuffix(s, "[bot]"):
			v.Fault("`%s` must be the app's slug without [bot]: write %s", v.Path(), strings.TrimSuffix(s, "[bot]"))
		case !loginPattern.MatchString(s):
			v.Fault("`%s` must be an app's slug, not %q", v.Path(), s)
		default:
			list = append(list, strings.ToLower(s))
		}
	})
	return list
}

// allowList reads which plan options commands may use.
func allowList(y *config.Value) []string {
	var list []string
	y.List(func(v *config.Value) {
		var s string
		if v.Choice(&s, "target", "replace", "destroy", "refresh_only"); s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	})
	return list
}
