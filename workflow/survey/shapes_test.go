package survey_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/git"
	"github.com/cardea-iac/cardea/workflow/survey"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// TestShapes holds what the product says of a change against the slow reference, in made-up
// repositories of the shapes that companies have. CARDEA_SHAPES_CHANGES is how many changes
// each of them sees (small ones three times as many), and CARDEA_SHAPES_SEED the first one's seed.
func TestShapes(t *testing.T) {
	number := func(name string, otherwise uint64) uint64 {
		text := os.Getenv(name)
		if text == "" {
			return otherwise
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("reading %s: %v", name, err)
		}
		return n
	}
	changes, seed := number("CARDEA_SHAPES_CHANGES", 10), number("CARDEA_SHAPES_SEED", 1)
	for _, s := range shapes() {
		many := changes
		if len(s.files) < 200 && changes > 1 {
			many *= 3 // a small one costs little
		}
		t.Run(s.name, func(t *testing.T) { s.compare(t, seed, many) })
	}
}

// comparison is one shape with its base.
type comparison struct {
	shape
	base     *tree
	projects map[string]declared
	reads    map[string]reading
	engines  workflow.Engines
	affected int
	took     time.Duration // by the product
}

func (s shape) compare(t *testing.T, seed, changes uint64) {
	c := comparison{shape: s, base: newTree(s.files), engines: workflow.Engines{terraform.New(terraform.Options{})}}
	start := time.Now()
	c.projects, c.reads = s.projects(c.base), map[string]reading{}
	for key, p := range c.projects {
		c.reads[key] = c.base.read(p)
	}
	byHand := time.Since(start)
	var heads []map[string]file
	var told []string
	for i := range changes {
		files, what := s.change(rand.New(rand.NewPCG(seed+i, 7)))
		heads, told = append(heads, files), append(told, fmt.Sprintf("seed %d: %s", seed+i, what))
	}
	dir := t.TempDir()
	commits := commit(t, dir, s.files, heads)
	local, err := git.OpenLocal(t.Context(), dir, path.Join(t.TempDir(), "scratch"))
	if err != nil {
		t.Fatal(err)
	}
	for i, files := range heads {
		co, err := local.Checkout(t.Context(), commits[i+1], commits[0], workflow.CheckoutMerge)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		found, trouble, err := survey.Read(t.Context(), c.engines, workflow.DefaultRules("*"), workflow.Pull{}, co)
		c.took += time.Since(start)
		if lost := c.lost(newTree(files)); err != nil || (trouble != nil) != lost {
			t.Fatalf("%s: entries without files: %v, and got %+v, %v", told[i], lost, trouble, err)
		}
		if trouble != nil {
			continue
		}
		start = time.Now()
		for _, wrong := range c.differences(found, newTree(files)) {
			t.Errorf("%s\n\t%s", told[i], wrong)
		}
		byHand += time.Since(start)
	}
	if changes >= 10 && c.affected == 0 {
		t.Errorf("no change affected any project: the shape shows nothing")
	}
	t.Logf("%d files, %d projects, %d changes that affect %d: surveyed in %v, by hand in %v", len(s.files), len(c.projects),
		changes, c.affected, c.took.Round(time.Millisecond), byHand.Round(time.Millisecond))
}

// lost reports whether an entry names a directory without configuration, which is a fault of `.cardea.yml`.
func (c *comparison) lost(head *tree) bool {
	return slices.ContainsFunc(c.entries, func(e declared) bool { return !slices.ContainsFunc(head.names[e.dir], isConfiguration) })
}

// differences are where the product and the reference do not agree about a change.
func (c *comparison) differences(found survey.Survey, head *tree) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	changed := differing(c.base.files, head.files)
	got := map[string]survey.Affected{}
	for _, a := range found.Affected {
		got[keyOf(a.Project)] = a
	}
	now := c.shape.projects(head)
	c.affected += len(got)
	for key, p := range now {
		was, before := c.reads[key]
		is := head.read(p)
		near := c.near(changed, head, p, was, is)
		if p.tool != "" { // what the other tool would call may count as well
			near = union(near, c.nearOther(changed, head, p))
		}
		a, affected := got[key]
		delete(got, key)
		switch must := !before || !maps.Equal(was.facts, is.facts); {
		case a.Deleted:
			say("%s is there, and is said to be deleted", key)
		case must && !affected:
			say("%s must be affected: %s", key, firstDifference(was.facts, is.facts))
		case affected && before && len(near) == 0:
			say("%s must not be affected, and is: %s", key, a.Reasons)
		case affected && before:
			if why := misreasoned(a.Reasons, changed, near, was, is); why != "" {
				say("%s: %s: %q", key, why, a.Reasons)
			}
		}
	}
	for key := range c.projects {
		if _, there := now[key]; !there {
			// One that only lost its backend stays a project, and is refused.
			if a, told := got[key]; !told || !a.Deleted && head.names[c.projects[key].dir] == nil {
				say("%s is no project any more, and that is not said", key)
			}
			delete(got, key)
		}
	}
	for key, a := range got {
		say("%s is no project: %q", key, a.Reasons)
	}
	return append(wrong, c.unplanned(found, head, changed)...)
}

// unplanned are the units of Terragrunt that a change concerns and of which nothing is said.
func (c *comparison) unplanned(found survey.Survey, head *tree, changed []string) (wrong []string) {
	said := map[string]bool{}
	for _, p := range found.Resolution.Projects {
		said[p.Dir] = true // a project is planned, whatever else lies beside it
	}
	for _, n := range workflow.Unsupported(found.NotPlanned) {
		for _, dir := range n.Dirs {
			said[dir] = true
		}
	}
	for _, t := range []*tree{c.base, head} {
		for dir, names := range t.names {
			if !slices.Contains(names, "terragrunt.hcl") {
				continue
			}
			u := t.read(declared{dir: dir})
			u.open = false // it has no backend of its own
			for _, b := range parsed("terragrunt.hcl", t.files[path.Join(dir, "terragrunt.hcl")].text).blocks {
				if a := b.body.Attributes["source"]; a != nil && b.kind == "terraform" {
					w := &walker{tree: t, of: declared{dir: dir}, done: map[string]bool{}, reading: u}
					w.calls = w.functions()
					w.call(dir, a.Expr, nil, nil)
				}
			}
			if near := c.near(changed, head, declared{}, u, reading{}); len(near) > 0 && !said[dir] {
				wrong = append(wrong, fmt.Sprintf("unit %s is concerned by %s, and that is not said", dir, near))
			}
		}
	}
	return wrong
}

// nearOther are the changed files that may matter to a project with the other tool, which may read other files of its directories.
func (c *comparison) nearOther(changed []string, head *tree, p declared) []string {
	tofu := p.tool == "tofu"
	p.tool = map[bool]string{true: "terraform", false: "tofu"}[tofu]
	was, is := c.base.read(p), head.read(p)
	if tofu { // only terraform cannot tell where such a call leads
		was.open, is.open = false, false
	}
	return c.near(changed, head, p, was, is)
}

// near are the changed files that may matter to a project that has read this in one tree and that in the other.
func (c *comparison) near(changed []string, head *tree, p declared, was, is reading) (out []string) {
	for _, f := range changed {
		owners := []string{c.base.owner(f, c.entries), head.owner(f, c.entries)}
		for _, r := range []reading{was, is} {
			below := func(at string) bool { return f == at || at == "." || strings.HasPrefix(f, at+"/") }
			other := !r.vague && !r.open && c.others(f, p)
			if slices.ContainsFunc(owners, func(o string) bool { return r.open || r.dirs[o] && !other || r.vague && o == "" }) ||
				slices.ContainsFunc(slices.Collect(maps.Keys(r.named)), below) {
				out = append(out, f)
				break
			}
		}
	}
	return out
}

// others reports whether entries name a file for other projects, and the tool reads it for nobody else.
func (c *comparison) others(file string, p declared) bool {
	if name := path.Base(file); isConfiguration(name) || name == "terraform.tfvars" || strings.Contains(name, ".auto.tfvars") {
		return false
	}
	names := func(e declared) bool {
		return slices.ContainsFunc(slices.Concat(e.varFiles, e.backend), func(f string) bool { return c.base.from(e.dir, f) == file })
	}
	return p.dir != "" && !names(p) && slices.ContainsFunc(c.entries, names)
}

func union(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

var (
	quoted = regexp.MustCompile("`([^`]+)`")
	more   = regexp.MustCompile(`and (\d+) more file`)
)

// misreasoned says what is wrong with the reasons of an affected project.
func misreasoned(reasons, changed, near []string, was, is reading) string {
	seen := 0
	for _, reason := range reasons {
		if strings.HasPrefix(reason, "files of ") {
			return "" // several modules, not by name
		}
		named := ""
		for _, m := range quoted.FindAllStringSubmatch(reason, -1) {
			if slices.Contains(changed, m[1]) {
				named = m[1]
				break
			}
		}
		if !slices.Contains(near, named) {
			return fmt.Sprintf("a reason names nothing of %q", near)
		}
		seen++
		if m := more.FindStringSubmatch(reason); m != nil {
			n, _ := strconv.Atoi(m[1])
			seen += n
		}
	}
	var read []string
	for _, f := range changed {
		if was.ends[f] || is.ends[f] {
			read = append(read, f)
		}
	}
	if seen < len(read) {
		return fmt.Sprintf("the reasons count %d of %q", seen, read)
	}
	return ""
}

func firstDifference(was, is map[string]string) string {
	for _, m := range []map[string]string{is, was} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if was[k] != is[k] {
				return k
			}
		}
	}
	return "it is new"
}

func keyOf(p workflow.Project) string {
	return declared{dir: p.Dir, workspace: p.VariantOrDefault(), environment: strings.TrimPrefix(p.Entry, p.Dir+"/")}.key()
}
