package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"unicode/utf8"
)

// appendCanonical appends v as canonical JSON: keys sorted, no spaces, numbers
// as they were printed, nothing escaped that need not be. Equal values give
// equal bytes, so that hashes do not depend on the order in which a tool prints.
// v is what encoding/json decodes with UseNumber, plus int, int64 and []string.
func appendCanonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case json.Number:
		return append(b, v...)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case string:
		return appendJSONString(b, v)
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, s)
		}
		return append(b, ']')
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendCanonical(b, e)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONString(b, k), ':')
			b = appendCanonical(b, v[k])
		}
		return append(b, '}')
	}
	panic(fmt.Sprintf("canonical JSON of a %T", v)) // only an engine of our own can pass one
}

// canonical is appendCanonical as a string.
func canonical(v any) string { return string(appendCanonical(nil, v)) }

// appendJSONString appends s as a JSON string that people can read: only what
// JSON demands is escaped. What must be made visible in a comment or on a page
// (escape sequences, bidi controls) is for the renderer.
func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[start:]...), '"')
}

// sortedKeys returns the keys of all given objects once, sorted.
func sortedKeys[V any](objects ...map[string]V) []string {
	n := 0
	for _, o := range objects {
		n += len(o)
	}
	keys := make([]string, 0, n)
	for _, o := range objects {
		for k := range o {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	return slices.Compact(keys)
}

// cutText shortens s to at most limit bytes at a rune's border and says what is missing.
func cutText(s string, limit int) (string, bool) {
	if len(s) <= limit {
		return s, false
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return fmt.Sprintf("%s… (%d more bytes)", s[:limit], len(s)-limit), true
}
