package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cardea-iac/cardea/cmd/cardea/credential"
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
	applies, running := "", ""
	for _, name := range mapKeys(r.cfg.credentials) {
		used := ""
		if r.getsApply(name) {
			used = ", for applies"
			applies = " While an apply runs, its credentials are within reach, wherever they come from."
		}
		if len(r.cfg.credentials[name].Exec) > 0 {
			running = " While an `exec` program runs, its environment is within reach, and so is whatever it signs in with."
		}
		if places := r.cfg.credentials[name].Places(r.cfg.File, credential.HomeIn(r.environ)); len(places) > 0 {
			found = append(found, fmt.Sprintf("`credentials.%s` (%s%s)", name, strings.Join(places, ", "), used))
		}
	}
	if len(found) == 0 && applies+running == "" {
		return
	}
	found = append(found, fmt.Sprintf("cardea.db, artefacts/ and keys/ in %s", r.cfg.DataDir))
	r.cfg.inReach = fmt.Sprintf("plans run code from pull requests as the server's own user, so anyone who can push a branch can, without any approval, "+
		"read whatever that user (here: uid %d) can read: %s.%s%s Such code can also write whatever this user can: by changing tools/, providers/ or cardea.db it controls the next apply. "+
		"Until each run has its own user, give push access only to people you would trust with all of this, or leave `credentials.apply` out and apply elsewhere; see docs/security.md",
		os.Getuid(), strings.Join(found, "; "), applies, running)
}

// placeOf is where one of the server's own secrets can be read: in its file, or in the
// configuration if it stands there; "" where neither can be read, as when the secret is in
// our environment.
func (r *configReader) placeOf(path, file string) string {
	if file != "" {
		return credential.Readable(r.abs(file))
	}
	if r.at[path].Line > 0 {
		return credential.Readable(r.abs(filepath.Base(r.cfg.File)))
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
