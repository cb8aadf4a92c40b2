package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestSyntaxFaults: whatever is wrong with the form of a file is one fault, where it is.
func TestSyntaxFaults(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a tab", "version: 1\nprojects:\n\t- dir: a\n", "3:1: not valid YAML: there is a tab, but YAML is indented with spaces"},
		{"a tab within", "projects:\n- dir: a\n\tname: b\n", "3:1: not valid YAML: there is a tab, but YAML is indented with spaces"},
		{"a tab after a dash", "projects:\n-\tdir: a\n", "2:5: not valid YAML: there is a tab, but YAML is indented with spaces"},
		{"an unclosed quote", "projects:\n- dir: \"a\n- dir: b\n", "2:8: not valid YAML: the double quote that begins here is never closed"},
		{"an unclosed single quote", "projects:\n- dir: 'a\n- dir: b\n", "2:8: not valid YAML: the single quote that begins here is never closed"},
		{"a key twice", "projects:\n- dir: a\n  dir: b\n", "3:3: `projects[0].dir` is given twice; the first is on line 2"},
		{"a key of the file twice", "version: 1\nversion: 1\n", "2:1: `version` is given twice; the first is on line 1"},
		{"bad indentation", "projects:\n- dir: a\n   name: b\n", "2:8: not valid YAML: this does not belong here: look at the indentation of this line and the next, and at each bracket"},
		{"bad indentation of the first", "projects:\n   - dir: a\n  - dir: b\n", "3:3: not valid YAML: this does not belong here: look at the indentation of this line and the next, and at each bracket"},
		{"too little", "autodiscover:\nenabled: false\n", "1:1: `autodiscover` has no value\n2:1: unknown key `enabled`; known ones are autodiscover, projects, require, version"},
		{"a list at the top", "- dir: a\n", "1:1: the file must be a mapping, not a list"},
		{"a text at the top", "hello\n", "1:1: the file must be a mapping, not a string"},
		{"a number at the top", "1\n", "1:1: the file must be a mapping, not a whole number"},
		{"an empty file", "", ""},
		{"comments alone", "# nothing\n", ""},
		{"a document without anything", "---\n...\n", ""},
		{"null", "~\n", ""},
		{"a BOM", "\ufeffprojects:\n- dir: a\n", ""},
		{"CRLF", "projects:\r\n- dir: a\r\n  name: b\r\n", ""},
		{"CRLF and a fault", "projects:\r\n- dir: a\r\n  nmae: b\r\n", "3:3: unknown key `projects[0].nmae`: did you mean `name`?"},
		{"CR alone", "projects:\r- dir: a\r", ""},
		{"not UTF-8", "projects:\n- dir: \"\xff\"\n", "1:1: the file is not UTF-8 text"},
		{"UTF-16", "\xff\xfep\x00r\x00", "1:1: the file is not UTF-8 text"},
		{"a NUL", "projects:\n- dir: a\x00b\n", "2:8: `projects[0].dir` \"a\\x00b\" has characters that cannot be seen"},
		{"an unclosed list", "projects: [{dir: a}\n", "1:11: not valid YAML: the `[` here is never closed; a text with special characters needs quotes"},
		{"an unclosed mapping", "projects: [{dir: a]\n", "1:11: not valid YAML: the `[` here is never closed; a text with special characters needs quotes"},
		{"closed twice", "projects: [{dir: a}]]\n", "1:21: not valid YAML: this does not belong here: look at the indentation of this line and the next, and at each bracket"},
		{"no colon", "projects\n- dir: a\n", "1:1: not valid YAML: there is no colon after this key"},
		{"no space after the colon", "version:1\n", "1:1: the file must be a mapping, not a string"},
		{"an unquoted brace", "projects:\n- dir: a\n  var_files: [{environment}.tfvars]\n", "3:28: not valid YAML: a `,` or `]` is missing here; a text with special characters needs quotes"},
		{"an unquoted star", "projects:\n- dir: **\n", "2:9: not valid YAML: a text that begins with * needs quotes"},
		{"an unquoted star first", "projects:\n- dir: *\n", "2:8: not valid YAML: a text that begins with * needs quotes"},
		{"an unquoted at", "projects:\n- dir: @a\n", "2:8: not valid YAML: a text that begins with this character needs quotes"},
		{"a percent", "projects:\n- dir: %a\n", "2:8: not valid YAML: a text that begins with % needs quotes"},
		{"a tag", "projects:\n- dir: !!str a\n", "2:8: tags (!!str) are not supported"},
		{"an exclamation mark", "projects:\n- dir: a\n  watch: [!b]\n", "3:10: not valid YAML: the `[` here is never closed; a text with special characters needs quotes"},
		{"a conflict's marks", "<<<<<<< HEAD\nversion: 1\n=======\nversion: 1\n>>>>>>> x\n", "1:1: a mark of a merge conflict is left here: resolve the conflict"},
		{"a bad escape", "projects:\n- dir: \"a\\q\"\n", "2:11: not valid YAML: in double quotes a backslash must be written twice"},
		{"a mapping that is a text", "projects: a\n", "1:11: `projects` must be a list, not a string"},
		{"an item that is a text", "projects:\n- a\n", "2:3: `projects[0]` must be a mapping, not a string"},
		{"an item that is nothing", "projects:\n-\n", "2:3: `projects[0]` must be a mapping, not nothing"},
	} {
		_, faults := ParseRepo(workflow.RepoConfigFile, []byte(tt.text), kinds)
		var lines []string
		for _, f := range faults {
			lines = append(lines, fmt.Sprintf("%d:%d: %s", f.Position.Line, f.Position.Column, f.Summary))
		}
		if got := strings.Join(lines, "\n"); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// TestBadSyntaxIsQuick: a file that is nothing but faults is refused by its words, before the parser, which would take
// minutes over it.
func TestBadSyntaxIsQuick(t *testing.T) {
	const open, tabs = "is never closed", "has more than 2000 tabs"
	for _, tt := range []struct{ begin, again, end, says string }{
		{"[", "a: 'b\n'", "", open}, {"[", "---\n...\n", "", open}, {"{", "a:\n <<: ", "", open}, {"{", "|\n  a\n:", "", open},
		{"[", "---\n a\n", "", open}, {"{", "a,", "", open}, {"", "\"\t", "", tabs}, {"[", "\"\t", "]", tabs}, {"a: ", "\t\"", "", tabs},
	} {
		text := tt.begin + strings.Repeat(tt.again, (MaxBytes-10)/len(tt.again)) + tt.end
		faults := &Faults{}
		Parse("f", []byte(text), faults)
		if said := faults.List(); len(said) != 1 || said[0].Position.Line == 0 || !strings.Contains(said[0].Summary, tt.says) {
			t.Errorf("%q: %v, want that it %s", tt.begin+tt.again, said, tt.says)
		}
	}
}
