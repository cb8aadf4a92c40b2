package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// made is what a file's entries become for some directories that their globs match, a line a project.
func made(t *testing.T, text string, dirs ...string) []string {
	t.Helper()
	cfg, faults := ParseRepo("f", []byte(text), kinds)
	if len(faults) > 0 {
		t.Fatalf("%s: %s", text, faults)
	}
	placer := cfg.Placer(kinds)
	var lines []string
	for _, e := range cfg.Projects {
		in := []string{e.Dir}
		if e.Glob {
			in = dirs
		}
		for _, dir := range in {
			p, why := placer.Project(e, dir)
			line := fmt.Sprintf("%s: %s %s env=%s component=%s", p.Name, p.Dir, p.Variant, p.Environment, p.Component)
			if p.Settings != nil {
				line += " " + string(p.Settings)
			}
			for _, part := range []struct {
				key  string
				list []string
			}{{"watch", p.Watch}, {"needs", p.DependsOn}} {
				if len(part.list) > 0 {
					line += " " + part.key + "=" + strings.Join(part.list, ",")
				}
			}
			if p.WholeTree {
				line += " tree"
			}
			if p.NoAutoplan {
				line += " on command"
			}
			if why != "" {
				line += " fault: " + why
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// TestEnvironments: what stands beside `environments` is the default of each, what one of them
// says takes its place, lists as a whole.
func TestEnvironments(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		dirs, want []string
	}{{
		name: "files of each",
		text: "projects: [{dir: app, environments: {staging: {backend_config: [staging.tfbackend], var_files: [staging.tfvars]}, prod: {backend_config: [prod.tfbackend], depends_on: [infra/prod]}}}]",
		want: []string{
			`app/staging: app default env=staging component=app {"var_files":["staging.tfvars"],"backend_config":["staging.tfbackend"]}`,
			`app/prod: app default env=prod component=app {"backend_config":["prod.tfbackend"]} needs=infra/prod`},
	}, {
		name: "defaults, replaced and emptied",
		text: "projects: [{dir: app, component: c, tool: tofu, version: 1.10.6, var_files: [a, b], backend_config: [x], watch: [w], depends_on: [d], autoplan: false, workspace: tree," +
			" environments: {one: {}, two: {tool: terraform, version: 1.11.4, var_files: [c], backend_config: [], watch: [], depends_on: [], autoplan: true, component: other}}}]",
		want: []string{
			`app/one: app default env=one component=c {"tool":"tofu","version":"1.10.6","var_files":["a","b"],"backend_config":["x"]} watch=w needs=d tree on command`,
			`app/two: app default env=two component=other {"tool":"terraform","version":"1.11.4","var_files":["c"]} tree`},
	}, {
		name: "nothing beside the name", text: "projects:\n- dir: app\n  terraform_workspace: \"{environment}\"\n  environments:\n    staging:\n    prod:\n",
		want: []string{"app/staging: app staging env=staging component=app", "app/prod: app prod env=prod component=app"},
	}, {
		name: "a Terraform workspace of its own", text: "projects: [{dir: app, environments: {staging: {}, prod: {terraform_workspace: live}}}]",
		want: []string{"app/staging: app default env=staging component=app", "app/prod: app live env=prod component=app"},
	}, {
		name: "a name, and a whole name", text: "projects: [{dir: services/web, name: web, environments: {eu/staging: {}, prod: {name: live-web}}}]",
		want: []string{"web/eu/staging: services/web default env=eu/staging component=web", "live-web: services/web default env=prod component="},
	}, {
		name: "the root", text: "projects: [{dir: ., environments: {prod: {}}}]", want: []string{"prod: . default env=prod component="},
	}, {
		name: "the pattern gives the component, and never the environment",
		text: "autodiscover: {pattern: \"{environment}/{component}\"}\nprojects: [{dir: live/net, environments: {prod: {}}}]",
		want: []string{"live/net/prod: live/net default env=prod component=net"},
	}, {
		name: "a glob", text: "projects: [{dir: \"live/*\", var_files: [\"{environment}.tfvars\"], environments: {staging: {}, prod: {}}}]",
		dirs: []string{"live/a", "live/b"},
		want: []string{
			`live/a/staging: live/a default env=staging component=live/a {"var_files":["staging.tfvars"]}`, `live/b/staging: live/b default env=staging component=live/b {"var_files":["staging.tfvars"]}`,
			`live/a/prod: live/a default env=prod component=live/a {"var_files":["prod.tfvars"]}`, `live/b/prod: live/b default env=prod component=live/b {"var_files":["prod.tfvars"]}`},
	}, {
		name: "anchors and merge keys",
		text: "projects:\n- {dir: a, environments: &all {staging: &s {var_files: [s]}, prod: {<<: *s, tool: tofu}}}\n- {dir: b, environments: *all}\n",
		want: []string{
			`a/staging: a default env=staging component=a {"var_files":["s"]}`, `a/prod: a default env=prod component=a {"tool":"tofu","var_files":["s"]}`,
			`b/staging: b default env=staging component=b {"var_files":["s"]}`, `b/prod: b default env=prod component=b {"tool":"tofu","var_files":["s"]}`},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, made(t, tt.text, tt.dirs...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestPlaceholders: paths from the root are written relative to the directory, placeholders are
// words of the same file.
func TestPlaceholders(t *testing.T) {
	const pattern = "autodiscover: {pattern: \"live/{environment}/{component}\"}\n"
	for _, tt := range []struct {
		name, text string
		dirs, want []string
	}{{
		name: "one shared file for directories of several depths",
		text: pattern + "projects: [{dir: \"live/**\", var_files: [common.tfvars, \"/vars/{environment}.tfvars\"], backend_config: [\"/backends/{environment}.tfbackend\"]}]",
		dirs: []string{"live/dev/net", "live/prod/eu/net"},
		want: []string{
			`live/dev/net: live/dev/net default env=dev component=net {"var_files":["common.tfvars","../../../vars/dev.tfvars"],"backend_config":["../../../backends/dev.tfbackend"]}`,
			`live/prod/eu/net: live/prod/eu/net default env=prod component=eu/net {"var_files":["common.tfvars","../../../../vars/prod.tfvars"],"backend_config":["../../../../backends/prod.tfbackend"]}`},
	}, {
		name: "every placeholder in every key",
		text: "projects: [{dir: a/b, name: n/m, environment: prod, component: c/d, terraform_workspace: \"{environment}-x\", version: 1.11.4,\n" +
			"  var_files: [\"/v/{environment}/{component}/{dir}/{project}/{workspace}\"], watch: [\"{component}/*\", \"!/x/{dir}/*.md\"], depends_on: [\"{component}/{environment}\"]}]",
		want: []string{`n/m: a/b prod-x env=prod component=c/d {"version":"1.11.4","var_files":["../../v/prod/c/d/a/b/n/m/prod-x"]} watch=c/d/*,!/x/a/b/*.md needs=c/d/prod`},
	}, {
		name: "the name that nothing gives", text: "projects: [{dir: a, terraform_workspace: w, var_files: [\"{project}.tfvars\"]}]",
		want: []string{`a/w: a w env= component= {"var_files":["a/w.tfvars"]}`},
	}, {
		name: "below, beside and at the directory itself", text: "projects: [{dir: a/b, var_files: [/a/b/x, /a/x, /x, /a/b, /b/b/x, /a/bb/x, /a/./b/../x]}]",
		want: []string{`a/b: a/b default env= component= {"var_files":["x","../x","../../x",".","../../b/b/x","../bb/x","../x"]}`},
	}, {
		name: "at the root", text: "projects: [{dir: ., environment: e, var_files: [/v/x, v/y, \"/{dir}/{environment}\"]}]",
		want: []string{`.: . default env=e component= {"var_files":["v/x","v/y","e"]}`},
	}, {
		name: "up from what has several parts", text: "projects: [{dir: a, component: x/y, var_files: [\"/{component}/../z\"]}]",
		want: []string{`a: a default env= component=x/y {"var_files":["../x/z"]}`},
	}, {
		name: "what stands for something is no glob", text: "projects: [{dir: \"*\", watch: [\"/docs/{dir}/*\", \"{a,{dir}}/*\", \"[{x}]/*\"]}]", dirs: []string{"a*[b]{c}"},
		want: []string{`a*[b]{c}: a*[b]{c} default env= component= watch=/docs/a\*\[b\]\{c\}/*,{a,a\*\[b\]\{c\}}/*,[{x}]/*`},
	}, {
		name: "a label that is missing", text: pattern + "projects: [{dir: \"**\", var_files: [\"/{environment}.tfvars\"]}]", dirs: []string{"live/dev/net", "tools"},
		want: []string{`live/dev/net: live/dev/net default env=dev component=net {"var_files":["../../../dev.tfvars"]}`,
			"tools: tools default env= component= {\"var_files\":[\"/{environment}.tfvars\"]} fault: `var_files` has `{environment}`, but the project has no environment: give it one, or let `autodiscover.pattern` read it from the directory"},
	}, {
		name: "a directory that would take files out", text: "projects: [{dir: \"*\", watch: [\"{dir}/*\"]}]", dirs: []string{"!a"},
		want: []string{"!a: !a default env= component= watch=!a/* fault: `watch` becomes \"!a/*\", which excludes files"},
	}, {
		name: "a directory that no workspace is called", text: "projects: [{dir: \"*\", terraform_workspace: \"{dir}\"}]", dirs: []string{"a b"},
		want: []string{"a b/a b: a b a b env= component= fault: `terraform_workspace` \"a b\" has the character ' ', which Terraform workspace names cannot have"},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, made(t, tt.text, tt.dirs...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestEntriesAreBounded: few words must not become gigabytes.
func TestEntriesAreBounded(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("x,", 100_000), ",")
	var names strings.Builder
	for i := range 2_000 {
		fmt.Fprintf(&names, "e%d: {}, ", i)
	}
	_, faults := ParseRepo("f", []byte("projects: [{dir: a, var_files: ["+many+"], environments: {"+names.String()+"}}]"), kinds)
	if len(faults) != 1 || !strings.Contains(faults[0].Summary, "more than 32 MB") {
		t.Errorf("defaults of many environments: got %v", faults)
	}
	long := `"/` + strings.Repeat("{dir}", 200) + `"`
	cfg, faults := ParseRepo("f", []byte("projects: [{dir: \"**\", var_files: ["+long+"]}, {dir: \"**\", watch: [\"/{dir}/*\"], terraform_workspace: x, var_files: ["+
		strings.TrimSuffix(strings.Repeat(`"/{dir}",`, 50_000), ",")+"]}]"), kinds)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	placer, dir := cfg.Placer(kinds), strings.Repeat("d/", 500)+"d"
	if _, why := placer.Project(cfg.Projects[0], dir); !strings.Contains(why, "longer than 4096 bytes") {
		t.Errorf("one text: got %q", why)
	}
	var why string
	for i := 0; i < 10 && why == ""; i++ {
		_, why = placer.Project(cfg.Projects[1], dir)
	}
	if !strings.Contains(why, "more than 64 MB") {
		t.Errorf("many texts: got %q", why)
	}
	plain := ProjectEntry{Project: workflow.Project{Engine: "terraform"}}
	if _, again := placer.Project(plain, "plain"); again != why || placer.Full() != why {
		t.Errorf("once it is too much, nothing more is made: got %q", again)
	}
}
