package tfconfig

import (
	"net"
	"net/url"
	"path"
	"slices"
	"strings"
)

// transports are the schemes and forced getters by which a module may be fetched.
var transports = []string{"git", "hg", "http", "https", "ssh", "s3", "gcs", "oci"}

// moduleSource reads a module source as the tools do: dir is the clean path of a
// local module, "" of one that is fetched. why, a sentence, says that it must not
// be used: it is a path on the machine, hands a program an option, or could be
// read in more than one way.
func moduleSource(source string) (dir, why string) {
	// The tools take a backslash for a slash in a local source, on every system.
	if s := strings.ReplaceAll(source, `\`, "/"); strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") {
		return path.Clean(s), ""
	}
	return "", unsafeSource(source)
}

// unsafeSource says why a source that is not local must not be fetched, "" when it may.
func unsafeSource(source string) string {
	const machine = "it is a path on the machine, not in the repository."
	s := strings.TrimSpace(source)
	git := false
	for { // forced getters: git::, s3::, also nested
		before, after, found := strings.Cut(s, "::")
		if !found || strings.ContainsAny(before, "/:?@[") {
			break
		}
		if strings.EqualFold(before, "file") {
			return machine
		}
		if !slices.Contains(transports, strings.ToLower(before)) {
			return "it uses `" + before + "::`, which is not supported."
		}
		git = git || strings.EqualFold(before, "git")
		s = after
	}
	switch {
	case git && plainHTTP(s):
		return "git over plain http works for loopback addresses only: use https."
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "~"), strings.HasPrefix(strings.ToLower(s), "file:"),
		len(s) > 2 && s[1] == ':' && (s[2] == '\\' || s[2] == '/'), strings.HasPrefix(s, `\\`):
		return machine
	case strings.Contains(s, `\`):
		return "it contains a backslash: use / instead."
	case s == "" || s == "." || s == ".." || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../"):
		return "a local source must begin with ./ or ../."
	}
	if scheme, _, found := strings.Cut(s, "://"); found && !strings.ContainsAny(scheme, "/?@") {
		// git+ssh:// and the like name the program too
		for _, part := range strings.Split(strings.ToLower(scheme), "+") {
			if !slices.Contains(transports, part) {
				return "it uses `" + scheme + "://`, which is not supported."
			}
		}
	}
	return unsafeParts(s)
}

// plainHTTP reports an address of plain http on another machine.
func plainHTTP(address string) bool {
	u, err := url.Parse(address)
	if err != nil || !strings.EqualFold(u.Scheme, "http") {
		return strings.HasPrefix(strings.ToLower(address), "http:")
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}

// unsafeParts looks for what programs that fetch would take for an option: a host or
// a parameter that begins with "-", however it is written (CVE-2026-4660 was a ref).
func unsafeParts(s string) string {
	rest, query, _ := strings.Cut(s, "?")
	if _, after, found := strings.Cut(rest, "://"); found {
		rest = after
	}
	host, _, _ := strings.Cut(rest, "/")
	if _, after, found := strings.Cut(host, "@"); found {
		host = after
	}
	if plain, err := url.PathUnescape(host); err != nil || strings.HasPrefix(plain, "-") {
		return "its host must not begin with \"-\"."
	}
	query, _, _ = strings.Cut(query, "#")
	for _, pair := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' }) {
		key, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(value)
		_, bad := url.QueryUnescape(key)
		if err != nil || bad != nil {
			return "the part after the ? cannot be read."
		}
		if strings.HasPrefix(strings.TrimSpace(plain), "-") {
			return "a parameter, such as a ref, must not begin with \"-\"."
		}
	}
	return ""
}
