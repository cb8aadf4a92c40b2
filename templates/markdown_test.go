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
			if body := string(code.Lines().Value(source)); strings.Contains(body, "</details>\n\n") ||
				strings.Contains(body, "<sub>head") {
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
	for what, markdown := range map[string]string{"summary": templates.Summary(v, links),
		"check": plan.Summary, "text": plan.Text,
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
			if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e ||
				r >= 0x2066 && r <= 0x2069 || r == 0x200b {
				t.Errorf("%s has the character %U", what, r)
			}
		}
	}
}

var allowedElements = map[string]bool{"html": true, "head": true, "body": true, "p": true, "table": true, "thead": true,
	"tbody": true, "tr": true, "th": true, "td": true,
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
