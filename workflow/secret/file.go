package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	yamlfile "github.com/goccy/go-yaml"
)

// InFile finds the secrets in a file of credentials: INI, JSON, YAML, netrc, keys in PEM, a lone token. What
// it does not understand is secret line by line. whole says that the content as a whole must not
// be seen either. Of a file that came along with others (among), a lone plain word is no secret.
func InFile(data []byte, among bool) (secrets []string, whole bool) {
	text := strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff"))
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return inBinary(text), false
	}
	f := finder{}
	switch tree, ok := structured(text); {
	case text == "":
		return nil, false
	case ok:
		f.walk("", tree)
		f.known = true
	case len(strings.Fields(text)) == 1 && !strings.Contains(text, "="):
		f.lone(text, among)
		return f.found, len(f.found) > 0
	}
	f.lines(text)
	return f.found, true
}

// structured reads JSON or YAML whose top is a mapping or a list.
func structured(text string) (tree any, ok bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&tree) != nil || d.More() {
		tree = readYAML(text)
	}
	switch tree.(type) {
	case map[string]any, []any:
		return tree, true
	}
	return nil, false
}

// What of YAML is read as such; the rest is read line by line. The parser recurses, and needs more and more time for each key.
const (
	maxYAML      = 256 << 10
	maxYAMLLines = 5000
	maxYAMLDepth = 60
)

// yamlRisk are anchors and aliases, with which a short text can stand for a very long one, and deep levels.
var yamlRisk = regexp.MustCompile(fmt.Sprintf(`(^|[\s\[{,:])[&*][A-Za-z0-9_]|(?m)^[ -]{%d}`, 2*maxYAMLDepth))

// readYAML reads YAML, nil where it cannot or should not be read.
func readYAML(text string) (tree any) {
	if len(text) > maxYAML || strings.Count(text, "\n") > maxYAMLLines || strings.Count(text, "[")+strings.Count(text, "{") > maxYAMLLines || yamlRisk.MatchString(text) {
		return nil
	}
	depth := 0
	for _, r := range text {
		switch r {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if depth > maxYAMLDepth {
			return nil
		}
	}
	defer func() {
		if recover() != nil { // the parser's own fault
			tree = nil
		}
	}()
	if yamlfile.Unmarshal([]byte(text), &tree) != nil {
		return nil
	}
	return tree
}

// printable are the texts in a file that is not one, as a database of tokens is.
var printable = regexp.MustCompile(`[A-Za-z0-9._~+/=-]{20,}`)

func inBinary(data string) (out []string) {
	for _, word := range printable.FindAllString(data, -1) {
		if random(word) {
			out = append(out, word)
		}
	}
	return out
}

// finder collects the secrets of one file.
type finder struct {
	found []string
	known bool // all of the file was understood: an odd line is no secret for that alone
}

// lone is a file that holds one word, which may be the only line of a file of lines.
func (f *finder) lone(word string, among bool) {
	if strings.Contains(word, "://") || strings.Contains(word, "</") || strings.Count(word, ":") >= 4 {
		f.line(word)
	}
	if among && !random(word) && !strings.ContainsAny(word, "0123456789") {
		return // as "default" in a file that names what is in use
	}
	f.add(word)
}

// walk goes through JSON or YAML.
func (f *finder) walk(key string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if name, ok := v["name"].(string); ok && secretName(name) { // {name: TOKEN, value: ...}
			f.scalar(name, v["value"])
		}
		for k, child := range v {
			if secretName(key) && !plainName(k) { // tokens: {host: ...}
				f.scalar(key, child)
			}
			f.walk(k, child)
		}
	case []any:
		for i, child := range v {
			if i > 0 { // [--client-secret, ...]
				f.flag(v[i-1], child)
			}
			f.walk(key, child)
		}
	default:
		f.scalar(key, v)
	}
}

// flag is an argument of a command that may be a flag, and the one after it.
func (f *finder) flag(arg, value any) {
	if name, ok := arg.(string); ok && strings.HasPrefix(name, "-") && secretName(name) {
		f.scalar(name, value)
	}
}

func (f *finder) scalar(key string, v any) {
	switch v := v.(type) {
	case nil, bool, map[string]any, []any:
	case string:
		f.value(key, v)
	default:
		f.value(key, fmt.Sprint(v))
	}
}

// value is one value under its name.
func (f *finder) value(key, value string) {
	f.found = append(f.found, inAddress(value)...)
	f.found = append(f.found, inHeader(value)...)
	f.assigned(value) // as in the arguments of a command
	f.flags(value)
	switch {
	case strings.Contains(value, "-----BEGIN "):
		f.pem(value)
	case secretName(key) || justKey.MatchString(key) && keyLike(value):
		f.add(value)
		if word, _, ok := strings.Cut(value, " "); ok { // what follows may be a comment
			f.add(word)
		}
	default:
		f.words(value)
	}
}

// assigned finds secrets that a text gives a name to.
func (f *finder) assigned(text string) {
	for _, m := range assigned.FindAllStringSubmatch(text, -1) {
		f.add(m[1])
	}
}

// flags finds secrets among the arguments of a command.
func (f *finder) flags(text string) {
	for _, m := range flagged.FindAllStringSubmatch(text, -1) {
		f.flag(m[1], m[2])
	}
}

// add takes a secret, and what it is in base64 of.
func (f *finder) add(value string) {
	if plain := decoded(value); strings.Contains(plain, "-----BEGIN ") {
		if !strings.Contains(plain, "PRIVATE KEY") {
			return // a certificate
		}
		f.pem(plain)
	} else if plain != "" {
		f.found = append(f.found, plain)
		if _, password, ok := strings.Cut(plain, ":"); ok { // as docker keeps them
			f.found = append(f.found, password)
		}
	}
	f.found = append(f.found, value)
}

// words finds what looks made by chance.
func (f *finder) words(text string) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"',;|<>(){}[]`, r) }) {
		if random(word) {
			f.add(word)
		}
	}
}

// decoded is what base64 holds, where that is text.
func decoded(value string) string {
	plain, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value), ""))
	if err != nil || len(plain) < 6 || !utf8.Valid(plain) || bytes.ContainsFunc(plain, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		return ""
	}
	return string(plain)
}

var pemBlock = regexp.MustCompile(`(?s)-----BEGIN ([A-Z0-9 ]*)-----(.*?)(?:-----END [A-Z0-9 ]*-----|$)`)

// pem takes the bodies of private keys. Certificates and public keys are no secret.
func (f *finder) pem(text string) {
	text = strings.ReplaceAll(text, `\n`, "\n")
	for _, m := range pemBlock.FindAllStringSubmatch(text, -1) {
		if strings.Contains(m[1], "PRIVATE") {
			f.found = append(f.found, strings.TrimSpace(m[2]), strings.Join(strings.Fields(m[2]), ""))
		}
	}
}

var (
	// keyed is a name and its value in INI, YAML, HCL, properties and files of variables.
	keyed    = regexp.MustCompile(`^\s*(?:- +|export +)*["']?([A-Za-z0-9_/.:@*-]*[A-Za-z0-9_])["']?\s*(?:=|:(?:\s|$))\s*(.*)$`)
	assigned = regexp.MustCompile(`(?i)(?:password|passwd|secret|token|api_?key)["']?\s*[=:]\s*["']?([^\s"';&})]+)`)
	flagged  = regexp.MustCompile(`(?:^|\s)(--?[A-Za-z][A-Za-z0-9_-]*)\s+["']?([^\s"';&})]+)`)
	section  = regexp.MustCompile(`^\s*(\[[^\]]*\]|[A-Za-z_]+( +"[^"]*")* *\{|[\[\]{}(),\s]*|---|\.\.\.)\s*,?\s*$`)
	public   = regexp.MustCompile(`(^|\s)(ssh-(rsa|dss|ed25519)|(sk-)?(ecdsa-sha2|ssh-ed25519)\S*) AAAA`)
	netrc    = regexp.MustCompile(`^\s*(machine|default|login|password|account|macdef)(\s|$)`)
	inNetrc  = regexp.MustCompile(`\b(login|password|account)\s+("[^"]*"|\S+)`)
	element  = regexp.MustCompile(`<([A-Za-z0-9_.:-]+)[^<>]*>([^<]+)</`)
	// afterColon is the last field of a line. A colon in it has a backslash before it.
	afterColon = regexp.MustCompile(`:((?:[^:\\]|\\.?)*)$`)
	comment    = regexp.MustCompile(`^\s*(#|;|//[^\S\n])`)
)

// lines goes through a text line by line.
func (f *finder) lines(text string) {
	f.pem(text)
	text = pemBlock.ReplaceAllString(text, "")
	for line := range strings.Lines(text) {
		f.line(strings.TrimSpace(line))
	}
}

func (f *finder) line(line string) {
	f.found = append(f.found, inAddress(line)...)
	switch m := keyed.FindStringSubmatch(line); {
	case line == "" || public.MatchString(line):
	case comment.MatchString(line):
		f.assigned(line)
		f.words(line)
	case section.MatchString(line):
	case m != nil:
		f.value(m[1], Unquoted(strings.TrimRight(strings.TrimSpace(m[2]), ",")))
	case netrc.MatchString(line):
		for _, m := range inNetrc.FindAllStringSubmatch(line, -1) {
			if m[1] != "login" || len(m[2]) >= 20 { // a token may stand for the name
				f.add(Unquoted(m[2]))
			}
		}
	case f.known:
		f.value("", line)
	case strings.Contains(line, "://"): // as git keeps credentials: the rest of the address is none
		f.value("", line)
	default:
		f.odd(line)
	}
}

// odd is a line of no shape that we know: a token, or fields of which one may be.
func (f *finder) odd(line string) {
	f.add(line)
	f.words(line)
	f.assigned(line)
	f.flags(line)
	for _, m := range element.FindAllStringSubmatch(line, -1) {
		f.value(m[1], m[2])
	}
	if m := afterColon.FindStringSubmatch(line); m != nil { // as in pgpass
		f.add(m[1])
		f.add(strings.NewReplacer(`\:`, ":", `\\`, `\`).Replace(m[1]))
	}
}

// Unquoted is a value without the quotes around it.
func Unquoted(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}

var (
	secretWord = regexp.MustCompile(`(?i)password|passwd|pass[_-]?phrase|secret|token|credential|private|api[_-]?key|(access|account|storage|shared|master|primary|secondary|signing|encryption)[_-]?key|^(.*[^a-z])?(pass|pwd|psk|auth|jwt|pat|sas|otp|cookie|assertion|signature)$`)
	plainWord  = regexp.MustCompile(`(?i)(file|path|dir|uri|url|endpoint|process|source|name|type|expir[a-z]*|expiry|lifetime|ttl|duration|seconds|count|format|algorithm|issuer|audience|scope|provider|profile|region|arn|host|server|session|method|(private[_-]?key|token|key)[_-]?id)s?$`)
	accessKey  = regexp.MustCompile(`(?i)access[_-]?key[_-]?id$`)
)

// justKey is a name that as often is that of another name.
var justKey = regexp.MustCompile(`(?i)(^|[^a-z])key$`)

// keyLike tells one long word with digits that is no path and no address.
func keyLike(value string) bool {
	return len(value) >= 12 && strings.ContainsAny(value, "0123456789") && !strings.ContainsAny(value, " \t") &&
		!strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "~") && !strings.HasPrefix(value, ".") && !strings.Contains(value, "://")
}

// secretName tells names of what is secret.
func secretName(name string) bool {
	return accessKey.MatchString(name) || secretWord.MatchString(name) && !plainName(name)
}

// plainName tells names of what only says where a secret is, how long it lasts, and the like.
func plainName(name string) bool { return plainWord.MatchString(name) && !accessKey.MatchString(name) }

// random reports whether a word looks made by chance, and is neither an address nor a name of a cloud's.
func random(word string) bool {
	if strings.Contains(word, "://") || strings.HasPrefix(word, "arn:") || strings.HasPrefix(decoded(word), "-----BEGIN CERT") {
		return false
	}
	for _, run := range longWord.FindAllString(word, -1) {
		if strings.ContainsAny(run, "0123456789") && strings.ToLower(run) != run && strings.ToUpper(run) != run {
			return true
		}
	}
	return false
}
