package planjson

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// TestMutableSource: which sources of modules can give something else tomorrow.
func TestMutableSource(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	const sum = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, c := range []struct{ source, version, want string }{
		{"./m", "", ""}, {"../m", "", ""}, {"../../m/n", "", ""},
		{"acme/vpc/aws", "1.2.3", ""}, {"acme/vpc/aws", "= 1.2.3", ""}, {"registry.acme.dev/acme/vpc/aws//sub", "v1.2.3-rc1", ""},
		{"acme/vpc/aws", "", "a registry in any version"}, {"acme/vpc/aws", "~> 1.2", "a registry in any version that fits `~> 1.2`"},
		{"acme/vpc/aws", ">= 1.2.3", "a registry in any version that fits `>= 1.2.3`"}, {"acme/vpc/aws", "1.2.3, 1.2.4", "a registry in any version that fits `1.2.3, 1.2.4`"},
		{"git::https://x.dev/m.git?ref=" + commit, "", ""}, {"git::ssh://git@x.dev/m.git//sub?depth=1&ref=" + commit, "", ""},
		{"github.com/acme/m?ref=" + commit, "", ""}, {"git@github.com:acme/m.git?ref=" + commit, "", ""}, {"hg::https://x.dev/m?rev=" + commit, "", ""},
		{"git::https://x.dev/m.git", "", "a repository without a fixed commit"}, {"git::https://x.dev/m.git?ref=main", "", "a repository without a fixed commit"},
		{"git::https://x.dev/m.git?ref=v1.2.3", "", "a repository without a fixed commit"}, {"git::https://x.dev/m.git?ref=" + commit[:39], "", "a repository without a fixed commit"},
		{"git::https://x.dev/m.git?ref=main&ref=" + commit, "", "a repository without a fixed commit"}, {"git::https://x.dev/m.git?re%66=main&ref=" + commit, "", "a repository without a fixed commit"},
		{"github.com/acme/m", "", "a repository without a fixed commit"}, {"git@github.com:acme/m.git", "", "a repository without a fixed commit"},
		{"https://x.dev/m.zip", "", "an address without a checksum"}, {"https://x.dev/m.zip?checksum=md5:0123456789abcdef0123456789abcdef", "", "an address without a checksum"},
		{"https://x.dev/m.zip?checksum=" + sum, "", ""}, {"s3::https://s3.amazonaws.com/b/m.zip", "", "an address without a checksum"},
		{"git::https://x.dev/m.git?checksum=" + sum, "", "a repository without a fixed commit"}, {"oci://x.dev/m?digest=" + sum, "", "an address without a checksum"},
		{"", "", "an address without a checksum"},
	} {
		if got := mutableSource(c.source, c.version); got != c.want {
			t.Errorf("%q %q: got %q, want %q", c.source, c.version, got, c.want)
		}
	}
}

// TestSourceEffects: modules of modules too, one sentence a reason, and no source with its password.
func TestSourceEffects(t *testing.T) {
	plan, _ := readPlan(t, planInput([]byte(`{"format_version":"1.2","configuration":{"root_module":{"module_calls":{
		"net":{"source":"https://user:secret@x.dev/m.zip","module":{"module_calls":{"in":{"source":"./in"},"other":{"source":"https://x.dev/m.zip"}}}},
		"vpc":{"source":"acme/vpc/aws","version_constraint":"~> 5.0"}, "own":{"source":"./m","module":{}}}}}}`)))
	var said []string
	for _, e := range plan.Hidden {
		said = append(said, e.Kind+": "+e.Text)
	}
	if diff := cmp.Diff([]string{
		"module_source: `module.vpc` comes from a registry in any version that fits `~> 5.0`, which may have changed by the next run",
		"module_source: `module.net` and `module.net.module.other` come from an address without a checksum, which may have changed by the next run",
	}, said); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestUnlockedProviders(t *testing.T) {
	in := planInput([]byte(`{"format_version":"1.2"}`))
	in.Unlocked = []string{"registry/time"}
	plan, _ := readPlan(t, in)
	if len(plan.Hidden) != 1 || plan.Hidden[0].Text != "no committed `.terraform.lock.hcl` includes the provider `registry/time`, so the next run may use another version" {
		t.Errorf("got %+v", plan.Hidden)
	}
}

// TestNamedPlaces: what strings of a plan bind, and what they are told to read.
func TestNamedPlaces(t *testing.T) {
	places := map[string]workflow.Place{
		"payload.bin": {Path: "a/payload.bin"}, "../b/x.sh": {Path: "b/x.sh"}, "./chart": {Path: "a/chart", Dir: true}, "prod": {Path: "a/prod", Dir: true},
		"a/b": {Path: "a/b", Dir: true, Rooted: true}, "with space/x": {Path: "a/with space/x"}, "link": {Path: "a/link", Leads: []string{"c"}},
		"made.zip": {Path: "a/made.zip", Made: "sum"}, "huge": {Path: "a/huge", Dir: true, Unclear: true}, "../b": {Path: "b", Dir: true}, "k/v.txt": {Path: "a/k/v.txt"},
	}
	value := func(v string) string {
		return `"resource_changes":[{"address":"x_y.z[0]","mode":"managed","type":"x_y","provider_name":"p/x","change":{"actions":["create"],"after":{"v":` + v + `},"after_unknown":{}}}]`
	}
	for _, c := range []struct {
		name, plan string
		literals   []string
		named      []workflow.Exact
		told       string
	}{
		{"a file", value(`"payload.bin"`), nil, nil, "`x_y.z` reads the file `a/payload.bin`, whose content the plan does not show"},
		{"a sensitive one", strings.Replace(value(`"payload.bin"`), `"after_unknown"`, `"after_sensitive":{"v":true},"after_unknown"`, 1), nil, nil, "`x_y.z` reads the file `a/payload.bin`, whose content the plan does not show"},
		{"within a text", value(`"#!/bin/sh\nsh ../b/x.sh --all"`), nil, nil, "`x_y.z` reads the file `b/x.sh`, whose content the plan does not show"},
		{"within JSON", value(`"{\"a\":[\"with space\\/x\"]}"`), nil, nil, "`x_y.z` reads the file `a/with space/x`, whose content the plan does not show"},
		{"quoted in a text", value(`"a: 'with space/x'"`), nil, nil, "`x_y.z` reads the file `a/with space/x`, whose content the plan does not show"},
		{"behind a sign", value(`"@payload.bin"`), nil, nil, "`x_y.z` reads the file `a/payload.bin`, whose content the plan does not show"},
		{"a URL", value(`"file:./chart"`), nil, nil, "`x_y.z` reads the directory `a/chart`, whose content the plan does not show"},
		{"at the end of a sentence", value(`"See payload.bin."`), nil, nil, "`x_y.z` reads the file `a/payload.bin`, whose content the plan does not show"},
		{"several", value(`["payload.bin",{"n":"./chart"},"../b/x.sh"]`), nil, nil, "`x_y.z` reads the files `a/payload.bin` and `b/x.sh` and the directory `a/chart`, whose content the plan does not show"},
		{"a key", value(`{"k/v.txt":1,"prod":2}`), nil, nil, "`x_y.z` reads the file `a/k/v.txt`, whose content the plan does not show"},
		{"a bare word", value(`"prod"`), nil, []workflow.Exact{"a/prod"}, ""},
		{"a tag with a path from the root", value(`"a/b"`), nil, []workflow.Exact{"a/b"}, ""},
		{"a link", value(`"link"`), nil, []workflow.Exact{"a/link", "c"}, ""},
		{"a directory too large to look through", value(`"huge"`), nil, nil, "`x_y.z` reads the directory `a/huge`, whose content the plan does not show"},
		{"what an output says", `"output_changes":{"o":{"actions":["create"],"after":"payload.bin","after_unknown":false}}`, nil, []workflow.Exact{"a/payload.bin"}, ""},
		{"nothing", value(`"main, prod-x, */payload"`), nil, nil, ""},
		{"what is not changed", strings.Replace(value(`"payload.bin"`), "create", "no-op", 1), nil, nil, ""},
		{"a deletion", `"resource_changes":[{"address":"x_y.z","mode":"managed","type":"x_y","provider_name":"p/x","change":{"actions":["delete"],"before":{"v":"payload.bin"},"after":null}}]`, nil, nil,
			"`x_y.z` reads the file `a/payload.bin`, whose content the plan does not show"},
		{"literals of a plan that shows all", value(`"x"`), []string{"payload.bin"}, nil, ""},
		{"literals of a late one", strings.Replace(value(`"x"`), `{},"after_unknown":{}`, `{}`, 1) + `,"output_changes":{"o":{"actions":["create"],"after_unknown":true}}`,
			[]string{"../b/payload-", "prod"}, []workflow.Exact{"a/prod", "b"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := planInput([]byte(`{"format_version":"1.2",` + c.plan + `}`))
			in.Written.Literals = c.literals
			in.Written.Find = func(word string) []workflow.Place {
				if p, ok := places[word]; ok {
					return []workflow.Place{p}
				}
				return nil
			}
			plan, _ := readPlan(t, in)
			told := ""
			for _, e := range plan.Hidden {
				told += e.Text
			}
			if diff := cmp.Diff(c.named, plan.Named); diff != "" || told != c.told {
				t.Errorf("told %q, want %q; named (-want +got):\n%s", told, c.told, diff)
			}
		})
	}
	in := planInput([]byte(`{"format_version":"1.2",` + value(`"made.zip"`) + `}`))
	in.Written.Find = func(word string) []workflow.Place { return []workflow.Place{places[word]} }
	if plan, _ := readPlan(t, in); plan.Fetched.Made["a/made.zip"] != "sum" {
		t.Errorf("what the plan made: %+v", plan.Fetched)
	}
}

// TestManyNamedPlaces: a plan that names very much is bound to the whole tree.
func TestManyNamedPlaces(t *testing.T) {
	words := make([]string, 300)
	for i := range words {
		words[i] = "d" + strings.Repeat("x", i)
	}
	in := planInput([]byte(`{"format_version":"1.2","output_changes":{"o":{"actions":["create"],"after":"` + strings.Join(words, " ") + `","after_unknown":false}}}`))
	in.Written.Find = func(word string) []workflow.Place { return []workflow.Place{{Path: word, Dir: true}} }
	if plan, _ := readPlan(t, in); len(plan.Hidden) != 1 || plan.Named != nil {
		t.Errorf("hidden %+v, named %v", plan.Hidden, plan.Named)
	}
}
