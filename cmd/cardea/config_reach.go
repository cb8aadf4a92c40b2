package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// sayReach makes the warning of what a plan can read. Runs have the server's own user, so that
// is what this process, started as that user, can read. It names places, never a value.
func (r *configReader) sayReach() {
	var found []string
	for _, secret := range []struct{ path, file string }{
		{"github.private_key", r.keyFile}, {"github.webhook_secrets", r.secretsFile},
	} {
		if place := r.placeOf(secret.path, secret.file); place != "" {
			found = append(found, fmt.Sprintf("`%s` (%s)", secret.path, place))
		}
	}
	applies := ""
	for _, name := range mapKeys(r.cfg.credentials) {
		used := ""
		if r.getsApply(name) {
			used = ", for applies"
			applies = " While an apply runs, its credentials are in reach wherever they come from."
		}
		if places := r.cfg.credentials[name].places(r.cfg.File); len(places) > 0 {
			found = append(found, fmt.Sprintf("`credentials.%s` (%s%s)", name, strings.Join(places, ", "), used))
		}
	}
	if len(found) == 0 && applies == "" {
		return
	}
	found = append(found, fmt.Sprintf("cardea.db, artefacts/ and keys/ in %s", r.cfg.DataDir))
	r.cfg.inReach = fmt.Sprintf("plans run code of pull requests as the server's own user, so whoever can push a branch can read, with no approval at all, "+
		"what that user (here: uid %d) can read: %s.%s Such code can also write what this user can: with tools/, providers/ or cardea.db it owns the next apply. "+
		"Until runs have users of their own, let only people push whom you would give all of this, or leave `credentials.apply` out and apply elsewhere; see docs/security.md",
		os.Getuid(), strings.Join(found, "; "), applies)
}

// placeOf is where one of the server's own secrets can be read: in its file, or in the
// configuration if it stands there; "" where neither can be read, as when the secret is in
// our environment.
func (r *configReader) placeOf(path, file string) string {
	if file != "" {
		return readable(r.abs(file))
	}
	if r.at[path].Line > 0 {
		return readable(r.abs(filepath.Base(r.cfg.File)))
	}
	return ""
}

func (r *configReader) getsApply(name string) bool {
	for _, use := range r.used {
		if use.name == name && strings.HasSuffix(use.path, ".apply") {
			return true
		}
	}
	return false
}

// places are where the values of an entry can be read: its file, the configuration that
// contains them, and the files that its variables name.
func (c credential) places(config string) (places []string) {
	env := map[string]string{}
	if readable(c.File) != "" {
		places = append(places, c.File)
		if data, err := os.ReadFile(c.File); err == nil && readEnvFile(string(data), env) != nil {
			clear(env) // the fault is reported when a run needs the entry
		}
	}
	if len(c.Env) > 0 && readable(config) != "" {
		places = append(places, config)
	}
	for name, value := range c.Env {
		env[name] = value
	}
	for _, name := range mapKeys(env) {
		if filepath.IsAbs(env[name]) && readable(env[name]) != "" {
			places = append(places, "the file that "+name+" names")
		}
	}
	return places
}

// readable returns the name of a file that this user can read, "" of any other.
func readable(file string) string {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	_ = f.Close() // it was only read
	return file
}
