package web

import (
	"bytes"
	"html"
	"html/template"
	"regexp"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// markdown renders as GitHub shows comments: GitHub Flavored Markdown with line breaks kept,
// HTML let through and then cut down to what is harmless (<details> among it), lines of diff
// fences coloured by their first character. Made when it is first used: every runner is a
// process of this program too, and would pay for whatever is done at start.
var markdown = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.Linkify, extension.Strikethrough, extension.TaskList,
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
		goldmark.WithRendererOptions(gmhtml.WithUnsafe(), gmhtml.WithHardWraps(),
			renderer.WithNodeRenderers(util.Prioritized(fences{}, 100))),
	)
})

var harmless = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.UGCPolicy()
	p.AllowElements("details", "summary", "input")
	p.AllowAttrs("open").OnElements("details")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input")
	p.AllowAttrs("checked", "disabled").OnElements("input")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^(fence|add|del|chg|hunk|dim)$`)).OnElements("pre", "span")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|right|center)$`)).OnElements("td", "th")
	return p
})

func renderMarkdown(text string) (template.HTML, error) {
	var out bytes.Buffer
	if err := markdown().Convert([]byte(text), &out); err != nil {
		return "", err
	}
	return template.HTML(harmless().SanitizeBytes(out.Bytes())), nil // sanitised in this line
}

// fences renders fenced code; that of language diff line by line.
type fences struct{}

// RegisterFuncs implements goldmark's renderer.NodeRenderer.
func (fences) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(ast.KindFencedCodeBlock,
		func(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
			if !entering {
				return ast.WalkContinue, nil
			}
			n := node.(*ast.FencedCodeBlock)
			diff := string(n.Language(source)) == "diff"
			var b strings.Builder
			b.WriteString(`<pre class="fence"><code>`)
			for i := range n.Lines().Len() {
				line := n.Lines().At(i)
				text := html.EscapeString(string(line.Value(source)))
				class := ""
				if diff {
					class = diffClass(text)
				}
				if class != "" {
					text = `<span class="` + class + `">` + strings.TrimSuffix(text, "\n") + "</span>\n"
				}
				b.WriteString(text)
			}
			b.WriteString("</code></pre>\n")
			_, err := w.WriteString(b.String())
			return ast.WalkContinue, err
		})
}

// diffClass is the colour of a line in a diff, by its first character.
func diffClass(line string) string {
	switch {
	case strings.HasPrefix(line, "@@"):
		return "hunk"
	case strings.HasPrefix(line, "+"):
		return "add"
	case strings.HasPrefix(line, "-"):
		return "del"
	case strings.HasPrefix(line, "!"):
		return "chg"
	case strings.HasPrefix(line, "#"):
		return "dim"
	}
	return ""
}
