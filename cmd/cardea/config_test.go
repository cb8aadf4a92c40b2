package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cardea-iac/cardea/internal/golden"
	"github.com/cardea-iac/cardea/workflow"
)

const testSecret = "0123456789abcdef0123"

// testKeys are an RSA key in the forms that people have it in, and others.
func testKeys(t *testing.T) (pkcs1, pkcs8, notRSA string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	in8 := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		in8(key), in8(ed)
}

// least is the environment that makes a configuration without a file good.
func least(key string) []string {
	return []string{"CARDEA_GITHUB_APP_ID=7", "CARDEA_GITHUB_PRIVATE_KEY=" + key, "CARDEA_GITHUB_WEBHOOK_SECRETS=" +
		testSecret, "CARDEA_LISTEN=127.0.0.1:0"}
}

func lines(list []workflow.Diagnostic) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintln(&b, d)
	}
	return b.String()
}

// everyKey is a configuration that has every key once.
const everyKey = `
listen: ":4141"
public_url: https://cardea.example.com/
data_dir: data
command_prefixes: [Cardea, tf]
metrics: {listen: ""}
github:
  web_url: https://ghe.example.com
  api_url: https://ghe.example.com/api/v3/
  app_id: 12345
  private_key_file: app.pem
  webhook_secrets: [` + testSecret + `, ` + testSecret + `2]
pages: {access: proxy}
limits: {parallel: 3, plan_timeout: 10m, drain: 1m, settle: 0s}
runs: {isolation: none}
terraform: {tool: tofu, version: 1.11.4, versions: ">= 1.6, < 2"}
credentials:
  dev-ro: {env: {AWS_PROFILE: dev, NUMBER: 010}, files: {"~/.aws/config": app.pem, "~/a b/c": {from_file: app.pem}, "~/e": {text: words}}}
  made: {exec: [sh, -c, env, 7], exec_timeout: 2m, pass_home: [.aws, "~/.config/gcloud"]}
  prod-ro: {env_from_file: prod.env}
  ambient: {pass_env: ["AWS_*"]}
  keys: {env: {GIT_SSH_COMMAND: ssh -i /etc/cardea/key, SSH_AUTH_SOCK: /run/agent}, pass_env: ["SSH_*"]}
  registry: {env: {ANY_NAME: a-token}}
workflows:
  rendered:
    steps:
      - {at: before_init, run: [/usr/local/bin/render, "{dir}"]}
      - {at: before_plan, name: token, run: [vault, print, token], timeout: 30s, set: VAULT_TOKEN}
    plan: {parallelism: 20, lock_timeout: 60s, refresh: false}
    apply: {parallelism: 10}
  plain: {}
repos:
  - match: "Acme/infra"
    workflow: rendered
    workflows: [rendered, plain]
    checkout: head
    apply: {branches: [main, "release/*"]}
    require: [reviewed, approved, approved]
    environments:
      prod: {workflow: plain, dirs: ["prod*/**"], projects: ["**/prod", "!sandbox/prod"], order: 2, approvals: {count: 2, review: never}, permissions: {plan: maintain, apply: {users: [Sre]}, approve: admin, unlock: maintain}, credentials: {plan: prod-ro, apply: ambient}}
    approvals: {count: 3, by: {users: [Ada, rex, olga]}, author: true, review: always}
    permissions: {plan: {users: [Ada]}, apply: maintain, approve: triage, unlock: admin, admin: {users: [ada]}}
    credentials: {plan: dev-ro, apply: ambient}
    lock: plan
    stale_after: 90m
    automerge: true
    forks: never
    drafts: false
    bots: [Renovate]
    allow: [target, destroy]
    checks: {per_project: 0}
    create_workspace: true
    workspace: closure
    modules: {repos: ["acme/*", "Acme/tf-[!x]"], ssh: keys}
    registries: {Registry.Example.com: registry, "bücher.example:8443": registry}
  - match: "acme/*"
`

func TestConfigOfEveryKey(t *testing.T) {
	pkcs1, _, _ := testKeys(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.pem"), []byte(pkcs1), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "cardea.yml")
	if err := os.WriteFile(file, []byte(everyKey), 0o600); err != nil {
		t.Fatal(err)
	}
	got, faults := LoadConfig(file, nil)
	if len(faults) > 0 {
		t.Fatal(lines(faults))
	}
	want := Config{
		File: file, Listen: ":4141", PublicURL: "https://cardea.example.com", DataDir: filepath.Join(dir, "data"),
		Prefixes: []string{"cardea", "tf"},
		GitHub: GitHubConfig{WebURL: "https://ghe.example.com", APIURL: "https://ghe.example.com/api/v3",
			AppID: 12345, PrivateKey: []byte(pkcs1),
			WebhookSecrets: []string{testSecret, testSecret + "2"}},
		PagesAccess: "proxy", Limits: Limits{Parallel: 3, PlanTimeout: 10 * time.Minute, Drain: time.Minute},
		Isolation: "none",
		Terraform: TerraformConfig{Tool: "tofu", Version: "1.11.4", Versions: ">= 1.6, < 2"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	made := got.credentials["made"]
	if files := got.credentials["dev-ro"].Files; len(files) != 3 || files[1].File != filepath.Join(dir, "app.pem") || files[2].Text != "words" {
		t.Errorf("got the files %+v", files)
	}
	if diff := cmp.Diff([]string{"sh", "-c", "env", "7", ".aws", ".config/gcloud"}, append(made.Exec, made.PassHome...)); diff != "" || made.ExecTime != 2*time.Minute {
		t.Errorf("%s, -want +got:\n%s", made.ExecTime, diff)
	}
	rules, ok := got.Rules(workflow.Repo{Owner: "ACME", Name: "Infra"})
	role := func(r workflow.Role) workflow.Who { return workflow.Who{Role: r} }
	maintain, admin := role(workflow.RoleMaintain), role(workflow.RoleAdmin)
	rendered := workflow.Workflow{Name: "rendered", Apply: workflow.Tuning{Parallelism: 10},
		Plan: workflow.Tuning{Parallelism: 20, LockTimeout: time.Minute, NoRefresh: true},
		Steps: []workflow.Step{
			{At: workflow.BeforeInit, Name: "render", Run: []string{"/usr/local/bin/render", "{dir}"}, Timeout: 5 * time.Minute},
			{At: workflow.BeforePlan, Name: "token", Run: []string{"vault", "print", "token"}, Timeout: 30 * time.Second, Set: "VAULT_TOKEN"}}}
	wantRules := workflow.Rules{Match: "Acme/infra", Checkout: workflow.CheckoutHead,
		Workflow: "rendered", MayName: []string{"rendered", "plain"},
		Workflows:   map[string]workflow.Workflow{"rendered": rendered, "plain": {Name: "plain"}},
		Plan:        workflow.Who{Users: []string{"ada"}},
		Credentials: workflow.CredentialNames{Plan: "dev-ro", Apply: "ambient"}, Bots: []string{"renovate"},
		Allow: []string{"target", "destroy"}, CreateWorkspace: true, Closure: true,
		Modules:    workflow.ModuleRules{Repos: []string{"acme/*", "Acme/tf-[!x]"}, SSH: "keys"},
		Registries: map[string]string{"registry.example.com": "registry", "xn--bcher-kva.example:8443": "registry"},
		Environments: map[string]workflow.EnvironmentRules{"prod": {Dirs: []string{"prod*/**"}, Projects: []string{"**/prod", "!sandbox/prod"}, Order: 2, Workflow: "plain", Plan: &maintain,
			Apply:   &workflow.Who{Users: []string{"sre"}},
			Approve: &admin, Unlock: &maintain, Credentials: workflow.CredentialNames{Plan: "prod-ro", Apply: "ambient"},
			Approvals: &workflow.ApprovalRules{Count: 2, By: []string{"ada", "rex", "olga"}, Author: true, Review: workflow.ReviewNever}}},
		ApplyBranches: []string{"main", "release/*"},
		Require:       []workflow.Requirement{workflow.NeedApproved, workflow.NeedReviewed},
		Approvals:     workflow.ApprovalRules{Count: 3, By: []string{"ada", "rex", "olga"}, Author: true, Review: workflow.ReviewAlways}, Apply: maintain,
		Approve: role(workflow.RoleTriage), Unlock: admin,
		Admin: workflow.Who{Users: []string{"ada"}}, LockOnPlan: true, StaleAfter: 90 * time.Minute, Automerge: true}
	if diff := cmp.Diff(wantRules, rules); diff != "" || !ok {
		t.Errorf("%v, -want +got:\n%s", ok, diff)
	}
	given, none := reflect.ValueOf(rules), reflect.ValueOf(workflow.DefaultRules(""))
	for i := range given.NumField() {
		if reflect.DeepEqual(given.Field(i).Interface(), none.Field(i).Interface()) {
			t.Errorf("no key gives the rules another %s", given.Type().Field(i).Name)
		}
	}
	environment := reflect.ValueOf(rules.Environments["prod"])
	for i := range environment.NumField() {
		if environment.Field(i).IsZero() {
			t.Errorf("no key gives an environment its %s", environment.Type().Field(i).Name)
		}
	}
	rules, ok = got.Rules(workflow.Repo{Owner: "acme", Name: "other"})
	write := role(workflow.RoleWrite)
	wantRules = workflow.Rules{Match: "acme/*", Checkout: workflow.CheckoutMerge,
		Plan: write, Drafts: true, PerProjectChecks: 10,
		Require:   []workflow.Requirement{workflow.NeedUpToDate, workflow.NeedApproved, workflow.NeedMergeable},
		Approvals: workflow.ApprovalRules{Count: 1, Review: workflow.ReviewSafe},
		Apply:     write, Approve: write, Unlock: write, Admin: admin, StaleAfter: 24 * time.Hour}
	if diff := cmp.Diff(wantRules, rules); diff != "" || !ok {
		t.Errorf("defaults: %v, -want +got:\n%s", ok, diff)
	}
	if _, ok := got.Rules(workflow.Repo{Owner: "else", Name: "infra"}); ok {
		t.Error("a repository that no rule matches: got rules")
	}
}

func TestConfigFaults(t *testing.T) {
	text := `
listen: 4141
public_url: http://cardea.example.com
datadir: x
metrics: {listen: nowhere}
github: {web_url: "https://u:p@x", api_url: ftp://x, app_id: "7", private_key: nonsense-key, webhook_secrets: [short, ` + testSecret + `, c]}
pages: {access: github}
limits: {parallel: -1, plan_timeout: 30, apply_grace: 0s, settle: -1s}
runs: {isolation: user, group: cardea-runs}
terraform: {tool: terragrunt, version: ">= 1", versions: newest}
credentials:
  a: {env: {"A B": x, TF_DATA_DIR: /x, HOME: secret-value}, pass_env: ["GITHUB_TOKEN", "TF_LOG*", "A-*", PATH]}
  b c: {}
  d: {}
repos:
  - match: acme
    apply: {branches: [], branch: main}
    require: [approved, signed]
    approvals: {count: -1, by: maintain, author: maybe, review: sometimes}
    permissions: {plan: owner, apply: nobody, approve: {teams: [sre]}, unlock: {}, merge: write}
    credentials: {plan: ax, apply: ay}
    environments:
      prod: {dirs: ["../x"], projects: ["../x/prod", "prod", "!x/prod"], approvals: {count: 2, by: {teams: [sre]}}, permissions: {apply: {teams: [sre]}, admin: admin}, require: [approved], credentials: {apply: az}}
    lock: never
    forks: on_command
    bots: ["renovate[bot]"]
    allow: [everything]
    checks: {per_project: many}
    stale_after: 0s
    automerge: [squash]
  - match: "*/*"
    permissions: {plan: {teams: [sre], users: []}}
  - match: "*/*"
    permissions: {plan: {}}
  - {}
  - match: acme/infra.git
`
	_, faults := parseConfig("cardea.yml", []byte(text), nil)
	got := lines(faults)
	golden.Check(t, "testdata/config/faults.txt", got)
	for _, secret := range []string{"secret-value", "nonsense-key", "u:p"} {
		if strings.Contains(got, secret) {
			t.Errorf("a fault shows %q", secret)
		}
	}
}

// TestConfigFetching: what fetching is given, its faults and its variables.
func TestConfigFetching(t *testing.T) {
	pkcs1, _, _ := testKeys(t)
	const entries = `
credentials:
  keys: {env: {GIT_SSH_COMMAND: ssh -i /k, GIT_CONFIG_COUNT: 0}}
  more: {env: {SSH_AUTH_SOCK: /run/agent, AWS_PROFILE: secret-profile}}
  one: {env: {ANY_NAME: token-1}}
  named: {env: {TOKEN: token-2, NOTE: ours}}
  two: {env: {A: secret-a, B: secret-b}}
  empty: {env: {A: ""}}
  later: {pass_env: ["REGISTRY_*"]}
  filed: {files: {"~/.netrc": {from_env: NETRC_TEXT}}}
repos: [{match: "acme/*", `
	for _, tt := range []struct{ rule, faults string }{
		{`modules: {repos: [acme, "acme/x/y", "acme/[", 7, {}], ssh: [], key: x}`, "owner/name, like \"acme/*\", not \"acme\"" +
			"|owner/name, like \"acme/*\", not \"acme/x/y\"|`repos[0].modules.repos[2]` |`repos[0].modules.repos[3]`|`repos[0].modules.repos[4]`|`repos[0].modules.ssh` must be|unknown key `repos[0].modules.key`; known ones are repos, ssh"},
		{`modules: {repos: ["git@github.com:acme/x", "https://github.com/acme/x", "acme/x.git", "acme/{a,b/c}", "acme/**"]}`,
			"`repos[0].modules.repos[0]` must be a glob over owner/name|`repos[0].modules.repos[1]` must be a glob|`repos[0].modules.repos[2]` must be a glob over owner/name, like \"acme/*\", not \"acme/x.git\""},
		{"modules: [\"acme/*\"]", "`repos[0].modules` must be {repos: [\"acme/*\"]}, {ssh: CREDENTIAL}, or both"},
		{"modules: {ssh: more}", "`repos[0].modules.ssh` names `more`: AWS_PROFILE is not a git or ssh variable, and only those are used"},
		{"modules: {ssh: kees}", "`repos[0].modules.ssh` names `kees`, which is not in `credentials`: did you mean `keys`?"},
		{"registries: {a.example: one, A.example: one, \"a.example:443\": named, https://b.example: one, b_c.example: one, \"c.example:0\": one, -d.example: one, \"\": one}",
			"names the host a.example twice|names the host a.example twice|\"https://b.example\" is not a registry's host|\"b_c.example\" is not|\"c.example:0\" is not|\"-d.example\" is not|\"\" is not"},
		{"registries: {a.example: two, b.example: empty, c.example: keys, d.example: nobody}",
			"names `two`: it has 2 variables; the token must be the entry's only variable, or be named TOKEN|names `empty`: its variable is empty|names `keys`: it has 2 variables|names `nobody`, which is not in `credentials`"},
		{"modules: {ssh: filed}, registries: {a.example: filed}", "names `filed`: `modules.ssh` uses no files|names `filed`: a token must be a variable; files are not used"},
		{"environments: {prod: {modules: {repos: [\"acme/x\"]}, registries: {}}}", "belongs to the whole rule, not to one environment|belongs to the whole rule, not to one environment"},
		{"modules: {repos: [\"acme/*\"], ssh: keys}, registries: {a.example: one, b.example: named, c.example: later}", ""},
	} {
		_, faults := parseConfig("cardea.yml", []byte(entries+tt.rule+"}]"), append(least(pkcs1), "CARDEA_PAGES_ACCESS=open"))
		wants := strings.Split(tt.faults, "|")
		if tt.faults == "" {
			wants = nil
		}
		got := lines(faults)
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no fault says %q:\n%s", tt.rule, want, got)
			}
		}
		if len(faults) != len(wants) || strings.Contains(got, "secret-") {
			t.Errorf("%s: got %d faults, want %d:\n%s", tt.rule, len(faults), len(wants), got)
		}
	}
	cfg, _ := parseConfig("cardea.yml", []byte(entries+"}]"), append(least(pkcs1), "CARDEA_PAGES_ACCESS=open"))
	t.Setenv("REGISTRY_KEY", "token-3")
	env, _, err := cfg.fetchEnv(t.Context(), workflow.Rules{Modules: workflow.ModuleRules{SSH: "more"},
		Registries: map[string]string{"my-host.a.example": "one", "xn--bcher-kva.example:8443": "named", "c.example": "later"}})
	if diff := cmp.Diff(map[string]string{"SSH_AUTH_SOCK": "/run/agent", "TF_TOKEN_my__host_a_example": "token-1",
		"TF_TOKEN_xn____bcher__kva_example:8443": "token-2", "TF_TOKEN_c_example": "token-3"}, env); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	for _, entry := range []string{"two", "empty", "nobody"} {
		if _, said, err := cfg.fetchEnv(t.Context(), workflow.Rules{Registries: map[string]string{"a.example": entry}}); err == nil || strings.Contains(err.Error()+said, "secret-") || !strings.HasPrefix(said, "The credentials `"+entry+"`") {
			t.Errorf("%s: got %q, %v", entry, said, err)
		}
	}
}

func TestConfigFromEnvironment(t *testing.T) {
	pkcs1, pkcs8, notRSA := testKeys(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	keyFile, secretFile := write("key.pem", pkcs8), write("secrets", testSecret+"\n"+testSecret+"2\n")
	fromFile := func(c Config) string { return strings.Join(c.GitHub.WebhookSecrets, " ") }
	for _, tt := range []struct {
		name   string
		file   string // content
		env    []string
		get    func(Config) string
		want   string
		faults string
	}{
		{name: "least", get: func(c Config) string { return c.Listen + " " + c.PagesAccess + " " + c.DataDir }, want: "127.0.0.1:0 open /var/lib/cardea"},
		{name: "environment wins", file: "limits: {settle: 9s}\ncommand_prefixes: [a]\n", env: []string{"CARDEA_LIMITS_SETTLE=1s", "CARDEA_COMMAND_PREFIXES=x, y"},
			get: func(c Config) string { return c.Limits.Settle.String() + " " + strings.Join(c.Prefixes, " ") }, want: "1s x y"},
		{name: "empty is not given", env: []string{"CARDEA_LIMITS_SETTLE="}, get: func(c Config) string { return c.Limits.Settle.String() }, want: "3s"},
		{name: "secrets from a file", env: []string{"CARDEA_GITHUB_WEBHOOK_SECRETS=", "CARDEA_GITHUB_WEBHOOK_SECRETS_FILE=" + secretFile}, get: fromFile, want: testSecret + " " + testSecret + "2"},
		{name: "secrets that are none", env: []string{"CARDEA_GITHUB_WEBHOOK_SECRETS=,"},
			faults: "CARDEA_GITHUB_WEBHOOK_SECRETS: `github.webhook_secrets` is empty: without a secret anyone could send events to this server\n"},
		{name: "both forms of a secret", env: []string{"CARDEA_GITHUB_WEBHOOK_SECRETS_FILE=" + secretFile},
			faults: "CARDEA_GITHUB_WEBHOOK_SECRETS: CARDEA_GITHUB_WEBHOOK_SECRETS and CARDEA_GITHUB_WEBHOOK_SECRETS_FILE are both set; use only one\n"},
		{name: "key from a file, PKCS #8", env: []string{"CARDEA_GITHUB_PRIVATE_KEY=", "CARDEA_GITHUB_PRIVATE_KEY_FILE=" + keyFile},
			get: func(c Config) string { return string(c.GitHub.PrivateKey) }, want: pkcs1},
		{name: "key on one line", env: []string{"CARDEA_GITHUB_PRIVATE_KEY=" + strings.ReplaceAll(pkcs1, "\n", `\n`)},
			get: func(c Config) string { return string(c.GitHub.PrivateKey) }, want: pkcs1},
		{name: "the environment's key replaces the file's", file: "github: {private_key_file: nowhere.pem}\n", get: func(c Config) string { return string(c.GitHub.PrivateKey) }, want: pkcs1},
		{name: "not an RSA key", env: []string{"CARDEA_GITHUB_PRIVATE_KEY=" + notRSA},
			faults: "CARDEA_GITHUB_PRIVATE_KEY: `github.private_key`: this private key is not an RSA key, and GitHub Apps have only RSA keys. Use the .pem file that GitHub gave you when you generated a private key on the App's settings page\n"},
		{name: "a file that is not there", env: []string{"CARDEA_GITHUB_PRIVATE_KEY=", "CARDEA_GITHUB_PRIVATE_KEY_FILE=/nowhere/x"},
			faults: "CARDEA_GITHUB_PRIVATE_KEY_FILE: `github.private_key_file`: /nowhere/x does not exist. It must be the .pem file that GitHub gave you when you generated a private key on the App's settings page\n"},
		{name: "later", env: []string{"CARDEA_RUNS_GROUP=x"},
			faults: "CARDEA_RUNS_GROUP: `runs.group` is not available yet: a later version of Cardea will give each run its own user\n"},
		{name: "a typing error is a warning; Kubernetes' variables are not", env: []string{"CARDEA_LIMITS_SETLE=1s", "CARDEA_PORT=tcp://10.0.0.1:80", "CARDEA_SERVICE_HOST=10.0.0.1"},
			get:  func(c Config) string { return strings.Join(c.Warnings, "; ") },
			want: "the environment has CARDEA_LIMITS_SETLE, which is not a Cardea setting: did you mean CARDEA_LIMITS_SETTLE?"},
		{name: "elsewhere the pages' access must be written", env: []string{"CARDEA_LISTEN=:4141"},
			faults: "`pages.access` (or CARDEA_PAGES_ACCESS) is missing: use proxy (your own sign-in proxy is in front of this server) or open (anyone who can reach it can read every plan); it defaults to open on loopback only\n" +
				"`public_url` (or CARDEA_PUBLIC_URL) is missing: the address at which people and GitHub reach this server\n"},
		{name: "plain http only for loopback", env: []string{"CARDEA_PUBLIC_URL=http://[::1]:80", "CARDEA_GITHUB_API_URL=http://10.0.0.1"},
			faults: "CARDEA_GITHUB_API_URL: `github.api_url` must begin with https://: plain http is for loopback addresses only\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, faults := parseConfig("", []byte(tt.file), append(least(pkcs1), tt.env...))
			got := strings.Split(strings.TrimSuffix(lines(faults), "\n"), "\n")
			want := strings.Split(strings.TrimSuffix(tt.faults, "\n"), "\n")
			if diff := cmp.Diff(want, got, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
				t.Fatalf("faults: -want +got:\n%s", diff)
			}
			if tt.get != nil && tt.get(cfg) != tt.want {
				t.Errorf("got %q, want %q", tt.get(cfg), tt.want)
			}
		})
	}
}

// TestConfigNoFalseFaults: what is there in a faulty form is not called missing as well.
func TestConfigNoFalseFaults(t *testing.T) {
	pkcs1, _, _ := testKeys(t)
	rest := strings.Join([]string{"listen: 127.0.0.1:0", "github:", "  app_id: 7", "  private_key: " + strconv.Quote(pkcs1),
		"  webhook_secrets: [" + testSecret + "]"}, "\n") + "\n"
	for _, tt := range []struct{ name, text, want string }{
		{"a tab", "listen: 127.0.0.1:0\n\tgithub: {}\n", "cardea.yml:2:1: not valid YAML: there is a tab, but YAML is indented with spaces"},
		{"an open bracket", "github: {app_id: 7\n", "cardea.yml:1:"},
		{"an open quote", "listen: \"x\n", "cardea.yml:1:"},
		{"a string", "hello\n", "cardea.yml:1:1: "},
		{"a list", "- listen\n", "cardea.yml:1:"},
		{"no UTF-8", "listen: \xff\n", "cardea.yml:1:1: the file is not UTF-8"},
		{"a section that is a text", "listen: 127.0.0.1:0\ngithub: acme\n", "cardea.yml:2:"},
		{"a section without value", "listen: 127.0.0.1:0\ngithub:\n", "cardea.yml:2:1: `github` has no value"},
		{"a misspelt section", strings.Replace(rest, "github:", "githb:", 1), "cardea.yml:2:1: unknown key `githb`: did you mean `github`?"},
		{"a misspelt key", strings.Replace(rest, "app_id", "ap_id", 1), "cardea.yml:3:3: unknown key `github.ap_id`: did you mean `app_id`?"},
		{"a misspelt file", strings.Replace(rest, "private_key:", "private_kay:", 1), "did you mean `private_key`?"},
		{"a file without value", strings.Replace(rest, "private_key: "+strconv.Quote(pkcs1), "private_key_file:", 1), "has no value"},
		{"a branch that is no list", rest + "repos: [{match: a/*, apply: {branches: main}}]\n", "`repos[0].apply.branches` must be a list, not a string"},
		{"people who are no list", rest + "repos: [{match: a/*, permissions: {plan: {users: ada}}}]\n", "`repos[0].permissions.plan.users` must be a list, not a string"},
		{"a person with two names", rest + "repos: [{match: a/*, permissions: {plan: {users: [Ada L]}}}]\n", "`repos[0].permissions.plan.users[0]` must be a GitHub login"},
		{"nobody", rest + "repos: [{match: a/*, permissions: {plan: {users: []}}}]\n", "`repos[0].permissions.plan` names nobody"},
		{"a key without value", strings.Replace(rest, "app_id: 7", "app_id:", 1), "cardea.yml:3:3: `github.app_id` has no value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := parseConfig("cardea.yml", []byte(tt.text), nil)
			if got := lines(faults); len(faults) != 1 || !strings.Contains(got, tt.want) {
				t.Errorf("got\n%swant one fault: %s", got, tt.want)
			}
		})
	}
	if _, faults := parseConfig("cardea.yml", []byte(rest), nil); len(faults) > 0 {
		t.Errorf("got %s, want none", lines(faults))
	}
	_, faults := parseConfig("cardea.yml", []byte("listen: 127.0.0.1:0\nlimits: {parallel: x}\n"), nil)
	if got := lines(faults); len(faults) != 4 || !strings.HasPrefix(got, "cardea.yml:2:") {
		t.Errorf("got\n%swant the one with a line first, and three that are missing", got)
	}
}

func TestNothingGiven(t *testing.T) {
	_, faults := parseConfig("", nil, nil)
	got := lines(faults)
	for _, want := range []string{"`github.app_id` (or CARDEA_GITHUB_APP_ID) is missing", "`github.private_key` (or",
		"`github.webhook_secrets` (or", "`pages.access` (or", "`public_url` (or"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
	if _, faults := LoadConfig("/nowhere/cardea.yml", nil); len(faults) != 1 {
		t.Errorf("got %v, want one fault", faults)
	}
}

func TestCredential(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.env")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, _ := parseConfig("cardea.yml", []byte("credentials: {all: {env_from_file: "+file+
		", pass_env: [\"*\"], env: {WRITTEN: w, BOTH: written}}}"), nil)
	environ := []string{"AWS_PROFILE=p", "CARDEA_GITHUB_PRIVATE_KEY=k", "GITHUB_TOKEN=g", "TF_CLI_ARGS_plan=-destroy",
		"TF_DATA_DIR=/x", "TF_WORKSPACE=prod",
		"TF_LOG=TRACE", "TF_LOG_PATH=/x", "TF_VAR_a=b=c", "HOME=/root", "PATH=/bin", "LD_PRELOAD=x", "BOTH=server"}
	write("# words\n\nexport A=1\nB = 'two words'\nC=\"x\"\nGITHUB_TOKEN=mine\nBOTH=file\nD=a=b\n")
	secrets, err := cfg.credential(t.Context(), "all", environ)
	got := secrets.Env
	want := map[string]string{"A": "1", "B": "two words", "C": "x", "D": "a=b", "GITHUB_TOKEN": "mine", "AWS_PROFILE": "p",
		"TF_VAR_a": "b=c", "WRITTEN": "w", "BOTH": "written"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	write("GIT_CONFIG_COUNT=1\nGIT_CONFIG_KEY_0=url.https://x:token@git.example/.insteadOf\nGIT_CONFIG_VALUE_0=https://git.example/\nNETRC=/x\nTF_TOKEN_app_terraform_io=t\nGIT_SSH_COMMAND=ssh -i /x\n")
	if got, err := cfg.credential(t.Context(), "all", []string{"GIT_ASKPASS=/x", "GIT_DIR=/x", "GIT_TERMINAL_PROMPT=1"}); err != nil ||
		len(got.Env) != 9 || got.Env["GIT_ASKPASS"] != "/x" {
		t.Errorf("got %v and %v, want what the file says, GIT_ASKPASS and what is written", got, err)
	}
	for text, want := range map[string]string{
		"A=1\nverysecret\n":                               "line 2 is not NAME=value",
		"HOME=verysecret":                                 "line 1: HOME is set by Cardea for every run and cannot be a credential",
		"A;B=verysecret":                                  "line 1 is not NAME=value",
		"GIT_ALLOW_PROTOCOL=verysecret":                   "line 1: GIT_ALLOW_PROTOCOL is set by Cardea for every run and cannot be a credential",
		"GIT_DIR=verysecret":                              "line 1: GIT_DIR would change how a run behaves",
		"GIT_CONFIG_KEY_0=verysecret":                     `GIT_CONFIG_COUNT is missing: without it git ignores every GIT_CONFIG_KEY_; set it to the number of pairs, here "1"`,
		"GIT_CONFIG_COUNT=verysecret":                     "GIT_CONFIG_COUNT must be the number of pairs",
		"GIT_CONFIG_COUNT=1\nGIT_CONFIG_KEY_0=verysecret": "GIT_CONFIG_COUNT is 1, but GIT_CONFIG_VALUE_0 is missing",
		"GIT_CONFIG_COUNT=0\nGIT_CONFIG_KEY_0=verysecret\nGIT_CONFIG_VALUE_0=verysecret": "GIT_CONFIG_COUNT is 0, but the number of pairs is 1",
		"TF_CLI_ARGS_apply=x": "line 1: TF_CLI_ARGS_apply would change how a run behaves",
	} {
		write(text)
		if _, err := cfg.credential(t.Context(), "all", nil); err == nil || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, err := cfg.credential(t.Context(), "none", nil); err == nil {
		t.Error("an unknown entry: got no error")
	}
}

func TestCheckConfig(t *testing.T) {
	pkcs1, _, _ := testKeys(t)
	t.Chdir(t.TempDir())
	discover := func(_ context.Context, ref string) (workflow.Discovery, error) {
		d := workflow.Discovery{Modules: map[string]workflow.Module{"a": {Dir: "a"}, "b": {Dir: "b"}}}
		if ref == "" {
			d.Modules["c"] = workflow.Module{Dir: "c"}
			delete(d.Modules, "b")
		}
		return d, nil
	}
	for _, tt := range []struct {
		name, file, text string
		base             string // content at the base; "-" = not there
		discover         func(context.Context, string) (workflow.Discovery, error)
		want             string
		exit             int
	}{
		{name: "good", file: ".cardea.yml", text: "version: 1\n", want: ".cardea.yml: OK\n"},
		{name: "faults", file: ".cardea.yml", text: "versoin: 1\nprojects: [{name: a}]\n", exit: 1,
			want: ".cardea.yml:1:1: unknown key `versoin`: did you mean `version`?\n.cardea.yml:2:12: `projects[0]` needs a `dir`\n.cardea.yml: 2 errors\n"},
		{name: "a directory that is not there", file: ".cardea.yml", text: "projects: [{dir: zz}]\n", discover: discover, exit: 1,
			want: ".cardea.yml:1:12: directory `zz` does not exist or has no Terraform files\n.cardea.yml: 1 error\n"},
		{name: "what entries become", file: ".cardea.yml", discover: discover,
			text: "projects:\n- dir: a\n  var_files: [\"/vars/{environment}.tfvars\"]\n  environments: {dev: {tool: tofu}, prod: {depends_on: [\"c/{environment}\"]}}\n" +
				"- {dir: \"?\", terraform_workspace: blue, watch: [\"/x/*\"]}\n- {dir: c, name: c/prod}\n",
			want: ".cardea.yml: OK\n5 projects\n" +
				"a/blue: directory a, Terraform workspace blue, watch /x/*\n" +
				"a/dev: directory a, environment dev, component a, tool tofu, var_files vars/dev.tfvars\n" +
				"a/prod: directory a, environment prod, component a, var_files vars/prod.tfvars, depends_on c/prod\n" +
				"c/blue: directory c, Terraform workspace blue, watch /x/*\n" +
				"note: `a/dev`, `a/prod` have the same directory, Terraform workspace and backend_config, so they share one state unless variables set where it is: give each its own Terraform workspace or backend_config\n"},
		{name: "what entries become, without a clone", file: ".cardea.yml", text: "projects: [{dir: a, backend_config: [\"{environment}.b\"], environments: {dev: {}, prod: {}}}, {dir: \"*\"}]\n",
			want: ".cardea.yml: OK\na/dev: directory a, environment dev, component a, backend_config a/dev.b\n" +
				"a/prod: directory a, environment prod, component a, backend_config a/prod.b\n"},
		{name: "files that are not there", file: ".cardea.yml", discover: discover, exit: 1,
			text: "projects:\n- dir: a\n  var_files: [\"/vars/{environment}.tfvars\", \"../x.tfvars\"]\n  environments: {dev: {}, qa: {backend_config: [/vars]}}\n",
			want: ".cardea.yml:4:18: variable file `x.tfvars` of project `a/dev` is not in the repository\n" +
				".cardea.yml:4:27: variable file `vars/qa.tfvars` of project `a/qa` is not in the repository\n" +
				".cardea.yml:4:27: variable file `x.tfvars` of project `a/qa` is not in the repository\n" +
				".cardea.yml:4:27: backend configuration `vars` of project `a/qa` is not in the repository\n.cardea.yml: 4 errors\n"},
		{name: "a file that a step may make", file: ".cardea.yml", discover: discover,
			text: "projects: [{dir: a, workflow: sops, var_files: [secrets.tfvars]}]\n",
			want: ".cardea.yml: OK\n2 projects\nwarning: variable file `a/secrets.tfvars` of project `a` is not in the repository. A step of the server's workflow `sops` has to make it\n"},
		{name: "a backend's file, which no step may make", file: ".cardea.yml", discover: discover, exit: 1,
			text: "projects: [{dir: a, workflow: sops, backend_config: [c.tfbackend]}]\n",
			want: ".cardea.yml:1:12: backend configuration `a/c.tfbackend` of project `a` is not in the repository\n.cardea.yml: 1 error\n"},
		{name: "a file of nearly that name", file: ".cardea.yml", discover: discover, exit: 1, text: "projects: [{dir: a, environment: prd, var_files: [\"/vars/{environment}.tfvars\"]}]\n",
			want: ".cardea.yml:1:12: variable file `vars/prd.tfvars` of project `a` is not in the repository: did you mean `vars/prod.tfvars`?\n.cardea.yml: 1 error\n"},
		{name: "entries of nothing", file: ".cardea.yml", discover: discover, text: "projects:\n- {dir: a}\n- {dir: \"[a]\"}\n- dir: \"live/*\"\n  environments: {dev: {}, prod: {}}\n",
			want: ".cardea.yml: OK\n2 projects\nnote: `[a]` on line 3 makes no project: no directory matches, or all that do have another entry\n" +
				"note: `live/*` on line 5 makes no project: no directory matches, or all that do have another entry\n"},
		{name: "a label that is missing", file: ".cardea.yml", discover: discover, text: "projects: [{dir: \"*\", var_files: [\"{environment}.tfvars\"]}]\n",
			want: ".cardea.yml: OK\n2 projects\n" +
				"a: directory a, var_files a/{environment}.tfvars, refused: Its entry in `.cardea.yml` cannot be used: `var_files` has `{environment}`, but the project has no environment: give it one, or let `autodiscover.pattern` read it from the directory.\n" +
				"c: directory c, var_files c/{environment}.tfvars, refused: Its entry in `.cardea.yml` cannot be used: `var_files` has `{environment}`, but the project has no environment: give it one, or let `autodiscover.pattern` read it from the directory.\n"},
		{name: "what changes", file: ".cardea.yml", text: "projects: [{dir: a, version: 1.11.4, environment: dev}]\n", base: "projects: [{dir: a, environment: prod}]\n", discover: discover,
			want: ".cardea.yml: OK\n~ a: environment, version\n+ c: new project\n- b: no longer a project\nThis change labels `a` as environment `dev`. Until this is merged, the environment is `prod`, and the rules of both apply.\n"},
		{name: "a server's", file: "cardea.yml", text: "limits: {settle: 1s}\ngithub: {webhook_secrets: [" + testSecret + "x]}\n",
			base: "limits: {settle: 2s, drain: 1m}\ngithub: {webhook_secrets: [" + testSecret + "y]}\n",
			want: "cardea.yml: OK\n~ github.webhook_secrets[0]: (hidden) -> (hidden)\n- limits.drain: 1m\n~ limits.settle: 2s -> 1s\n"},
		{name: "new file", file: "cardea.yml", text: "limits: {settle: 1s}\n", base: "-", want: "cardea.yml: OK\nmain has no cardea.yml\n+ limits.settle: 1s\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(tt.file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			in := ConfigCheck{File: tt.file, Kinds: engines("").Kinds(), Environ: least(pkcs1), Discover: tt.discover,
				Files: func(context.Context) (fs.FS, error) {
					return fstest.MapFS{"vars/dev.tfvars": {}, "vars/prod.tfvars": {}}, nil
				}}
			if tt.base != "" {
				in.Base = "main"
				in.AtBase = func(context.Context, string) ([]byte, error) {
					if tt.base == "-" {
						return nil, fmt.Errorf("looking: %w", fs.ErrNotExist)
					}
					return []byte(tt.base), nil
				}
			}
			var out bytes.Buffer
			exit := CheckConfig(t.Context(), in, &out)
			if diff := cmp.Diff(tt.want, out.String()); diff != "" || exit != tt.exit {
				t.Errorf("exit %d, want %d; -want +got:\n%s", exit, tt.exit, diff)
			}
		})
	}
}
