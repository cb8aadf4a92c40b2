package survey

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// list writes n items, each made of its number.
func list(n int, item func(i int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	return strings.Join(items, ", ")
}

func same(text string) func(int) string { return func(int) string { return text } }

func numbered(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, i) }
}

const maxTold = 101 // faults of one file, the last of which counts the rest

// TestBoundsOfAPull: whoever opens a pull writes its `.cardea.yml` and its directories. Whatever they
// say, the server does little work, in little memory, and says with one fault what was too much.
func TestBoundsOfAPull(t *testing.T) {
	var changes []workflow.FileChange
	for i := range 10_000 {
		changes = append(changes, workflow.FileChange{Path: fmt.Sprintf("m/%s/%d", strings.Repeat("a", 200), i)})
	}
	deep := strings.Repeat("a/", 60) + "a"
	wide := func(i int) string {
		return fmt.Sprintf("%s/%d/%s", strings.Repeat("a", 250), i, strings.Repeat("a", 250))
	}
	for _, tt := range []struct {
		name, text string
		dirs       int
		dir        func(i int) string // nil: "d%d"
		want       string
	}{
		{name: "environments times directories", want: "stand for more than 30000 projects",
			dirs: 2000, text: "projects:\n- {dir: \"**\", environments: {" + list(2000, numbered("e%d: {}")) + "}}\n"},
		{name: "entries times directories", want: "stand for more than 30000 projects",
			dirs: 2000, text: "projects: [" + list(2000, numbered("{dir: \"**\", terraform_workspace: w%d}")) + "]\n"},
		{name: "a list for each directory", want: "say more than 64 MB",
			dirs: 4000, text: "projects:\n- {dir: \"**\", depends_on: [" + list(20_000, numbered("d%d")) + "]}\n"},
		{name: "depends_on what is not there", dirs: 600, text: "projects:\n- {dir: \"**\", depends_on: [" + list(1_200, numbered("longer-name-x%d")) + "]}\n"},
		{name: "circles", dirs: 600, text: "projects:\n- {dir: \"**\", depends_on: [" + list(600, numbered("d%d")) + "]}\n"},
		{name: "missing directories", want: "stand for more than 30000 projects",
			dirs: 9000, text: "projects: [" + list(30_001, numbered("{dir: mmmmmmm%d}")) + "]\n"},
		{name: "dirs", want: "globs take too long",
			dirs: 3000, dir: wide, text: "projects: [" + list(4000, func(i int) string { return fmt.Sprintf("{dir: \"{%s}*/*/%d\"}", strings.Repeat("a*b,", 15), i) }) + "]\n"},
		{name: "ignore", want: "globs take too long",
			dirs: 3000, dir: wide, text: "autodiscover: {ignore: [" + list(4000, func(i int) string { return fmt.Sprintf("\"{%s}*/%d/*b\"", strings.Repeat("aa*b,", 15), i) }) + "]}\n"},
		{name: "pattern", dirs: 600, dir: func(i int) string { return fmt.Sprintf("d%d/%s", i, deep) },
			text: "autodiscover: {pattern: \"**/*a*/**/{component}/*a*/{environment}/zzz\"}\n"},
		{name: "watch", dirs: 600, text: "projects:\n- {dir: \"**\", watch: [" + list(50, func(i int) string { return fmt.Sprintf("\"/{%s}*/%d\"", strings.Repeat("*a,", 15), i) }) + "]}\n"},
		{name: "watch of its own", dirs: 600, text: "projects:\n- {dir: \"**\", watch: [" + list(50, func(i int) string { return fmt.Sprintf("\"/{%s}*{dir}/%d\"", strings.Repeat("*a,", 15), i) }) + "]}\n"},
		{name: "watch takes out", dirs: 600, text: "projects:\n- {dir: \"**\", watch: [" + list(50, func(i int) string { return fmt.Sprintf("\"!/{%s}*/%d\"", strings.Repeat("*a,", 15), i) }) + "]}\n"},
		{name: "placeholders", want: "say more than 64 MB",
			dirs: 3000, dir: wide, text: "projects:\n- {dir: \"**\", watch: [" + list(200, numbered("\"{dir}{dir}{dir}{dir}%d\"")) + "]}\n"},
		{name: "a long key", want: "too long for so many values",
			text: strings.Repeat("k", 500_000) + ": [" + list(100_000, same("1")) + "]\n"},
		{name: "a long text many times", want: "more than 32 MB",
			text: "x: &a \"" + strings.Repeat("{x ", 80_000) + "\"\nprojects:\n- {dir: \"**\", depends_on: [" + list(100_000, same("*a")) + "]}\n"},
		{name: "long keys in each other", want: "too long for so many values",
			text: strings.Repeat("{"+strings.Repeat("k", 10_000)+": ", 35) + "[" + list(100_000, same("1")) + "]" + strings.Repeat("}", 35) + "\n"},
		{name: "unknown keys many times", text: "x: &a {" + list(1000, numbered("environmentz%d: 1")) + "}\nprojects: [" + list(230, same("*a")) + "]\n"},
		{name: "environments of one directory", dirs: 1, text: "projects:\n- {dir: d0, environments: {" + list(9000, numbered("e%d: {}")) + "}}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			for i := range tt.dirs {
				if tt.dir == nil {
					tt.dir = numbered("d%d")
				}
				lines = append(lines, tt.dir(i)+": m")
			}
			lines = append(lines, "m:")
			tree := found(lines...)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			cfg, faults := config.ParseRepo(workflow.RepoConfigFile, []byte(tt.text), kinds)
			if len(faults) == 0 {
				in := Input{Rules: workflow.DefaultRules("*"), Head: cfg, BaseFaulty: true, BaseFound: tree, HeadFound: tree, Kinds: kinds}
				out := Resolve(in)
				if faults = out.Diagnostics; len(faults) == 0 {
					watchWithLittleLeft(t, AffectedInput{Changes: changes, Resolution: out, BaseFound: tree, HeadFound: tree})
				}
			}
			runtime.ReadMemStats(&after)
			mb := (after.TotalAlloc - before.TotalAlloc) >> 20
			if t.Logf("%d MB in all", mb); mb > 500 {
				t.Errorf("it took %d MB", mb)
			}
			if len(faults) > maxTold || tt.want != "" && len(faults) != 1 {
				t.Errorf("got %d faults", len(faults))
			}
			for _, f := range faults[:min(len(faults), 1)] {
				if !strings.Contains(f.Summary, tt.want) || f.Position.Line == 0 || f.Position.Column == 0 {
					t.Errorf("got %q at %+v, want %q", f.Summary, f.Position, tt.want)
				}
			}
		})
	}
}

// watchWithLittleLeft compares a pull's changes with its projects, with a hundredth of the work that is allowed.
func watchWithLittleLeft(t *testing.T, in AffectedInput) {
	const left, one = maxWatchSteps / 100, 100_000 // what comparing one name with one glob may take beyond it
	ix := indexChanges(in)
	ix.steps = maxWatchSteps - left
	affectedProjects(in, ix)
	if over := ix.steps - maxWatchSteps; over > one {
		t.Errorf("%d steps more than are allowed", over)
	}
}

// TestBaseAsksForTooMuch: base's file counts as faulty where it asks for too much, so that the strictest rules hold.
func TestBaseAsksForTooMuch(t *testing.T) {
	many := found()
	for i := range 301 {
		many.Modules[fmt.Sprintf("d%d", i)] = workflow.Module{Dir: fmt.Sprintf("d%d", i), KeepsState: true}
	}
	everything := repoConfig(t, "projects: [{dir: \"**\", environments: {"+list(100, numbered("e%d: {}"))+"}}]")
	rules := workflow.DefaultRules("*")
	rules.Environments = map[string]workflow.EnvironmentRules{"prod": {}}
	in := Input{Rules: rules, Kinds: kinds, Base: everything, BaseFound: many, Head: repoConfig(t, "projects: [{dir: d1, environment: dev}]"), HeadFound: found("d1")}
	out := Resolve(in)
	if out.BaseExcess == nil || len(out.Diagnostics) > 0 || len(out.Projects) != 1 || !out.Projects[0].Strictest {
		t.Errorf("got %+v, %v, %v", out.BaseExcess, out.Diagnostics, projectLines(out.Projects))
	}
	in.BaseFaulty, in.Head = true, everything
	if out = Resolve(in); len(out.Diagnostics) != 1 || out.Diagnostics[0].Position.Line != 1 {
		t.Errorf("head's file over base's directories: got %v", out.Diagnostics)
	}
}

// TestTiredOfWatching: wherever the work for globs of `watch` ends, a project that is affected stays so.
func TestTiredOfWatching(t *testing.T) {
	for name, tt := range map[string]struct{ watch, changes string }{
		"another file":                  {`["/shared/*.json"]`, "shared/a.txt shared/b.json"},
		"own files that are excluded":   {`["/a/*.json", "!*.md", "!*.json", "/shared/*.json"]`, "a/x.md a/y.md shared/b.json"},
		"the last one, before excluded": {`["!*.md", "/*/*.json"]`, "a/x.md a/y.md shared/b.json"},
		"own files":                     {`["!*.md"]`, "a/x.md a/y.txt"},
	} {
		cfg, tree := repoConfig(t, "projects: [{dir: a, watch: "+tt.watch+"}]"), found("a")
		var changes []workflow.FileChange
		for path := range strings.FieldsSeq(tt.changes) {
			changes = append(changes, workflow.FileChange{Path: path})
		}
		out := Resolve(Input{Rules: workflow.DefaultRules("*"), Base: cfg, Head: cfg, BaseFound: tree, HeadFound: tree, Kinds: kinds})
		const enough = 1000
		for left := range enough + 1 {
			ix := indexChanges(AffectedInput{Changes: changes, Resolution: out, BaseFound: tree, HeadFound: tree})
			ix.steps = maxWatchSteps - left
			if reasons := ix.reasons(out.Projects[0]); len(reasons) == 0 || left == enough && ix.tired() {
				t.Errorf("%s, with %d steps left: got %q", name, left, reasons)
			}
		}
	}
}

// TestBigCompany: what a big company writes is within all bounds: 3,000 directories of five environments each, an entry
// for each of 500 directories with 20 environments, 200 globs to watch.
func TestBigCompany(t *testing.T) {
	dirs := numbered("live/team%[1]d/svc%[1]d")
	var lines []string
	for i := range 3000 {
		lines = append(lines, dirs(i)+": modules/m")
	}
	tree := found(append(lines, "modules/m")...)
	environments := func(n int) string {
		return "environments: {" + list(n, numbered("e%d: {var_files: [\"{environment}.tfvars\"]}")) + "}"
	}
	ofTeam := func(i int) string {
		return fmt.Sprintf("{dir: \"live/team%d*/**\", watch: [%s], %s}", i%10, list(20, numbered("\"/config/%d/{environment}/**/*.json\"")), environments(5))
	}
	named := func(i int) string {
		return fmt.Sprintf("{dir: %s, watch: [\"!**/*.md\", \"/config/*.json\", \"../shared/**\"], %s}", dirs(i), environments(20))
	}
	for name, tt := range map[string]struct {
		text string
		want int
	}{
		"an entry a team":    {"projects: [" + list(10, ofTeam) + "]", 15_000},
		"one after another":  {"projects: [{dir: \"**\", " + environments(2) + "}, {dir: \"live/**\", " + environments(5) + "}]", 15_000},
		"an entry for each":  {"autodiscover: {enabled: false}\nprojects: [" + list(500, named) + "]", 10_000},
		"one glob over many": {"autodiscover: {enabled: false}\nprojects: [{dir: \"live/team?/**\", " + environments(20) + "}]", 200},
	} {
		cfg := repoConfig(t, tt.text)
		out := Resolve(Input{Rules: workflow.DefaultRules("*"), Base: cfg, Head: cfg, BaseFound: tree, HeadFound: tree, Kinds: kinds})
		if len(out.Diagnostics) > 0 || out.BaseExcess != nil || len(out.Projects) < tt.want {
			t.Errorf("%s: got %d projects, %v, %v", name, len(out.Projects), out.Diagnostics, out.BaseExcess)
		}
	}
}

// TestBoundsOfWords: how long it takes to find who may read a file of others grows with the tree, not with its
// square, and how much is kept has a bound, above which every file counts.
func TestBoundsOfWords(t *testing.T) {
	const deep, wide, long = 50_000, 1_500, 200
	chain := func(n int, ends []string) workflow.Discovery {
		found := workflow.Discovery{Modules: map[string]workflow.Module{}}
		for i := range n {
			found.Modules[fmt.Sprintf("m%d", i)] = workflow.Module{Ends: ends, Calls: []string{fmt.Sprintf("m%d", i+1)}}
		}
		return found
	}
	words := make([]string, long)
	for i := range words {
		words[i] = fmt.Sprintf("w%d", i)
	}
	for name, tt := range map[string]struct {
		found workflow.Discovery
		any   bool
	}{"one word": {chain(deep, []string{"json"}), false}, "any": {chain(deep, []string{workflow.AnyEnd}), true}, "many words": {chain(wide, words), true}} {
		ix := &changeIndex{given: []string{strings.Join(words, "/") + "/x.json"}, ends: map[[2]string]bool{}, opaque: map[string]bool{},
			trees: [2]workflow.Discovery{tt.found, tt.found}}
		begun := time.Now()
		ix.indexEnds([]callers{reverse(tt.found), reverse(tt.found)})
		if took := time.Since(begun); took > 2*time.Minute {
			t.Errorf("%s: it took %v", name, took)
		}
		if n := len(ix.ends); n > maxEnds+deep || ix.opaque["m0"] != tt.any || !tt.any && !ix.ends[[2]string{"m0", "json"}] {
			t.Errorf("%s: %d words are kept, any file counts: %v", name, n, ix.opaque["m0"])
		}
	}
}
