package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow/run"
)

// configIn writes files, a cardea.yml with these credentials among them, and reads it.
func configIn(t *testing.T, dir, credentials string, environ []string, files map[string]string) (Config, string) {
	t.Helper()
	pkcs1, _, _ := testKeys(t)
	files["cardea.yml"] = "credentials:\n" + credentials
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environ = append(least(pkcs1), environ...)
	cfg, faults := LoadConfig(filepath.Join(dir, "cardea.yml"), environ)
	if len(faults) > 0 {
		t.Fatal(lines(faults))
	}
	var out bytes.Buffer
	CheckConfig(t.Context(), ConfigCheck{File: cfg.File, Environ: environ}, &out)
	return cfg, strings.ReplaceAll(out.String(), dir+"/", "")
}

// TestCredentialFiles: what `files` and `pass_home` give a run.
func TestCredentialFiles(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"aws": "[default]\n", "home/.aws/config": "mine", "home/.aws/sso/cache/a.json": "{}", "home/.config/gcloud/active_config": "default",
		"home/.config/gcloud/logs/x": "log", "home/.kube/config": "cluster", "home/dotfiles/rc": "followed"}
	if err := os.MkdirAll(filepath.Join(dir, "home/.aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"home/.aws/out": outside, "home/.aws/up": "../../aws", "home/.aws/rc": "../dotfiles/rc", "home/.aws/dir": "../dotfiles", "home/.netrc": "dotfiles/rc", "home/.bad": outside} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	environ := []string{"HOME=" + filepath.Join(dir, "home"), "KUBE=from the environment"}
	cfg, out := configIn(t, dir, `  all:
    files: {"~/.aws/config": aws, "~/a/b": {from_file: aws}, "~/.kube/config": {from_env: KUBE}, "~/t": {text: written}}
    pass_home: [.aws, .config/gcloud, "~/.netrc"]
  bad: {pass_home: [.bad]}
`, environ, files)
	if want := "cardea.yml:5:21: `credentials.bad.pass_home[0]`: home/.bad is a symlink that leads out of the home directory, or in a circle: only files in it are copied\n"; !strings.Contains(out, want) || strings.Count(out, "cardea.yml:") != 3 ||
		!strings.Contains(out, "warning: cardea.yml:4:17: `credentials.all.pass_home[0]`: symlinks that are broken or leave the home directory are not copied: home/.aws/out and home/.aws/up\n") {
		t.Errorf("got %s\nwant %s", out, want)
	}
	got, err := cfg.credential(t.Context(), "all", environ)
	if err != nil {
		t.Fatal(err)
	}
	want := []run.HomeFile{{Path: ".aws/config", Data: []byte("[default]\n")}, {Path: ".aws/rc", Data: []byte("followed"), Among: true},
		{Path: ".aws/sso/cache/a.json", Data: []byte("{}"), Among: true}, {Path: ".config/gcloud/active_config", Data: []byte("default"), Among: true},
		{Path: ".kube/config", Data: []byte("from the environment")}, {Path: ".netrc", Data: []byte("followed"), Among: true},
		{Path: "a/b", Data: []byte("[default]\n")}, {Path: "t", Data: []byte("written")}}
	if diff := cmp.Diff(want, got.Files); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for i := range run.MaxHomeFiles + 1 {
		name := filepath.Join(dir, "home/.aws/many", fmt.Sprint(i))
		if err := writeFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cfg.credential(t.Context(), "all", environ); err == nil || !strings.Contains(err.Error(), "more than 500 files: name files, or directories further down") {
		t.Errorf("got %v", err)
	}
}

// TestPassHomeWhole: of a directory that is named nothing is copied that `files` refuses by its name, and that is said; a
// directory that is itself named is copied, also where a larger one would leave it out.
func TestPassHomeWhole(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files []string // of the home directory
		want  []string // copied
		said  string
	}{
		{".config", []string{".config/opentofu/tofurc", ".config/opentofu/credentials.tfrc.json", ".config/gh/hosts.yml", ".config/opentofu.old/x"}, []string{".config/gh/hosts.yml", ".config/opentofu.old/x"},
			"`credentials.a.pass_home[0]`: a run takes no such file, so these are not copied: home/.config/opentofu\n"},
		{".odd", []string{".odd/a\\b", ".odd/c\td", ".odd/e"}, []string{".odd/e"}, "these are not copied: home/.odd/a\\b and home/.odd/c\td\n"},
		{".kube", []string{".kube/cache/x", ".kube/config"}, []string{".kube/config"}, ""},
		{".kube/cache", []string{".kube/cache/x", ".kube/cache/discovery/y"}, []string{".kube/cache/discovery/y", ".kube/cache/x"}, ""},
		{".config/gcloud/logs", []string{".config/gcloud/logs/2026/x"}, []string{".config/gcloud/logs/2026/x"}, ""},
		{".azure", []string{".azure/commands/x"}, nil, "`credentials.a.pass_home[0]`: there is no file in it to copy"},
	} {
		dir, files := t.TempDir(), map[string]string{}
		for _, name := range tt.files {
			files["home/"+name] = "x"
		}
		environ := []string{"HOME=" + filepath.Join(dir, "home")}
		cfg, out := configIn(t, dir, "  a: {pass_home: ["+tt.name+"]}\n", environ, files)
		if !strings.Contains(out, tt.said) || tt.said == "" && strings.Contains(out, "pass_home") {
			t.Errorf("%s: got %s", tt.name, out)
		}
		var got []string
		s, err := cfg.credential(t.Context(), "a", environ)
		if err != nil {
			t.Error(err)
		}
		for _, f := range s.Files {
			got = append(got, f.Path)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
	}
}

// TestCredentialFaults: what is written wrong, and what is not there, is said with its place by the check, and no value.
func TestCredentialFaults(t *testing.T) {
	dir := t.TempDir()
	pkcs1, _, _ := testKeys(t)
	for _, tt := range []struct{ name, entry, want string }{
		{"no target", `{files: {"/etc/x": y}}`, "cardea.yml:2:25: `credentials.a.files`: \"/etc/x\" must begin with `~/`: credentials are written to the run's own HOME"},
		{"out of it", `{files: {"~/../x": y}}`, "\"~/../x\" must be a clean path below the home directory, without `..`"},
		{"not clean", `{files: {"~/a//x": y}}`, "must be a clean path"},
		{"the whole", `{files: {"~/": y}}`, "must be a clean path"},
		{"ours", `{files: {"~/cardea.tfrc": y}}`, "is Cardea's own"},
		{"not read", `{files: {"~/.terraform.d/credentials.tfrc.json": y}}`, "is not read in a run, which uses Cardea's own CLI configuration: give tokens as `TF_TOKEN_…` variables"},
		{"file and directory", `{files: {"~/a": home/x, "~/a/b": y}}`, "`credentials.a.files`: \"~/a\" and \"~/a/b\" cannot both be files: one is a directory that contains the other"},
		{"two sources", `{files: {"~/a": {from_file: y, text: very-secret}}}`, "needs exactly one of from_file, from_env and text"},
		{"none", `{files: {"~/a": {}}}`, "needs exactly one of from_file, from_env and text"},
		{"ours by a variable", `{files: {"~/a": {from_env: CARDEA_GITHUB_PRIVATE_KEY}}}`, "CARDEA_GITHUB_PRIVATE_KEY is never passed from the server's environment"},
		{"unknown source", `{files: {"~/a": {from: y}}}`, "unknown key `credentials.a.files.~/a.from`: did you mean `from_env`?"},
		{"home itself", `{pass_home: ["."]}`, "cardea.yml:2:19: `credentials.a.pass_home[0]`: \".\" must be a clean path below the home directory"},
		{"not read from home", `{pass_home: [.config/opentofu, .terraform.d/plugins, .terraformrc, "~/.tofurc", cardea.tfrc]}`, "`credentials.a.pass_home[3]`: \".tofurc\" is not read in a run"},
		{"home above", `{pass_home: [../x]}`, "must be a clean path below the home directory"},
		{"no program", `{exec: []}`, "cardea.yml:2:13: `credentials.a.exec` must be a program and its arguments: [vault, read, ...]"},
		{"a shell's line", `{exec: "vault read"}`, "`credentials.a.exec` must be a list, not a string\ncardea.yml: 1 error\n"},
		{"a timeout of nothing", `{env: {A: b}, exec_timeout: 3s}`, "`credentials.a.exec_timeout` only applies to `exec`, which is not set"},
		{"nothing", `{}`, "`credentials.a` needs at least one of env, env_from_file, pass_env, exec, files and pass_home"},
		// What is not there.
		{"no file of variables", `{env_from_file: none.env}`, "cardea.yml:2:22: `credentials.a.env_from_file`: none.env does not exist"},
		{"a faulty one", `{env_from_file: faulty.env}`, "cardea.yml:2:22: `credentials.a.env_from_file`: faulty.env: line 2 is not NAME=value"},
		{"git's settings that do not fit", `{env_from_file: git.env, env: {GIT_CONFIG_VALUE_0: very-secret}}`, "cardea.yml:2:22: `credentials.a.env_from_file`: GIT_CONFIG_COUNT is 1, but GIT_CONFIG_KEY_0 is missing"},
		{"no file", `{files: {"~/a": none}}`, "cardea.yml:2:22: `credentials.a.files.~/a`: none does not exist"},
		{"a directory", `{files: {"~/a": home}}`, "home is a directory, not a file"},
		{"a pipe", `{files: {"~/a": /dev/null}}`, "/dev/null is not a regular file"},
		{"no such program", `{exec: [cardea-no-such-program]}`, "cardea.yml:2:13: `credentials.a.exec`: the program `cardea-no-such-program` was not found or is not executable"},
		{"no such program here", `{exec: [./none]}`, "the program `none` was not found or is not executable"},
		{"a file that is no program", `{exec: [./faulty.env]}`, "the program `faulty.env` was not found or is not executable"},
		{"nothing at home", `{pass_home: [.aws]}`, "cardea.yml:2:19: `credentials.a.pass_home[0]`: home/.aws does not exist"},
		// Warnings.
		{"no such variable", `{pass_env: [NOT_THERE, "NOR_*"]}`, "warning: cardea.yml:2:18: `credentials.a.pass_env[0]`: NOT_THERE is not set in the server's environment; runs start without it\n"},
		{"no such target", `{env: {KUBECONFIG: "/x:~/.kube/other"}, files: {"~/.kube/config": home/x}}`, "cardea.yml:2:12: `credentials.a.env.KUBECONFIG` begins with ~/ but is not one of the entry's files"},
		{"a large file", `{env: {KUBECONFIG: "` + dir + `/home/large:/x"}}`, "cardea.yml:2:12: `credentials.a.env.KUBECONFIG` names a file of more than 1 MB: secrets are looked for, and hidden, only in its first 1 MB\n"},
		{"a profile of nothing", `{env: {AWS_PROFILE: prod}}`, "`credentials.a` sets AWS_PROFILE but has no file that defines the profile: add `files: {\"~/.aws/config\": ...}` or `pass_home: [.aws]`"},
		{"no content", `{files: {"~/a": {from_env: NOT_THERE}}}`, "`credentials.a.files.~/a.from_env`: NOT_THERE is not set in the server's environment; runs that need it will fail\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, text := range map[string]string{"cardea.yml": "credentials:\n  a: " + tt.entry + "\n", "faulty.env": "A=1\nvery-secret\n", "git.env": "GIT_CONFIG_COUNT=1\n", "home/x": "", "home/large": strings.Repeat("x", run.MaxHomeFile+1)} {
				if err := writeFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			exit := CheckConfig(t.Context(), ConfigCheck{File: filepath.Join(dir, "cardea.yml"), Environ: append(least(pkcs1), "HOME="+filepath.Join(dir, "home"))}, &out)
			got := strings.ReplaceAll(out.String(), dir+"/", "")
			warns := strings.Contains(tt.want, "; runs start") || strings.Contains(tt.want, "; runs that need") || strings.Contains(tt.want, "defines the profile") || strings.Contains(tt.want, "begins with ~/ but") || strings.Contains(tt.want, "names a file of more")
			if !strings.Contains(got, tt.want) || exit == 0 != warns || strings.Contains(got, "very-secret") || !warns && strings.Contains(got, "2 errors") && tt.name != "unknown source" {
				t.Errorf("exit %d: %s\nwant %s", exit, got, tt.want)
			}
		})
	}
}

// TestCredentialExec: a program's variables, with its environment, its end, and what is said when it fails.
func TestCredentialExec(t *testing.T) {
	dir := t.TempDir()
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=/root/of/server", "AWS_PROFILE=base", "OTHER=very-secret", "CARDEA_X=very-secret", "HTTPS_PROXY=http://proxy.example", "GITHUB_TOKEN=very-secret", "TF_LOG=x"}
	for _, tt := range []struct {
		name, script string
		more         string
		want         map[string]string
		said         string
	}{
		{name: "lines", script: `printf 'A=1\n# words\nexport B="two words"\n\nC=a=b\n'`, want: map[string]string{"A": "1", "B": "two words", "C": "a=b"}},
		{name: "its own environment", script: `env`, more: `, pass_env: ["AWS_*"]`, want: map[string]string{"AWS_PROFILE": "base"}},
		{name: "what it changed", script: `export PATH=/x:$PATH HTTPS_PROXY=http://bot:canary@proxy.example; env`, want: map[string]string{"HTTPS_PROXY": "http://bot:canary@proxy.example"}},
		{name: "what wins", script: `printf 'AWS_PROFILE=printed\nBOTH=printed\n'`, more: `, pass_env: ["AWS_*"], env: {BOTH: written}`, want: map[string]string{"AWS_PROFILE": "printed", "BOTH": "written"}},
		{name: "several lines", script: `printf 'KEY=one\ntwo\0PATH=/x\0Q="x"\0'`, want: map[string]string{"KEY": "one\ntwo", "Q": `"x"`}},
		{name: "where it is", script: `echo AT=$(pwd)`, want: map[string]string{"AT": dir}},
		{name: "fails", script: `echo A=canary-printed; echo "no access with canary-printed to prod" >&2; exit 3`, said: "`sh` failed: exit status 3. It said: no access with *** to prod"},
		{name: "says what looks like a secret", script: `echo "url https://bot:canary@git.example" >&2; exit 1`, said: "`sh` failed: exit status 1. It said: url https://***@git.example"},
		{name: "says what is known", script: `echo "profile base, token canary-written and canary-in-file" >&2; exit 1`, more: `, pass_env: ["AWS_*"], env: {TOKEN: canary-written}, env_from_file: more.env`,
			said: "`sh` failed: exit status 1. It said: profile base, token *** and ***"},
		{name: "no variables", script: `echo canary-printed`, said: "`sh` failed: its output: line 1 is not NAME=value."},
		{name: "no name", script: `echo canary-printed+x==`, said: "`sh` failed: its output: line 1 is not NAME=value."},
		{name: "what is ours", script: `echo A=1; echo TF_WORKSPACE=canary`, said: "`sh` failed: its output: line 2: TF_WORKSPACE would change how a run behaves, not what it may access, so it cannot be a credential."},
		{name: "too much", script: `head -c 2000000 /dev/zero | tr '\0' a`, said: "`sh` failed: it printed more than 1 MB."},
		{name: "too long", script: `echo A=1; sleep 3000 & wait`, more: ", exec_timeout: 1s", said: "`sh` failed: it did not end within 1s."},
		{name: "leaves something", script: `sleep 3000 & echo A=1`, want: map[string]string{"A": "1"}},
		{name: "git's settings that do not fit", script: `echo GIT_CONFIG_COUNT=1`, said: ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, out := configIn(t, dir, "  a: {exec: [sh, ./script]"+tt.more+"}\n", environ, map[string]string{"script": tt.script, "more.env": "MORE=canary-in-file\n"})
			if !strings.Contains(out, "cardea.yml: OK") {
				t.Fatal(out)
			}
			got, err := cfg.credential(t.Context(), "a", environ)
			if diff := cmp.Diff(tt.want, got.Env); diff != "" || (err == nil) != (tt.want != nil) || err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
			for name, value := range map[string]string{"PATH": os.Getenv("PATH"), "AWS_PROFILE": "base"} {
				t.Setenv(name, value)
			}
			if _, said, err := cfg.Credential(t.Context(), "a"); said != tt.said || (err == nil) != (tt.want != nil) {
				t.Errorf("got %q and %v, want %q", said, err, tt.said)
			}
		})
	}
	// The program itself sees nothing of the server but what it is given.
	cfg, _ := configIn(t, dir, "  a: {exec: [sh, ./script], pass_env: [AWS_PROFILE]}\n", environ, map[string]string{"script": `env | cut -d= -f1 > names; echo A=1; readlink /proc/self/fd/0 >> names`})
	if _, err := cfg.credential(t.Context(), "a", environ); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadFile(filepath.Join(dir, "names"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(names))
	slices.Sort(got)
	if want := []string{"/dev/null", "AWS_PROFILE", "HOME", "HTTPS_PROXY", "PATH", "PWD"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
