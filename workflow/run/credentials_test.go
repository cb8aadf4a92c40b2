package run

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// TestEnvFault: exactly what a run sets is refused as such, and what would change what it does; what
// only says whom to trust and with which secret reaches it.
func TestEnvFault(t *testing.T) {
	f := workflow.RunFiles{Home: "/h", Tmp: "/t"}
	set := append(environment([]string{"PATH=/bin"}, f), terraform.Env(f, terraform.Tools{Path: "/bin"})...)
	kinds := workflow.Engines{terraform.New(terraform.Options{})}.Kinds()
	for _, kv := range set {
		if name, _, _ := strings.Cut(kv, "="); !strings.Contains(EnvFault(kinds, name), "set by Cardea") {
			t.Errorf("%s is set by every run, and EnvFault says %q", name, EnvFault(kinds, name))
		}
	}
	for _, name := range setEnv {
		if !strings.Contains("\n"+strings.Join(set, "\n"), "\n"+name+"=") {
			t.Errorf("EnvFault says that every run sets %s, and none does", name)
		}
	}
	if got := EnvFault(nil, "TF_CLI_ARGS"); got != "" {
		t.Errorf("without an engine a variable of its own is refused: %s", got)
	}
	for _, name := range []string{"GIT_DIR", "GIT_CONFIG", "GIT_EXEC_PATH", "TF_CLI_ARGS_apply", "TF_LOG", "TF_LOG_PATH", "TF_WORKSPACE", "TF_REATTACH_PROVIDERS", "TERRAFORM_CONFIG", "LD_PRELOAD", "CARDEA_X"} {
		if got := EnvFault(kinds, name); !strings.Contains(got, "change how a run behaves") {
			t.Errorf("%s: got %q", name, got)
		}
	}
	for _, name := range []string{"GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_11", "GIT_CONFIG_GLOBAL", "GIT_ASKPASS", "GIT_SSH_COMMAND", "GIT_SSH", "GIT_SSH_VARIANT",
		"GIT_SSL_CAINFO", "GIT_SSL_CERT", "GIT_HTTP_USER_AGENT", "SSH_AUTH_SOCK", "NETRC", "TF_TOKEN_app_terraform_io", "TF_VAR_x", "AWS_PROFILE"} {
		if got := EnvFault(kinds, name); got != "" {
			t.Errorf("%s: got %q, want that a run takes it", name, got)
		}
	}
}

// TestSecretsWithin: of credentials that are made of parts, the parts are hidden where they stand alone,
// and what is no secret can still be read.
func TestSecretsWithin(t *testing.T) {
	netrc := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(netrc, []byte("machine dl.example\n  login bot\n  password canary-netrc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	place := func(name, text string) string {
		file := filepath.Join(filepath.Dir(netrc), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	aws := place("aws", "[default]\nregion = eu-central-1\naws_secret_access_key = canary-aws\n")
	kube := place("kube", "users: [{name: prod-user, user: {token: canary-kube}}]\n")
	web := place("web", "canary.web.token\n")
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:canary-basic"))
	sloppy := place("sloppy", "users: [{name: prod-user, user: {token: canary-mode}}]\n")
	helper := place("helper", "#!/bin/sh\necho password=canary-of-a-program\n")
	for _, name := range []string{sloppy, helper} {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name       string
		env        map[string]string
		text, want string
	}{
		{"password of an address", map[string]string{"GIT_CONFIG_KEY_0": "url.https://bot:canary-pw@git.example/.insteadOf", "GIT_CONFIG_VALUE_0": "https://git.example/"},
			"cloning https://git.example/a.git with canary-pw of bot", "cloning https://git.example/a.git with *** of bot"},
		{"the other way round", map[string]string{"GIT_CONFIG_VALUE_3": "https://git.example/", "GIT_CONFIG_KEY_3": "URL.https://canary-user@git.example/.pushInsteadOf"},
			"https://git.example/ canary-user", "https://git.example/ ***"},
		{"a token for a user", map[string]string{"X": "https://canary00000000000000:x-oauth-basic@git.example"}, "as canary00000000000000", "as ***"},
		{"escaped", map[string]string{"GIT_CONFIG_KEY_0": "url.https://bot:canary%2Fpw@git.example/.insteadOf"}, "canary/pw canary%2Fpw", "*** ***"},
		{"no secret of ssh", map[string]string{"GIT_CONFIG_KEY_0": "url.ssh://git-user@git.example/.insteadOf", "GIT_CONFIG_VALUE_0": "https://git.example/"},
			"ssh git-user at https://git.example/", "ssh git-user at https://git.example/"},
		{"a header", map[string]string{"GIT_CONFIG_KEY_0": "http.https://git.example/.extraHeader", "GIT_CONFIG_VALUE_0": "Authorization: Basic " + basic},
			basic + " canary-basic " + "x-access-token:canary-basic", "*** *** ***"},
		{"another header", map[string]string{"GIT_CONFIG_VALUE_0": "Private-Token: canary-header"}, "is canary-header", "is ***"},
		{"a helper", map[string]string{"GIT_CONFIG_VALUE_0": "!f() { echo username=bot; echo password=canary-helper; }; f"}, "got canary-helper", "got ***"},
		{"a path", map[string]string{"GIT_CONFIG_KEY_0": "url.https://dl.example/canary00000000000000000/basic/.insteadOf"}, "dl.example/canary00000000000000000/basic/m.git", "dl.example/***/basic/m.git"},
		{"a query", map[string]string{"X": "https://dl.example/?access_token=canary-query"}, "?t=canary-query", "?t=***"},
		{"a netrc file", map[string]string{"NETRC": netrc}, netrc + ": canary-netrc", netrc + ": ***"},
		{"a profile's file", map[string]string{"AWS_CONFIG_FILE": aws}, aws + ": eu-central-1 canary-aws", aws + ": eu-central-1 ***"},
		{"several files", map[string]string{"KUBECONFIG": "/nowhere/x:" + kube}, kube + ": prod-user canary-kube", kube + ": prod-user ***"},
		{"a token's file", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": web}, web + ": canary.web.token", web + ": ***"},
		{"a file by any name", map[string]string{"TF_VAR_kubeconfig": kube}, "prod-user canary-kube", "prod-user ***"},
		{"a file with every permission", map[string]string{"TF_VAR_kubeconfig": sloppy}, "prod-user canary-mode", "prod-user ***"},
		{"a program", map[string]string{"GIT_ASKPASS": helper}, "#!/bin/sh canary-of-a-program", "#!/bin/sh canary-of-a-program"},
		{"names stay", map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/plan"}, "arn:aws:iam::123456789012:role/plan", "arn:aws:iam::123456789012:role/plan"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := (Secrets{Env: tt.env}).redactor(nil).Redact(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestSecretsFurtherDown: a file that is too large to be looked through is said to be, and hidden as far as it was read.
func TestSecretsFurtherDown(t *testing.T) {
	dir := t.TempDir()
	place := func(name string, size int) string {
		file := filepath.Join(dir, name)
		text := "aws_secret_access_key = canary-at-the-top\n"
		text += strings.Repeat("#", size-len(text))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	just, more := place("just", MaxHomeFile), place("more", MaxHomeFile+1)
	for _, tt := range []struct {
		s    Secrets
		want string
	}{
		{Secrets{Env: map[string]string{"AWS_CONFIG_FILE": just}}, ""},
		{Secrets{Env: map[string]string{"AWS_CONFIG_FILE": more}}, "The file that AWS_CONFIG_FILE names is larger than 1 MB."},
		{Secrets{Env: map[string]string{"KUBECONFIG": just + ":" + more, "X": more}}, "The files that KUBECONFIG and X name are larger than 1 MB."},
		{Secrets{Plain: map[string]string{"NETRC": more, "EDITOR": more}}, "The file that NETRC names is larger than 1 MB."},
		{Secrets{Fetch: Fetching{Env: map[string]string{"GIT_CONFIG_GLOBAL": more}}}, "The file that GIT_CONFIG_GLOBAL names is larger than 1 MB."},
	} {
		got := tt.s.unread()
		if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) || strings.Contains(got, dir) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
		if hidden := tt.s.redactor(nil).Redact("canary-at-the-top"); hidden != "***" {
			t.Errorf("got %q", hidden)
		}
	}
}
