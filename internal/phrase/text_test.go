package phrase_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// aboutOne is a text about one plan, with a hole of every kind.
func aboutOne(s phrase.Topic) phrase.Text {
	return phrase.Say("%s has %d of %s %s; @ada may not apply %s. It takes %s and %s.", phrase.Project(s.Project), 0, "1 approval", phrase.OfPlan(s.Plan),
		phrase.Project(s.Project).Or("these"), phrase.Command{Verb: "approve", Project: s.Project, Plan: s.Plan}, phrase.Command{Verb: "plan", Project: s.Project, More: "--destroy"})
}

// odd are names that look like words of a sentence or of a command.
var odd = []string{"a", "apply", "each", "Each", "a -p b", "plan", "cardea", "cardea plan", "a`b", "`", "x\x00\x01", "%s", `"`, "words", "of", "0", "a b@0123456"}

func TestTextSays(t *testing.T) {
	text := aboutOne(phrase.Topic{Project: "prod/net", Plan: "0123456"})
	for prefix, want := range map[string]string{
		"":   "`prod/net` has 0 of 1 approval of `0123456`; @ada may not apply `prod/net`. It takes `cardea approve -p prod/net@0123456` and `cardea plan -p prod/net --destroy`.",
		"tf": "`prod/net` has 0 of 1 approval of `0123456`; @ada may not apply `prod/net`. It takes `tf approve -p prod/net@0123456` and `tf plan -p prod/net --destroy`.",
	} {
		if got := text.With(prefix); got != want {
			t.Errorf("with the prefix %q:\n%s\nwant\n%s", prefix, got, want)
		}
	}
	if text.String() != text.With("cardea") {
		t.Error("a text as a string is not what it is with our own prefix")
	}
	if got := phrase.Say("%d %% of %q", 3, "x").And(nil).And(phrase.Plain("Yes.")).String(); got != `3 % of "x" Yes.` {
		t.Errorf("words alone are %q", got)
	}
	if got := phrase.Say("100 %% of %s, %.1f.", phrase.Project("a"), 1.0).String(); got != "100 % of `a`, 1.0." {
		t.Errorf("words around a hole are %q", got)
	}
}

// TestTextOfOddNames: whatever a project is called, its name is code, and no word of the sentence is taken for it.
func TestTextOfOddNames(t *testing.T) {
	for name, want := range map[string]string{
		"apply":  "`apply` waits: no apply before `cardea apply -p apply`.",
		"each":   "`each` waits: no apply before `cardea apply -p each`.",
		"a -p b": "`a -p b` waits: no apply before `cardea apply -p \"a -p b\"`.",
		"a`b":    "`a?b` waits: no apply before `cardea apply -p \"a?b\"`.",
		"a\nb":   "`a?b` waits: no apply before `cardea apply -p \"a?b\"`.",
	} {
		of := phrase.Topic{Project: name}
		text := phrase.Say("%s waits: no apply before %s.", phrase.Project(name), phrase.Command{Verb: "apply", Project: name})
		if got := text.String(); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", name, got, want)
		}
		both := strings.Replace(strings.Replace(want, want[:strings.Index(want, " waits")], "Each", 1), "`.", " -p y`.", 1)
		if got := text.Common([]phrase.Topic{of, {Project: "y"}}).String(); got != both {
			t.Errorf("%q of several:\n%s\nwant\n%s", name, got, both)
		}
	}
}

// TestTextKey: texts have one key where nothing but their own topic differs.
func TestTextKey(t *testing.T) {
	keys := map[string]bool{}
	for _, name := range odd {
		s := phrase.Topic{Project: name, Plan: "fedcba9"}
		keys[aboutOne(s).Key(s)] = true
	}
	if len(keys) != 1 {
		t.Errorf("the same of %d plans has %d keys", len(odd), len(keys))
	}
	a, b := phrase.Topic{Project: "a", Plan: "0"}, phrase.Topic{Project: "b", Plan: "1"}
	for what, pair := range map[string][2]phrase.Text{
		"another project in words":    {phrase.Plain("`a` waits"), phrase.Plain("`b` waits")},
		"other words":                 {phrase.Say("%s waits", phrase.Project("a")), phrase.Say("%s hopes", phrase.Project("b"))},
		"a third project":             {phrase.Say("%s", phrase.Project("c")), phrase.Say("%s", phrase.Project("d"))},
		"another verb":                {phrase.Say("%s", phrase.Command{Verb: "plan", Project: "a"}), phrase.Say("%s", phrase.Command{Verb: "apply", Project: "b"})},
		"another's plan":              {phrase.Say("%s", phrase.OfPlan("1")), phrase.Say("%s", phrase.OfPlan("1"))},
		"a name and a command":        {phrase.Say("%s", phrase.Project("a")), phrase.Say("%s", phrase.Command{Verb: "plan", Project: "b"})},
		"exactly the plan, and not":   {phrase.Say("%s", phrase.Command{Verb: "approve", Project: "a", Plan: "0"}), phrase.Say("%s", phrase.Command{Verb: "approve", Project: "b"})},
		"words like a hole of theirs": {phrase.Say("%s", phrase.Project("a")), phrase.Plain(phrase.Say("%s", phrase.Project("b")).Key(b))},
	} {
		if pair[0].Key(a) == pair[1].Key(b) {
			t.Errorf("%s: one key for %q and %q", what, pair[0], pair[1])
		}
	}
}

func TestTextCommon(t *testing.T) {
	topics := []phrase.Topic{{"a", "0123456"}, {"b c", "89abcde"}}
	text := aboutOne(topics[0])
	if got, want := text.Common(topics).With("tf"), "Each has 0 of 1 approval each; @ada may not apply these. "+
		"It takes `tf approve -p a@0123456 -p \"b c@89abcde\"` and `tf plan -p a -p \"b c\" --destroy`."; got != want {
		t.Errorf("of two:\n%s\nwant\n%s", got, want)
	}
	if diff := cmp.Diff(text, text.Common(topics[:1])); diff != "" {
		t.Errorf("of one it is another text:\n%s", diff)
	}
	for _, name := range []string{"c", "d", "e", "f"} {
		topics = append(topics, phrase.Topic{Project: name, Plan: "0"})
	}
	if got, want := text.Common(topics).String(), "Each has 0 of 1 approval each; @ada may not apply these. It takes `cardea approve` and `cardea plan --destroy`."; got != want {
		t.Errorf("of many:\n%s\nwant\n%s", got, want)
	}
	other := phrase.Say("It depends on %s: %s.", phrase.Project("net"), phrase.Command{Verb: "apply", Project: "net"})
	if got := other.Common(topics).String(); got != other.String() {
		t.Errorf("what is about another project became %q", got)
	}
}

// TestTextJSON: a text survives its JSON, and is a string there wherever a string says all.
func TestTextJSON(t *testing.T) {
	for _, c := range []struct {
		text phrase.Text
		json string
	}{
		{nil, `""`},
		{phrase.Plain("This is a draft. `x`"), `"This is a draft. ` + "`x`" + `"`},
		{phrase.Say("%s, in a comment.", phrase.Command{Verb: "plan"}), `"` + "`cardea plan`" + `, in a comment."`},
		{phrase.Say("Then %s or so.", phrase.Command{Verb: "resolve", More: "-p NAME --outcome applied"}), `"Then ` + "`cardea resolve -p NAME --outcome applied`" + ` or so."`},
		{phrase.Plain("A branch called `cardea plan`."), `["A branch called ` + "`cardea plan`" + `."]`},
		{phrase.Say("%s is %s.", phrase.Project("a"), phrase.Project("b").Or("these")), `[{"project":"a"}," is ",{"project":"b","many":"these"},"."]`},
		{phrase.Say("1 %s: %s", phrase.OfPlan("0123456"), phrase.Command{Verb: "approve", Project: "a", Plan: "0123456", More: "--x"}),
			`["1 ",{"plan":"0123456"},": ",{"command":{"verb":"approve","project":"a","plan":"0123456","more":"--x"}}]`},
	} {
		got, err := json.Marshal(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != c.json {
			t.Errorf("%q is %s, want %s", c.text, got, c.json)
		}
		var back phrase.Text
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.text, back); diff != "" {
			t.Errorf("%s is read as another text:\n%s", got, diff)
		}
	}
	for _, name := range odd {
		text := aboutOne(phrase.Topic{Project: name, Plan: "0123456"})
		data, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var back phrase.Text
		if err := json.Unmarshal(data, &back); err != nil || !cmp.Equal(text, back) {
			t.Errorf("%q: %s is read as %q, %v", name, data, back, err)
		}
	}
	var list struct {
		Text []phrase.Text `json:"text,omitempty"`
		Why  phrase.Text   `json:"why,omitempty"`
	}
	if data, err := json.Marshal(list); err != nil || string(data) != "{}" {
		t.Errorf("nothing said is %s, %v", data, err)
	}
	for _, bad := range []string{"7", "{}", `[["x"]]`, `[7]`} {
		if err := json.Unmarshal([]byte(bad), &list.Why); err == nil {
			t.Errorf("%s is read as %q", bad, list.Why)
		}
	}
}

// TestTextOfOldRecords: a sentence of a record from before texts had holes is said as
// it was, with the prefix of now.
func TestTextOfOldRecords(t *testing.T) {
	const old = "Nobody knows. An admin ends it: `cardea resolve -p \"a b\" --outcome applied` or `failed`; `cardea/plan` says more, then `cardea plan`."
	data, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	var text phrase.Text
	if err := json.Unmarshal(data, &text); err != nil {
		t.Fatal(err)
	}
	if got := text.String(); got != old {
		t.Errorf("it became %q", got)
	}
	if got, want := text.With("tf"), "Nobody knows. An admin ends it: `tf resolve -p \"a b\" --outcome applied` or `failed`; `cardea/plan` says more, then `tf plan`."; got != want {
		t.Errorf("with another prefix:\n%s\nwant\n%s", got, want)
	}
	if !text.Names("resolve") || text.Names("apply") {
		t.Error("which commands it names is not known")
	}
	if again, err := json.Marshal(text); err != nil || string(again) != string(data) {
		t.Errorf("it is written as %s, %v", again, err)
	}
}

// TestTextAbout: a sentence of an old record says of several plans what it says of one, and
// nothing is taken for a plan that only looks like one.
func TestTextAbout(t *testing.T) {
	a, b := phrase.Topic{Project: "x y", Plan: "abc123"}, phrase.Topic{Project: "b", Plan: "def456"}
	say := func(old string, s phrase.Topic) phrase.Text {
		t.Helper()
		var text phrase.Text
		data, err := json.Marshal(old)
		if err == nil {
			err = json.Unmarshal(data, &text)
		}
		if err != nil {
			t.Fatal(err)
		}
		about := text.About(s)
		if got := about.String(); got != old {
			t.Errorf("it became %q", got)
		}
		if !about.Equal(about.About(s)) {
			t.Errorf("a second time it is another text: %q", old)
		}
		return about
	}
	for _, tt := range []struct{ a, b, both string }{
		{"0 of 1 approval of `abc123`. More of `abc123`.", "0 of 1 approval of `def456`. More of `def456`.", "0 of 1 approval each. More each."},
		{"Type `cardea approve -p \"x y@abc123\"`.", "Type `cardea approve -p b@def456`.", "Type `cardea approve -p \"x y@abc123\" -p b@def456`."},
		{"Type `cardea apply -p \"x y\"`.", "Type `cardea apply -p b`.", "Type `cardea apply -p \"x y\" -p b`."},
		{"`x y` waits.", "`b` waits.", ""},
		{"It is of `abc12`.", "It is of `def45`.", ""},
		{"Type `cardea plan -p \"x y\" -p c`.", "Type `cardea plan -p b -p c`.", ""},
	} {
		one, other := say(tt.a, a), say(tt.b, b)
		if same := one.Key(a) == other.Key(b); same != (tt.both != "") {
			t.Errorf("%q is the same of both: %v", tt.a, same)
		} else if got := one.Common([]phrase.Topic{a, b}).String(); same && got != tt.both {
			t.Errorf("of both: %q, want %q", got, tt.both)
		}
	}
}

func TestTextParts(t *testing.T) {
	name := phrase.Project("a")
	all := phrase.All([]phrase.Text{phrase.Say("Of %s.", name), nil, phrase.Plain("Twice."), phrase.Say("%s", name)})
	if got := all.String(); got != "Of `a`. Twice. `a`" {
		t.Errorf("all of them are %q", got)
	}
	for _, c := range []struct {
		text phrase.Text
		want string
	}{{phrase.Say("%s waits.", name), "`a` waits"}, {phrase.Say("It waits for %s", name), "It waits for `a`"}, {phrase.Plain("."), ""}, {nil, ""}} {
		before := c.text.String()
		if got := phrase.Say("%s: why", c.text.Within()).String(); got != c.want+": why" || c.text.String() != before {
			t.Errorf("%q within a sentence is %q, and is %q now", before, got, c.text)
		}
	}
	if texts := phrase.Texts("", "x"); len(texts) != 2 || !texts[0].Empty() || texts[1].Empty() || phrase.Texts() != nil {
		t.Errorf("nothing and a word are %q", texts)
	}
}
