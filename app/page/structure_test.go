package page_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/cardea-iac/cardea/internal/htmltest"
)

// TestStructure: what people need who hear a page, or use it without a mouse, on every kind of page.
func TestStructure(t *testing.T) {
	worlds := map[*world][]string{sample(t): {"/", "/nothing/here", "/acme/infra", "/acme/infra/pull/12", "/acme/infra/pull/13", "/acme/infra/project/prod/network",
		"/runs/run01", "/runs/run03", "/runs/run04", "/runs/run05"},
		gated(t): {"/acme/infra", "/acme/infra/pull/12", "/acme/infra/project/prod/network", "/runs/apply02", "/runs/apply03", "/runs/apply04"}}
	for w, paths := range worlds {
		for _, path := range paths {
			doc, err := html.Parse(strings.NewReader(w.body(path)))
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range faultsOf(doc) {
				t.Errorf("%s: %s", path, fault)
			}
		}
	}
	broken, err := html.Parse(strings.NewReader(`<html><body><h1>a</h1><h3>b</h3><h1>c</h1><main id=x></main><p id=x></p><a href="/"></a><a href="#y">y</a><label for=z>z</label>` +
		`<input><button></button><table><tr><th>a</th></tr></table><pre class="log">x</pre></body></html>`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(faultsOf(broken)), 12; got != want {
		t.Errorf("a broken page has %d faults, want %d: %q", got, want, faultsOf(broken))
	}
}

// faultsOf is what is wrong with a page's structure.
func faultsOf(doc *html.Node) (faults []string) {
	ids, labelled := map[string]bool{}, map[string]bool{}
	count := map[string]int{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		if id := htmltest.Attribute(n, "id"); id != "" {
			if ids[id] {
				faults = append(faults, "the id "+id+" twice")
			}
			ids[id] = true
		}
		if n.Data == "label" {
			labelled[htmltest.Attribute(n, "for")] = true
		}
	}
	level := 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		what := "<" + n.Data + "> " + htmltest.Attribute(n, "class") + ": "
		named := strings.TrimSpace(htmltest.Text(n)) != "" || htmltest.Attribute(n, "aria-label") != ""
		switch n.Data {
		case "h1", "h2", "h3":
			now := int(n.Data[1] - '0')
			if now > level+1 {
				faults = append(faults, what+"a level of headings is left out")
			}
			level = now
		case "a", "button":
			if !named {
				faults = append(faults, what+"it has no name")
			}
		case "input":
			if !labelled[htmltest.Attribute(n, "id")] {
				faults = append(faults, what+"it has no label")
			}
		case "th":
			if htmltest.Attribute(n, "scope") == "" {
				faults = append(faults, what+"it does not say what it heads")
			}
		case "pre":
			if strings.Contains(htmltest.Attribute(n, "class"), "log") && (htmltest.Attribute(n, "tabindex") != "0" || htmltest.Attribute(n, "aria-label") == "") {
				faults = append(faults, what+"it scrolls, and cannot be reached by keys")
			}
		case "html":
			if htmltest.Attribute(n, "lang") == "" {
				faults = append(faults, what+"it has no language")
			}
		}
		for _, key := range []string{"for", "aria-labelledby", "aria-controls", "aria-describedby"} {
			if to := htmltest.Attribute(n, key); to != "" && !ids[to] {
				faults = append(faults, what+key+" leads nowhere")
			}
		}
		if to, ok := strings.CutPrefix(htmltest.Attribute(n, "href"), "#"); ok && !ids[to] {
			faults = append(faults, what+"#"+to+" leads nowhere")
		}
	}
	for _, name := range []string{"h1", "main"} {
		if count[name] != 1 {
			faults = append(faults, "it has not one "+name)
		}
	}
	if !slices.ContainsFunc(slices.Collect(doc.Descendants()), func(n *html.Node) bool { return n.Data == "a" && htmltest.Attribute(n, "class") == "skip" }) {
		faults = append(faults, "no link skips to the content")
	}
	return faults
}
