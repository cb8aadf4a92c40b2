package planjson

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// mostNamed is how many places a plan may name quietly.
const mostNamed = 200

// naming collects the places that strings of a plan name.
type naming struct {
	find   func(word string) []workflow.Place
	told   map[string]map[string]bool // by who names them: paths, directories with a slash at the end
	quiet  map[workflow.Exact]bool
	made   map[string]workflow.Exact
	tooBig bool
}

// namedIn finds the places that a plan's strings name, sensitive ones included.
func namedIn(doc *planDoc, w Written, late bool) naming {
	n := naming{find: w.Find, told: map[string]map[string]bool{},
		quiet: map[workflow.Exact]bool{}, made: map[string]workflow.Exact{}}
	if n.find == nil {
		return n
	}
	for _, c := range doc.resources {
		if !c.Counts() && !c.Does("read") {
			continue
		}
		who := configAddress(c.Address)
		n.value(who, c.After.Value)
		if slices.Contains(c.Actions, "delete") || slices.Contains(c.Actions, "forget") {
			n.value(who, c.Before.Value)
		}
		n.value(who, c.Extra.Value)
	}
	for _, v := range doc.deferred {
		n.value("what is deferred", v)
	}
	for _, v := range doc.invocations {
		n.value("an action", v)
	}
	for _, c := range doc.outputs {
		if c.Counts() {
			n.value("", c.After.Value)
		}
	}
	if late {
		for _, text := range w.Literals {
			n.text("", text)
			n.beginning(text)
		}
	}
	return n
}

// value goes through a value. A key is looked at when it looks like a path: most are names of attributes.
func (n *naming) value(who string, v any) {
	switch v := v.(type) {
	case string:
		n.text(who, v)
	case []any:
		for _, e := range v {
			n.value(who, e)
		}
	case map[string]any:
		for k, e := range v {
			if pathLike(k) {
				n.text(who, k)
			}
			n.value(who, e)
		}
	}
}

// text looks at a text as a whole and at its words; of JSON in it, at every string.
func (n *naming) text(who, text string) {
	for _, word := range wordsOf(text) {
		for _, p := range n.find(word) {
			n.add(who, word, p)
		}
	}
	if t := strings.TrimSpace(text); strings.HasPrefix(t, "{") || strings.HasPrefix(t, "[") {
		var inner any
		if json.Unmarshal([]byte(t), &inner) == nil {
			n.value(who, inner)
		}
	}
}

// beginning looks at the directory in which a text that is not complete yet would name something.
func (n *naming) beginning(text string) {
	for _, word := range wordsOf(text) {
		if dir := path.Dir(strings.TrimLeft(word, "/")); dir != "." && dir != "/" {
			for _, p := range n.find(dir) {
				n.add("", dir, p)
			}
		}
	}
}

func (n *naming) add(who, word string, p workflow.Place) {
	name := p.Path
	if p.Made != "" {
		n.made[name] = p.Made
	}
	if p.Unclear || who != "" && !p.Rooted && pathLike(word) {
		if n.told[who] == nil {
			n.told[who] = map[string]bool{}
		}
		if p.Dir {
			name += "/"
		}
		n.told[who][name] = true
		return
	}
	for _, at := range append([]string{p.Path}, p.Leads...) {
		n.quiet[workflow.Exact(at)] = true
	}
	n.tooBig = n.tooBig || len(n.quiet) > mostNamed
}

// effects says which files the plan reads that it does not show.
func (n *naming) effects() (out []workflow.HiddenEffect) {
	for _, who := range slices.Sorted(maps.Keys(n.told)) {
		var files, dirs []string
		for _, name := range slices.Sorted(maps.Keys(n.told[who])) {
			if dir, ok := strings.CutSuffix(name, "/"); ok {
				dirs = append(dirs, phrase.Shown(dir))
			} else {
				files = append(files, phrase.Shown(name))
			}
		}
		var what []string
		if len(files) > 0 {
			what = append(what, phrase.OneMany(len(files) == 1, "the file ", "the files ")+phrase.SomeOf(files))
		}
		if len(dirs) > 0 {
			what = append(what, phrase.OneMany(len(dirs) == 1, "the directory ", "the directories ")+phrase.SomeOf(dirs))
		}
		subject := phrase.CodeSpan(who)
		switch who {
		case "":
			subject = "something"
		case "what is deferred", "an action":
			subject = who
		}
		e := workflow.HiddenEffect{Kind: "file",
			Text: fmt.Sprintf("%s reads %s, whose content the plan does not show", subject, phrase.AndList(what))}
		if subject != who {
			e.Address = who
		}
		out = append(out, e)
	}
	if n.tooBig {
		out = append(out, workflow.HiddenEffect{Kind: "file",
			Text: fmt.Sprintf("strings in the plan name more than %d files and directories that may be read", mostNamed)})
	}
	return out
}

// places are those that are bound without a word, sorted.
func (n *naming) places() []workflow.Exact {
	if n.tooBig {
		return nil // the whole tree is
	}
	return slices.Sorted(maps.Keys(n.quiet))
}

// pathLike reports whether people would take a word for a path: it has a slash, or a dot within.
func pathLike(word string) bool {
	return strings.Contains(word, "/") || strings.Contains(strings.Trim(word, "."), ".")
}

// wordsOf is a text whole, and taken apart at quotes, at spaces, at what separates
// values, and at what else may stand beside a name; each once.
func wordsOf(text string) []string {
	const quotes, values, marks = "\"'`\n", " \t\r\n\"'`,;=()[]{}<>|&", " \t\r\n\"'`,;=()[]{}<>|&:@#?!*$%^+\\~"
	seen := map[string]bool{"": true}
	var out []string
	add := func(words ...string) {
		for _, w := range words {
			bare := strings.TrimRight(w, ".,;:!?")
			for _, w := range []string{w, bare, strings.TrimPrefix(bare, "//")} { // of file://../x
				if !seen[w] {
					seen[w] = true
					out = append(out, w)
				}
			}
		}
	}
	at := func(set string) []string {
		return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(set, r) || r == 0 })
	}
	add(text, strings.TrimSpace(text))
	add(at(quotes)...)
	add(strings.FieldsFunc(text, unicode.IsSpace)...)
	add(at(values)...)
	add(at(marks)...)
	return out
}
