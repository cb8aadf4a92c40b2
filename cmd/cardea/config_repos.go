package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/cardea-iac/cardea/workflow"
)

// defaultRules are the rules of a repository that no rule says anything about.
func defaultRules(match string) workflow.Rules {
	return workflow.Rules{Match: match, Checkout: workflow.CheckoutMerge, Plan: workflow.Who{Role: workflow.RoleWrite},
		Drafts: true, PerProjectChecks: 10}
}

// Rules returns the rules of a repository: the first of `repos` that matches its
// owner/name, whatever the case, and whether there is one. Without `repos` every
// repository has the defaults.
func (c Config) Rules(repo workflow.Repo) (workflow.Rules, bool) {
	if c.anyRepo {
		return defaultRules("*/*"), true
	}
	name := strings.ToLower(repo.FullName())
	for _, rule := range c.repos {
		if doublestar.MatchUnvalidated(strings.ToLower(rule.Match), name) {
			return rule, true
		}
	}
	return workflow.Rules{}, false
}

func (r *configReader) repos(y *workflow.YAML) {
	r.cfg.anyRepo = false
	seen := map[string]bool{}
	y.List(func(item *workflow.YAML) {
		rule := defaultRules("")
		item.Map(r.ruleKeys(&rule), refusedServerKeys("repos."))
		if rule.Match == "" && !item.Has("match") {
			item.Fault("`%s` needs a `match`, like \"acme/*\"", item.Path())
		}
		if match := strings.ToLower(rule.Match); match != "" && seen[match] {
			item.Fault("`%s` is never used: an earlier rule matches `%s` as well", item.Path(), rule.Match)
		} else {
			seen[match] = true
		}
		r.cfg.repos = append(r.cfg.repos, rule)
	})
}

// ruleKeys reads one rule of `repos`.
func (r *configReader) ruleKeys(rule *workflow.Rules) workflow.Keys {
	return workflow.Keys{
		"match": func(y *workflow.YAML) {
			if s, ok := y.Text(); ok {
				if !strings.Contains(s, "/") || !doublestar.ValidatePattern(s) {
					y.Fault("`%s` must be a glob over owner/name, like \"acme/*\", not %q", y.Path(), s)
				}
				rule.Match = s
			}
		},
		"checkout": func(y *workflow.YAML) {
			mode := string(rule.Checkout)
			y.Choice(&mode, "merge", "head")
			rule.Checkout = workflow.CheckoutMode(mode)
		},
		"permissions": func(y *workflow.YAML) { y.Map(r.permissionKeys(&rule.Plan), refusedServerKeys("repos.permissions.")) },
		"credentials": func(y *workflow.YAML) {
			y.Map(r.credentialKeys(&rule.Credentials), refusedServerKeys("repos.credentials."))
		},
		"environments": func(y *workflow.YAML) { rule.Environments = r.environments(y) },
		"forks": func(y *workflow.YAML) {
			s, ok := y.Text()
			if ok && s == "on_command" {
				y.Fault("`%s: on_command` comes with a later version of Cardea; so far pull requests from forks are never planned", y.Path())
				return
			}
			y.Choice(new(string), "never")
		},
		"drafts": func(y *workflow.YAML) { y.Bool(&rule.Drafts) },
		"bots":   func(y *workflow.YAML) { rule.Bots = bots(y) },
		"allow":  func(y *workflow.YAML) { rule.Allow = allowList(y) },
		"checks": func(y *workflow.YAML) {
			y.Map(workflow.Keys{"per_project": func(y *workflow.YAML) { y.Int(&rule.PerProjectChecks, 0) }}, nil)
		},
		"create_workspace": func(y *workflow.YAML) { y.Bool(&rule.CreateWorkspace) },
	}
}

func (r *configReader) permissionKeys(plan *workflow.Who) workflow.Keys {
	return workflow.Keys{"plan": func(y *workflow.YAML) {
		if who, ok := readWho(y); ok {
			*plan = who
		}
	}}
}

func (r *configReader) credentialKeys(names *workflow.CredentialNames) workflow.Keys {
	return workflow.Keys{"plan": func(y *workflow.YAML) {
		y.String(&names.Plan)
		if names.Plan != "" {
			r.used = append(r.used, namedCredential{name: names.Plan, at: y.Position(), path: y.Path()})
		}
	}}
}

func (r *configReader) environments(y *workflow.YAML) map[string]workflow.EnvironmentRules {
	out := map[string]workflow.EnvironmentRules{}
	y.MapOf(func(name string, v *workflow.YAML) {
		if why := workflow.LabelFault(name); why != "" {
			v.Fault("the environment's name %s", why)
			return
		}
		var env workflow.EnvironmentRules
		v.Map(workflow.Keys{
			"dirs": func(y *workflow.YAML) { env.Dirs = dirGlobs(y) },
			"permissions": func(y *workflow.YAML) {
				y.Map(workflow.Keys{"plan": func(y *workflow.YAML) {
					if who, ok := readWho(y); ok {
						env.Plan = &who
					}
				}}, refusedServerKeys("repos.permissions."))
			},
			"credentials": func(y *workflow.YAML) {
				y.Map(r.credentialKeys(&env.Credentials), refusedServerKeys("repos.credentials."))
			},
			"order": func(y *workflow.YAML) { y.Int(&env.Order, 0) },
		}, refusedServerKeys("repos.environments."))
		out[name] = env
	})
	return out
}

// dirGlobs reads globs over project directories.
func dirGlobs(y *workflow.YAML) []string {
	var list []string
	y.List(func(v *workflow.YAML) {
		s, ok := v.Text()
		if !ok {
			return
		}
		if why := workflow.DirGlobFault(s); why != "" {
			v.Fault("`%s` %s", v.Path(), why)
			return
		}
		list = append(list, s)
	})
	return list
}

var loginPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// readWho reads a role, or users.
func readWho(y *workflow.YAML) (workflow.Who, bool) {
	if !y.IsMap() {
		var role string
		y.Choice(&role, "read", "triage", "write", "maintain", "admin")
		return workflow.Who{Role: workflow.Role(role)}, role != ""
	}
	who, ok := workflow.Who{}, false
	y.Map(workflow.Keys{"users": func(y *workflow.YAML) {
		y.List(func(v *workflow.YAML) {
			s, isText := v.Text()
			if !isText {
				return
			}
			if !loginPattern.MatchString(s) {
				v.Fault("`%s` must be a GitHub login, not %q", v.Path(), s)
				return
			}
			who.Users = append(who.Users, strings.ToLower(s))
			ok = true
		})
	}}, refusedServerKeys("repos.permissions.plan."))
	if !ok && !y.Has("teams") {
		y.Fault("`%s` names nobody: give a role or {users: [...]}", y.Path())
	}
	return who, ok
}

// bots reads slugs of apps.
func bots(y *workflow.YAML) []string {
	var list []string
	y.List(func(v *workflow.YAML) {
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
func allowList(y *workflow.YAML) []string {
	var list []string
	y.List(func(v *workflow.YAML) {
		var s string
		if v.Choice(&s, "target", "replace", "destroy", "refresh_only"); s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	})
	return list
}
