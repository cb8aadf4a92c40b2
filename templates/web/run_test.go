package web_test

import (
	"regexp"
	"strings"
	"testing"

	nethtml "golang.org/x/net/html"

	"github.com/cardea-iac/cardea/internal/htmltest"
	"github.com/cardea-iac/cardea/templates/web"
	"github.com/cardea-iac/cardea/workflow"
)

// hostileLogs each try to leave the log: the text after "said" has to be read on the page.
var hostileLogs = map[string]string{
	"tags":                         "<script>alert(1)</script></pre><img src=x onerror='a'>\"&lt;\nsaid",
	"tags in a colour":             "\x1b[31m</span><b onclick=\"a()\">\x1b[0m\nsaid",
	"quotes in a colour":           "\x1b[31\" onclick=\"a()m\nsaid",
	"a colour with a quote":        "\x1b[38;5;\"><b>m\nsaid",
	"half a colour":                "said\x1b[",
	"half a colour with a number":  "said\x1b[31",
	"a link":                       "\x1b]8;;javascript:alert(1)\x07x\x1b]8;;\x07\nsaid",
	"a link, ended otherwise":      "\x1b]8;;https://x.example/\"><b>\x1b\\x\x1b]8;;\x1b\\\nsaid",
	"a link put together":          "\x1b\x1b[A]8;;https://x.example\x07x\nsaid",
	"a link that does not end":     "\x1b]8;;https://x.example\nsaid",
	"a colour in a link":           "\x1b]8;;\x1b[31mhttps://x.example\x07x\nsaid",
	"an image":                     "\x1b]1338;url=https://x.example/a.png\x07\nsaid",
	"a time":                       "\x1b_bk;t=1\x07\nsaid",
	"invalid UTF-8":                "\xff\xfe\xc0<b>\xe2\x28\x1b[\xff31m\nsaid",
	"a cursor":                     "said\n\x1b[A\x1b[2Kover",
	"a cursor put together":        "said\n\x1b\x1b[A[A\x1b\x1b[A[2Kover",
	"a cursor around another code": "said\n\x1b[\x1bcA\x1b[2\x1bcKover",
	"a cursor with other digits":   "said\n\x1b[?1A\x1b[>2Kover",
	"the line before":              "said\n\x1bM\x1b7\x1b8over",
	"a cursor of eight bits":       "said\n\u009bA\u009b2Kover",
	"backspaces":                   "said\b\b\b\bover",
	"a line written again":         "said\rover",
}

// logOf is the log that a run's page shows, around a line.
func logOf(t *testing.T, log string, line int) (*web.Log, *nethtml.Node) {
	t.Helper()
	l, err := web.ReadLog(strings.NewReader(log), line)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := web.WriteRun(&b, web.RunPage{Log: l}); err != nil {
		t.Fatal(err)
	}
	doc, err := nethtml.Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Data == "pre" && strings.HasPrefix(htmltest.Attribute(n, "class"), "log") {
			return l, n
		}
	}
	t.Fatal("the page has no log")
	return nil, nil
}

// linesOf are the lines of a log as its page has them: number, class, text.
func linesOf(pre *nethtml.Node) (out []string) {
	for n := range pre.ChildNodes() {
		text := strings.TrimSuffix(strings.TrimPrefix(htmltest.Text(n), htmltest.Text(n.FirstChild)), "\n")
		out = append(out, strings.TrimPrefix(htmltest.Attribute(n, "id"), "L")+"|"+htmltest.Attribute(n, "class")+"|"+text)
	}
	return out
}

// TestLogHTML: whatever a log holds, its page gets the text and colours, and every line stays where it was.
func TestLogHTML(t *testing.T) {
	classes := regexp.MustCompile(`^term-[a-z0-9]+( term-[a-z0-9]+)*$|^[a-z]*$`)
	for what, log := range hostileLogs {
		_, pre := logOf(t, log, 0)
		for n := range pre.Descendants() {
			switch {
			case n.Type == nethtml.TextNode:
			case n.Data == "a" && n.Parent.Parent == pre && strings.HasPrefix(htmltest.Attribute(n, "href"), "#L") && len(n.Attr) == 2:
			case n.Data == "span" && n.Parent == pre && classes.MatchString(htmltest.Attribute(n, "class")) && strings.HasPrefix(htmltest.Attribute(n, "id"), "L") && len(n.Attr) <= 2:
			case n.Data != "span" || len(n.Attr) != 1 || n.Attr[0].Key != "class" || !classes.MatchString(n.Attr[0].Val):
				t.Errorf("%s: <%s> with %v came out", what, n.Data, n.Attr)
			}
		}
		if got := htmltest.Text(pre); !strings.Contains(got, "said") || strings.ContainsAny(got, "\x1b\b\r\u009b") {
			t.Errorf("%s: the page says %q", what, got)
		}
		if got, want := len(linesOf(pre)), strings.Count(strings.TrimSuffix(log, "\n"), "\n")+1; got != want {
			t.Errorf("%s: %d lines became %d", what, want, got)
		}
	}
}

// TestLineText: what changes has Terraform's mark on a page, not the one by which GitHub colours it.
func TestLineText(t *testing.T) {
	c := workflow.Change{Address: "x.y", Action: workflow.ActionUpdate, Attributes: []workflow.Attribute{
		{Path: "a", Mark: workflow.MarkChange, Before: `"1"`, After: `"2"`}, {Path: "m", Mark: workflow.MarkChange, Before: "a\nb", After: "a\nc", Multiline: true}}}
	shown, _ := web.ShowChanges([]workflow.Change{c}, web.Spot{}, web.PageBudget)
	var b strings.Builder
	if err := web.WriteRun(&b, web.RunPage{Plan: &workflow.Plan{}, Changes: shown}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"~   a = &#34;1&#34; -&gt; &#34;2&#34;\n", "~   m = ", "-     b\n", "&#43;     c\n"} {
		if !strings.Contains(b.String(), `">`+want) {
			t.Errorf("no line begins with %q", want)
		}
	}
	if strings.Contains(b.String(), `">! `) {
		t.Error("a line has GitHub's mark")
	}
}

// TestFold: of many changes on a page only those that take away what exists are open.
func TestFold(t *testing.T) {
	actions := []workflow.Action{workflow.ActionCreate, workflow.ActionUpdate, workflow.ActionDelete, workflow.ActionReplace}
	for n, want := range map[int][]bool{3: {true, true, true}, 4: {false, false, true, true}} {
		var groups []web.ShownGroup
		for _, a := range actions[:n] {
			shown, _ := web.ShowChanges([]workflow.Change{{Address: "x.y", Action: a, Attributes: []workflow.Attribute{{Path: "a"}}}}, web.Spot{}, web.PageBudget)
			groups = append(groups, web.ShownGroup{Shown: shown})
		}
		web.Fold(groups)
		for i, g := range groups {
			if g.Shown[0].Open != want[i] {
				t.Errorf("of %d changes one to %s is open: %v", n, actions[i], g.Shown[0].Open)
			}
		}
	}
}
