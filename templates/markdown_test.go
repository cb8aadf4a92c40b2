package templates_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	nethtml "golang.org/x/net/html"

	"github.com/cardea-iac/cardea/templates"
)

// gfm reads Markdown as GitHub does, as far as a library can; raw HTML is kept so
// that a test sees what slips through.
var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))

// mustBalance checks that every fence of the text is closed: no code block holds
// what our own lines after it are made of.
func mustBalance(t *testing.T, what, markdown string) {
	t.Helper()
	source := []byte(markdown)
	err := ast.Walk(gfm.Parser().Parse(text.NewReader(source)), func(n ast.Node, in bool) (ast.WalkStatus, error) {
		if code, ok := n.(*ast.FencedCodeBlock); ok && in {
			if body := string(code.Lines().Value(source)); strings.Contains(body, "</details>\n\n") || strings.Contains(body, "<sub>head") {
				t.Errorf("%s: a fence is not closed", what)
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestHostile renders texts that try everything, and looks at the elements that come out.
func TestHostile(t *testing.T) {
	v := view(hostile())
	plan := templates.PlanCheck(v, links)
	for what, markdown := range map[string]string{"summary": templates.Summary(v, links), "check": plan.Summary, "text": plan.Text,
		"apply": templates.ApplyCheck(v, links).Summary, "project": templates.ProjectCheck(v, v.Projects[0].Project.Name, links).Summary} {
		var out bytes.Buffer
		if err := gfm.Convert([]byte(markdown), &out); err != nil {
			t.Fatal(err)
		}
		doc, err := nethtml.Parse(&out)
		if err != nil {
			t.Fatal(err)
		}
		checkNodes(t, what, doc, false)
		for _, r := range markdown {
			if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200b {
				t.Errorf("%s has the character %U", what, r)
			}
		}
	}
}

var allowedElements = map[string]bool{"html": true, "head": true, "body": true, "p": true, "table": true, "thead": true, "tbody": true, "tr": true, "th": true, "td": true,
	"code": true, "pre": true, "strong": true, "ul": true, "li": true, "details": true, "summary": true, "b": true, "sub": true, "h4": true, "a": true}

func checkNodes(t *testing.T, what string, n *nethtml.Node, code bool) {
	t.Helper()
	switch n.Type {
	case nethtml.ElementNode:
		if !allowedElements[n.Data] {
			t.Errorf("%s: the element <%s> came out", what, n.Data)
		}
		code = code || n.Data == "code"
		for _, a := range n.Attr {
			if a.Key == "href" && !strings.HasPrefix(a.Val, links.PublicURL) || strings.HasPrefix(a.Key, "on") {
				t.Errorf("%s: %s=%q came out", what, a.Key, a.Val)
			}
		}
	case nethtml.TextNode:
		if !code && (strings.Contains(n.Data, "@acme") || strings.Contains(n.Data, "#1")) {
			t.Errorf("%s: %q mentions or refers", what, n.Data)
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		checkNodes(t, what, c, code)
	}
}

// FuzzFence: whatever the text, a fence is one code block with that text in it, and what stands after it is untouched.
func FuzzFence(f *testing.F) {
	for _, s := range []string{"", "plain", "```", "a\n````\nb", "~~~\n", "\t```", "</details>\n\n# h", "\r\n```\r\n", "- x\n+ y\n", "\x1b[31m```\x1b[0m", "\u202e```", "`", "\x00\n\n\n    ```"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		source := []byte("before\n\n" + templates.Fence("diff", body) + "\nafter\n")
		doc := gfm.Parser().Parse(text.NewReader(source))
		var kinds []string
		for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
			kinds = append(kinds, n.Kind().String())
			if code, ok := n.(*ast.FencedCodeBlock); ok {
				want := templates.Clean(body)
				if want != "" && !strings.HasSuffix(want, "\n") {
					want += "\n"
				}
				if got := string(code.Lines().Value(source)); got != want {
					t.Errorf("the block holds %q, want %q", got, want)
				}
			}
		}
		if got, want := strings.Join(kinds, " "), "Paragraph FencedCodeBlock Paragraph"; got != want {
			t.Errorf("a document of %s, want %s", got, want)
		}
	})
}

// FuzzInline: whatever the text, as prose, code or in a cell of a table it adds no element but code.
func FuzzInline(f *testing.F) {
	for _, s := range []string{"", "plain", "`a` b `c", "a|b", "<b>", "[x](y)", "*a*", "@acme #1", "http://x.example", "www.example.com", "a@b.example", "\\", "&lt;", "- a", "1. a", "> q", "=", "![i](j)", "$x$", "`` ` ``", "~~a~~", "+ x", "    x", "GH-12", "0`.", "1``."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, markdown := range []string{templates.Prose(s) + "\n", "x " + templates.Code(s) + " y\n", "| a | b |\n| --- | --- |\n| " + templates.CodeCell(s) + " | " + templates.ProseCell(s) + " |\n"} {
			var out bytes.Buffer
			if err := gfm.Convert([]byte(markdown), &out); err != nil {
				t.Fatal(err)
			}
			doc, err := nethtml.Parse(&out)
			if err != nil {
				t.Fatal(err)
			}
			cells := 0
			var walk func(n *nethtml.Node)
			walk = func(n *nethtml.Node) {
				if n.Type == nethtml.ElementNode {
					switch n.Data {
					case "html", "head", "body", "p", "code", "table", "thead", "tbody", "tr", "th":
					case "td":
						cells++
					default:
						t.Errorf("%q became <%s> in %q", s, n.Data, markdown)
					}
				}
				for c := n.FirstChild; c != nil; c = c.NextSibling {
					walk(c)
				}
			}
			walk(doc)
			if strings.HasPrefix(markdown, "|") && cells != 2 {
				t.Errorf("%q makes %d cells of 2", s, cells)
			}
		}
	})
}
