package tfconfig

import (
	"io/fs"
	"path"

	"github.com/cardea-iac/cardea/workflow/terraform/route"
)

// blame says whose computed path it is where a module reads what an input variable
// names: that of whoever gives it something of which nothing is known. What is
// known counts where it is written.
func (p *placing) blame(tree fs.FS) {
	open := map[string]map[string][]string{} // directory -> input -> files of code
	var todo []string
	for dir, said := range p.said {
		for input, files := range said.inputs {
			if open[dir] == nil {
				open[dir] = map[string][]string{}
				todo = append(todo, dir)
			}
			open[dir][input] = joinAll(dir, files)
		}
	}
	if len(todo) == 0 {
		return
	}
	callers := p.passers(tree)
	for ; len(todo) > 0; todo = todo[1:] {
		dir := todo[0]
		for _, call := range callers[dir] {
			m := p.modules[call.from]
			for input, files := range open[dir] {
				own, passed := call.gives[input]
				switch {
				case !passed:
				case own == "":
					m.Computed = sorted(append(m.Computed, files...))
				default:
					if open[call.from] == nil {
						open[call.from] = map[string][]string{}
					}
					was := open[call.from][own]
					now := sorted(append(append([]string(nil), was...), files...))
					if open[call.from][own] = now; len(now) > len(was) {
						todo = append(todo, call.from)
					}
				}
			}
			p.modules[call.from] = m
		}
	}
	for dir, inputs := range open {
		m := p.modules[dir]
		for _, files := range inputs {
			m.InputPaths = append(m.InputPaths, files...)
		}
		m.InputPaths = sorted(m.InputPaths)
		p.modules[dir] = m
	}
}

// passer is a directory that calls a module with inputs of which nothing is known.
type passer struct {
	from  string
	gives map[string]string // input -> the caller's own input, or ""
}

// passers are, by module, the directories that call it so.
func (p *placing) passers(tree fs.FS) map[string][]passer {
	out := map[string][]passer{}
	for dir, said := range p.said {
		for source, gives := range said.passed {
			called := path.Join(dir, source)
			if _, plain := p.modules[called]; !plain {
				r, ok := route.Trace(tree, called)
				if !ok {
					continue
				}
				called = r.End
			}
			out[called] = append(out[called], passer{dir, gives})
		}
	}
	return out
}
