package survey_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// shape is a made-up repository.
type shape struct {
	name    string
	files   map[string]file
	entries []declared // the projects of its `.cardea.yml`
}

func (s *shape) put(name, text string) { s.files[name] = file{text: text} }

// link makes a symlink; its target is from the root here, and relative where it is stored.
func (s *shape) link(name, target string) {
	up := strings.Repeat("../", strings.Count(name, "/"))
	s.files[name] = file{text: up + target, link: true}
}

// projects are what a tree has, by the rules of the documentation: entries, and directories with a backend.
func (s shape) projects(t *tree) map[string]declared {
	out := map[string]declared{}
	entered := map[string]bool{}
	for _, e := range s.entries {
		entered[e.dir] = true
		out[e.key()] = e
	}
	for dir, names := range t.names {
		d := declared{dir: dir}
		state := false
		for _, name := range names {
			if !isConfiguration(name) {
				continue
			}
			if strings.Contains(name, ".tofu") {
				d.tool = "tofu"
			}
			if end, _, there := t.resolve(path.Join(dir, name)); there {
				state = state || backends(parsed(name, t.files[end].text).blocks) > 0
			}
		}
		if state && !entered[dir] {
			out[d.key()] = d
		}
	}
	return out
}

// change makes one to three changes of a kind that people make.
func (s shape) change(r *rand.Rand) (map[string]file, string) {
	files := maps.Clone(s.files)
	var told []string
	for range 1 + r.IntN(3) {
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool { return name == workflow.RepoConfigFile })
		told = append(told, one(r, files, names))
	}
	return files, strings.Join(told, ", ")
}

// one makes one change and says which.
func one(r *rand.Rand, files map[string]file, names []string) string {
	some := func(what func(name string) bool) string {
		if fit := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !what(name) }); len(fit) > 0 {
			return fit[r.IntN(len(fit))]
		}
		return names[r.IntN(len(names))]
	}
	plain := func(name string) bool { return !files[name].link }
	code := func(name string) bool { return plain(name) && isConfiguration(path.Base(name)) }
	data := func(name string) bool { return plain(name) && !code(name) }
	edit := func(name string) string {
		if files[name].link {
			return retarget(r, files, names, name)
		}
		files[name] = file{text: edited(name, files[name].text)}
		return "edit " + name
	}
	switch r.IntN(12) {
	case 0, 1:
		return edit(some(code))
	case 2:
		return edit(some(data))
	case 3:
		return edit(some(func(name string) bool {
			return data(name) && (strings.Contains(name, "shared") || strings.Contains(name, "data"))
		}))
	case 4:
		return edit(some(func(name string) bool { return code(name) && strings.Contains(name, "module") }))
	case 5, 6:
		near := some(func(string) bool { return true })
		name := path.Join(path.Dir(near), fmt.Sprintf("added%d%s", r.IntN(100), path.Ext(near)))
		files[name] = file{text: map[bool]string{true: "{}", false: "# new\n"}[path.Ext(near) == ".json"]}
		return "add " + name
	case 7:
		name := some(plain)
		delete(files, name)
		return "delete " + name
	case 8:
		from := some(plain)
		to := path.Join(path.Dir(from), "renamed"+path.Ext(from))
		files[to] = files[from]
		delete(files, from)
		return "rename " + from + " to " + to
	case 9:
		from, near := some(plain), some(plain)
		to := path.Join(path.Dir(near), path.Base(from))
		moved := files[from]
		delete(files, from)
		files[to] = moved
		return "move " + from + " to " + to
	case 10:
		return edit(some(func(name string) bool { return files[name].link }))
	}
	from := path.Dir(some(code))
	if from == "." {
		return edit(some(code))
	}
	for _, name := range names {
		if rest, below := strings.CutPrefix(name, from+"/"); below {
			files[from+"-renamed/"+rest] = files[name]
			delete(files, name)
		}
	}
	return "rename directory " + from
}

// edited is a text that means the same or a little more, and is not the same.
func edited(name, text string) string {
	if strings.HasSuffix(name, ".json") {
		return text + "\n"
	}
	return text + "# edited\n"
}

// retarget lets a symlink lead where another file or directory of its kind is.
func retarget(r *rand.Rand, files map[string]file, names []string, link string) string {
	t := newTree(files)
	end, _, _ := t.resolve(link)
	_, wasFile := files[end]
	var to []string
	for _, name := range names {
		switch {
		case files[name].link || name == end:
		case wasFile && path.Ext(name) == path.Ext(end):
			to = append(to, name)
		case !wasFile && path.Dir(name) != "." && path.Dir(name) != end && !strings.HasPrefix(link, path.Dir(name)+"/"):
			to = append(to, path.Dir(name))
		}
	}
	if len(to) == 0 {
		delete(files, link)
		return "delete symlink " + link
	}
	target := to[r.IntN(len(to))]
	files[link] = file{text: strings.Repeat("../", strings.Count(link, "/")) + target, link: true}
	return "retarget " + link + " to " + target
}

// differing are the paths that are not the same in both, sorted.
func differing(was, is map[string]file) []string {
	var out []string
	for name, f := range was {
		if g, there := is[name]; !there || f != g {
			out = append(out, name)
		}
	}
	for name := range is {
		if _, there := was[name]; !there {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// commit makes a repository with a commit of base and one on it for each head, in this order.
func commit(t *testing.T, dir string, base map[string]file, heads []map[string]file) []string {
	t.Helper()
	var stream strings.Builder
	write := func(files map[string]file, names []string) {
		for _, name := range names {
			f, there := files[name]
			switch {
			case !there:
				fmt.Fprintf(&stream, "D %s\n", name)
			case f.link:
				fmt.Fprintf(&stream, "M 120000 inline %s\ndata %d\n%s\n", name, len(f.text), f.text)
			default:
				fmt.Fprintf(&stream, "M 100644 inline %s\ndata %d\n%s\n", name, len(f.text), f.text)
			}
		}
	}
	refs := []string{"refs/heads/main"}
	const by = "committer x <x@example.com> 0 +0000\ndata 1\nx\n"
	stream.WriteString("commit refs/heads/main\nmark :1\n" + by)
	write(base, slices.Sorted(maps.Keys(base)))
	for i, files := range heads {
		refs = append(refs, fmt.Sprintf("refs/heads/change%d", i))
		fmt.Fprintf(&stream, "commit %s\n%sfrom :1\n", refs[i+1], by)
		write(files, differing(base, files))
	}
	run := func(input string, args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("", "init", "-q", "--bare")
	run(stream.String(), "fast-import", "--quiet")
	return strings.Fields(run("", append([]string{"rev-parse"}, refs...)...))
}
