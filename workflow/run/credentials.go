package run

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cardea-iac/cardea/internal/phrase"
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
	pointed, _ := s.pointedAt()
	for _, f := range slices.Concat(s.Files, pointed) {
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

// pointedAt are the files on this machine that variables name, and the variables whose file is so
// large that only its beginning was read. One that cannot be read here cannot be seen either.
func (s Secrets) pointedAt() (files []HomeFile, cut []string) {
	read := func(variable, value string) {
		for _, name := range filepath.SplitList(value) {
			data, whole, ok := readPointed(name, slices.Contains(fileEnv, variable))
			if ok {
				files = append(files, HomeFile{Data: data})
			}
			if ok && !whole {
				cut = append(cut, variable)
			}
		}
	}
	for _, env := range []map[string]string{s.Env, s.Fetch.Env} {
		for variable, value := range env {
			read(variable, value)
		}
	}
	for _, variable := range fileEnv {
		read(variable, s.Plain[variable])
	}
	slices.Sort(cut)
	return files, slices.Compact(cut)
}

// unread says, for the log of a run, of which files not everything is hidden; "" where of all.
func (s Secrets) unread() string {
	_, cut := s.pointedAt()
	if len(cut) == 0 {
		return ""
	}
	one := len(cut) == 1
	return fmt.Sprintf("The %s that %s %s larger than %d MB. Cardea looked for secrets only in the beginning: those further down are not hidden in logs and plans.\n",
		phrase.OneMany(one, "file", "files"), phrase.AndList(cut), phrase.OneMany(one, "names is", "name are"), MaxHomeFile>>20)
}

// readPointed reads the file that a variable names. It may be anything else by now, or a pipe. A
// program is none, unless the variable is one that names credentials.
func readPointed(name string, surely bool) (data []byte, whole, ok bool) {
	if !filepath.IsAbs(name) {
		return nil, false, false
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, false, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, false, false
	}
	data, err = io.ReadAll(io.LimitReader(f, MaxHomeFile+1))
	if err != nil || !surely && info.Mode()&0o111 != 0 && isProgram(data) {
		return nil, false, false
	}
	whole = len(data) <= MaxHomeFile
	return data[:min(len(data), MaxHomeFile)], whole, true
}

// isProgram tells what a file with the permission to be run holds: some files of credentials have it too.
func isProgram(data []byte) bool {
	return bytes.HasPrefix(data, []byte("#!")) || bytes.IndexByte(data[:min(len(data), 512)], 0) >= 0
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
