// Package secret hides what must not be seen. It finds it in credentials, in the values of variables and
// in the files that tools read them from, and leaves alone what people need to see: regions, names of
// profiles, addresses of clusters. The Redactor then hides it in a stream, with what looks like a secret.
// It reads no file itself.
package secret

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
)

var (
	userinfo = regexp.MustCompile(`(\w+)://([^/\s"'<>?#@]+)@`)
	carried  = regexp.MustCompile(`(?i)\b(basic|bearer|token)\s+([A-Za-z0-9._~+/=-]{6,})`)
	anHeader = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*: +(\S.*)$`)
	named    = regexp.MustCompile(`(?i)(?:password|passwd|secret|token|api_?key|[?&](?:key|sig))["']?(?:\s*[=:]\s*|\s+)["']?([^\s"';&})]+)`)
	inPath   = regexp.MustCompile(`://[^/\s"'<>]*(/[^\s"'<>]*)`)
	longWord = regexp.MustCompile(`[A-Za-z0-9]{20,}`)
)

// InValue finds the parts of a credential that tools print on their own: the
// password of an address, what an Authorization header carries, and the like.
func InValue(value string) (out []string) {
	out = append(inAddress(value), inHeader(value)...)
	if m := anHeader.FindStringSubmatch(value); m != nil {
		out = append(out, m[1])
	}
	for _, m := range named.FindAllStringSubmatch(value, -1) {
		out = append(out, m[1])
	}
	return out
}

// inAddress finds passwords and tokens in addresses.
func inAddress(value string) (out []string) {
	for _, m := range userinfo.FindAllStringSubmatch(value, -1) {
		out = append(out, userSecrets(m[1], m[2])...)
	}
	for _, m := range inPath.FindAllStringSubmatch(value, -1) {
		for _, word := range longWord.FindAllString(m[1], -1) {
			if strings.ContainsAny(word, "0123456789") { // a token in a path, as some registries have it
				out = append(out, word)
			}
		}
	}
	return out
}

// inHeader finds what Authorization headers carry.
func inHeader(value string) (out []string) {
	for _, m := range carried.FindAllStringSubmatch(value, -1) {
		out = append(out, m[2])
		if !strings.EqualFold(m[1], "basic") {
			continue
		}
		if plain, err := base64.StdEncoding.DecodeString(m[2]); err == nil {
			_, password, _ := strings.Cut(string(plain), ":")
			out = append(out, string(plain), password)
		}
	}
	return out
}

// userSecrets are the secrets of the part of an address before its @. Without a password, or when
// it is long, the user is the secret: GitHub takes a token in its place. Not so for ssh.
func userSecrets(scheme, part string) (out []string) {
	user, password, has := strings.Cut(part, ":")
	if !has && strings.Contains(strings.ToLower(scheme), "ssh") {
		return nil
	}
	words := []string{password}
	if !has || len(user) >= 20 {
		words = append(words, user)
	}
	for _, word := range words {
		out = append(out, word)
		if plain, err := url.PathUnescape(word); err == nil && plain != word {
			out = append(out, plain)
		}
	}
	return out
}
