package phrase

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Text is one or more sentences, as words with holes: where a project, a plan or a
// command is named, it says which, and only who shows it makes words of that. So a
// command can be written with the word that starts commands there, and what is said
// of several projects can be said once.
//
// A Text is not changed once it is made. As JSON it is a string, or a list of its
// parts where it names a project or a plan.
type Text []Part

// Part is a piece of a Text: words, or one of the holes. [Project], [OfPlan] and
// [Command] make holes.
type Part struct {
	Words   string  `json:"-"`
	Project string  `json:"project,omitempty"` // a project's name
	Many    string  `json:"many,omitempty"`    // what stands for several projects; "" = each
	Plan    string  `json:"plan,omitempty"`    // a plan's fingerprint, as people read it
	Command Command `json:"command,omitzero"`
}

// Command is a command as people type it into a comment. It is a hole of a [Text].
type Command struct {
	Verb    string `json:"verb"`
	Project string `json:"project,omitempty"` // the one that it is about; "" = none is named
	Plan    string `json:"plan,omitempty"`    // the fingerprint after the project's name, as people read it
	More    string `json:"more,omitempty"`    // what follows, as it is typed
}

// Topic is the plan that a Text is about.
type Topic struct{ Project, Plan string }

// Project is the hole for a project's name, in code.
func Project(name string) Part { return Part{Project: name} }

// Or is the hole for a project, with other words than "each" for several of them.
func (p Part) Or(many string) Part {
	p.Many = many
	return p
}

// OfPlan is the hole for the words "of" and a plan's fingerprint.
func OfPlan(fingerprint string) Part { return Part{Plan: fingerprint} }

// Plain is a text without holes. What stands between backticks in it is code.
func Plain(words string) Text {
	if words == "" {
		return nil
	}
	return Text{{Words: words}}
}

// Texts are texts without holes.
func Texts(words ...string) []Text {
	var out []Text
	for _, w := range words {
		out = append(out, Plain(w))
	}
	return out
}

// Say is fmt.Sprintf for texts: where an argument is a hole or a Text, it stays one.
func Say(format string, args ...any) Text {
	if !slices.ContainsFunc(args, func(a any) bool { return partsOf(a) != nil }) {
		return Plain(fmt.Sprintf(format, args...))
	}
	var t Text
	for left := format; left != ""; {
		words, rest, _ := strings.Cut(left, "%")
		verb := rest[:strings.IndexAny(rest, verbs)+1]
		t, left = t.and(Part{Words: words}), rest[len(verb):]
		switch {
		case verb == "":
		case verb == "%":
			t = t.and(Part{Words: "%"})
		case partsOf(args[0]) != nil:
			t, args = t.and(partsOf(args[0])...), args[1:]
		default:
			t, args = t.and(Part{Words: fmt.Sprintf("%"+verb, args[0])}), args[1:]
		}
	}
	return t
}

// verbs end what stands for an argument in a format.
const verbs = "%sdqvfx"

// partsOf are the parts of an argument that is a hole or a Text, not nil for these.
func partsOf(arg any) Text {
	switch a := arg.(type) {
	case Text:
		return append(Text{}, a...)
	case Part:
		return Text{a}
	case Command:
		return Text{{Command: a}}
	}
	return nil
}

// and appends parts; words that follow words become one part.
func (t Text) and(parts ...Part) Text {
	for _, p := range parts {
		last := len(t) - 1
		switch {
		case p == Part{}:
		case last >= 0 && p.isWords() && t[last].isWords():
			t[last].Words += p.Words
		default:
			t = append(t, p)
		}
	}
	return t
}

func (p Part) isWords() bool { return p == Part{Words: p.Words} }

// And is both texts, with a space between them where both say something.
func (t Text) And(more Text) Text {
	if t.Empty() || more.Empty() {
		return append(t[:len(t):len(t)], more...)
	}
	return Text(nil).and(t...).and(Part{Words: " "}).and(more...)
}

// Within is the text as part of a sentence: without its full stop.
func (t Text) Within() Text {
	if t.Empty() || !t[len(t)-1].isWords() {
		return t
	}
	last := len(t) - 1
	return t[:last:last].and(Part{Words: strings.TrimSuffix(t[last].Words, ".")})
}

// All are the texts one after the other.
func All(texts []Text) Text {
	var out Text
	for _, t := range texts {
		out = out.And(t)
	}
	return out
}

// Equal reports that both have the same words and holes.
func (t Text) Equal(other Text) bool { return slices.Equal(t, other) }

// Empty reports that the text says nothing.
func (t Text) Empty() bool { return len(t) == 0 }

// String is the text as it is said where commands start with the word cardea.
func (t Text) String() string { return t.With("cardea") }

// With is the text with its holes filled; commands start with the given word.
// Whatever stands in a hole can do no harm: it is in code, on one line.
func (t Text) With(prefix string) string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.with(prefix))
	}
	return b.String()
}

func (p Part) with(prefix string) string {
	switch {
	case p.Command.Verb != "":
		return CodeSpan(OrWord(prefix, "cardea") + " " + p.Command.typed())
	case p.Project != "":
		return Name(p.Project)
	case p.Plan != "":
		return "of " + CodeSpan(p.Plan)
	}
	return p.Words
}

// typed is the command without the word that starts it.
func (c Command) typed() string {
	words := c.Verb
	if c.Project != "" {
		words += " " + choice(Topic{c.Project, c.Plan})
	}
	return Joined(words, c.More)
}

// choice is the option by which a command chooses a project, or exactly one plan of it.
func choice(t Topic) string {
	name := Shown(t.Project)
	if t.Plan != "" {
		name += "@" + t.Plan
	}
	return "-p " + Argument(name)
}

// Names reports whether the text names a command with a verb.
func (t Text) Names(verb string) bool {
	for _, p := range t {
		if p.Command.Verb == verb {
			return true
		}
	}
	return false
}

// of reports whether a part names a topic, or its plan.
func (p Part) of(t Topic) bool {
	switch {
	case p.Command.Verb != "":
		return p.Command.Project == t.Project && (p.Command.Plan == "" || p.Command.Plan == t.Plan) && t.Project != ""
	case p.Project != "":
		return p.Project == t.Project
	}
	return p.Plan != "" && p.Plan == t.Plan
}

// Key is the same for texts that say the same, each of its own topic.
func (t Text) Key(of Topic) string {
	var b strings.Builder
	for _, p := range t {
		if !p.of(of) {
			b.WriteString(strconv.Quote(p.with("")))
			continue
		}
		exact := p.Plan != "" || p.Command.Plan != ""
		p.Project, p.Plan, p.Command.Project, p.Command.Plan = "", "", "", ""
		fmt.Fprintf(&b, "%t %#v", exact, p)
	}
	return b.String()
}

// MostNamed is how many projects a command names one by one. Nobody types more.
const MostNamed = 5

// Common is the text, which is about the first of the topics, as it is said of all
// of them, where [Text.Key] is the same for each one's own.
func (t Text) Common(of []Topic) Text {
	var out Text
	for i, p := range t {
		switch {
		case len(of) < 2 || !p.of(of[0]):
		case p.Command.Verb != "":
			p.Command = p.Command.about(of)
		case p.Project != "" && i == 0:
			p = Part{Words: "Each"}
		case p.Project != "":
			p = Part{Words: OrWord(p.Many, "each")}
		default:
			p = Part{Words: "each"}
		}
		out = out.and(p)
	}
	return out
}

// about is the command for several plans; for many the one without a choice is meant.
func (c Command) about(of []Topic) Command {
	exact := c.Plan != ""
	c.Project, c.Plan = "", ""
	if len(of) > MostNamed {
		return c
	}
	var choices []string
	for _, s := range of {
		if !exact {
			s.Plan = ""
		}
		choices = append(choices, choice(s))
	}
	c.More = Joined(strings.Join(choices, " "), c.More)
	return c
}

// MarshalJSON writes a string where that can be read again, else the parts.
func (t Text) MarshalJSON() ([]byte, error) {
	if said := t.String(); slices.Equal(t, read(said)) {
		return json.Marshal(said)
	}
	parts := make([]any, len(t))
	for i, p := range t {
		if parts[i] = p; p.isWords() {
			parts[i] = p.Words
		}
	}
	return json.Marshal(parts)
}

// UnmarshalJSON reads both, and the strings of records from before texts had holes.
func (t *Text) UnmarshalJSON(data []byte) error {
	var said string
	if json.Unmarshal(data, &said) == nil {
		*t = read(said)
		return nil
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return fmt.Errorf("reading a text: %w", err)
	}
	var out Text
	for _, part := range parts {
		var p Part
		if json.Unmarshal(part, &p.Words) != nil {
			if err := json.Unmarshal(part, &p); err != nil {
				return fmt.Errorf("reading a part of a text: %w", err)
			}
		}
		out = out.and(p)
	}
	*t = out
	return nil
}

// read is the text of a string: words, and the commands among them as holes. Such is
// every text whose holes are commands that name no project, and every sentence of a
// record from before. The holes for its plan it gets from [Text.About] and, when that plan
// is looked at again, for good.
func read(said string) Text {
	var t Text
	for {
		words, command, found := strings.Cut(said, "`cardea ")
		command, rest, closed := strings.Cut(command, "`")
		verb, more, _ := strings.Cut(command, " ")
		if !found || !closed || verb == "" {
			return t.and(Part{Words: said})
		}
		hole := Part{Command: Command{Verb: verb, More: more}}
		if span := "`cardea " + command + "`"; hole.with("") != span {
			hole = Part{Words: span}
		}
		t, said = t.and(Part{Words: words}, hole), rest
	}
}

// About is the text of a record from before, with holes where it names that plan and no
// other can be meant: the words "of FINGERPRINT", and what a command chooses. A project's
// name in other words may be anything that is called so, and stays.
func (t Text) About(topic Topic) Text {
	var out Text
	for _, p := range t {
		if c := &p.Command; c.Verb != "" && c.Project == "" && topic.Project != "" {
			switch c.More {
			case choice(topic):
				*c = Command{Verb: c.Verb, Project: topic.Project, Plan: topic.Plan}
			case choice(Topic{Project: topic.Project}):
				*c = Command{Verb: c.Verb, Project: topic.Project}
			}
		}
		if plan := OfPlan(topic.Plan); p.isWords() && topic.Plan != "" {
			for {
				words, rest, found := strings.Cut(p.Words, plan.with(""))
				if !found {
					break
				}
				out, p.Words = out.and(Part{Words: words}, plan), rest
			}
		}
		out = out.and(p)
	}
	return out
}
