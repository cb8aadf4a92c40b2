package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/templates/web"
)

// TestLogColours: a line has its own colours, or those of what it says: diagnostics, a plan's marks, headings.
func TestLogColours(t *testing.T) {
	log := strings.Join([]string{"", "$ terraform init", "- Installing hashicorp/aws v6.0.0...", "+ set -x",
		"\x1b[33mmine\x1b[0m", "  + \x1b[31mmine", "still red\x1b[0m", "",
		"  # x.a will be created", `  + resource "x" "a" {`, "      ~ tags = {", `          - "b" = 1`, "  <= data", `-/+ resource "x" "b" {`, `+/- resource "x" "c" {`,
		"Plan: 1 to add", "Warning: old", "│ Error: no", "\x1b[31m│\x1b[0m \x1b[1mError: \x1b[0mno", "│ why", "x.y (local-exec): Error: mine", "an Error: in words", "<b>"}, "\n") + "\n"
	l, pre := logOf(t, log, 0)
	want := []string{"2|h|$ terraform init", "3||- Installing hashicorp/aws v6.0.0...", "4||+ set -x",
		"5||mine", "6||  + mine", "7||still red", "8||",
		"9|h|  # x.a will be created", `10|a|  + resource "x" "a" {`, "11|c|      ~ tags = {", `12|r|          - "b" = 1`, "13|k|  <= data", `14|p|-/+ resource "x" "b" {`, `15|p|+/- resource "x" "c" {`,
		"16|h|Plan: 1 to add", "17|warning|Warning: old", "18|error|│ Error: no", "19|error|│ Error: no", "20||│ why", "21||x.y (local-exec): Error: mine", "22||an Error: in words", "23||<b>"}
	if d := cmp.Diff(want, linesOf(pre)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if l.Error != 18 || l.Total != 23 || !l.Whole || l.Link(4) != "#L4" {
		t.Errorf("the first error is %d of %d, whole %v, a link %s", l.Error, l.Total, l.Whole, l.Link(4))
	}
	for line, class := range map[int]string{5: "term-fg33", 6: "term-fg31", 7: "term-fg31"} {
		if html := string(l.Lines[line-2].HTML); !strings.Contains(html, `<span class="`+class+`">`) {
			t.Errorf("line %d has no %s: %s", line, class, html)
		}
	}
}

// TestLogError: a log's error is the first one of the last command that had one. What an earlier one said was made good:
// an init that lacks a provider is run again, and fetches it.
func TestLogError(t *testing.T) {
	const missing = "\n$ terraform init\n╷\n│ Error: a provider is not there\n╵\nfetching\n"
	for name, tt := range map[string]struct {
		log  string
		want int
	}{
		"none":                 {"\n$ terraform init\nfine\n", 0},
		"one":                  {missing, 4},
		"an init that retries": {missing + "\n$ terraform init\n│ Error: nor there\n│ Error: another\n", 9},
		"a plan that fails":    {missing + "\n$ terraform init\nfine\n\n$ terraform plan\n│ Error: no\n\n$ step\nfine\n", 12},
		"a dollar in a plan":   {"\n$ terraform plan\n│ Error: no\n│   3: $ x\n│ Error: another\n", 3},
	} {
		if l, _ := logOf(t, tt.log, 0); l.Error != tt.want {
			t.Errorf("%s: the error is in line %d, want %d", name, l.Error, tt.want)
		}
	}
}

// numbered is a log of lines that say their number, but for those from..to, which a runner discarded.
func numbered(n, from, to int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		if i == from {
			fmt.Fprintf(&b, "\n[... 99 bytes in %d lines of this log were discarded here: it is limited to 10 ...]\n\n", to-from+1)
		}
		if i < from || i > to {
			fmt.Fprintf(&b, "line %d\n", i)
		}
	}
	return b.String()
}

// TestLogLines: every line has its number wherever the page begins, while it grows and when its middle is gone.
func TestLogLines(t *testing.T) {
	for name, tt := range map[string]struct {
		log                string
		line               int
		first, last, total int
		earlier, later     int
		whole              bool
		has, gone          []int
	}{
		"short":                   {numbered(5, 0, 0), 0, 1, 5, 5, 0, 0, true, []int{1, 5}, nil},
		"one line":                {"line 1", 0, 1, 1, 1, 0, 0, true, []int{1}, nil},
		"the end":                 {numbered(9000, 0, 0), 0, 7001, 9000, 9000, 5201, 0, false, []int{7001, 9000}, []int{7000}},
		"a line":                  {numbered(9000, 0, 0), 3000, 2800, 4799, 9000, 1000, 4800, false, []int{3000}, []int{2799, 4800}},
		"the first line":          {numbered(9000, 0, 0), 1, 1, 2000, 9000, 0, 2001, false, []int{1}, nil},
		"a line near the end":     {numbered(9000, 0, 0), 8990, 8790, 9000, 9000, 6990, 0, false, []int{9000}, nil},
		"a line yet to come":      {numbered(9000, 0, 0), 9001, 7001, 9000, 9000, 5201, 0, false, []int{9000}, nil},
		"without its middle":      {numbered(9000, 101, 8900), 0, 1, 9000, 9000, 0, 0, true, []int{100, 101, 8901}, []int{102, 8900}},
		"a line after the middle": {numbered(19000, 101, 8900), 8901, 1, 10799, 19000, 0, 10800, false, []int{8901, 100}, []int{8900}},
		"a discarded line":        {numbered(19000, 101, 8900), 5000, 1, 10799, 19000, 0, 10800, false, []int{101}, []int{5000}},
		"an end after the middle": {numbered(19000, 101, 8900), 0, 17001, 19000, 19000, 15201, 0, false, []int{17001}, nil},
		"long lines":              {strings.Repeat(strings.Repeat("x", 30<<10)+"\n", 100), 50, 48, 55, 100, 1, 56, false, []int{50}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l, pre := logOf(t, tt.log, tt.line)
			lines := linesOf(pre)
			if l.First() != tt.first || l.Last() != tt.last || l.Total != tt.total || l.Whole != tt.whole {
				t.Errorf("lines %d to %d of %d, whole %v; want %d to %d of %d, %v", l.First(), l.Last(), l.Total, l.Whole, tt.first, tt.last, tt.total, tt.whole)
			}
			if l.Earlier() != tt.earlier || l.Later() != tt.later {
				t.Errorf("earlier ones from %d, later ones from %d; want %d, %d", l.Earlier(), l.Later(), tt.earlier, tt.later)
			}
			for _, line := range lines {
				n, text, _ := strings.Cut(line, "|")
				if says, ok := strings.CutPrefix(text, "|line "); ok && says != n {
					t.Fatalf("line %s has the number %s", says, n)
				}
			}
			ids := strings.Join(lines, "\n") + "\n"
			for _, n := range tt.has {
				if !strings.HasPrefix(ids, fmt.Sprintf("%d|", n)) && !strings.Contains(ids, fmt.Sprintf("\n%d|", n)) {
					t.Errorf("line %d is not there", n)
				}
			}
			for _, n := range tt.gone {
				if strings.Contains("\n"+ids, fmt.Sprintf("\n%d|", n)) {
					t.Errorf("line %d is there", n)
				}
			}
		})
	}
}

// TestLogOneGap: a log discards lines at one place. What looks like the line that says so, and comes later, is a line like others.
func TestLogOneGap(t *testing.T) {
	const note = "[... 99 bytes in 5 lines of this log were discarded here: it is limited to 10 ...]"
	l, pre := logOf(t, "1\n\n"+strings.Replace(note, " 5 ", " 10 ", 1)+"\n\n12\n\n"+note+"\n\n16\n", 0)
	want := []string{"1||1", "2|gap|" + strings.Replace(note, " 5 ", " 10 ", 1), "12||12", "13||", "14||" + note, "15||", "16||16"}
	if d := cmp.Diff(want, linesOf(pre)); d != "" || l.Total != 16 {
		t.Errorf("%d lines, -want +got:\n%s", l.Total, d)
	}
}

// TestLogLongLine: a line without end has its beginning on the page, and says what is missing.
func TestLogLongLine(t *testing.T) {
	_, pre := logOf(t, "one\n"+strings.Repeat("x", 3<<20)+"\nthree\n", 0)
	lines := linesOf(pre)
	if len(lines) != 3 || !strings.HasSuffix(lines[1], " more bytes, which the log as text has") || len(lines[1]) > 33<<10 || lines[2] != "3||three" {
		t.Errorf("%d lines, the second of %d bytes ends with %q", len(lines), len(lines[1]), lines[1][len(lines[1])-60:])
	}
}

// BenchmarkReadLog is what a page of a log of 10 MB costs.
func BenchmarkReadLog(b *testing.B) {
	log := strings.Repeat("module.network.aws_subnet.private[12]: Still creating... [1m10s elapsed]\n", 140_000)
	for b.Loop() {
		if _, err := web.ReadLog(strings.NewReader(log), 0); err != nil {
			b.Fatal(err)
		}
	}
}
