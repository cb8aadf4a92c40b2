package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/cardea-iac/cardea/cmd/cardea/credential"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// modules reads what fetching modules is given.
func (r *configReader) modules(y *config.Value, rules *workflow.ModuleRules) {
	if !y.IsMap() {
		y.Fault("`%s` must be {repos: [\"acme/*\"]}, {ssh: CREDENTIAL}, or both", y.Path())
		return
	}
	y.Map(config.Keys{
		"repos": func(y *config.Value) {
			y.List(func(v *config.Value) {
				if s, ok := v.Text(); ok {
					if name := repoGlob(v, s); name != "" {
						rules.Repos = append(rules.Repos, name)
					}
				}
			})
		},
		"ssh": func(y *config.Value) { r.named(y, &rules.SSH, sshFault) },
	}, nil)
}

// registries reads which entry has the token of a registry's host.
func (r *configReader) registries(y *config.Value) map[string]string {
	out := map[string]string{}
	y.MapOf(func(name string, v *config.Value) {
		host, ok := registryHost(name)
		if !ok {
			v.Fault("`%s`: %q is not a registry's host, like registry.example.com or localhost:8443", y.Path(), name)
			return
		}
		if _, twice := out[host]; twice {
			v.Fault("`%s` names the host %s twice", y.Path(), host)
			return
		}
		var entry string
		r.named(v, &entry, tokenFault)
		out[host] = entry
	})
	return out
}

// named reads the name of an entry of `credentials` that is used for more than its variables:
// fault says why it cannot be.
func (r *configReader) named(y *config.Value, into *string, fault func(credential.Entry) string) {
	if y.String(into); *into != "" {
		r.used = append(r.used, namedCredential{name: *into, at: y.Position(), path: y.Path(), fault: fault})
	}
}

// sshFault says why an entry cannot be the one of `modules.ssh`.
func sshFault(c credential.Entry) string {
	if c.Files != nil || c.PassHome != nil {
		return "`modules.ssh` uses no files; name the entry in `credentials.plan` and `credentials.apply`"
	}
	for _, name := range mapKeys(c.Env) {
		if !forModules(name) {
			return name + " is not a git or ssh variable, and only those are used"
		}
	}
	return ""
}

// forModules tells the variables that `modules.ssh` takes from its entry.
func forModules(name string) bool {
	return strings.HasPrefix(name, "GIT_") || strings.HasPrefix(name, "SSH_")
}

// tokenFault says why an entry cannot be the one of a registry, as far as that is known before it is read.
func tokenFault(c credential.Entry) string {
	if c.Files != nil || c.PassHome != nil {
		return "a token must be a variable; files are not used"
	}
	if c.File != "" || c.PassEnv != nil || c.Exec != nil {
		return ""
	}
	_, why := tokenOf(c.Env)
	return why
}

// tokenOf is the token in an entry's variables: the only one, or TOKEN of several. why names no value.
func tokenOf(env map[string]string) (token, why string) {
	if token, ok := env["TOKEN"]; ok && token != "" {
		return token, ""
	}
	if len(env) != 1 {
		return "", fmt.Sprintf("it has %s; the token must be the entry's only variable, or be named TOKEN", counted(len(env), "variable"))
	}
	for _, token = range env {
	}
	if token == "" {
		return "", "its variable is empty"
	}
	return token, ""
}

var hostPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// registryHost is a host as Terraform compares it: in lower case and Punycode, its port where that is not 443.
func registryHost(name string) (string, bool) {
	host, port := name, ""
	if strings.Contains(name, ":") {
		var err error
		if host, port, err = net.SplitHostPort(name); err != nil {
			return "", false
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "", false
		}
	}
	host, err := idna.Lookup.ToASCII(host)
	if host = strings.ToLower(host); err != nil || !hostPattern.MatchString(host) || len(host) > 253 {
		return "", false
	}
	if port != "" && port != "443" {
		host += ":" + port
	}
	return host, true
}

// registryVariable is the variable in which Terraform and OpenTofu look for a host's token.
func registryVariable(host string) string {
	return "TF_TOKEN_" + strings.ReplaceAll(strings.ReplaceAll(host, "-", "__"), ".", "_")
}

// fetchEnv reads the variables that a rule gives to init alone. said is what people may read of its error.
func (c Config) fetchEnv(ctx context.Context, rule workflow.Rules) (env map[string]string, said string, err error) {
	env = map[string]string{}
	if rule.Modules.SSH != "" {
		given, why, err := c.Credential(ctx, rule.Modules.SSH)
		if err != nil {
			return nil, unread(rule.Modules.SSH, why), err
		}
		for name, value := range given.Env {
			if forModules(name) {
				env[name] = value
			}
		}
	}
	for _, host := range mapKeys(rule.Registries) {
		entry := rule.Registries[host]
		given, why, err := c.Credential(ctx, entry)
		if err != nil {
			return nil, unread(entry, why), err
		}
		token, fault := tokenOf(given.Env)
		if fault != "" {
			return nil, fmt.Sprintf("The credentials `%s` have no token for the registry %s: %s.", entry, host, fault),
				fmt.Errorf("credentials %q of the registry %s: %s", entry, host, fault)
		}
		env[registryVariable(host)] = token
	}
	return env, "", nil
}

// unread says to people that an entry of `credentials` could not be read, and why if that may be said.
func unread(entry, why string) string {
	return fmt.Sprintf("The credentials `%s` for fetching modules and providers could not be read. ", entry) + cmp.Or(why, "The server's log says why.")
}
