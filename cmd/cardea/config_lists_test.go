package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow/config"
)

// configList is a list of cardea.yml: the file with %s for the list, items that are good and items that are not. %d
// is the item's place.
type configList struct {
	text   string
	good   []string
	bad    []string
	least  int
	most   int
	absent bool // some are missed only when somebody looks for them
}

// noTexts are items that no list of texts takes.
var noTexts = []string{"7", "true", "{}", "[]", "~"}

// configLists are all lists of cardea.yml, by their paths. TestListsAreAll holds it to that.
var configLists = map[string]configList{
	"command_prefixes":                               {text: "command_prefixes: %s", good: []string{"cardea", "tf"}, bad: []string{`"a b"`}},
	"github.webhook_secrets":                         {text: "github: {webhook_secrets: %s}", good: []string{strings.Repeat("good", 6) + "%d"}, bad: []string{"short%d"}, most: 2},
	"terraform.providers.direct.include":             {text: "terraform: {providers: {direct: {include: %s}}}", good: []string{"acme/*"}, bad: []string{"acme"}},
	"terraform.providers.direct.exclude":             {text: "terraform: {providers: {direct: {exclude: %s}}}", good: []string{"acme/*"}, bad: []string{"acme"}},
	"credentials.*.exec":                             {text: "credentials: {x: {exec: %s}}", good: []string{"sh"}, bad: []string{`"a\0b"`, "{}", "[]"}},
	"credentials.*.pass_env":                         {text: "credentials: {x: {pass_env: %s}}", good: []string{"HERE", `"H*"`}, bad: []string{"A-B", "GITHUB_TOKEN", "TF_DATA_DIR", "NOT_HERE"}, absent: true},
	"credentials.*.pass_home":                        {text: "credentials: {x: {pass_home: %s}}", good: []string{".aws", `"~/.aws"`, ".kube/config"}, bad: []string{"../x", ".terraformrc", ".azure", `"~/.azure"`}, absent: true},
	"workflows.*.steps":                              {text: "workflows: {x: {steps: %s}}", good: []string{"{at: before_plan, run: [sh]}"}, bad: []string{"7", "{at: never, run: [sh]}", "{at: health, run: [sh]}"}},
	"workflows.*.steps[].run":                        {text: "workflows: {x: {steps: [{at: before_plan, run: %s}]}}", good: []string{"sh"}},
	"repos":                                          {text: "repos: %s", good: []string{`{match: "a%d/*"}`}, bad: []string{"7", "{match: acme}", "{}", `{match: "b%d/*", drafts: maybe}`}},
	"repos[].workflows":                              {text: "workflows: {x: {}}\nrepos: [{match: a/b, workflows: %s}]", good: []string{"x"}, bad: []string{"y"}},
	"repos[].apply.branches":                         {text: "repos: [{match: a/b, apply: {branches: %s}}]", good: []string{"main", `"release/*"`}, bad: []string{`""`, "refs/heads/main", `"[a"`}},
	"repos[].require":                                {text: "repos: [{match: a/b, require: %s}]", good: []string{"approved"}, bad: []string{"signed"}},
	"repos[].environments.*.dirs":                    {text: "repos: [{match: a/b, environments: {x: {dirs: %s}}}]", good: []string{"a/**", "b"}, bad: []string{"../x", "./x", `"[a"`}},
	"repos[].environments.*.projects":                {text: "repos: [{match: a/b, environments: {x: {projects: %s}}}]", good: []string{`"**/prod"`, "app/*"}, bad: []string{"prod", "../x/prod"}},
	"repos[].approvals.by.users":                     {text: "repos: [{match: a/b, approvals: {count: 2, by: {users: %s}}}]", good: []string{"ada%d"}, bad: []string{`"a b"`}, least: 2},
	"repos[].permissions.plan.users":                 {text: "repos: [{match: a/b, permissions: {plan: {users: %s}}}]", good: []string{"ada%d"}, bad: []string{`"a b"`}},
	"repos[].environments.*.permissions.apply.users": {text: "repos: [{match: a/b, environments: {x: {permissions: {apply: {users: %s}}}}}]", good: []string{"ada%d"}, bad: []string{`"a b"`}},
	"repos[].permissions.approve.users":              {text: "repos: [{match: a/b, approvals: {count: 2}, permissions: {approve: {users: %s}}}]", good: []string{"ada%d"}, bad: []string{`"a b"`}, least: 2},
	"repos[].permissions.admin.users":                {text: "repos: [{match: a/b, permissions: {admin: {users: %s}}}]", good: []string{"ada%d"}, bad: []string{`"a b"`}},
	"repos[].bots":                                   {text: "repos: [{match: a/b, bots: %s}]", good: []string{"renovate"}, bad: []string{`"renovate[bot]"`, `"a b"`}},
	"repos[].allow":                                  {text: "repos: [{match: a/b, allow: %s}]", good: []string{"target", "destroy"}, bad: []string{"everything"}},
	"repos[].modules.repos":                          {text: "repos: [{match: a/b, modules: {repos: %s}}]", good: []string{`"acme/*"`}, bad: []string{"acme", `"acme/["`}},
}

// expected is what every check of TestListsNameTheirFaults says.
var expected = regexp.MustCompile("^warning: data_dir |^warning: .* `data_dir`|^cardea.yml: (`github.private_key` .* is missing|\\d+ errors?\n$)")

// TestListsNameTheirFaults: of a list with faults at some places exactly these are named, by their place in the list and in the file.
func TestListsNameTheirFaults(t *testing.T) {
	home := t.TempDir()
	for _, file := range []string{".aws/config", ".kube/config"} {
		if err := os.MkdirAll(filepath.Join(home, filepath.Dir(file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, list := range configLists {
		t.Run(path, func(t *testing.T) { list.try(t, path, home) })
	}
}

func (l configList) try(t *testing.T, path, home string) {
	// No private key, which is slow to read: that it is missing is said each time.
	environ := []string{"CARDEA_GITHUB_APP_ID=7", "CARDEA_LISTEN=127.0.0.1:0", "HOME=" + home, "HERE=x"}
	if path != "github.webhook_secrets" {
		environ = append(environ, "CARDEA_GITHUB_WEBHOOK_SECRETS="+testSecret)
	}
	column := "3"
	if l.good[0][0] == '{' { // a fault may be within the item
		column = `\d+`
	}
	bad := l.bad
	if column == "3" && path != "credentials.*.exec" {
		bad = slices.Concat(bad, noTexts)
	}
	named := "`" + strings.NewReplacer("*", "x", "[]", "[0]").Replace(path) + "["
	place := regexp.MustCompile(`^(?:warning: )?cardea\.yml:(\d+):` + column + `: ` + regexp.QuoteMeta(named) + `(\d+)\]`)
	before, _, _ := strings.Cut(l.text, "%s")
	first := strings.Count(before, "\n") + 2
	file := filepath.Join(t.TempDir(), "cardea.yml")
	seed := rand.New(rand.NewPCG(7, uint64(len(path))))
	for range 25 {
		want, items := map[string]bool{}, ""
		most := max(l.most, l.least)
		if l.most == 0 {
			most += 6
		}
		for i := range max(l.least, 1) + seed.IntN(most-max(l.least, 1)+1) {
			item := l.good[seed.IntN(len(l.good))]
			if seed.IntN(2) == 0 {
				item = bad[seed.IntN(len(bad))]
				want[fmt.Sprintf("line %d: item %d", first+i, i)] = true
			}
			items += "  " + strings.ReplaceAll(item, "%d", fmt.Sprint(i)) + ",\n"
		}
		text := strings.ReplaceAll(l.text, "%s", "[\n"+items+"  ]") + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		CheckConfig(t.Context(), ConfigCheck{File: file, Environ: environ}, &out)
		got := map[string]bool{}
		for line := range strings.Lines(strings.ReplaceAll(out.String(), filepath.Dir(file)+"/", "")) {
			if m := place.FindStringSubmatch(line); m != nil {
				got["line "+m[1]+": item "+m[2]] = true
			} else if !expected.MatchString(line) {
				got[line] = true
			}
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Fatalf("-want +got:\n%s\nof\n%s\n%s", diff, text, out.String())
		}
	}
}

// TestListsAreAll: no list of cardea.yml is left out above.
func TestListsAreAll(t *testing.T) {
	var faults config.Faults
	lists := map[string]bool{}
	choice := regexp.MustCompile(`^(credentials|workflows|repos\[\]\.environments)\.[^.\[]+`)
	for path := range config.Parse("cardea.yml", []byte(everyKey), &faults).Leaves() {
		for i := range path {
			if path[i] == '[' {
				list := regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path[:i], "[]")
				lists[choice.ReplaceAllString(list, "$1.*")] = true
			}
		}
	}
	for _, s := range (&configReader{cfg: &Config{}}).settings() {
		text := ""
		for i, key := range strings.Split(s.path, ".") {
			text += strings.Repeat(" ", i) + key + ":\n"
		}
		_, found := parseConfig("cardea.yml", []byte(strings.TrimSuffix(text, "\n")+" {}\n"), nil)
		if strings.Contains(lines(found), "`"+s.path+"` must be a list") {
			lists[s.path] = true
		}
	}
	same := regexp.MustCompile(`^repos\[\]\.environments\.\*\.(approvals\.by\.users|permissions\.\w+\.users)$`) // read by the same function
	for path := range lists {
		if _, tried := configLists[path]; !tried && !same.MatchString(path) {
			t.Errorf("the list %s is not tried", path)
		}
	}
	for path := range configLists {
		if strings.HasPrefix(path, "terraform.") && !lists[path] {
			t.Errorf("%s is no list", path)
		}
	}
	if len(lists) < 20 {
		t.Errorf("got %d lists: %v", len(lists), slices.Sorted(maps.Keys(lists)))
	}
}
