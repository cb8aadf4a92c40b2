package plan

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// The limits of what one plan shows: a longer value is cut, and when the texts
// of a plan are longer together the rest of its changes are only named.
const (
	maxValueText   = 64 << 10
	maxPlanText    = 16 << 20
	jsonDepth      = 3  // JSON in a string in JSON in a string ...
	prettyJSONFrom = 60 // a JSON document shorter than this stays a quoted string
)

// What stands behind a value whose difference cannot be seen in it.
const (
	noteMarks = "the value stays; only whether it is sensitive changes"
	noteJSON  = "the same values in JSON, written in another way"
)

// differ compares a value before and after leaf by leaf and keeps what differs,
// masked. One differ serves one change.
type differ struct {
	mask     *masker
	replaces []any // Proposed.Replace
	showSame bool  // keep unchanged leaves too (an import shows what it brings in)
	oneSided bool  // a create or a delete

	out       []workflow.Attribute
	unchanged int
	depth     int
	cut       int // values that were cut
	masked    int // values and keys that are masked although nothing marks them
	size      int // bytes of text kept
}

// place is where in the value we are, as text for people and as steps like those of Proposed.Replace.
type place struct {
	text  string
	steps []any // string or int
	json  bool  // inside of a JSON string: steps stop at the string
}

func (p place) key(k string) place {
	text := p.text
	switch {
	case !isPathName(k):
		text += "[" + canonical(k) + "]"
	case text == "":
		text = k
	default:
		text += "." + k
	}
	return p.step(text, k)
}

func (p place) index(i int) place {
	return p.step(p.text+"["+strconv.Itoa(i)+"]", i)
}

func (p place) step(text string, to any) place {
	if !p.json {
		p.steps = append(slices.Clip(p.steps), to)
	}
	p.text = text
	return p
}

func isPathName(k string) bool {
	for i, c := range k {
		switch {
		case c == '_', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case i > 0 && (c == '-' || '0' <= c && c <= '9'):
		default:
			return false
		}
	}
	return k != ""
}

// walk compares b and a at p.
func (d *differ) walk(p place, b, a Side) {
	if b.absent() && a.absent() {
		return
	}
	if b.Marked() || a.Marked() || a.wholeUnknown() {
		d.leaf(p, b, a)
		return
	}
	bObject, bList, bSize := b.shape()
	aObject, aList, aSize := a.shape()
	switch {
	case (bObject || b.absent()) && (aObject || a.absent()):
		keys := sortedKeys(b.keys(), a.keys())
		if len(keys) == 0 {
			d.empty(p, b, a)
		}
		for _, k := range keys {
			d.walk(p.key(k), b.Key(k), a.Key(k))
		}
	case (bList || b.absent()) && (aList || a.absent()):
		if bSize == 0 && aSize == 0 {
			d.empty(p, b, a)
			return
		}
		for _, pair := range alignLists(b, a, bSize, aSize) {
			d.element(p, pair, b, a)
		}
	case bObject || bList || aObject || aList:
		// Another kind of value: all of the old one goes, all of the new one comes.
		if !b.absent() {
			d.walk(p, b, Side{})
		}
		if !a.absent() {
			d.walk(p, Side{}, a)
		}
	default:
		d.leaf(p, b, a)
	}
}

// empty compares empty lists and objects. Inside of what is created or deleted
// they are not worth a line; where one takes the place of null in an update, or
// is all of an output, it is.
func (d *differ) empty(p place, b, a Side) {
	output := p.text != "" && len(p.steps) == 0
	if b.absent() != a.absent() && (!d.oneSided || output) {
		d.leaf(p, b, a)
	}
}

// element compares one aligned pair of list elements, at the index it has after.
func (d *differ) element(p place, e elementPair, b, a Side) {
	switch {
	case e.after < 0:
		d.walk(p.index(e.before), b.Index(e.before), Side{})
	case e.before < 0:
		d.walk(p.index(e.after), Side{}, a.Index(e.after))
	default:
		d.walk(p.index(e.after), b.Index(e.before), a.Index(e.after))
	}
}

// leaf compares what has no further parts: scalars, what is masked or unknown as
// a whole, empty lists and objects.
func (d *differ) leaf(p place, b, a Side) {
	same := !a.wholeUnknown() && b.absent() == a.absent() && canonical(b.Value) == canonical(a.Value)
	marked := b.Marked() || a.Marked()
	if same && b.Marked() == a.Marked() {
		d.same(p, b, marked)
		return
	}
	inside, isJSON := false, false
	if !marked && !same {
		if inside, isJSON = d.insideJSON(p, b, a); inside {
			return
		}
	}
	at := workflow.Attribute{Path: p.text, Mark: workflow.MarkChange, Replaces: d.forces(p), Unknown: a.wholeUnknown()}
	switch {
	case b.absent():
		at.Mark = workflow.MarkAdd
	case a.absent():
		at.Mark = workflow.MarkRemove
	}
	switch {
	case same:
		at.Note = noteMarks
	case isJSON:
		at.Note = noteJSON
	}
	d.texts(&at, b, a, marked)
	d.keep(at)
}

// same notes a leaf that does not change: shown for orientation, or counted.
func (d *differ) same(p place, s Side, marked bool) {
	orients := len(p.steps) == 1 && !p.json && (p.text == "id" || p.text == "name") && !marked
	if !d.showSame && !orients {
		d.unchanged++
		return
	}
	at := workflow.Attribute{Path: p.text, Mark: workflow.MarkSame}
	d.texts(&at, s, s, marked)
	d.keep(at)
}

// insideJSON compares two JSON documents held as strings by their leaves. It
// reports whether that showed a difference, and whether they are JSON at all.
func (d *differ) insideJSON(p place, b, a Side) (shown, isJSON bool) {
	before, after := d.document(b), d.document(a)
	if before == nil || after == nil || d.depth >= jsonDepth {
		return false, false
	}
	kept, unchanged := len(d.out), d.unchanged
	d.depth++
	d.walk(place{text: p.text, steps: p.steps, json: true}, Side{Value: before}, Side{Value: after})
	d.depth--
	d.unchanged = unchanged
	return len(d.out) > kept, true
}

// document is the JSON that a side holds as a string, unless all of it is a
// secret, or it has a key twice: then what is read depends on who reads, and only the text says all.
func (d *differ) document(s Side) any {
	text, ok := s.Value.(string)
	if !ok || d.mask.exact[text] {
		return nil
	}
	doc := embeddedJSON(text)
	if doc != nil && repeatsKey(json.NewDecoder(strings.NewReader(text))) {
		return nil
	}
	return doc
}

// repeatsKey reports whether an object in the next value has a key twice.
func repeatsKey(dec *json.Decoder) bool {
	t, err := dec.Token()
	if err != nil || (t != json.Delim('{') && t != json.Delim('[')) {
		return false // text that is no JSON is nobody's here
	}
	keys, again := map[json.Token]bool{}, false
	for dec.More() {
		if t == json.Delim('{') {
			key, err := dec.Token()
			again = again || err != nil || keys[key]
			keys[key] = true
		}
		again = repeatsKey(dec) || again
	}
	_, err = dec.Token()
	return again || err != nil
}

// forces reports whether a path that forces the replacement leads to p or to something above or below it.
func (d *differ) forces(p place) bool {
	for _, r := range d.replaces {
		steps, ok := r.([]any)
		if !ok {
			continue
		}
		match := true
		for i := 0; i < min(len(steps), len(p.steps)); i++ {
			match = match && sameStep(steps[i], p.steps[i])
		}
		if match {
			return true
		}
	}
	return false
}

// sameStep compares a step of such a path with ours. A step into a set is the
// element itself: it is taken as any element.
func sameStep(theirs, ours any) bool {
	switch t := theirs.(type) {
	case string:
		return t == ours
	case json.Number:
		i, ok := ours.(int)
		return ok && t.String() == strconv.Itoa(i)
	}
	return true
}

// texts prints both sides. When one is a text of several lines, both are raw.
func (d *differ) texts(at *workflow.Attribute, b, a Side, marked bool) {
	if marked {
		at.Before, at.After, at.Sensitive = hiddenSide(b), hiddenSide(a), true
		if at.Unknown {
			at.After = unknownText
		}
		return
	}
	if d.mask.covers(b.Value) || !a.wholeUnknown() && d.mask.covers(a.Value) {
		d.masked++
	}
	before, bLines := d.printed(b)
	after, aLines := d.printed(a)
	if (bLines || aLines) && !at.Unknown { // what goes for something unknown is worth one line
		at.Multiline = true
		before, after = d.raw(b, before), d.raw(a, after)
	}
	var bCut, aCut bool
	at.Before, bCut = cutText(before, maxValueText)
	at.After, aCut = cutText(after, maxValueText)
	if bCut || aCut {
		d.cut++
	}
	at.Sensitive = before == sensitiveText || after == sensitiveText
	if at.Unknown {
		at.After = unknownText
	}
}

func hiddenSide(s Side) string {
	if s.absent() {
		return ""
	}
	return sensitiveText
}

// printed is one side's masked value as JSON, and whether it wants several lines.
func (d *differ) printed(s Side) (text string, lines bool) {
	if s.absent() || s.wholeUnknown() {
		return "", false
	}
	switch v := d.mask.tree(s.Value, s.Sensitive).(type) {
	case string:
		if v == sensitiveText && s.Value != sensitiveText {
			return sensitiveText, false
		}
		pretty := strings.Contains(v, "\n") || len(v) >= prettyJSONFrom && d.document(s) != nil
		return string(appendJSONString(nil, v)), pretty
	default:
		return canonical(v), false
	}
}

// raw is a side's text with its own line breaks; a JSON document is laid out
// over lines, since one long quoted line can be read by nobody.
func (d *differ) raw(s Side, printed string) string {
	v, ok := s.Value.(string)
	if !ok || printed == sensitiveText {
		return printed
	}
	if doc := d.document(s); doc != nil && len(v) >= prettyJSONFrom {
		return indentJSON(d.mask.tree(doc, nil))
	}
	return d.mask.text(v)
}

// indentJSON lays out a decoded JSON value over lines, keys sorted.
func indentJSON(v any) string {
	var b bytes.Buffer
	if err := json.Indent(&b, appendCanonical(nil, v), "", "  "); err != nil {
		return canonical(v) // not reached: our own canonical JSON is valid
	}
	return b.String()
}

func (d *differ) keep(at workflow.Attribute) {
	d.size += len(at.Path) + len(at.Before) + len(at.After)
	// A key in quotes is data; what else is in a path names attributes, which no value of a plan hides.
	path := d.mask.given(workflow.WithKeys(at.Path, d.mask.text))
	if path != at.Path {
		at.Path = path
		d.masked++
	}
	d.out = append(d.out, at)
}
