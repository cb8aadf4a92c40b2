package workflow

import (
	"strings"
)

// WithKeys returns an address, or a path, with its quoted keys changed. What stands
// outside of them are names in the configuration, and stays.
func WithKeys(address string, change func(key string) string) string {
	if !strings.Contains(address, `["`) {
		return address
	}
	var b strings.Builder
	for rest := address; ; {
		i := strings.Index(rest, `["`)
		if i < 0 {
			return b.String() + rest
		}
		end := i + 2
		for end < len(rest) && rest[end] != '"' {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(rest))
		b.WriteString(rest[:i+2])
		b.WriteString(change(rest[i+2 : end]))
		rest = rest[end:]
	}
}
