package phrase

import (
	"strings"
	"unicode/utf8"
)

// shortLine is how long a line may be to be taken for a part of what is not text around it.
const shortLine = 8

// OnlyText is what a program printed, with what is not text said by its size, line by line. Bytes here and there
// that no encoding of ours has become question marks.
func OnlyText(printed string) string {
	lines := strings.Split(printed, "\n")
	odd := make([]bool, len(lines))
	for i, l := range lines {
		odd[i] = notText(l)
	}
	for i := 1; i < len(lines); i++ { // a few letters between are no words
		if !odd[i-1] {
			continue
		}
		last := i
		for last < len(lines) && !odd[last] && len(lines[last]) < shortLine {
			last++
		}
		for ; last < len(lines) && odd[last] && i < last; i++ {
			odd[i] = true
		}
	}
	var out []string
	for i := 0; i < len(lines); {
		if !odd[i] {
			out = append(out, strings.ToValidUTF8(lines[i], "?"))
			i++
			continue
		}
		size := 0
		for ; i < len(lines) && odd[i]; i++ {
			size += len(lines[i]) + 1
		}
		if i == len(lines) {
			size-- // the last one has no end
		}
		out = append(out, "["+Bytes(int64(size))+" of output that is not text]")
	}
	return strings.Join(out, "\n")
}

// notText reports whether a line has a NUL, or is to a tenth of bytes that are in no text.
func notText(line string) bool {
	odd := 0
	for i, r := range line {
		_, size := utf8.DecodeRuneInString(line[i:])
		switch {
		case r == 0:
			return true
		case r == utf8.RuneError && size == 1, r < ' ' && !strings.ContainsRune("\t\r\b\f\x1b", r), r == 0x7f:
			odd++
		}
	}
	return odd*10 > len(line)
}
