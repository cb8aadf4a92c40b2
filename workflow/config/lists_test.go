package config

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// repoLists are all lists of .cardea.yml, by their paths, with items that are good and items that are not.
var repoLists = map[string]struct{ good, bad []string }{
	"autodiscover.ignore":       {[]string{"modules/**", "a"}, []string{"../x", `"[a"`, "./x"}},
	"require":                   {[]string{"approved", "reviewed"}, []string{"signed"}},
	"projects":                  {[]string{"{dir: a%d}"}, []string{"7", "{}", "{dir: ../x}", "{dir: b%d, autoplan: maybe}"}},
	"projects[].var_files":      {[]string{"a.tfvars", "/b.tfvars"}, []string{`""`, "/../x", `"{nobody}"`}},
	"projects[].backend_config": {[]string{"a.hcl", "/b.hcl"}, []string{`""`, "/../x", `"{nobody}"`}},
	"projects[].watch":          {[]string{`"*.json"`, `"!a"`, "/x/**"}, []string{`"[a"`, `"!*.tf"`, "/../x"}},
	"projects[].depends_on":     {[]string{"a", "b/prod"}, []string{`"{nobody}"`}},
}

// repoList makes a file of a list at a path, its items in lines of their own from the second one on.
func repoList(path, items string) string {
	name, key, within := strings.Cut(path, "[].")
	text := "[\n" + items + "]"
	switch {
	case within && strings.HasPrefix(key, "environments.*."):
		return "{projects: [{dir: a, environments: {x: {" + strings.TrimPrefix(key, "environments.*.") + ": " + text + "}}}]}"
	case within:
		return "{" + name + ": [{dir: a, " + key + ": " + text + "}]}"
	}
	for _, key := range slices.Backward(strings.Split(name, ".")) {
		text = "{" + key + ": " + text + "}"
	}
	return text
}

// TestListsNameTheirFaults: of a list with faults at some places exactly these are named, by their place in the list and in the file.
func TestListsNameTheirFaults(t *testing.T) {
	lists := maps.Clone(repoLists)
	for path, list := range repoLists {
		if key, ok := strings.CutPrefix(path, "projects[]."); ok {
			lists["projects[].environments.*."+key] = list
		}
	}
	for path, list := range lists {
		bad := list.bad
		if path != "projects" {
			bad = slices.Concat(bad, []string{"7", "true", "{}", "[]", "~"})
		}
		named := regexp.MustCompile("^`" + regexp.QuoteMeta(strings.NewReplacer("*", "x", "[]", "[0]").Replace(path)) + `\[(\d+)\]`)
		seed := rand.New(rand.NewPCG(7, uint64(len(path))))
		for range 200 {
			want, items := map[string]bool{}, ""
			for i := range 1 + seed.IntN(6) {
				item := list.good[seed.IntN(len(list.good))]
				if seed.IntN(2) == 0 {
					item = bad[seed.IntN(len(bad))]
					want[fmt.Sprintf("line %d: item %d", i+2, i)] = true
				}
				items += strings.ReplaceAll(item, "%d", fmt.Sprint(i)) + ",\n"
			}
			text, got := repoList(path, items), map[string]bool{}
			_, faults := ParseRepo("f", []byte(text), kinds)
			for _, f := range faults {
				if m := named.FindStringSubmatch(f.Summary); m != nil {
					got[fmt.Sprintf("line %d: item %s", f.Position.Line, m[1])] = true
				} else {
					got[f.String()] = true
				}
			}
			if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
				t.Fatalf("%s, -want +got:\n%s\nof\n%s", path, diff, text)
			}
		}
	}
}

// TestListsAreAll: no list of the schema is left out above.
func TestListsAreAll(t *testing.T) {
	root := readSchema(t)
	var lists []string
	var walk func(path string, s schemaNode)
	walk = func(path string, s schemaNode) {
		if s.Type == "array" {
			lists = append(lists, path)
			path, s = path+"[]", *s.Items
		}
		for key, inner := range s.Properties {
			walk(strings.TrimPrefix(path+"."+key, "."), inner)
		}
	}
	walk("", root)
	slices.Sort(lists)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(repoLists)), lists); diff != "" {
		t.Errorf("-tried +schema:\n%s", diff)
	}
}

// TestFaultsOfLists: where a fault of one item could be taken for one of another.
func TestFaultsOfLists(t *testing.T) {
	for text, want := range map[string]string{
		"autodiscover: {ignore: [../x, \"!a\"]}": "f:1:25: `autodiscover.ignore[0]` \"../x\" leaves the repository",
		"autodiscover: {ignore: [7, \"!a\"]}":    "f:1:25: `autodiscover.ignore[0]` must be a string, not a whole number: put it in quotes",
		"autodiscover: {ignore: [\"!a\", \"!b\"]}": "f:1:25: `autodiscover.ignore[0]` \"!a\" excludes nothing: put it after the globs that it is an exception to\n" +
			"f:1:31: `autodiscover.ignore[1]` \"!b\" excludes nothing: put it after the globs that it is an exception to",
		"projects:\n  - &a {dir: a, watch: [x]}\n  - &b {dir: b, var_files: [x, 7]}\n  - {<<: [*a, *b], dir: c}": "f:3:32: `projects[1].var_files[1]` must be a string, not a whole number: put it in quotes\n" +
			"f:3:32: `projects[2].var_files[1]` must be a string, not a whole number: put it in quotes",
		"projects:\n  - {<<: [{watch: [x]}, {var_files: [x, 7]}], dir: c}": "f:2:41: `projects[0].var_files[1]` must be a string, not a whole number: put it in quotes",
		"projects:\n  - {<<: {watch: [x, 7]}, dir: c}":                     "f:2:22: `projects[0].watch[1]` must be a string, not a whole number: put it in quotes",
		"projects:\n  - {<<: 7, dir: c, watch: [x, 7]}": "f:2:10: a merge key `<<` needs a mapping, not a whole number\n" +
			"f:2:32: `projects[0].watch[1]` must be a string, not a whole number: put it in quotes",
	} {
		_, faults := ParseRepo("f", []byte(text), kinds)
		var got []string
		for _, f := range faults {
			got = append(got, f.String())
		}
		if diff := cmp.Diff(strings.Split(want, "\n"), got); diff != "" {
			t.Errorf("%s\n-want +got:\n%s", text, diff)
		}
	}
	var faults Faults
	Setting("NAME", "words", "a, ,b,c", &faults).List(func(v *Value) { v.Fault("`%s` is %s", v.Path(), v.text) })
	want := []workflow.Diagnostic{}
	for i, word := range []string{"a", "b", "c"} {
		want = append(want, workflow.Diagnostic{Severity: workflow.SeverityError, Summary: fmt.Sprintf("`words[%d]` is %s", i, word), Position: workflow.Position{File: "NAME"}})
	}
	if diff := cmp.Diff(want, faults.List()); diff != "" {
		t.Errorf("of the environment, -want +got:\n%s", diff)
	}
}
