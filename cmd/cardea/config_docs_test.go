package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/cmd/cardea/credential"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// TestConfigurationPage holds docs/configuration.md to the code: its examples are
// good, and it names every setting.
func TestConfigurationPage(t *testing.T) {
	data, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	pkcs1, _, _ := testKeys(t)
	etc := t.TempDir() // what examples name in /etc/cardea is there
	ca := "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n"
	if err := os.WriteFile(filepath.Join(etc, "company-ca.pem"), []byte(ca), 0o600); err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(data), -1)
	if len(examples) < 2 {
		t.Fatalf("got %d examples, want the server's and the repository's at least", len(examples))
	}
	for _, e := range examples {
		if isRepoConfig("x.yml", []byte(e[1])) {
			if _, faults := config.ParseRepo(".cardea.yml", []byte(e[1]), engines("").Kinds()); len(faults) > 0 {
				t.Error(lines(faults))
			}
			continue
		}
		text := strings.ReplaceAll(e[1], "/etc/cardea/", etc+"/")
		if _, faults := parseConfig("cardea.yml", []byte(text), []string{"CARDEA_GITHUB_PRIVATE_KEY=" + pkcs1,
			"CARDEA_GITHUB_APP_ID=12345", "CARDEA_GITHUB_WEBHOOK_SECRETS=" + testSecret,
			"CARDEA_PUBLIC_URL=https://cardea.example.com", "CARDEA_PAGES_ACCESS=proxy"}); len(faults) > 0 {
			t.Error(lines(faults))
		}
	}
	env := map[string]string{}
	if e := regexp.MustCompile("(?s)```env\n(.*?)```").FindSubmatch(data); e == nil ||
		credential.ReadVariables(kinds, string(e[1]), env) != nil || credential.GitConfigFault(env) != "" || len(env) != 3 {
		t.Errorf("the example for private modules gives %v: %s", env, credential.GitConfigFault(env))
	}
	r := &configReader{cfg: &Config{}}
	names := []string{}
	for _, s := range r.settings() {
		names = append(names, s.path)
	}
	for key := range r.ruleKeys(&workflow.Rules{}) {
		names = append(names, key)
	}
	_, faults := parseConfig("cardea.yml", []byte("credentials: {a: {zzzzzzzz: 1}}"), nil)
	known := regexp.MustCompile("unknown key `credentials.a.zzzzzzzz`; known ones are (.*)").FindStringSubmatch(lines(faults))
	if len(known) != 2 {
		t.Fatalf("got %s, want the keys of an entry of credentials", lines(faults))
	}
	names = append(names, strings.Split(known[1], ", ")...)
	for _, name := range names {
		if !strings.Contains(string(data), "`"+name+"`") && !strings.Contains(string(data), "`"+name+".") {
			t.Errorf("the page does not name %s", name)
		}
	}
	rows := strings.Join(regexp.MustCompile("(?m)^\\| `[a-z_]+\\..*$").FindAllString(string(data), -1), "\n")
	if len(keysWithin("permissions")) != 5 {
		t.Errorf("permissions has %q", keysWithin("permissions"))
	}
	for key := range r.ruleKeys(&workflow.Rules{}) {
		for _, within := range keysWithin(key) {
			named := regexp.MustCompile("(?m)^\\| `" + key + "\\.(.*`, `\\.)?" + within + "`")
			if !named.MatchString(rows) {
				t.Errorf("the page has no row for %s.%s", key, within)
			}
		}
	}
}

// keysWithin are the keys of a key of a rule, as the refusal of an unknown one names them.
func keysWithin(key string) []string {
	text := "repos: [{match: \"*/*\", " + key + ": {zzzzzzzz: 1}}]"
	_, faults := parseConfig("cardea.yml", []byte(text), nil)
	known := regexp.MustCompile("unknown key `repos\\[0\\]\\." + key + "\\.zzzzzzzz`; known ones are (.*)")
	if m := known.FindStringSubmatch(lines(faults)); m != nil {
		return strings.Split(m[1], ", ")
	}
	return nil
}
