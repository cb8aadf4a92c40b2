package markdown_test

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

	"github.com/cardea-iac/cardea/templates/markdown"
)

// gfm reads Markdown as GitHub does, as far as a library can; raw HTML is kept so
// that a test sees what slips through.
var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))

// FuzzFence: whatever the text, a fence is one code block with that text in it, and what stands after it is untouched.
func FuzzFence(f *testing.F) {
	for _, s := range []string{"", "plain", "```", "a\n````\nb", "~~~\n", "\t```", "</details>\n\n# h", "\r\n```\r\n", "- x\n+ y\n", "\x1b[31m```\x1b[0m", "\u202e```", "`", "\x00\n\n\n    ```"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		source := []byte("before\n\n" + markdown.Fence("diff", body) + "\nafter\n")
		doc := gfm.Parser().Parse(text.NewReader(source))
		var kinds []string
		for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
			kinds = append(kinds, n.Kind().String())
			if code, ok := n.(*ast.FencedCodeBlock); ok {
				want := markdown.Clean(body)
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
		for _, document := range []string{markdown.Prose(s) + "\n", "x " + markdown.Code(s) + " y\n",
			"| a | b |\n| --- | --- |\n| " + markdown.CodeCell(s) + " | " + markdown.ProseCell(s) + " |\n"} {
			var out bytes.Buffer
			if err := gfm.Convert([]byte(document), &out); err != nil {
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
						t.Errorf("%q became <%s> in %q", s, n.Data, document)
					}
				}
				for c := n.FirstChild; c != nil; c = c.NextSibling {
					walk(c)
				}
			}
			walk(doc)
			if strings.HasPrefix(document, "|") && cells != 2 {
				t.Errorf("%q makes %d cells of 2", s, cells)
			}
		}
	})
}
