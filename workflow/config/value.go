package config

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Setting makes a value of a text from elsewhere (an environment variable),
// so that one reader serves both. File names the source in faults. A comma
// separates the items of a list.
func Setting(source, path, text string, faults *Faults) *Value {
	return &Value{kind: yamlSetting, text: text, at: workflow.Position{File: source}, path: path, faults: faults}
}

// yamlSetting is a text that may be read as any scalar, or as a list of texts.
const yamlSetting yamlKind = "a setting"

// Position is where the value stands.
func (y *Value) Position() workflow.Position { return y.at }

// Path is what the value is called: "limits.plan_timeout", "projects[2].dir".
func (y *Value) Path() string { return y.path }

// Fault adds a fault at the value's place.
func (y *Value) Fault(format string, args ...any) { y.faults.Add(y.at, format, args...) }

func (y *Value) wants(kind yamlKind) bool {
	if y.kind == kind {
		return true
	}
	if y.kind != yamlOther { // an other has its own fault already
		what := "`" + y.path + "`"
		if y.path == "" {
			what = "the file"
		}
		y.Fault("%s must be %s, not %s", what, kind, y.kind)
	}
	return false
}

// Map reads a mapping: every key by its function, in the order of the file. Keys
// in refused are known and not allowed, each for the reason given there; all
// others are faults that name the nearest key.
func (y *Value) Map(known Keys, refused map[string]string) {
	if !y.wants(yamlMap) {
		return
	}
	for _, k := range y.keys {
		if read, ok := known[k.name]; ok {
			if k.value.kind == yamlNull {
				y.faults.Add(k.at, "`%s` has no value", k.value.path)
				continue
			}
			read(k.value)
			continue
		}
		if why, ok := refused[k.name]; ok {
			y.faults.Add(k.at, "`%s` %s", joinPath(y.path, k.name), why)
			continue
		}
		meant := ""
		if len(y.faults.list) < maxFaults {
			meant = didYouMean(k.name, known)
		}
		y.faults.Add(k.at, "unknown key `%s`%s", joinPath(y.path, k.name), meant)
	}
}

// MapOf reads a mapping with names of the writer's choice.
func (y *Value) MapOf(each func(name string, v *Value)) {
	if !y.wants(yamlMap) {
		return
	}
	for _, k := range y.keys {
		each(k.name, k.value)
	}
}

// IsMap reports whether the value is a mapping.
func (y *Value) IsMap() bool { return y.kind == yamlMap }

// Has reports whether y is a mapping with that key.
func (y *Value) Has(name string) bool {
	for _, k := range y.keys {
		if k.name == name {
			return true
		}
	}
	return false
}

// Leaves returns every scalar below the value by its path, as text.
func (y *Value) Leaves() map[string]string {
	out := map[string]string{}
	y.leaves(out)
	return out
}

func (y *Value) leaves(out map[string]string) {
	for _, k := range y.keys {
		k.value.leaves(out)
	}
	for _, item := range y.items {
		item.leaves(out)
	}
	if len(y.keys)+len(y.items) > 0 {
		return
	}
	switch y.kind {
	case yamlList:
		out[y.path] = "[]"
	case yamlMap:
		out[y.path] = "{}"
	default:
		out[y.path] = y.text
	}
}

// List reads a list, item by item.
func (y *Value) List(each func(v *Value)) {
	if y.kind == yamlSetting {
		n := 0
		for _, part := range strings.Split(y.text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				each(Setting(y.at.File, itemPath(y.path, n), part, y.faults))
				n++
			}
		}
		return
	}
	if !y.wants(yamlList) {
		return
	}
	for _, item := range y.items {
		each(item)
	}
}

// IsEmptyList reports whether the value is a list of nothing.
func (y *Value) IsEmptyList() bool {
	return y.kind == yamlList && len(y.items) == 0 || y.kind == yamlSetting && strings.Trim(y.text, ", ") == ""
}

// Text returns the value as a text and whether it is one.
func (y *Value) Text() (string, bool) {
	if y.kind == yamlSetting {
		return y.text, true
	}
	if y.kind == yamlInt || y.kind == yamlFloat || y.kind == yamlBool {
		y.Fault("`%s` must be a string, not %s: put it in quotes", y.path, y.kind)
		return "", false
	}
	if !y.wants(yamlText) {
		return "", false
	}
	return y.text, true
}

// String reads a text into a variable.
func (y *Value) String(into *string) {
	if s, ok := y.Text(); ok {
		*into = s
	}
}

// Number reads a text that looks like a number too, as it is written: 1.10 stays "1.10".
func (y *Value) Number(into *string) {
	if y.kind == yamlInt || y.kind == yamlFloat {
		*into = y.text
		return
	}
	y.String(into)
}

// Bool reads true or false.
func (y *Value) Bool(into *bool) {
	if y.kind == yamlSetting {
		v, err := strconv.ParseBool(y.text)
		if err != nil {
			y.Fault("`%s` must be true or false", y.path)
			return
		}
		*into = v
		return
	}
	if y.wants(yamlBool) {
		*into = y.text == "true"
	}
}

// Int reads a whole number that is at least least.
func (y *Value) Int(into *int, least int) {
	if y.kind != yamlSetting && !y.wants(yamlInt) {
		return
	}
	v, err := strconv.Atoi(strings.TrimSpace(y.text))
	switch {
	case err != nil:
		y.Fault("`%s` must be a whole number", y.path)
	case v < least:
		y.Fault("`%s` must be at least %d", y.path, least)
	default:
		*into = v
	}
}

// Duration reads a span of time ("30m") that is at least least.
func (y *Value) Duration(into *time.Duration, least time.Duration) {
	text := y.text
	if y.kind != yamlSetting && y.kind != yamlInt && !y.wants(yamlText) {
		return
	}
	v, err := time.ParseDuration(text)
	switch {
	case err != nil:
		y.Fault("`%s` must be a duration with a unit, like 90s, 30m or 1h30m", y.path)
	case v < least:
		y.Fault("`%s` must be at least %s", y.path, least)
	default:
		*into = v
	}
}

// Choice reads one of the given words.
func (y *Value) Choice(into *string, allowed ...string) {
	s, ok := y.Text()
	if !ok {
		return
	}
	for _, a := range allowed {
		if s == a {
			*into = s
			return
		}
	}
	y.Fault("`%s` must be %s, not %q", y.path, phrase.OrList(allowed), s)
}

func didYouMean(name string, known Keys) string {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	if best := phrase.Nearest(name, names); best != "" {
		return ": did you mean `" + best + "`?"
	}
	sort.Strings(names)
	return "; known ones are " + strings.Join(names, ", ")
}
