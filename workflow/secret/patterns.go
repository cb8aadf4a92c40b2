package secret

import (
	"bytes"
	"regexp"
	"slices"
)

// pattern finds what looks like a secret within one line. Its first group is what is hidden.
type pattern struct {
	hints [][]byte // one of them is in every match
	re    *regexp.Regexp
	keep  func(found []byte) bool // nil: never
}

func hints(words ...string) (out [][]byte) {
	for _, w := range words {
		out = append(out, []byte(w))
	}
	return out
}

var patterns = []pattern{
	// GitHub's tokens: the short form, and since 2026 the app id with a JWT.
	{hints: hints("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), re: regexp.MustCompile(`(gh[pousr]_[A-Za-z0-9._-]{20,})`)},
	{hints: hints("github_pat_"), re: regexp.MustCompile(`(github_pat_[A-Za-z0-9_]{20,})`)},
	{hints: hints("AKIA", "ASIA"), re: regexp.MustCompile(`((?:AKIA|ASIA)[A-Z0-9]{16})`)},
	// Tokens that say by their beginning what they are, as their makers document them.
	{hints: hints("AIza"), re: regexp.MustCompile(`(AIza[A-Za-z0-9_-]{35})`)},
	{hints: hints("GOCSPX-", "ya29."), re: regexp.MustCompile(`(GOCSPX-[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9._-]{20,})`)},
	{hints: hints("xox", "xapp-"), re: regexp.MustCompile(`((?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{10,})`)},
	{hints: hints("hooks.slack.com/"), re: regexp.MustCompile(`hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20,})`)},
	{hints: hints("gl"), re: regexp.MustCompile(`(gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-[A-Za-z0-9._-]{20,})`)},
	{hints: hints("npm_", "pypi-", "dckr_"), re: regexp.MustCompile(`(npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,})`)},
	{hints: hints("hvs.", "hvb.", "hvr."), re: regexp.MustCompile(`(hv[sbr]\.[A-Za-z0-9_-]{20,})`)},
	{hints: hints(".atlasv1."), re: regexp.MustCompile(`([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{20,})`)},
	{hints: hints("_live_", "_test_"), re: regexp.MustCompile(`((?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,})`)},
	{hints: hints("dop_v1_", "doo_v1_", "dor_v1_"), re: regexp.MustCompile(`(do[opr]_v1_[a-f0-9]{64})`)},
	{hints: hints("SG."), re: regexp.MustCompile(`(SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})`)},
	{hints: hints("AGE-SECRET-KEY-"), re: regexp.MustCompile(`(AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{50,})`)},
	// A signed JSON Web Token: header and claims are JSON objects.
	{hints: hints("eyJ"), re: regexp.MustCompile(`(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})`)},
	// Azure: a storage account's key, and what signs a shared access address.
	{hints: hints("AccountKey=", "SharedAccessKey="), re: regexp.MustCompile(`(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/=]{20,})`)},
	{hints: hints("sig="), re: regexp.MustCompile(`[?&]sig=([A-Za-z0-9%+/=_-]{20,})`)},
	{hints: hints("://"), re: regexp.MustCompile(`://([^/\s"'<>?#]+)@`), keep: func(found []byte) bool { return string(found) == "git" }},
	{hints: hints("uthorization", "UTHORIZATION"), re: regexp.MustCompile(`(?i)authorization["']?\s*[:=]+>?\s*["']?((?:bearer|basic|token|digest|negotiate|aws4-hmac-sha256)\s+[^"'\r\n]+)`)},
	{hints: hints("uthorization:", "UTHORIZATION:"), re: regexp.MustCompile(`(?i)authorization:\s*([^\s"']+)`)},
	{hints: hints("earer", "EARER"), re: regexp.MustCompile(`(?i)bearer\s+([A-Za-z0-9._~+/=-]{16,})`)},
	{hints: hints("PRIVATE KEY-----"), re: regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(.*?)(?:-----END|\r?\n|$)`)},
}

var (
	pemBegin = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----`)
	pemHint  = []byte("PRIVATE KEY-----")
	pemEnd   = []byte("-----END")
)

func (p pattern) near(line []byte) bool {
	for _, h := range p.hints {
		if bytes.Contains(line, h) {
			return true
		}
	}
	return false
}

// The sizes of a line's buffer: a line longer than longLine is cut, and the
// last overlap bytes wait for what follows, because a secret may go on there.
const (
	longLine = 32 << 10
	overlap  = 8 << 10
	pemLines = 200 // a private key has no more lines
)

// lines hides what looks like a secret, line by line.
type lines struct {
	buf     []byte // the line that is not complete yet
	out     []byte
	pem     int  // lines of a private key that may still come; 0 = not inside one
	swallow bool // inside a secret that is longer than the buffer
}

// feed takes bytes and returns what may pass; it is valid until the next call.
func (l *lines) feed(p []byte) []byte {
	l.out = l.out[:0]
	if n := len(l.buf); n > 0 && l.buf[n-1] == '\r' && len(p) > 0 && p[0] != '\n' {
		l.line()
	}
	for len(p) > 0 {
		end := lineEnd(p)
		whole := end > 0
		if !whole {
			end = len(p)
		}
		l.buf = append(l.buf, p[:end]...)
		p = p[end:]
		switch {
		case whole:
			l.line()
		case len(l.buf) > longLine:
			l.cut()
		}
	}
	return l.out
}

// lineEnd is behind the end of the first line, 0 where none ends. One also ends where a progress bar
// begins anew: else a bar would be seen when it is done.
func lineEnd(p []byte) int {
	for i, b := range p {
		if b == '\n' || b == '\r' && i+1 < len(p) && p[i+1] != '\n' {
			return i + 1
		}
	}
	return 0
}

// end returns what is left at the end of the stream.
func (l *lines) end() []byte {
	l.out = l.out[:0]
	if len(l.buf) > 0 {
		l.line()
	}
	return l.out
}

// line passes the buffer, which is a complete line or the end of one.
func (l *lines) line() {
	line := l.key(l.skip(l.buf))
	l.write(line, spans(line))
	if opensKey(line) {
		l.pem = pemLines
	}
	l.buf = l.buf[:0]
}

// opensKey reports whether a private key begins in a line and does not end there.
func opensKey(line []byte) bool {
	if !bytes.Contains(line, pemHint) {
		return false
	}
	begin := pemBegin.FindAllIndex(line, -1)
	return begin != nil && !bytes.Contains(line[begin[len(begin)-1][1]:], pemEnd)
}

// key hides a line inside a private key and returns what follows the key's end.
func (l *lines) key(line []byte) []byte {
	if l.pem == 0 {
		return line
	}
	l.pem--
	text := bytes.Trim(line, " \t\r\n+-~|>")
	switch end := bytes.Index(line, pemEnd); {
	case end >= 0:
		l.pem = 0
		l.out = append(l.out, mask...)
		return line[end:]
	case len(text) == 0:
		return line
	case bytes.ContainsAny(text, " \t") && !bytes.Contains(text, []byte(": ")): // no line of a key: it was not one, or was cut
		l.pem = 0
		return line
	}
	l.out = append(l.out, mask...)
	return line[len(bytes.TrimRight(line, "\r\n")):]
}

// skip drops the rest of a secret that was longer than the buffer.
func (l *lines) skip(line []byte) []byte {
	if !l.swallow {
		return line
	}
	n := 0
	for n < len(line) && tokenByte(line[n]) {
		n++
	}
	l.swallow = n == len(line)
	return line[n:]
}

// cut passes the greater part of a very long line.
func (l *lines) cut() {
	line := l.skip(l.buf)
	if len(line) <= longLine {
		l.buf = append(l.buf[:0], line...)
		return
	}
	at := len(line) - overlap
	found := spans(line)
	for _, s := range found {
		if s[0] < at && at < s[1] {
			at = s[0]
		}
	}
	if at == 0 { // one secret fills the buffer
		l.write(line, found)
		l.swallow = slices.ContainsFunc(found, func(s [2]int) bool { return s[1] == len(line) })
		l.buf = l.buf[:0]
		return
	}
	l.write(line[:at], found)
	l.buf = append(l.buf[:0], line[at:]...)
}

// write passes line with the spans hidden. Spans behind its end are left out.
func (l *lines) write(line []byte, found [][2]int) {
	from := 0
	for _, s := range found {
		if s[0] >= len(line) || s[1] <= from {
			continue
		}
		l.out = append(append(l.out, line[from:max(from, s[0])]...), mask...)
		from = min(s[1], len(line))
	}
	l.out = append(l.out, line[from:]...)
}

// spans returns what the patterns find in a line, in order.
func spans(line []byte) [][2]int {
	var out [][2]int
	for _, p := range patterns {
		if !p.near(line) {
			continue
		}
		for _, m := range p.re.FindAllSubmatchIndex(line, -1) {
			if m[2] < m[3] && (p.keep == nil || !p.keep(line[m[2]:m[3]])) {
				out = append(out, [2]int{m[2], m[3]})
			}
		}
	}
	slices.SortFunc(out, func(a, b [2]int) int { return a[0] - b[0] })
	return out
}

func tokenByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || bytes.IndexByte([]byte("._~+/=%:@!$&*,;-"), b) >= 0
}
