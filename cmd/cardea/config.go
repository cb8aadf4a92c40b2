package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/cmd/cardea/credential"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// Config is the server's configuration: the file, overlaid by the environment, checked as a
// whole. A setting that is not in it does not exist yet and was refused.
type Config struct {
	File      string // "" when only the environment configures
	Listen    string // host:port; port 0 picks one
	PublicURL string // without a trailing slash; "" only on loopback: then it is the address that we listen on
	DataDir   string // absolute
	Prefixes  []string
	Metrics   string // host:port, "" = none
	GitHub    GitHubConfig
	// PagesAccess is open or proxy (somebody else's sign-in stands before the pages).
	PagesAccess string
	Limits      Limits
	Isolation   string // auto or none; both mean none so far
	Terraform   TerraformConfig
	Warnings    []string // sentences to log at start

	credentials map[string]credential.Entry
	absent      []workflow.Diagnostic // what is named and is not there now, or cannot be used
	inReach     string                // the warning of what plans can read, "" when nothing of it is secret
	workflows   map[string]workflow.Workflow
	repos       []workflow.Rules
	anyRepo     bool // no `repos`: every repository, with the defaults
}

// GitHubConfig is how we reach GitHub, as which App.
type GitHubConfig struct {
	WebURL, APIURL string // without a trailing slash
	AppID          int64
	PrivateKey     []byte // PEM, PKCS #1
	WebhookSecrets []string
}

// Limits are the server's limits.
type Limits struct {
	Parallel    int           // runs at once; 0 = depends on the machine, see Workers
	PlanTimeout time.Duration // of one plan run
	Drain       time.Duration // how long a closing server waits
	Settle      time.Duration // how long a push waits for the next one; 0 = never
}

// TerraformConfig says which tool plans where a project does not.
type TerraformConfig struct {
	Tool     string // auto, terraform or tofu
	Version  string // exact, "" = what is found
	Versions string // constraint that every version has to meet
	// Providers says where they come from, besides our own mirror.
	Providers terraform.Sources
}

// DefaultConfig is what holds where nothing is configured.
func DefaultConfig() Config {
	return Config{
		Listen: ":4141", DataDir: "/var/lib/cardea", Prefixes: []string{"cardea"}, Metrics: "127.0.0.1:4142",
		GitHub:      GitHubConfig{WebURL: "https://github.com", APIURL: "https://api.github.com"},
		Limits:      Limits{PlanTimeout: 30 * time.Minute, Drain: 10 * time.Minute, Settle: 3 * time.Second},
		Isolation:   "auto",
		Terraform:   TerraformConfig{Tool: "auto", Versions: ">= 1.5"},
		credentials: map[string]credential.Entry{}, workflows: map[string]workflow.Workflow{}, anyRepo: true,
	}
}

// LoadConfig reads the server's configuration from a YAML file ("" = none) and CARDEA_
// variables of an environment in os.Environ's form, which win. All faults are returned
// together; if there is any, the Config must not be used.
func LoadConfig(file string, environ []string) (Config, []workflow.Diagnostic) {
	var data []byte
	if file != "" {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return Config{}, []workflow.Diagnostic{{Severity: workflow.SeverityError,
				Summary: credential.Unread(file, err).Error()}}
		}
	}
	return parseConfig(file, data, environ)
}

func parseConfig(file string, data []byte, environ []string) (Config, []workflow.Diagnostic) {
	cfg := DefaultConfig()
	cfg.File = file
	faults := &config.Faults{}
	r := &configReader{cfg: &cfg, dir: filepath.Dir(file), faults: faults, environ: environ,
		at: map[string]workflow.Position{}, failed: map[string]bool{}, faulty: map[string]bool{}}
	root := config.Parse(file, data, faults)
	if root != nil {
		root.Map(r.keys(""), refusedServerKeys(""))
	}
	if len(faults.List()) > 0 && (root == nil || !root.IsMap()) {
		return cfg, faults.List() // nothing was read, so nothing is known to be missing
	}
	if root != nil {
		r.given(root, "")
	}
	r.environment(environ)
	r.finish()
	r.sayAbsent()
	return cfg, faults.List()
}

// configReader fills a Config.
type configReader struct {
	cfg    *Config
	dir    string // relative paths are relative to it
	faults *config.Faults
	at     map[string]workflow.Position // where each setting that was given stands
	failed map[string]bool              // settings whose source is faulty already
	faulty map[string]bool              // settings and sections that the file has in a form that is a fault already
	// The key as it was given: its text, or its file.
	key, keyFile string
	secretsFile  string // of the webhook secrets
	secretItems  []*config.Value
	used         []namedCredential
	environ      []string

	usedWorkflows []namedWorkflow
	programs      []namedWorkflow // those that steps run
}

// namedCredential is a use of a credentials entry by name.
type namedCredential struct {
	name string
	at   workflow.Position
	path string
	// fault says why that entry cannot be used for this; nil: any can.
	fault func(credential.Entry) string
}

// setting is a scalar, or a list of scalars: what the environment can give as well.
type setting struct {
	path   string
	secret bool // also as ..._FILE
	read   func(*config.Value)
}

// settings lists every scalar of the configuration. One table serves the file and the
// environment, so that both know the same settings.
func (r *configReader) settings() []setting {
	c := r.cfg
	return []setting{
		{path: "listen", read: r.address(&c.Listen)},
		{path: "public_url", read: r.url(&c.PublicURL)},
		{path: "data_dir", read: func(y *config.Value) { y.String(&c.DataDir) }},
		{path: "command_prefixes", read: r.prefixes},
		{path: "metrics.listen", read: func(y *config.Value) {
			if s, written := y.Leaves()[y.Path()]; written && s == "" {
				c.Metrics = ""
				return
			}
			r.address(&c.Metrics)(y)
		}},
		{path: "github.web_url", read: r.url(&c.GitHub.WebURL)},
		{path: "github.api_url", read: r.url(&c.GitHub.APIURL)},
		{path: "github.app_id", read: r.appID},
		{path: "github.private_key", read: func(y *config.Value) { y.String(&r.key) }},
		{path: "github.private_key_file", read: func(y *config.Value) { y.String(&r.keyFile) }},
		{path: "github.webhook_secrets", secret: true, read: r.readSecrets},
		{path: "pages.access", read: r.pages},
		{path: "limits.parallel", read: func(y *config.Value) { y.Int(&c.Limits.Parallel, 0) }},
		{path: "limits.plan_timeout", read: func(y *config.Value) { y.Duration(&c.Limits.PlanTimeout, time.Second) }},
		{path: "limits.drain", read: func(y *config.Value) { y.Duration(&c.Limits.Drain, 0) }},
		{path: "limits.settle", read: func(y *config.Value) { y.Duration(&c.Limits.Settle, 0) }},
		{path: "runs.isolation", read: r.isolation},
		{path: "terraform.tool", read: func(y *config.Value) { y.Choice(&c.Terraform.Tool, "auto", "terraform", "tofu") }},
		{path: "terraform.version", read: r.version},
		{path: "terraform.versions", read: r.versions},
		{path: "terraform.providers.network_mirror", read: r.networkMirror},
		{path: "terraform.providers.filesystem_mirror", read: r.mirrorDir},
		{path: "terraform.providers.direct.include", read: func(y *config.Value) { r.patterns(y, &r.direct().Include) }},
		{path: "terraform.providers.direct.exclude", read: func(y *config.Value) { r.patterns(y, &r.direct().Exclude) }},
		{path: "terraform.providers.ca_file", read: r.certificates},
	}
}

// later are the keys of later versions, by path.
var later = map[string]string{
	"runs.group":         "is not available yet: a later version of Cardea will give each run its own user",
	"limits.apply_grace": "is not available yet: a later version of Cardea will supervise runs in a container; until then an apply outlives the server and is never interrupted when it stops",
}

const laterTeams = "is not available yet: a later version of Cardea will read teams; name users or a role"

// refusedServerKeys are the keys of one section that belong to later versions.
func refusedServerKeys(section string) map[string]string {
	refused := map[string]string{}
	for path, why := range later {
		if rest, ok := strings.CutPrefix(path, section); ok && !strings.Contains(rest, ".") {
			refused[rest] = why
		}
	}
	return refused
}

// keys are the readers of one section: "" is the whole file, "limits." that section.
func (r *configReader) keys(section string) config.Keys {
	keys := config.Keys{}
	for _, s := range r.settings() {
		rest, ok := strings.CutPrefix(s.path, section)
		if !ok {
			continue
		}
		if name, _, deeper := strings.Cut(rest, "."); deeper {
			inner := section + name + "."
			keys[name] = func(y *config.Value) {
				if inner == "terraform.providers.direct." {
					r.direct() // it means something without any key, too
				}
				y.Map(r.keys(inner), refusedServerKeys(inner))
			}
			continue
		}
		keys[rest] = func(y *config.Value) {
			r.at[s.path] = y.Position()
			s.read(y)
		}
	}
	if section == "" {
		keys["credentials"] = r.credentials
		keys["repos"] = r.repos
		keys["workflows"] = func(y *config.Value) { r.cfg.workflows = config.Workflows(y, variableFault, r.program) }
	}
	return keys
}

// environment overlays CARDEA_ variables.
func (r *configReader) environment(environ []string) {
	env := map[string]string{}
	for _, kv := range environ {
		// Of several the last counts; an empty one counts as not given.
		if name, value, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(name, "CARDEA_") {
			env[name] = value
		}
	}
	maps.DeleteFunc(env, func(_, value string) bool { return value == "" })
	known := map[string]bool{}
	for _, s := range r.settings() {
		name := envName(s.path)
		known[name] = true
		if strings.HasPrefix(s.path, "github.private_key") {
			continue
		}
		if s.secret {
			known[name+"_FILE"] = true
		}
		r.overlay(s, name, env)
	}
	r.overlayKey(env)
	for path, why := range later {
		if name := envName(path); env[name] != "" {
			known[name] = true
			r.faults.Add(workflow.Position{File: name}, "`%s` %s", path, why)
		}
	}
	for _, name := range mapKeys(env) {
		if !known[name] && !othersVariable(name) {
			warning := fmt.Sprintf("the environment has %s, which is not a Cardea setting", name)
			if near := phrase.Nearest(name, mapKeys(known)); near != "" {
				warning += ": did you mean " + near + "?"
			}
			r.cfg.Warnings = append(r.cfg.Warnings, warning)
		}
	}
}

// othersVariable reports whether a name is one that Kubernetes gives to every container near
// a service called cardea, or one of Cardea's own tests.
func othersVariable(name string) bool {
	return name == "CARDEA_PORT" || name == "CARDEA_CONFIG" || strings.HasPrefix(name, "CARDEA_PORT_") ||
		strings.HasPrefix(name, "CARDEA_SERVICE_") || strings.HasPrefix(name, "CARDEA_TEST_")
}

// overlay reads one setting from the environment: the value, or the file that holds a secret.
func (r *configReader) overlay(s setting, name string, env map[string]string) {
	value, file := env[name], ""
	if s.secret {
		file = env[name+"_FILE"]
	}
	if value != "" || file != "" {
		r.at[s.path] = workflow.Position{File: name}
	}
	switch {
	case value != "" && file != "":
		r.failed[s.path] = true
		r.faults.Add(workflow.Position{File: name}, "%s and %s_FILE are both set; use only one", name, name)
	case value != "":
		s.read(config.Setting(name, s.path, value, r.faults))
	case file != "":
		name += "_FILE"
		r.secretsFile = file
		data, err := os.ReadFile(r.abs(file))
		if err != nil {
			r.failed[s.path] = true
			r.faults.Add(workflow.Position{File: name}, "`%s`: %v", s.path, credential.Unread(r.abs(file), err))
			return
		}
		s.read(config.Setting(name, s.path, strings.Join(strings.Fields(string(data)), ","), r.faults))
	}
}

// overlayKey: the environment's private key, as text or as a file, replaces the configuration
// file's, whichever form that has.
func (r *configReader) overlayKey(env map[string]string) {
	key, file := env["CARDEA_GITHUB_PRIVATE_KEY"], env["CARDEA_GITHUB_PRIVATE_KEY_FILE"]
	if key == "" && file == "" {
		return
	}
	r.key, r.keyFile = key, file
	r.at["github.private_key"] = workflow.Position{File: "CARDEA_GITHUB_PRIVATE_KEY"}
	r.at["github.private_key_file"] = workflow.Position{File: "CARDEA_GITHUB_PRIVATE_KEY_FILE"}
}

func envName(path string) string {
	return "CARDEA_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// abs makes a path absolute, from the configuration file's directory.
func (r *configReader) abs(file string) string {
	if !filepath.IsAbs(file) {
		file = filepath.Join(r.dir, file)
	}
	if abs, err := filepath.Abs(file); err == nil {
		return abs
	}
	return file
}

func mapKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
