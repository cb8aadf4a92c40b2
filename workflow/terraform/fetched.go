package terraform

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// lookFetched notes what init brought: tool, modules and providers.
func (p *planning) lookFetched() error {
	p.fetched = workflow.Fetched{Tool: workflow.Exact(p.tool.name + " " + p.tool.version.String()), Modules: map[string]workflow.Exact{}, Providers: map[string]workflow.Exact{}}
	for address, l := range p.lockedProviders() {
		p.fetched.Providers[address] = workflow.Exact(l.Version + " " + tfconfig.Hash(l.PlatformHashes()...))
	}
	root := filepath.Join(p.dataDir(), "modules")
	packages, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the fetched modules: %w", err)
	}
	sources, err := installedSources(filepath.Join(root, "modules.json"))
	if err != nil {
		return fmt.Errorf("reading the fetched modules: %w", err)
	}
	for _, d := range packages {
		if d.Name() == "modules.json" && d.Type().IsRegular() {
			continue // what is where, by the configuration
		}
		sum, err := treeDigest(filepath.Join(root, d.Name()), gitHistory(sources[d.Name()]))
		if err != nil {
			return fmt.Errorf("reading the fetched modules: %w", err)
		}
		p.fetched.Modules["module."+strings.ReplaceAll(d.Name(), ".", ".module.")] = workflow.Exact(sum)
	}
	return nil
}

// gitHistory reports whether a module's source leaves git's own directory beside
// the files: a repository, or what a registry said, which may be one.
func gitHistory(source string) bool {
	return strings.HasPrefix(source, "git::") || source != "" && !strings.Contains(source, "::") && !strings.Contains(source, "://")
}

// treeDigest is a SHA-256 over paths, modes and contents of what is at a place. Of a
// git repository its history is left out, which is never the same twice.
func treeDigest(root string, history bool) (string, error) {
	h := sha256.New()
	git := filepath.Join(root, ".git")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && history && name == git:
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		return hashFile(h, name, rel, d.Type())
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// mostWalked is how many files of a named directory are looked at.
const mostWalked = 10_000

// finding finds what words name in the workspace.
type finding struct {
	p    *planning
	root string // of the workspace, without symlinks
	made map[string]bool
	seen map[string][]workflow.Place
}

// finder returns what says which places of the workspace a word names.
func (p *planning) finder() func(word string) []workflow.Place {
	f := &finding{p: p, root: p.job.Files.Workspace, made: map[string]bool{}, seen: map[string][]workflow.Place{}}
	if real, err := filepath.EvalSymlinks(f.root); err == nil {
		f.root = real
	}
	for _, name := range p.made {
		f.made[name] = true
	}
	return f.find
}

func (f *finding) find(word string) []workflow.Place {
	const longest = 4096 // of a path
	if word == "" || len(word) > longest || strings.ContainsRune(word, 0) {
		return nil
	}
	if known, ok := f.seen[word]; ok {
		return known
	}
	var out []workflow.Place
	look := func(name string, rooted bool) {
		if slices.ContainsFunc(out, func(p workflow.Place) bool { return p.Path == filepath.ToSlash(filepath.Clean(name)) }) {
			return
		}
		if place, ok := f.place(name); ok {
			place.Rooted = rooted
			out = append(out, place)
		}
	}
	if filepath.IsAbs(word) {
		for _, root := range []string{f.p.job.Files.Workspace, f.root} {
			if rel, err := filepath.Rel(root, word); err == nil {
				look(rel, false)
			}
		}
	} else {
		look(filepath.Join(f.p.job.Project.Dir, word), false)
		if strings.Contains(word, "/") {
			look(filepath.Clean(word), true)
		}
	}
	f.seen[word] = out
	return out
}

// place looks at a path relative to the root.
func (f *finding) place(name string) (out workflow.Place, ok bool) {
	if !filepath.IsLocal(name) {
		return out, false
	}
	full := filepath.Join(f.root, name)
	info, err := os.Stat(full)
	if err != nil {
		return out, false
	}
	out.Path, out.Dir = filepath.ToSlash(name), info.IsDir()
	if data, err := filepath.Rel(f.p.dataDir(), filepath.Join(f.p.job.Files.Workspace, name)); err == nil && filepath.IsLocal(data) {
		return f.brought(out, data)
	}
	f.lead(&out, full)
	if !out.Dir {
		out.Made = f.madeDigest(slices.Concat(out.Leads, []string{out.Path})[:1]) // where it really is
		return out, true
	}
	if !out.Unclear {
		f.walk(&out, full)
	}
	return out, true
}

// brought is a place in terraform's own directory. What init put there is bound
// already; but a plan can have made something beside it.
func (f *finding) brought(out workflow.Place, data string) (workflow.Place, bool) {
	if first, rest, _ := strings.Cut(filepath.ToSlash(data), "/"); first != "modules" || rest == "" {
		return out, false
	}
	sum, err := treeDigest(filepath.Join(f.root, filepath.FromSlash(out.Path)), true)
	out.Made, out.Unclear = workflow.Exact(sum), err != nil
	return out, true
}

// lead notes where a path really is.
func (f *finding) lead(out *workflow.Place, full string) {
	real, err := filepath.EvalSymlinks(full)
	if err == nil {
		real, err = filepath.Rel(f.root, real)
	}
	switch real = filepath.ToSlash(real); {
	case err != nil || !filepath.IsLocal(real):
		out.Unclear = true
	case real != out.Path && !slices.Contains(out.Leads, real):
		out.Leads = append(out.Leads, real)
	}
}

// walk looks through a directory for links and for what the plan made.
func (f *finding) walk(out *workflow.Place, full string) {
	start, err := filepath.EvalSymlinks(full)
	if err != nil {
		out.Unclear = true
		return
	}
	n, made := 0, []string{}
	err = filepath.WalkDir(start, func(name string, d fs.DirEntry, err error) error {
		if n++; err != nil || n > mostWalked {
			out.Unclear = true
			return fs.SkipAll
		}
		rel, err := filepath.Rel(f.root, name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == dataDir:
			return fs.SkipDir
		case d.IsDir():
		case d.Type()&fs.ModeSymlink != 0:
			f.lead(out, name)
		case rel != filepath.FromSlash(f.p.relative(tfconfig.LockFile)):
			made = append(made, filepath.ToSlash(rel))
		}
		return nil
	})
	out.Unclear = out.Unclear || err != nil
	out.Made = f.madeDigest(made)
}

// madeDigest is a digest of those of the files that are not as they were exported, "" without one.
func (f *finding) madeDigest(files []string) workflow.Exact {
	if f.p.before == nil {
		return ""
	}
	h, any := sha256.New(), false
	for _, name := range files {
		full := filepath.Join(f.root, filepath.FromSlash(name))
		info, err := os.Lstat(full)
		if err == nil && stampOf(info) == f.p.before[name] && !f.made[name] {
			continue
		}
		any = true
		if err == nil {
			err = hashFile(h, full, name, info.Mode().Type())
		}
		if err != nil {
			fmt.Fprintf(h, "unreadable %q\n", name)
		}
	}
	if !any {
		return ""
	}
	return workflow.Exact(hex.EncodeToString(h.Sum(nil)))
}
