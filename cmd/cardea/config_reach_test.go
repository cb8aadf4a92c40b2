package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatPlansCanRead: the check and the start of the server name every place of a secret that a plan can
// read, with the status that the file has without it, and no value.
func TestWhatPlansCanRead(t *testing.T) {
	pkcs1, _, _ := testKeys(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	key, secrets := write("app.pem", pkcs1), write("hooks", testSecret+"h")
	apply, plan, sa := write("apply.env", "TOKEN=very-secret\n"), write("plan.env", "TOKEN=very-secret\n"),
		write("sa.json", "very-secret")
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	const rule = "repos: [{match: acme/a, credentials: {apply: rw, plan: ro}}]\n"
	bare := []string{"CARDEA_GITHUB_APP_ID=7", "CARDEA_LISTEN=127.0.0.1:0"}
	all := append(least(pkcs1), "A=1")
	for _, tt := range []struct {
		name, text string
		env        []string
		want, not  []string // nothing wanted: no warning
	}{
		{name: "nothing but the environment", env: all},
		{name: "entries that nobody can read", text: "credentials: {rw: {files: {\"~/x\": {from_env: NOWHERE}}}, ro: {pass_env: [A]}}\n", env: all},
		{name: "files of a run's HOME", env: append(all, "HOME="+dir),
			text: "credentials: {rw: {files: {\"~/.aws/config\": " + sa + ", \"~/.netrc\": {text: very-secret}}}, ro: {pass_home: [below]}}\n" + rule,
			want: []string{"`credentials.rw` (" + sa + ", CONFIG, for applies)", "`credentials.ro` (" + filepath.Join(dir, "below") + ")"}},
		{name: "a program", text: "credentials: {ro: {exec: [env]}}\n", env: all, want: []string{"While an `exec` program runs"}},
		{name: "an apply's file", text: "credentials: {rw: {env_from_file: " + apply + "}, ro: {env_from_file: plan.env}}\n" + rule, env: all,
			want: []string{"`credentials.rw` (" + apply + ", for applies)", "`credentials.ro` (" + plan + ")",
				"keys/ in /var/lib/cardea", "While an apply runs"}, not: []string{"private_key", "webhook"}},
		{name: "an environment's apply", env: all, want: []string{"`credentials.rw` (" + apply + ", for applies)"},
			text: "credentials: {rw: {env_from_file: apply.env}}\nrepos: [{match: acme/a, environments: {prod: {dirs: [p], credentials: {apply: rw}}}}]\n"},
		{name: "an apply's values in the file itself", text: "credentials: {rw: {env: {TOKEN: very-secret}}, ro: {pass_env: [A]}}\n" + rule, env: all,
			want: []string{"`credentials.rw` (CONFIG, for applies)"}, not: []string{"credentials.ro"}},
		{name: "an apply's values from the environment", text: "credentials: {rw: {pass_env: [A]}, ro: {pass_env: [A]}}\n" + rule, env: all,
			want: []string{"While an apply runs", "artefacts/"}, not: []string{"credentials.rw"}},
		{name: "a file that a variable names", text: "credentials: {rw: {env: {GOOGLE_APPLICATION_CREDENTIALS: " + sa + ", HERE: /nowhere/y}}, ro: {pass_env: [A]}}\n" + rule, env: all,
			want: []string{"the file that GOOGLE_APPLICATION_CREDENTIALS names"}, not: []string{"HERE"}},
		{name: "the App's key", text: "github: {private_key_file: app.pem}\n", env: append(bare, "CARDEA_GITHUB_WEBHOOK_SECRETS="+testSecret),
			want: []string{"`github.private_key` (" + key + ")", "cardea.db"}, not: []string{"webhook", "While an apply runs"}},
		{name: "the App's key by a variable", env: append(bare, "CARDEA_GITHUB_WEBHOOK_SECRETS="+testSecret, "CARDEA_GITHUB_PRIVATE_KEY_FILE="+key),
			want: []string{"`github.private_key` (" + key + ")"}},
		{name: "secrets in files", env: append(bare, "CARDEA_GITHUB_PRIVATE_KEY="+pkcs1, "CARDEA_GITHUB_WEBHOOK_SECRETS_FILE="+secrets),
			want: []string{"`github.webhook_secrets` (" + secrets + ")"}, not: []string{"private_key"}},
		{name: "secrets written in the configuration", text: "github: {webhook_secrets: [" + testSecret + "]}\n", env: append(bare, "CARDEA_GITHUB_PRIVATE_KEY="+pkcs1),
			want: []string{"`github.webhook_secrets` (CONFIG)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := write("cardea.yml", tt.text)
			var out, log bytes.Buffer
			if exit := CheckConfig(t.Context(), ConfigCheck{File: config, Environ: tt.env}, &out); exit != 0 {
				t.Fatalf("exit %d: %s", exit, out.String())
			}
			cfg, _ := LoadConfig(config, tt.env)
			s := &server{cfg: cfg, log: slog.New(slog.NewTextHandler(&log, nil))}
			cfg.PublicURL, s.cfg.PublicURL = "http://localhost", "http://localhost"
			s.sayHow()
			if said := strings.Count(out.String(), "warning: plans run"); said != min(len(tt.want), 1) ||
				said != strings.Count(log.String(), "anyone who can push a branch") {
				t.Errorf("the check warns %d times: %s\nthe log says\n%s", said, out.String(), log.String())
			}
			for _, want := range tt.want {
				if want = strings.ReplaceAll(want, "CONFIG", config); !strings.Contains(out.String(), want) {
					t.Errorf("got %s\nwant %q in it", out.String(), want)
				}
			}
			for _, not := range append(tt.not, "very-secret", testSecret) {
				if strings.Contains(out.String()+log.String(), not) {
					t.Errorf("got %s\n%s\nwant no %q in it", out.String(), log.String(), not)
				}
			}
		})
	}
}
