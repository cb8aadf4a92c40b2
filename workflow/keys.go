package workflow

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Key is a key of an entry in `.cardea.yml` that one engine brings.
type Key struct {
	Name  string // as it is written: "var_files"
	Title string // what sentences call one of its files, or the variant: "variable file"
	Form  KeyForm
	// Choices are the words of a KeyChoice.
	Choices []string
	// Fault is [Key.FaultOf]; nil: no text is refused.
	Fault func(text string) string
	// Apart: its files say where a state is, so that they tell projects apart that share all else.
	Apart bool
}

// FaultOf says why a text is refused, without its subject; "" when it is not.
func (k Key) FaultOf(text string) string {
	if k.Fault == nil {
		return ""
	}
	return k.Fault(text)
}

// KeyForm is what may stand behind a key.
type KeyForm byte

// The forms of a key.
const (
	KeyText   KeyForm = iota
	KeyNumber         // a text that may look like a number: 1.10 stays "1.10"
	KeyChoice         // one of some words
	KeyFiles          // files, relative to the project's directory
)

// Settings are what an entry says for the kind's keys, by their names, in the form in which
// a Project has them: the same words are the same bytes. A text is a list of one.
func (k Kind) Settings(said map[string][]string) json.RawMessage {
	var out []byte
	for _, key := range k.Keys {
		words := said[key.Name]
		if len(words) == 0 || key.Form != KeyFiles && words[0] == "" {
			continue
		}
		var value any = words
		if key.Form != KeyFiles {
			value = words[0]
		}
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // a text always has JSON
		}
		out = append(fmt.Appendf(out, ",%q:", key.Name), text...)
	}
	return settings(out)
}

// settings makes an object of its members, each with a comma before it; nil of none.
func settings(members []byte) json.RawMessage {
	if len(members) == 0 {
		return nil
	}
	members[0] = '{'
	return append(members, '}')
}

// Setting is what the project's entry says for one of its engine's keys, as JSON; nil where
// it says nothing.
func (p Project) Setting(name string) (value json.RawMessage) {
	eachMember(p.Settings, func(have, text []byte) {
		if string(have) == name {
			value = text
		}
	})
	return value
}

// Files are those that the project's entry names for a key, none where it is no key of files.
func (p Project) Files(key Key) []string {
	if key.Form != KeyFiles {
		return nil
	}
	var list []string
	if value := p.Setting(key.Name); value == nil || json.Unmarshal(value, &list) != nil {
		return nil
	}
	return list
}

var quote = []byte(`"`)

// eachMember calls with every member of a JSON object, in its order; a name is what is written
// between its quotation marks. It looks at no more than where each ends: the text must be JSON.
func eachMember(object []byte, with func(name, value []byte)) {
	depth, from, colon, quoted := 0, 0, 0, false
	for i := 0; i < len(object); i++ {
		c := object[i]
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth == 1 {
				from = i + 1
			}
		case c == ':' && depth == 1:
			colon = i
		case depth == 1 && (c == ',' || c == '}'):
			if colon > from {
				name := bytes.TrimPrefix(bytes.TrimSpace(object[from:colon]), quote)
				with(bytes.TrimSuffix(name, quote), bytes.TrimSpace(object[colon+1:i]))
			}
			from = i + 1
			if c == '}' {
				depth--
			}
		case c == '}' || c == ']':
			depth--
		}
	}
}
