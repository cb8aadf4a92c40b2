package glob

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
)

func TestGlobMatch(t *testing.T) {
	for _, c := range []struct {
		glob, name string
		want       bool
	}{
		{"prod", "prod", true},
		{"prod", "prod/network", false},
		{"prod/*", "prod/network", true},
		{"prod/*", "prod/network/eu", false},
		{"prod/**", "prod", true},
		{"prod/**", "prod/network/eu", true},
		{"prod*/**", "prod", true},
		{"prod*/**", "prod-eu/network", true},
		{"prod*/**", "dev/prod", false},
		{"**", "a/b/c", true},
		{"**/x", "x", true},
		{"**/x", "a/b/x", true},
		{"**/x", "a/bx", false},
		{"**/a/**/b", "a/c/a/b", true},
		{"**/a/*/b/**/c", "z/a/y/b/a/b/b/c", true},
		{"a**b", "axxb", true},
		{"a**b", "a/b", false},
		{"**b", "a/b", false},
		{"?", "é", true},
		{"a?c", "a/c", false},
		{"[!a]", "b", true},
		{"[!a]", "a", false},
		{"a[!x]c", "a/c", false},
		{"[a-c]x", "bx", true},
		{"[a-c-e]", "d", false},
		{"[a\\-c]", "b", false},
		{"[ä-ü]", "ö", true},
		{"{dev,prod}/*", "prod/x", true},
		{"{dev,prod}/*", "stage/x", false},
		{"{a,b{c,d}}e", "bde", true},
		{"a{,/b}", "a", true},
		{"a{,/b}", "a/b", true},
		{"{a/**,b}/c", "a/x/y/c", true},
		{"a*{,b}", "a", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`\{a\,b\}`, "{a,b}", true},
		{"a,b", "a,b", true},
		{"[{]x", "{x", true},
		{"{[,],b}", ",", true},
		{"a/", "a", false},
		{"{a", "{a", false},
		{"a}", "a}", false},
		{"[a", "[a", false},
		{"[]", "[]", false},
		{`a\`, `a\`, false},
		{"*", "\xff", true},
		{"\xff", "\xfe", false},
	} {
		if got := Match(c.glob, c.name); got != c.want {
			t.Errorf("%q on %q: got %v, want %v", c.glob, c.name, got, c.want)
		}
	}
}

// asDoublestar is what doublestar says of a glob, set by set, and where no class can match a separator.
func asDoublestar(glob, name string) bool {
	list, ok := expand(glob)
	if !ok {
		return false
	}
	for _, one := range list {
		if matched, err := doublestar.Match(one, name); err == nil && matched {
			return true
		}
	}
	return false
}

// comparable leaves out where we differ from doublestar on purpose: a class never
// matches a separator, stars that follow one another are one, and what matches
// nothing is asked of every part alike.
func comparable(glob, name string) bool {
	if strings.Contains(glob, "[") && strings.Contains(name, "/") {
		return false
	}
	list, _ := expand(glob)
	for _, one := range list {
		if strings.Contains(one, "***") || strings.Contains(one, "**/**") || strings.Contains(one, "//") || strings.HasSuffix(one, "/") ||
			strings.HasSuffix(one, "*/**") || one == "" {
			return false
		}
	}
	return name != "" && !strings.Contains(name, "//") && !strings.HasPrefix(name, "/") && !strings.HasSuffix(name, "/")
}

func same(t *testing.T, glob, name string) {
	t.Helper()
	if why := Fault(glob); (why == "") != doublestar.ValidatePattern(glob) && !strings.Contains(why, "wildcards") && !strings.Contains(why, "alternatives") && !strings.Contains(why, "longer") {
		t.Fatalf("%q: we say %q, doublestar says valid: %v", glob, why, doublestar.ValidatePattern(glob))
	} else if why != "" || !comparable(glob, name) {
		return
	}
	if got, want := Match(glob, name), asDoublestar(glob, name); got != want {
		t.Fatalf("%q on %q: got %v, doublestar says %v", glob, name, got, want)
	}
}

// The language is doublestar's: every short glob over a small alphabet, and random longer ones.
func TestGlobIsDoublestars(t *testing.T) {
	var names []string
	short := func(alphabet []string, upTo int, each func(string)) {
		level := []string{""}
		for range upTo {
			var next []string
			for _, s := range level {
				for _, a := range alphabet {
					next = append(next, s+a)
					each(s + a)
				}
			}
			level = next
		}
	}
	short([]string{"a", "b", "/"}, 4, func(s string) { names = append(names, s) })
	short([]string{"a", "b", "/", "*", "**/", "{", ",", "}", "?", "[!a]", `\`}, 4, func(glob string) {
		for i := len(glob) % 3; i < len(names); i += 3 {
			same(t, glob, names[i])
		}
	})
	pieces := []string{"a", "b", "ab", "/", "/", "*", "**/", "/**", "?", "{a,b}", "{a/,}", "{,*}", "{a,{b,**/}}", `\*`, "é"}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		var glob, name strings.Builder
		for range 1 + r.IntN(8) {
			glob.WriteString(pieces[r.IntN(len(pieces))])
		}
		for range 1 + r.IntN(10) {
			name.WriteString([]string{"a", "b", "/", "*", "é"}[r.IntN(5)])
		}
		same(t, glob.String(), name.String())
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("**/{a,b}*", "x/ab")
	f.Add("[!a-c]{x,y/**}", "dx")
	f.Fuzz(func(t *testing.T, glob, name string) {
		if len(glob) > 200 || len(name) > 200 {
			return
		}
		Compile(glob).MatchTree(name)
		if Fault(glob) == "" && strings.ToValidUTF8(glob, "") == glob && strings.ToValidUTF8(name, "") == name {
			same(t, glob, name)
		}
	})
}

// However a glob is written, a match takes no more steps than its alternatives have characters, times the name's.
func TestGlobTakesFewSteps(t *testing.T) {
	long := strings.Repeat("a", 500)
	for _, c := range []struct{ glob, name string }{
		{strings.Repeat("*a", 32) + "b", long},
		{strings.Repeat("**/", 8) + "{x,y,z}{x,y,z}{x,y,z}*x*", strings.Repeat("a/", 400) + "x"},
		{strings.Repeat("**/a*/", 8) + "b", strings.Repeat("aa/", 400) + "c"},
		{"{a,aa,aaa,aaaa}{a,aa,aaa,aaaa}{a,aa,aaa,aaaa}X", long},
		{strings.Repeat("{", 16) + "a" + strings.Repeat("}", 16) + strings.Repeat("*", 8), long},
		{"*" + strings.Repeat("[!b]", 200) + "b", long},
	} {
		if why := Fault(c.glob); why != "" {
			t.Errorf("%.60q is refused: %s", c.glob, why)
			continue
		}
		steps, written := 0, 0
		list, _ := expand(c.glob)
		for _, one := range list {
			written += len(one) + 1
		}
		Compile(c.glob).match(c.name, &steps)
		if most := 4 * written * (len(c.name) + 1); steps > most {
			t.Errorf("%.60q takes %d steps, at most %d are allowed", c.glob, steps, most)
		}
	}
}

func TestGlobFault(t *testing.T) {
	sets := func(n, each int) string {
		return strings.Repeat("{"+strings.TrimSuffix(strings.Repeat("p,", each), ",")+"}", n)
	}
	for glob, want := range map[string]string{
		"**/modules/**":           "",
		sets(1, 64):               "",
		sets(3, 4):                "",
		sets(1, 65):               "more than 64 alternatives",
		sets(4, 60):               "more than 64 alternatives",
		sets(2, 9) + "X":          "more than 64 alternatives",
		sets(17, 1):               "more wildcards",
		strings.Repeat("*a", 33):  "more wildcards",
		strings.Repeat("**/", 9):  "more wildcards",
		strings.Repeat("a", 1025): "longer than 1,024 bytes",
		"{" + strings.Repeat("a", 900) + ",b,c,d,e}" + strings.Repeat("x", 100): "",
		sets(1, 60) + strings.Repeat("x", 800):                                  "more than 4,096 bytes",
		"a[":                                                                    "not a valid glob",
		"{a":                                                                    "not a valid glob",
		"a}":                                                                    "not a valid glob",
		`a\`:                                                                    "not a valid glob",
		"[!]":                                                                   "not a valid glob",
	} {
		got := Fault(glob)
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%.80q: got %q, want %q", glob, got, want)
		}
		if got != "" && strings.Contains(got, "valid") && Compile(glob).Match(glob) {
			t.Errorf("%.80q matches although it is no glob", glob)
		}
	}
}

func TestGlobFixed(t *testing.T) {
	for glob, want := range map[string]string{"a/b/*": "a/b", "*": "", "a/b": "a", `a\[b/c/{x,y}/z`: "a[b/c", "a/{b/c,d}/e": "a"} {
		if got := Compile(glob).Fixed(); got != want {
			t.Errorf("%q: got %q, want %q", glob, got, want)
		}
	}
	for _, c := range []struct {
		glob, name string
		want       bool
	}{{"a/b", "a/b/c/d", true}, {"a/b", "a/bc", false}, {"a/*", "a/b/c", false}, {`a\[b/c`, "a[b/c/d", true}} {
		if got := Compile(c.glob).MatchTree(c.name); got != c.want {
			t.Errorf("%q over the tree of %q: got %v", c.glob, c.name, got)
		}
	}
}

func BenchmarkGlob(b *testing.B) {
	g := Compile("{prod,dev}/**/*.{tf,tfvars}")
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("prod/region-%d/network/main.tf", i)
	}
	for b.Loop() {
		for _, n := range names {
			g.Match(n)
		}
	}
}
