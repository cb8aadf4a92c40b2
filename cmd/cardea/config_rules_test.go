package main

import (
	"strconv"
	"strings"
	"testing"
)

// TestConfigRulesThatCannotWork: a rule that can match nothing would not be in force, and nobody would notice;
// and rules that no pull request can meet would be noticed too late.
func TestConfigRulesThatCannotWork(t *testing.T) {
	pkcs1, _, _ := testKeys(t)
	base := "listen: 127.0.0.1:0\ngithub: {app_id: 7, private_key: " + strconv.Quote(pkcs1) + ", webhook_secrets: [" + testSecret + "]}\n"
	prod := func(s string) string { return "repos:\n  - match: acme/infra\n    environments: {prod: {" + s + "}}\n" }
	rules := func(matches ...string) string {
		return "repos: [{match: " + strings.Join(matches, "}, {match: ") + "}]\n"
	}
	for _, tt := range []struct{ text, want string }{
		{prod(`dirs: ["./live/prod/**"]`), `dirs[0]` + "` " + `"./live/prod/**" is not in its simplest form: write "live/prod/**"`},
		{prod(`dirs: [live/prod/]`), `"live/prod/" ends with /: write "live/prod" for the directory itself, or "live/prod/**" for all below it, too`},
		{prod(`dirs: ["live/**/"]`), `"live/**/" is not in its simplest form: write "live/**"`},
		{prod(`dirs: [live//prod]`), `"live//prod" is not in its simplest form: write "live/prod"`},
		{prod(`dirs: [live/../prod]`), `"live/../prod" is not in its simplest form: write "prod"`},
		{prod(`dirs: ["{live,./old}/prod"]`), `"{live,./old}/prod" is not in its simplest form: write "old/prod"`},
		{prod(`dirs: ["live/**", "!./live/dev/**"]`), `"./live/dev/**" is not in its simplest form: write "live/dev/**"`},
		{prod(`projects: ["./**/prod"]`), `"./**/prod" is not in its simplest form: write "**/prod"`},
		{prod(`dirs: [., "live/{a,b}/**", "li[.]e/x", "**"]`), ""},
		{rules("acme/infra/"), `must be a glob over owner/name, like "acme/*", not "acme/infra/"`},
		{rules("github.com/acme/infra"), `not "github.com/acme/infra"`},
		{rules(`"https://github.com/acme"`), `not "https://github.com/acme"`},
		{rules(`"acme/{infra/,live/prod}"`), `not "acme/{infra/,live/prod}"`},
		{rules("acme/infra.git"), `not "acme/infra.git"`},
		{rules(`" acme/infra"`), `not " acme/infra"`},
		{rules("/infra"), `not "/infra"`},
		{rules(`"**/infra"`, `"{acme,emca}/*"`), ""},
		{rules("acme/*", "acme/infra"), "`repos[1]` is never used: an earlier rule also matches `acme/infra`"},
		{rules("acme/*", `"acme/infra-*"`), "`repos[1]` is never used"},
		{rules(`"*/*"`, `"acme/{a,b}"`), "`repos[1]` is never used"},
		{rules("acme/*", "ACME/Infra"), "`repos[1]` is never used"},
		{rules("acme/?", "acme/*"), ""},
		{rules(`"acme/[!a]"`, "acme/*"), ""},
		{rules("acme/infra", "acme/*", `"*/*"`), ""},
		{prod("approvals: {count: 4, by: {users: [ada, rex, olga]}}"), "`repos[0].environments.prod` has approvals.count: 4, but only 3 of the people it names may approve"},
		{prod("approvals: {count: 2, by: {users: [ada, Ada]}}"), "has approvals.count: 2, but only 1 of the people it names may approve"},
		{prod("approvals: {by: {users: [ada]}}, permissions: {approve: {users: [rex]}}"), "has approvals.count: 1, but only 0 of the people"},
		{prod("approvals: {count: 3, by: {users: [ada, rex, olga]}}"), ""},
		{prod("approvals: {count: 9}"), ""},
		{"repos:\n  - {match: acme/*, approvals: {count: 2}, permissions: {approve: {users: [ada]}}}\n", "`repos[0]` has approvals.count: 2, but only 1"},
		{"repos:\n  - {match: acme/*, approvals: {count: 2}, permissions: {approve: {users: [ada]}}, require: [reviewed]}\n", ""},
		{"repos:\n  - match: acme/*\n    environments: {prod: {permissions: {approve: {users: [ada]}}}}\n    approvals: {count: 2}\n", "`repos[0].environments.prod` has approvals.count: 2"},
		{"terraform: {version: 1.11.4, versions: \">= 1.12\"}\n", "`terraform.version` is 1.11.4, which `terraform.versions` (>= 1.12) does not allow"},
		{"terraform: {version: 1.4.0}\n", "`terraform.version` is 1.4.0, which `terraform.versions` (>= 1.5) does not allow"},
		{"terraform: {version: 1.12.0, versions: \">= 1.12\"}\n", ""},
	} {
		_, faults := parseConfig("cardea.yml", []byte(base+tt.text), nil)
		got := lines(faults)
		if tt.want == "" && got != "" || tt.want != "" && (len(faults) != 1 || !strings.Contains(got, tt.want)) {
			t.Errorf("%s\ngot  %swant %s", tt.text, got, tt.want)
		}
	}
}
