package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// checker checks exchanges against the descriptions.
type checker struct {
	rest *description
	gql  *schemas
	*tally
}

// tally is what was seen, and what was found.
type tally struct {
	requests, answers, deliveries, queries int
	product                                int             // requests of the product
	operations, ours, events               map[string]bool // seen: all operations, those the product asked for, events
	allowed                                map[string]int  // uses of the table of statuses
	faults                                 map[faultKey]*fault
}

func newTally() *tally {
	return &tally{operations: map[string]bool{}, ours: map[string]bool{}, events: map[string]bool{},
		allowed: map[string]int{}, faults: map[faultKey]*fault{}}
}

// faultKey is what makes two faults the same.
type faultKey struct {
	what    string // request, answer, delivery, query, schema
	of      string // the operation or event
	message string
}

type fault struct {
	count           int
	source, example string
}

// fault counts a fault. The first of its kind is kept as the example.
func (c *checker) fault(x *exchange, key faultKey, example string) {
	f := c.faults[key]
	if f == nil {
		f = &fault{source: x.Source, example: cut(example)}
		c.faults[key] = f
	}
	f.count++
}

func cut(s string) string {
	if len(s) > 240 {
		return strings.ToValidUTF8(s[:240], "") + " ..."
	}
	return s
}

var english = message.NewPrinter(language.English)

// leaf is one thing that does not fit a schema: where, and what is wrong there.
type leaf struct{ where, what string }

func (l leaf) String() string { return l.where + ": " + l.what }

// unfit checks a value against a schema and says what is wrong, nil when nothing is.
func unfit(s *jsonschema.Schema, v any) []leaf {
	var e *jsonschema.ValidationError
	if err := s.Validate(v); errors.As(err, &e) {
		return leaves(e)
	} else if err != nil {
		return []leaf{{"", err.Error()}}
	}
	return nil
}

// leaves are the ends of a tree of errors. Of alternatives only the one that fits best is
// reported.
func leaves(e *jsonschema.ValidationError) []leaf {
	choice := false
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		choice = true
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Format: // without the value, which differs from fault to fault
		return []leaf{{where(e.InstanceLocation), "not of the format " + k.Want}}
	case *kind.FalseSchema:
		return []leaf{{where(e.InstanceLocation), "GitHub knows no such property"}}
	}
	if len(e.Causes) == 0 {
		return []leaf{{where(e.InstanceLocation), numbers.ReplaceAllString(e.ErrorKind.LocalizedString(english), "N")}}
	}
	var out []leaf
	for _, cause := range e.Causes {
		l := leaves(cause)
		switch {
		case !choice:
			out = append(out, l...)
		case out == nil || score(l) < score(out):
			out = l
		}
	}
	return out
}

// score is how far an alternative is from fitting; "should be null" is hardly ever what was meant.
func score(l []leaf) int {
	if len(l) == 1 && strings.HasSuffix(l[0].what, "want null") {
		return 1000
	}
	return len(l)
}

var numbers = regexp.MustCompile(`\b\d{3,}\b`) // ids differ from fault to fault

// where is a place in a document, the same for all elements of a list.
func where(location []string) string {
	if len(location) == 0 {
		return "body"
	}
	parts := slices.Clone(location)
	for i, p := range parts {
		if strings.Trim(p, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, ".")
}

// print writes what was seen, and each fault once.
func (c *checker) print(out io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests to %d operations (%d of them by the product, to %d), %d answers, %d deliveries of %d events, %d GraphQL queries\n",
		c.requests, len(c.operations), c.product, len(c.ours), c.answers, c.deliveries, len(c.events), c.queries)
	for _, k := range sortedKeys(c.allowed) {
		fmt.Fprintf(&b, "  allowed %d times: %s\n", c.allowed[k], k)
	}
	keys := make([]faultKey, 0, len(c.faults))
	for k := range c.faults {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b faultKey) int {
		return cmp.Or(cmp.Compare(a.what, b.what), cmp.Compare(a.of, b.of), cmp.Compare(a.message, b.message))
	})
	for _, k := range keys {
		f := c.faults[k]
		fmt.Fprintf(&b, "\n%s %s\n  %s (%d times, first in %s)\n  %s\n", k.what,
			k.of, k.message, f.count, f.source, f.example)
	}
	fmt.Fprintf(&b, "%d faults\n", len(c.faults))
	_, _ = io.WriteString(out, b.String()) // to the terminal; the exit status says the same
}

// Our tests do more than this by a good margin. If there is less, something was not recorded.
const (
	leastRequests   = 700
	leastOperations = 50 // all that localgithub has: its TestEveryRoute calls each
	leastProduct    = 400
	leastOurs       = 12 // operations
	leastDeliveries = 1000
	leastEvents     = 20
	leastQueries    = 10
)

// enough complains when less was seen than the tests are known to do.
func (c *checker) enough() error {
	for _, x := range []struct {
		what        string
		have, least int
	}{
		{"requests", c.requests, leastRequests}, {"operations", len(c.operations), leastOperations},
		{"requests of the product", c.product, leastProduct},
		{"operations of the product", len(c.ours), leastOurs}, {"deliveries", c.deliveries, leastDeliveries},
		{"events", len(c.events), leastEvents},
		{"GraphQL queries", c.queries, leastQueries},
	} {
		if x.have < x.least {
			return fmt.Errorf("only %d %s were recorded, at least %d are expected", x.have, x.what, x.least)
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
