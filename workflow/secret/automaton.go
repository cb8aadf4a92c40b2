package secret

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Least is the shortest value that is redacted: hiding shorter ones would
// shred every word that contains them.
const Least = 6

// longSecret is the length from which a value's encoded forms are not looked for, only the value and its lines.
const longSecret = 8 << 10

// automaton finds many strings at once in a stream (Aho and Corasick): after
// each byte its state is the longest suffix of what was read that begins a string.
type automaton struct {
	nodes []node
	root  [256]int32 // the root's children, dense
}

// node is one prefix. Its children are a list through next.
type node struct {
	child, next int32 // first child, next sibling; 0 = none
	fail        int32 // the longest proper suffix that is a prefix too
	depth       int32
	match       int32 // length of the longest string that ends here; 0 = none
	b           byte
}

func newAutomaton(words []string) *automaton {
	a := &automaton{nodes: make([]node, 1)}
	for _, w := range words {
		at := int32(0)
		for i := range len(w) {
			to := a.edge(at, w[i])
			if to == 0 {
				to = a.add(at, w[i])
			}
			at = to
		}
		a.nodes[at].match = int32(len(w))
	}
	a.link()
	return a
}

func (a *automaton) add(at int32, b byte) int32 {
	to := int32(len(a.nodes))
	a.nodes = append(a.nodes, node{next: a.nodes[at].child, depth: a.nodes[at].depth + 1, b: b})
	a.nodes[at].child = to
	if at == 0 {
		a.root[b] = to
	}
	return to
}

func (a *automaton) edge(at int32, b byte) int32 {
	if at == 0 {
		return a.root[b]
	}
	for to := a.nodes[at].child; to != 0; to = a.nodes[to].next {
		if a.nodes[to].b == b {
			return to
		}
	}
	return 0
}

// link sets the fail links, level by level.
func (a *automaton) link() {
	queue := make([]int32, 1, len(a.nodes))
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for to := a.nodes[at].child; to != 0; to = a.nodes[to].next {
			queue = append(queue, to)
			if at == 0 {
				continue
			}
			fail := a.step(a.nodes[at].fail, a.nodes[to].b)
			a.nodes[to].fail = fail
			a.nodes[to].match = max(a.nodes[to].match, a.nodes[fail].match)
		}
	}
}

func (a *automaton) step(at int32, b byte) int32 {
	for {
		if to := a.edge(at, b); to != 0 || at == 0 {
			return to
		}
		at = a.nodes[at].fail
	}
}

// finds reports whether any of the strings is in s.
func (a *automaton) finds(s string) bool {
	at := int32(0)
	for i := range len(s) {
		at = a.step(at, s[i])
		if a.nodes[at].match > 0 {
			return true
		}
	}
	return false
}

// forms are the ways in which a value may be printed: its encodings, and each of its
// lines, because tools indent.
func forms(value string, deep bool) []string {
	out := encodings(value, deep)
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); len(line) >= Least && line != value {
			out = append(out, line)
		}
	}
	return out
}

// encodings are a value as it is, escaped for JSON, quoted for HCL, for a URL, in base64 at any alignment.
func encodings(value string, deep bool) []string {
	if len(value) < Least {
		return nil
	}
	if len(value) > longSecret {
		return []string{value}
	}
	all, direct := written(value, deep && len(value) <= deepSecret)
	quoted := strconv.Quote(value)
	out := append(all, quoted[1:len(quoted)-1])
	for _, text := range all {
		out = append(out, strings.ReplaceAll(strings.ReplaceAll(text, "${", "$${"), "%{", "%%{"))
	}
	for _, text := range all[:direct] {
		out = append(out, url.QueryEscape(text), url.PathEscape(text), lowerEscapes(url.QueryEscape(text)), url.User(text).String(),
			base64.StdEncoding.EncodeToString([]byte(text)), base64.URLEncoding.EncodeToString([]byte(text))) // with what pads them
		for shift := range 3 {
			out = append(out, base64Form(base64.RawStdEncoding, text, shift), base64Form(base64.RawURLEncoding, text, shift))
		}
	}
	return out
}

// How deep JSON is looked through that is a text in JSON, in which values, and until all forms have how many bytes: a
// policy in a plan's JSON is one in one. What a plan calls sensitive can be made so that it has many and long ones.
const (
	deepBytes  = 4 << 20
	jsonDepth  = 4
	deepSecret = 1 << 10
)

// written are a value as it is and as a text in JSON, in such JSON as a text in JSON, and so on. The
// first direct of them are those of the first level.
func written(value string, deep bool) (all []string, direct int) {
	all = []string{value}
	for depth, from := 0, 0; depth == 0 || deep && depth < jsonDepth; depth++ {
		level := all[from:]
		from = len(all)
		for _, text := range level {
			for _, html := range []bool{true, false} {
				if next := jsonForm(text, html); !slices.Contains(all, next) {
					all = append(all, next)
				}
			}
		}
		if depth == 0 {
			direct = len(all)
		}
	}
	return all, direct
}

func jsonForm(value string, html bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(value); err != nil {
		return value // a string always encodes
	}
	s := strings.TrimSuffix(b.String(), "\n")
	return s[1 : len(s)-1]
}

// lowerEscapes turns %2F into %2f.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// base64Form is what base64 of anything that holds value, beginning shift bytes
// after a multiple of three, surely contains: the characters that depend on value alone.
func base64Form(e *base64.Encoding, value string, shift int) string {
	s := e.EncodeToString([]byte("\x00\x00"[:shift] + value))
	start := []int{0, 2, 3}[shift]
	end := (shift + len(value)) * 8 / 6
	if end-start < Least {
		return ""
	}
	return s[start:end]
}
