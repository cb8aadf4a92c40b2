package phrase

import (
	"sort"
	"strings"
)

// Shown makes a value safe to quote in a sentence: it comes from a comment.
func Shown(v string) string {
	v = strings.Map(func(r rune) rune {
		if r == '`' || r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(v, "?"))
	if runes := []rune(v); len(runes) > 100 {
		return string(runes[:100]) + "…"
	}
	return v
}

// ShellWord is a word as a shell takes it, whatever it is.
func ShellWord(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// Argument is a word as a command takes it: in double quotes where it needs them.
func Argument(word string) string {
	plain := word != ""
	for _, r := range word {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-@:+,=", r) {
			plain = false
		}
	}
	if plain {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

// Meant is ": did you mean `x`?" without the question mark's end of sentence, or "".
func Meant(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return "; the nearest is `" + near + "`"
	}
	return ""
}

// Nearest returns the known name that a mistyped one most likely means, or ""
// when none is near: at most a third of its characters wrong, or all of it
// within a longer name.
func Nearest(name string, known []string) string {
	if len(name) == 0 || len(name) > 200 {
		return ""
	}
	known = append([]string(nil), known...)
	sort.Strings(known)
	lower := strings.ToLower(name)
	best, bestDistance := "", max(1, len([]rune(name))/3)+1
	for _, k := range known {
		if d := editDistance(lower, strings.ToLower(k), bestDistance); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best != "" {
		return best
	}
	for _, k := range known {
		if len(name) >= 3 && strings.Contains(strings.ToLower(k), lower) && (best == "" || len(k) < len(best)) {
			best = k
		}
	}
	return best
}

// editDistance counts the characters to insert, delete, replace or swap with
// their neighbour to turn a into b; it stops counting at limit.
func editDistance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least >= limit {
			return limit
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
