package terraform

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// The limits of what is searched for values that the repository says itself.
// What is not found stays masked.
const (
	saysFile = 1 << 20  // a larger file is not read
	saysTree = 64 << 20 // of all files together
	saysWord = 4        // a shorter text is not looked for
)

// says returns those of some texts that stand in files of the repository, as
// they were exported: what a plan or an init made there may be secret. A text of
// several lines stands there when each of them does.
func (p *planning) says(texts []string) map[string]bool {
	search := wordSearch{}
	lines := map[string][]string{}
	for _, t := range texts {
		for _, line := range strings.Split(t, "\n") {
			if line = strings.TrimSpace(line); len(line) >= saysWord {
				lines[t] = append(lines[t], line)
				search.add(line)
			}
		}
	}
	if len(search.wanted) > 0 {
		p.searchTree(&search)
	}
	out := map[string]bool{}
	for t, all := range lines {
		if !slices.ContainsFunc(all, func(line string) bool { return !search.found[line] }) {
			out[t] = true
		}
	}
	if p.said == nil {
		p.said = map[string]bool{}
	}
	maps.Copy(p.said, out)
	return out
}

// searchTree looks through the tree, the project's own files first.
func (p *planning) searchTree(search *wordSearch) {
	own := strings.TrimPrefix(p.relative("")+"/", "./")
	names := slices.SortedFunc(maps.Keys(p.tree), func(a, b string) int {
		if aOwn, bOwn := strings.HasPrefix(a, own), strings.HasPrefix(b, own); aOwn != bOwn {
			return map[bool]int{true: -1, false: 1}[aOwn]
		}
		return strings.Compare(a, b)
	})
	left := saysTree
	for _, name := range names {
		if p.tree[name].size > saysFile || search.done() || left <= 0 {
			continue
		}
		data := p.unchanged(name)
		left -= len(data)
		search.in(data)
	}
}

// unchanged is the content of a file that is still what was exported.
func (p *planning) unchanged(name string) []byte {
	f, err := openRegular(filepath.Join(p.job.Files.Workspace, filepath.FromSlash(name)))
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || stampOf(info) != p.tree[name] {
		return nil // also what a symlink leads to
	}
	data, err := io.ReadAll(io.LimitReader(f, saysFile))
	if err != nil {
		return nil
	}
	return data
}

// says, of an apply, goes by what its plan found: files that the plan made lie over the tree by now.
func (a *applying) says(texts []string) map[string]bool {
	out := map[string]bool{}
	for _, t := range texts {
		if slices.Contains(a.seal.Said, t) {
			out[t] = true
		}
	}
	return out
}

// wordSearch looks for many texts at once, by their first four bytes.
type wordSearch struct {
	wanted map[string]bool
	begins map[uint32][]search
	maybe  [1 << 10]uint64 // a bit for each hash of such beginnings
	found  map[string]bool
}

// search is one form of a wanted text.
type search struct{ form, text string }

func (w *wordSearch) add(text string) {
	if w.wanted == nil {
		w.wanted, w.begins, w.found = map[string]bool{}, map[uint32][]search{}, map[string]bool{}
	}
	if w.wanted[text] {
		return
	}
	w.wanted[text] = true
	// As it stands in the open, and between quotes.
	quoted := strings.NewReplacer("\\", `\\`, `"`, `\"`, "\t", `\t`).Replace(text)
	dollars := strings.NewReplacer("${", "$${", "%{", "%%{")
	forms := []string{text, quoted, dollars.Replace(text), dollars.Replace(quoted)}
	slices.Sort(forms)
	forms = slices.Compact(forms)
	for _, form := range forms {
		begin := binary.LittleEndian.Uint32([]byte(form))
		w.begins[begin] = append(w.begins[begin], search{form, text})
		h := beginHash(begin)
		w.maybe[h>>6] |= 1 << (h & 63)
	}
}

func beginHash(begin uint32) uint32 { return begin * 2654435761 >> 16 }

func (w *wordSearch) done() bool { return len(w.found) == len(w.wanted) }

func (w *wordSearch) in(data []byte) {
	for i := 0; i+saysWord <= len(data); i++ {
		begin := binary.LittleEndian.Uint32(data[i:])
		h := beginHash(begin)
		if w.maybe[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for _, s := range w.begins[begin] {
			if !w.found[s.text] && bytes.HasPrefix(data[i:], []byte(s.form)) {
				w.found[s.text] = true
			}
		}
	}
}
