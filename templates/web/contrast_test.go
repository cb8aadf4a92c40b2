package web

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestContrast: every text of the pages can be read on what it stands on, by WCAG 2.2 AA, light and dark.
func TestContrast(t *testing.T) {
	css, err := Static.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(string(css), -1)
	if len(blocks) != 2 {
		t.Fatalf("the style has %d sets of colours, want one light and one dark", len(blocks))
	}
	for i, name := range []string{"light", "dark"} {
		colours := map[string]string{"white": "#ffffff"}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{3,6});`).FindAllStringSubmatch(blocks[i][1], -1) {
			colours[m[1]] = m[2]
		}
		var pairs []string
		for _, on := range []string{"bg", "soft", "run-bg"} { // lines of a log, and those that a link names
			for _, text := range []string{"text", "quiet", "link", "add", "del", "chg", "rep", "run"} {
				pairs = append(pairs, text+" on "+on)
			}
		}
		for _, word := range []string{"add", "del", "chg", "rep", "run"} {
			pairs = append(pairs, word+" on "+word+"-bg")
		}
		pairs = append(pairs, "white on done", "text on del-bg", "link on del-bg", "quiet on del-bg", "quiet on chg-bg", "text on chg-bg", "bg on found")
		for _, pair := range pairs {
			text, on, _ := strings.Cut(pair, " on ")
			if got := contrast(t, colours[text], colours[on]); got < 4.5 {
				t.Errorf("%s: %s has a contrast of %.2f, want 4.5", name, pair, got)
			}
		}
	}
	if got := contrast(t, "#777", "#fff"); fmt.Sprintf("%.2f", got) != "4.48" {
		t.Errorf("#777 on white has a contrast of %.2f, want 4.48", got)
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, colour string) (sum float64) {
	t.Helper()
	hex := strings.TrimPrefix(colour, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		if len(hex) != 6 {
			t.Fatalf("%q is no colour", colour)
		}
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
