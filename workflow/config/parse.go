package config

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/cardea-iac/cardea/workflow"
)

// Limits of a configuration file. They are far above what people write and far
// below what would hurt: both files are read by the server's own process, and
// `.cardea.yml` comes from whoever opens a pull.
const (
	MaxBytes     = 1 << 20
	maxYAMLNodes = 250_000 // after aliases are expanded
	maxYAMLDepth = 40
	maxYAMLKeys  = 2_000    // of one block mapping
	maxYAMLEmpty = 2_000    // keys and items without a value
	maxYAMLText  = 32 << 20 // bytes of all values, and of what each is called, after aliases are expanded
	maxYAMLTabs  = 2_000
	maxFaults    = 100
	maxKept      = 10_000 // faults that are sorted
	maxFaultText = 1000
)

// Faults collects what is wrong with a file, so that all of it is said at once.
type Faults struct {
	list []workflow.Diagnostic
	more int // that are only counted
}

// Add notes one fault.
func (f *Faults) Add(at workflow.Position, format string, args ...any) {
	if len(f.list) == maxKept {
		f.more++
		return
	}
	summary := fmt.Sprintf(format, args...)
	if len(summary) > maxFaultText { // it quotes a text that nobody would read to its end
		summary = strings.ToValidUTF8(summary[:maxFaultText], "") + "…"
	}
	f.list = append(f.list, workflow.Diagnostic{Severity: workflow.SeverityError, Summary: summary, Position: at})
}

// Few reports that there are so few faults that it is worth the work to say what was meant.
func (f *Faults) Few() bool { return len(f.list) < 20 }

// List returns the faults in the order of the file, at most 100 and one that counts the rest.
func (f *Faults) List() []workflow.Diagnostic {
	list := InOrder(f.list)
	if len(list) > maxFaults {
		rest := len(list) - maxFaults + f.more
		list = append(list[:maxFaults:maxFaults], workflow.Diagnostic{Severity: workflow.SeverityError,
			Summary: fmt.Sprintf("%d more errors", rest), Position: workflow.Position{File: list[0].Position.File}})
	}
	return list
}

// InOrder sorts faults by where they stand in their file; what is in no line comes last.
func InOrder(faults []workflow.Diagnostic) []workflow.Diagnostic {
	list := append([]workflow.Diagnostic(nil), faults...)
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i].Position, list[j].Position
		if (a.Line == 0) != (b.Line == 0) {
			return b.Line == 0
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	return list
}

// yamlKind is what a YAML value is.
type yamlKind string

const (
	yamlNull  yamlKind = "nothing"
	yamlText  yamlKind = "a string"
	yamlInt   yamlKind = "a whole number"
	yamlFloat yamlKind = "a number"
	yamlBool  yamlKind = "true or false"
	yamlList  yamlKind = "a list"
	yamlMap   yamlKind = "a mapping"
	yamlOther yamlKind = "a value of an unknown kind"
)

// Value is one value of a configuration file which knows where it stands and
// what it is called. Its methods read it into Go values; what does not fit is
// added to the Faults of the file, so that a reader needs no error handling of
// its own and all faults come at once.
type Value struct {
	kind   yamlKind
	text   string // of scalars: as written, without quotes
	items  []*Value
	keys   []yamlKey
	at     workflow.Position
	path   string // projects[2].dir
	faults *Faults
}

type yamlKey struct {
	name  string
	at    workflow.Position
	value *Value
}

// Keys says what reads each key of a mapping.
type Keys map[string]func(*Value)

// Parse reads one strict YAML document. It returns nil when the file is
// empty or does not parse; in the second case the reason is in faults.
// Duplicate keys, several documents, tags, and files beyond the limits of size,
// depth and expanded aliases are faults.
func Parse(file string, data []byte, faults *Faults) *Value {
	at := workflow.Position{File: file, Line: 1, Column: 1}
	if len(data) > MaxBytes {
		faults.Add(at, "the file has %d bytes; the limit is %d", len(data), MaxBytes)
		return nil
	}
	if !utf8.Valid(data) {
		faults.Add(at, "the file is not UTF-8 text")
		return nil
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	if line := conflictMark(text); line > 0 {
		faults.Add(workflow.Position{File: file, Line: line, Column: 1}, "a mark of a merge conflict is left here: resolve the conflict")
		return nil
	}
	if strings.Count(text, "\t") > maxYAMLTabs { // each could be taken for a fault of the rest of the file
		before := text[:strings.IndexByte(text, '\t')]
		at.Line, at.Column = 1+strings.Count(before, "\n"), len(before)-strings.LastIndexByte(before, '\n')
		faults.Add(at, "the file has more than %d tabs, of which the first is here; YAML is indented with spaces", maxYAMLTabs)
		return nil
	}
	tokens := lexer.Tokenize(text)
	if t, what := tooMuch(tokens); t != nil {
		faults.Add(positionOf(file, t), "%s", what)
		return nil
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		faults.Add(syntaxFault(file, err))
		return nil
	}
	r := yamlReader{file: file, faults: faults, anchors: map[string]ast.Node{}, open: map[string]bool{}}
	var root *Value
	for _, doc := range parsed.Docs {
		if doc == nil || doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			faults.Add(positionOf(file, startToken(doc.Body)), "a second document starts here; only one is allowed")
			break
		}
		root = r.value(doc.Body, "", 0)
	}
	if root == nil || root.kind == yamlNull || r.full { // what is read in part would have faults of its own
		return nil
	}
	return root
}

func positionOf(file string, t *token.Token) workflow.Position {
	if t == nil || t.Position == nil {
		return workflow.Position{File: file, Line: 1, Column: 1}
	}
	return workflow.Position{File: file, Line: t.Position.Line, Column: t.Position.Column}
}

// tooMuch returns the token at which the file passes a limit, and which, or nil.
// It runs before the parser, which recurses once a level, moves all keys of a
// block mapping for each new one, and the rest of the file for each empty value: a
// megabyte of "[" must not become a gigabyte of stack, nor one of keys a minute of work. And it
// writes down for each value all keys that lead to it.
func tooMuch(tokens token.Tokens) (at *token.Token, what string) {
	type level struct{ column, keys int }
	flow, chain, line, empty, ways := 0, 0, 0, 0, 0
	var levels []level
	var key [2 * maxYAMLDepth]int // length of the last key, by depth
	var opened *token.Token       // what no other one is around
	for i, t := range tokens {
		depth := min(flow+len(levels), len(key)-1)
		if t.Type == token.MappingValueType && i > 0 {
			key[depth] = len(tokens[i-1].Value)
		}
		for _, n := range key[:depth+1] {
			ways += n
		}
		if ways > maxYAMLText {
			return t, "the keys above this are too long for so many values"
		}
		if leavesEmpty(tokens, i) {
			if empty++; empty > maxYAMLEmpty {
				return t, fmt.Sprintf("the file has more than %d keys and items without a value", maxYAMLEmpty)
			}
		}
		if t.Position != nil && t.Position.Line != line && flow == 0 {
			line, chain = t.Position.Line, 0
			for len(levels) > 0 && levels[len(levels)-1].column > t.Position.Column {
				levels = levels[:len(levels)-1]
			}
			if len(levels) == 0 || levels[len(levels)-1].column < t.Position.Column {
				levels = append(levels, level{column: t.Position.Column})
			}
			if top := &levels[len(levels)-1]; t.Type != token.SequenceEntryType && t.Type != token.CommentType {
				if top.keys++; top.keys > maxYAMLKeys {
					return t, fmt.Sprintf("a mapping has more than %d keys", maxYAMLKeys)
				}
			}
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			if flow++; flow == 1 {
				opened = t
			}
		case token.SequenceEndType, token.MappingEndType:
			flow = max(flow-1, 0)
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			chain++
		case token.CollectEntryType:
			chain = 0
		}
		if flow+chain+len(levels) > maxYAMLDepth {
			return t, fmt.Sprintf("this is nested deeper than %d levels", maxYAMLDepth)
		}
	}
	if flow > 0 { // the parser would look for the end again and again
		return opened, fmt.Sprintf("not valid YAML: the `%s` here is never closed; a text with special characters needs quotes", opened.Value)
	}
	return nil, ""
}

// leavesEmpty reports whether nothing follows the token that announces a value.
func leavesEmpty(tokens token.Tokens, i int) bool {
	t := tokens[i]
	column := t.Position.Column
	switch t.Type {
	case token.MappingValueType:
		if i > 0 {
			column = tokens[i-1].Position.Column
		}
	case token.MappingKeyType:
		return true // "? key": nobody writes it, and its value may be anywhere
	case token.SequenceEntryType, token.TagType, token.AnchorType:
	default:
		return false
	}
	for i++; i < len(tokens) && tokens[i].Type == token.CommentType; i++ {
	}
	if i == len(tokens) {
		return true
	}
	switch next := tokens[i]; next.Type {
	case token.CollectEntryType, token.MappingEndType, token.SequenceEndType:
		return true
	default:
		return next.Position.Line > t.Position.Line &&
			(next.Position.Column < column || (next.Position.Column == column &&
				(next.Type != token.SequenceEntryType || t.Type != token.MappingValueType)))
	}
}

// yamlReader turns the parser's tree into YAML values.
type yamlReader struct {
	file    string
	faults  *Faults
	nodes   int
	text    int // bytes of values and of what they are called
	full    bool
	merging bool // the list that comes next is of mappings to merge: they are no items
	anchors map[string]ast.Node
	open    map[string]bool // anchors that are being expanded: an alias to one of them is a circle
}

func (r *yamlReader) value(n ast.Node, path string, depth int) *Value {
	if n == nil {
		return &Value{kind: yamlNull, at: workflow.Position{File: r.file}, path: path, faults: r.faults}
	}
	y := &Value{kind: yamlOther, at: positionOf(r.file, startToken(n)), path: path, faults: r.faults}
	r.nodes++
	if r.text += len(path); r.nodes > maxYAMLNodes || depth > maxYAMLDepth {
		r.stop(y.at, fmt.Sprintf("the file has more than %d values or is nested deeper than %d levels once its aliases are expanded",
			maxYAMLNodes, maxYAMLDepth))
		return y
	}
	defer func() {
		if r.text += len(y.text); r.text > maxYAMLText {
			r.stop(y.at, fmt.Sprintf("the file's values, and the keys that lead to them, have more than %d MB together once its aliases are expanded",
				maxYAMLText>>20))
		}
	}()
	switch n := n.(type) {
	case *ast.NullNode:
		y.kind = yamlNull
	case *ast.StringNode:
		y.kind, y.text = yamlText, n.Value
	case *ast.LiteralNode:
		y.kind, y.text = yamlText, n.Value.Value
	case *ast.IntegerNode:
		y.kind, y.text = yamlInt, n.Token.Value
	case *ast.FloatNode:
		y.kind, y.text = yamlFloat, n.Token.Value
	case *ast.BoolNode:
		y.kind, y.text = yamlBool, fmt.Sprint(n.Value)
	case *ast.SequenceNode:
		r.list(y, n, depth)
	case *ast.MappingNode:
		y.kind = yamlMap
		r.mapping(y, n.Values, depth)
	case *ast.MappingValueNode:
		y.kind = yamlMap
		r.mapping(y, []*ast.MappingValueNode{n}, depth)
	case *ast.AnchorNode:
		return r.anchor(n, path, depth)
	case *ast.AliasNode:
		return r.alias(y, n, depth)
	case *ast.TagNode:
		r.faults.Add(y.at, "tags (%s) are not supported", n.GetToken().Value)
	default:
		r.faults.Add(y.at, "this kind of value (%s) is not supported", n.Type())
	}
	return y
}

// stop says once why the rest of the file is not read.
func (r *yamlReader) stop(at workflow.Position, why string) {
	if !r.full {
		r.faults.Add(at, "%s", why)
	}
	r.full = true
}

func (r *yamlReader) list(y *Value, n *ast.SequenceNode, depth int) {
	merging := r.merging
	y.kind, r.merging = yamlList, false
	for i, item := range n.Values {
		if r.full {
			return
		}
		path := itemPath(y.path, i)
		if merging {
			path = y.path
		}
		y.items = append(y.items, r.value(item, path, depth+1))
	}
}

// itemPath is what an item of a list is called, by its place in the list as people wrote it.
func itemPath(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// startToken is where people see a value start: a mapping at its first key, not at a colon.
func startToken(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	}
	return n.GetToken()
}

func (r *yamlReader) mapping(y *Value, values []*ast.MappingValueNode, depth int) {
	r.merging = false
	seen := map[string]workflow.Position{}
	var merged []*Value
	for _, v := range values {
		if r.full {
			return
		}
		if v.Key.Type() == ast.MergeKeyType {
			r.merging = true
			merged = append(merged, r.value(v.Value, y.path, depth+1))
			r.merging = false
			continue
		}
		name, at := r.keyName(v.Key), positionOf(r.file, v.Key.GetToken())
		if first, twice := seen[name]; twice {
			r.faults.Add(at, "`%s` is given twice; the first is on line %d", joinPath(y.path, name), first.Line)
			continue
		}
		seen[name] = at
		y.keys = append(y.keys, yamlKey{name: name, at: at, value: r.value(v.Value, joinPath(y.path, name), depth+1)})
	}
	for _, m := range merged {
		r.merge(y, m, seen)
	}
}

// merge adds the keys of a merge key's mapping (or list of mappings) that the mapping does not have.
func (r *yamlReader) merge(y, from *Value, seen map[string]workflow.Position) {
	switch from.kind {
	case yamlMap:
		for _, k := range from.keys {
			if _, own := seen[k.name]; !own {
				seen[k.name] = k.at
				y.keys = append(y.keys, k)
			}
		}
	case yamlList:
		for _, item := range from.items {
			r.merge(y, item, seen)
		}
	default:
		r.faults.Add(from.at, "a merge key `<<` needs a mapping, not %s", from.kind)
	}
}

func (r *yamlReader) keyName(n ast.MapKeyNode) string {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value
	}
	return n.GetToken().Value
}

func (r *yamlReader) anchor(n *ast.AnchorNode, path string, depth int) *Value {
	name := n.Name.GetToken().Value
	r.anchors[name] = n.Value
	r.open[name] = true
	defer delete(r.open, name)
	return r.value(n.Value, path, depth+1)
}

func (r *yamlReader) alias(y *Value, n *ast.AliasNode, depth int) *Value {
	name := n.Value.GetToken().Value
	target, ok := r.anchors[name]
	switch {
	case !ok:
		r.faults.Add(y.at, "no anchor `&%s` comes before this alias", name)
		return y
	case r.open[name]:
		r.faults.Add(y.at, "the alias `*%s` contains itself", name)
		return y
	}
	r.open[name] = true
	defer delete(r.open, name)
	return r.value(target, y.path, depth+1)
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
