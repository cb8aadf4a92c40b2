package secret

import (
	"fmt"
	"strings"
	"testing"
)

// TestFormsAreBounded: however many values there are that are long in JSON in JSON, their forms have a bound, and each
// value is hidden as it is and in JSON.
func TestFormsAreBounded(t *testing.T) {
	var values []string
	for i := range 60 {
		values = append(values, fmt.Sprintf("%06d", i*7919)+strings.Repeat("\"<\\", 300))
	}
	plain := NewRedactor(nil)
	plain.hide(values, func(value string, _ bool) []string { return forms(value, false) })
	r := NewRedactor(nil, values...)
	if one := 400 << 10; r.bytes > 4<<20+plain.bytes+one || r.bytes < 4<<20 {
		t.Errorf("the forms have %d bytes, without JSON in JSON %d", r.bytes, plain.bytes)
	}
	for _, i := range []int{0, 59} {
		for _, form := range forms(values[i], i == 0) {
			if got := r.Redact(form); strings.Contains(got, "<") {
				t.Errorf("value %d: got %.100q of %.100q", i, got, form)
			}
		}
	}
}
