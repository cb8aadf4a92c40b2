package syntax

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// TestNesting: what the recursive parsers cannot take is refused before they see it.
func TestNesting(t *testing.T) {
	t.Parallel()
	const n = 50_000
	open := func(s string) string { return "x = " + strings.Repeat(s, n) }
	deep := map[string]string{
		"parentheses": open("("), "with closers in comments": open("(/*)*/"), "lists": open("["), "objects": open("{\n a = "), "templates": open(`"${`), "not": open("!"), "minus": open("-"),
		"minus in lines": "x = (" + strings.Repeat("-\n", n), "conditions": open("a ? b : "), "directives": "x = \"" + strings.Repeat("%{ if true }", n), "blocks": strings.Repeat("a {\n", n), "functions": open("f("),
	}
	for name, text := range deep {
		f, diags := ParseHCL("x.tf", []byte(text))
		if f != nil || !diags.HasErrors() {
			t.Errorf("%s: it was parsed", name)
		}
	}
	if f, diags := ParseHCL("x.tf.json", []byte(strings.Repeat(`{"a":[`, n))); f != nil || !diags.HasErrors() {
		t.Error("JSON: it was parsed")
	}
	if ParseTemplate(strings.Repeat("${(", n)) != nil {
		t.Error("a template: it was parsed")
	}
	flat := map[string]string{
		"lists":     strings.Repeat("x {\na = [-1, !true, -2, { b = \"${c}-${d}\" }]\n}\n", 5000),
		"condition": strings.Repeat("x {\na = b ? c : d\n}\n", 5000),
		"a list":    "a = [\n" + strings.Repeat("-1,\n", 20000) + "]\n",
		"blocks":    strings.Repeat("resource \"a\" \"b\" {\n  tags = merge({ x = 1 }, [for y in z : y if y != \"\"]...)\n  h = <<-EOT\n   text ${x} %{ if y }z%{ endif }\n  EOT\n}\n", 3000),
	}
	for name, text := range flat {
		if _, diags := ParseHCL("x.tf", []byte(text)); diags.HasErrors() {
			t.Errorf("%s: %v", name, diags)
		}
		if got := nesting([]byte(text), hclsyntax.LexConfig); got > 20 {
			t.Errorf("%s: got nesting %d", name, got)
		}
	}
}

// TestKeysThatRepeat: a key that stands often in a file of JSON has one flat array, which is no deeper than the file.
func TestKeysThatRepeat(t *testing.T) {
	t.Parallel()
	got, _ := json.Marshal(EveryKey([]byte(`{"a":[1],"b":1,"a":2,"a":{"c":3,"c":4,"c":[5]}}`)))
	if want := `{"a":[[1],2,{"c":[3,4,[5]]}],"b":1}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
