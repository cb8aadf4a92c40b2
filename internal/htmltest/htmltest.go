// Package htmltest reads what the elements of a page say, for tests.
package htmltest

import (
	"strings"

	"golang.org/x/net/html"
)

// Attribute is the value of an element's attribute, "" where it has none.
func Attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// Text is all the text inside an element.
func Text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
