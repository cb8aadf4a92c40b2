package run

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/secret"
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
			return "would change how a run behaves, not what it may access, so it cannot be a credential"
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
	"GIT_SSH": true, "GIT_SSL_CAINFO": true, "GIT_SSL_CAPATH": true, "SSH_ASKPASS": true, "SSH_AUTH_SOCK": true, "SSL_CERT_FILE": true, "SSL_CERT_DIR": true,
}

// redactor hides what these secrets say in what goes to out.
func (s Secrets) redactor(out io.Writer) *secret.Redactor {
	values, wholes := s.values()
	r := secret.NewRedactor(out, values...)
	r.HideWhole(wholes...)
	return r
}

// Hide is a text without what these secrets say.
func (s Secrets) Hide(text string) string { return s.redactor(nil).Redact(text) }

// values are all the texts in these secrets that must not be seen, and wholes the files of which
// neither all of it must be, though a line may.
func (s Secrets) values() (out, wholes []string) {
	out = append([]string(nil), s.Redact...)
	for _, env := range []map[string]string{s.Env, s.Fetch.Env} {
		for name, value := range env {
			if !plainEnv[name] && !gitAddress(env, name) && !s.namesFile(value) {
				out = append(out, value)
			}
			out = append(out, secret.InValue(value)...)
		}
	}
	for _, f := range slices.Concat(s.Files, s.pointedAt()) {
		found, whole := secret.InFile(f.Data, f.Among)
		out = append(out, found...)
		if whole && len(f.Data) <= maxWhole {
			wholes = append(wholes, strings.TrimSpace(string(f.Data)))
		}
	}
	if len(s.Key) > 0 {
		out = append(out, string(s.Key))
	}
	if s.Identity != "" {
		out = append(out, s.Identity)
	}
	return out, wholes
}

// maxWhole is the size up to which a file is hidden as a whole too, besides the secrets in it.
const maxWhole = 64 << 10

// fileEnv are variables that name files of credentials, in the environment of a person too.
var fileEnv = []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "GOOGLE_APPLICATION_CREDENTIALS",
	"ARM_OIDC_TOKEN_FILE_PATH", "KUBECONFIG", "KUBE_CONFIG_PATH", "KUBE_CONFIG_PATHS", "NETRC", "GIT_CONFIG_GLOBAL"}

// pointedAt are the files on this machine that variables name. One that cannot be read here cannot be seen either.
func (s Secrets) pointedAt() (files []HomeFile) {
	read := func(value string) {
		for _, name := range filepath.SplitList(value) {
			if data, ok := readPointed(name); ok {
				files = append(files, HomeFile{Data: data})
			}
		}
	}
	for _, env := range []map[string]string{s.Env, s.Fetch.Env} {
		for _, value := range env {
			read(value)
		}
	}
	for _, name := range fileEnv {
		read(s.Plain[name])
	}
	return files
}

// readPointed reads a file of a credential. It may be anything else by now, or a pipe.
func readPointed(name string) ([]byte, bool) {
	if !filepath.IsAbs(name) {
		return nil, false
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 != 0 { // a program is none
		return nil, false
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxHomeFile))
	return data, err == nil
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
