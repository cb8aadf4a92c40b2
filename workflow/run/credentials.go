package run

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// setEnv are the variables that every run sets itself, whatever its engine sets besides.
var setEnv = []string{"PATH", "HOME", "TMPDIR"}

// steering are variables, or with "_" at the end their beginnings, that would change which program
// runs, with which arguments, or on which files. Git's are those that say where a repository is:
// the clone of a module would take that one for its own.
var steering = []string{"CARDEA_", "LD_",
	"GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS",
	"GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR"}

// EnvFault says why a run, of whichever of these kinds of engine, takes no variable of this name
// from credentials, "" where it does.
func EnvFault(kinds workflow.Kinds, name string) string {
	set, steers := slices.Clone(setEnv), slices.Clone(steering)
	for _, k := range kinds {
		if k.Env != nil {
			set = append(set, k.Env(workflow.RunFiles{}, nil)...)
		}
		steers = append(steers, k.Steers...)
	}
	isSet := func(kv string) bool { return kv == name || strings.HasPrefix(kv, name+"=") }
	if name == "" || slices.ContainsFunc(set, isSet) {
		return "is set by Cardea for every run and cannot be a credential"
	}
	for _, s := range steers {
		if name == s || strings.HasSuffix(s, "_") && strings.HasPrefix(name, s) {
			return "would change what a run does, not what it may reach, and cannot be a credential"
		}
	}
	return ""
}

// plainEnv are credential variables whose values are names, not secrets: hiding
// a region everywhere would make plans unreadable.
var plainEnv = map[string]bool{
	"AWS_REGION": true, "AWS_DEFAULT_REGION": true, "AWS_PROFILE": true, "AWS_DEFAULT_PROFILE": true, "AWS_ROLE_ARN": true,
	"AWS_ROLE_SESSION_NAME": true, "AWS_CONFIG_FILE": true, "AWS_SHARED_CREDENTIALS_FILE": true, "AWS_WEB_IDENTITY_TOKEN_FILE": true,
	"AWS_EC2_METADATA_DISABLED": true, "AWS_STS_REGIONAL_ENDPOINTS": true, "AWS_SDK_LOAD_CONFIG": true, "AWS_CA_BUNDLE": true,
	"GOOGLE_PROJECT": true, "GOOGLE_REGION": true, "GOOGLE_ZONE": true, "GOOGLE_CLOUD_PROJECT": true, "GOOGLE_APPLICATION_CREDENTIALS": true,
	"GOOGLE_IMPERSONATE_SERVICE_ACCOUNT": true, "CLOUDSDK_CORE_PROJECT": true, "ARM_ENVIRONMENT": true, "ARM_USE_OIDC": true, "ARM_USE_MSI": true,
	"ARM_SUBSCRIPTION_ID": true, "ARM_TENANT_ID": true, "ARM_CLIENT_ID": true, "VAULT_ADDR": true, "VAULT_NAMESPACE": true,
	"KUBECONFIG": true, "KUBE_CONFIG_PATH": true, "NETRC": true, "GIT_CONFIG_GLOBAL": true, "GIT_CONFIG_COUNT": true, "GIT_ASKPASS": true,
	"GIT_SSH": true, "GIT_SSL_CAINFO": true, "GIT_SSL_CAPATH": true, "SSH_ASKPASS": true, "SSH_AUTH_SOCK": true, "SSL_CERT_FILE": true, "SSL_CERT_DIR": true, "HOME": true,
}

// values are all the texts in these secrets that must not be seen.
func (s Secrets) values() []string {
	out := append([]string(nil), s.Redact...)
	for _, env := range []map[string]string{s.Env, s.Fetch.Env} {
		for name, value := range env {
			if !plainEnv[name] && !gitAddress(env, name) {
				out = append(out, value)
			}
			out = append(out, secretsWithin(value)...)
		}
	}
	for _, name := range []string{"NETRC", "GIT_CONFIG_GLOBAL"} {
		data, err := os.ReadFile(cmp.Or(s.Fetch.Env[name], s.Env[name], s.Plain[name]))
		if err != nil {
			continue // it cannot be read here, so none of it can be seen
		}
		out = append(out, secretsWithin(string(data))...)
	}
	if len(s.Key) > 0 {
		out = append(out, string(s.Key))
	}
	if s.Identity != "" {
		out = append(out, s.Identity)
	}
	return out
}

// gitAddress tells the pairs of git's configuration that rewrite addresses. What is rewritten is no
// secret, and stands in the code; the password in the address that is used instead is found within it.
func gitAddress(env map[string]string, name string) bool {
	n := strings.TrimPrefix(strings.TrimPrefix(name, gitKey), gitValue)
	if n == name {
		return false
	}
	key := strings.ToLower(env[gitKey+n])
	return strings.HasSuffix(key, ".insteadof") || strings.HasSuffix(key, ".pushinsteadof")
}

var (
	userinfo = regexp.MustCompile(`(\w+)://([^/\s"'<>?#@]+)@`)
	carried  = regexp.MustCompile(`(?i)\b(basic|bearer|token)\s+([A-Za-z0-9._~+/=-]{6,})`)
	anHeader = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*: +(\S.*)$`)
	named    = regexp.MustCompile(`(?i)(?:password|passwd|secret|token|api_?key|[?&](?:key|sig))["']?(?:\s*[=:]\s*|\s+)["']?([^\s"';&})]+)`)
	inPath   = regexp.MustCompile(`://[^/\s"'<>]*(/[^\s"'<>]*)`)
	longWord = regexp.MustCompile(`[A-Za-z0-9]{20,}`)
)

// secretsWithin finds the parts of a credential that tools print on their own: the
// password of an address, what an Authorization header carries, and the like.
func secretsWithin(value string) (out []string) {
	for _, m := range userinfo.FindAllStringSubmatch(value, -1) {
		out = append(out, userSecrets(m[1], m[2])...)
	}
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
	if m := anHeader.FindStringSubmatch(value); m != nil {
		out = append(out, m[1])
	}
	for _, m := range named.FindAllStringSubmatch(value, -1) {
		out = append(out, m[1])
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
