package workflow

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// A project's JSON has the settings among its own keys, behind its engine: there they stood
// when the engine's keys were fields of it, and records and digests of then still hold.

// plainProject is a Project without its settings.
type plainProject Project

var afterEngine = []byte(`"engine":`) // no text holds it: a quotation mark in one has a backslash

// projectKeys are the names of a Project's own keys.
var projectKeys = func() map[string]bool {
	names := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[plainProject]()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
			names[name] = true
		}
	}
	return names
}()

// ownKey reports whether encoding/json takes a name, as it is written, for one of the
// project's own keys: upper and lower case are one to it.
func ownKey(written []byte) bool {
	if projectKeys[string(written)] {
		return true
	}
	name := string(written)
	if strings.ContainsRune(name, '\\') && json.Unmarshal([]byte(`"`+name+`"`), &name) != nil {
		return false
	}
	for own := range projectKeys {
		if strings.EqualFold(own, name) {
			return true
		}
	}
	return false
}

// MarshalJSON gives the project with its settings among its own keys.
func (p Project) MarshalJSON() ([]byte, error) {
	all, err := json.Marshal(plainProject(p))
	if err != nil || len(p.Settings) <= len("{}") {
		return all, err
	}
	engine, err := json.Marshal(p.Engine)
	if err != nil {
		return nil, err
	}
	at := bytes.Index(all, afterEngine) + len(afterEngine) + len(engine)
	out := make([]byte, 0, len(all)+len(p.Settings))
	out = append(append(out, all[:at]...), ',')
	out = append(out, p.Settings[1:len(p.Settings)-1]...)
	return append(out, all[at:]...), nil
}

// UnmarshalJSON takes every key that is not the project's own into its settings.
func (p *Project) UnmarshalJSON(data []byte) error {
	plain := plainProject{}
	if err := json.Unmarshal(data, &plain); err != nil {
		return err
	}
	var own []byte
	eachMember(data, func(name, value []byte) {
		if !ownKey(name) {
			own = append(append(append(append(own, `,"`...), name...), `":`...), value...)
		}
	})
	*p = Project(plain)
	if own = settings(own); own == nil {
		return nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, own); err != nil {
		return err
	}
	p.Settings = compact.Bytes()
	return nil
}
