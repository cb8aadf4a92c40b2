package run

import (
	"cmp"
	"encoding/json"
	"os"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// Job is what a runner has to do: job.json. No secret is in it.
type Job struct {
	Protocol int          `json:"protocol"` // set by the launcher
	Run      workflow.Run `json:"run"`
	GitDir   string       `json:"git_dir"` // the mirror that holds Run.Tree, absolute
	// Server is what the run's engine is told of the server, in the engine's words.
	Server json.RawMessage `json:"server,omitempty"`
	// PlanTimeout ends a plan, preparation included, and an apply's preparation; 0 = never.
	PlanTimeout time.Duration `json:"plan_timeout"`
	Ladder      Ladder        `json:"ladder"`
	LogLimit    int64         `json:"log_limit"` // bytes; 0 = 10 MB
	// Recipient (age) and Artefacts, an absolute directory, are where a plan keeps
	// its artefact and an apply a state that it could not store. Recipient "": nothing is kept.
	Recipient string `json:"recipient,omitempty"`
	Artefacts string `json:"artefacts,omitempty"`
	// Home is a symlink to the run's own HOME, set by the launcher.
	Home string `json:"home,omitempty"`
}

// Ladder is how a plan is stopped: SIGINT, after Again a second SIGINT, after a
// further Kill SIGKILL. Zero values mean 60 s and 30 s.
type Ladder struct {
	Again time.Duration `json:"again"`
	Kill  time.Duration `json:"kill"`
}

func (l Ladder) withDefaults() Ladder {
	if l.Again <= 0 {
		l.Again = 60 * time.Second
	}
	if l.Kill <= 0 {
		l.Kill = 30 * time.Second
	}
	return l
}

// Secrets are handed to the runner over the socket and never written to a file.
type Secrets struct {
	// Env is the credentials' environment. Names that are the run's own (HOME,
	// PATH, what engines set or are steered by) are not taken from it.
	Env map[string]string `json:"env,omitempty"`
	// Plain is further environment, of which nothing is a secret; Env wins.
	Plain map[string]string `json:"plain,omitempty"`
	// Files are written into the run's HOME before anything else happens.
	Files []HomeFile `json:"files,omitempty"`
	// Home is the HOME of a person who looks for themself, instead of the run's own.
	Home string `json:"home,omitempty"`
	Key  []byte `json:"key,omitempty"` // the repository's key
	// Identity opens artefacts; applies only.
	Identity string `json:"identity,omitempty"`
	// Fetch is what only fetching has.
	Fetch Fetching `json:"fetch,omitzero"`
	// Redact are further values that must not be seen. Values of Env that look like
	// secrets are redacted anyway.
	Redact []string `json:"redact,omitempty"`
}

// message is one message on the socket, either way.
type message struct {
	Secrets *Secrets `json:"secrets,omitempty"`
	Ready   bool     `json:"ready,omitempty"`
	Go      bool     `json:"go,omitempty"`
	// While the engine fetches: a repository that a token is asked for, the answer, and that the
	// tokens were used.
	Ask     *string `json:"ask,omitempty"`
	Grant   *Grant  `json:"grant,omitempty"`
	Fetched bool    `json:"fetched,omitempty"`
	// Of an apply that is ready: the digest of its artefact, and the state as it is now.
	Digest string                 `json:"digest,omitempty"`
	State  *workflow.StateVersion `json:"state,omitempty"`
}

// ExportSpec says what a workspace holds. It has the fields of the git room's
// spec of the same name, in the same order, so that one converts to the other.
type ExportSpec struct {
	GitDir string
	Tree   string   // tree id
	Paths  []string // empty: the whole tree
	Own    []string // where a symlink that leaves the tree refuses the project
	Dir    string   // the workspace
	// Planted is what of the tree must not get there.
	Planted []workflow.Planted
}

// allowedEnv reports whether a variable of the server's environment reaches a
// runner. It is an allow-list: everything that the server knows and a plan could
// read stays behind.
func allowedEnv(name string) bool {
	switch strings.ToUpper(name) {
	case "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY":
		return true
	}
	switch name {
	case "PATH", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR":
		return true
	}
	return strings.HasPrefix(name, "LC_")
}

// environment is the run's own: the allowed part of base, with its private HOME and TMPDIR.
func environment(base []string, f workflow.RunFiles) []string {
	var env []string
	for _, kv := range base {
		if name, _, ok := strings.Cut(kv, "="); ok && allowedEnv(name) {
			env = append(env, kv)
		}
	}
	return append(env, "HOME="+f.Home, "TMPDIR="+f.Tmp)
}

// setEnvironment makes this process's environment the run's: what the tools
// inherit. The engine's settings win over the credentials'.
func (r *runner) setEnvironment(f workflow.RunFiles) error {
	env := environment(os.Environ(), f)
	if kind := r.deps.Engines.KindOf(r.job.Run.Project); kind.Env != nil {
		env = append(env, kind.Env(f, r.job.Server)...)
	}
	kinds := r.deps.Engines.Kinds()
	os.Clearenv()
	for _, given := range []map[string]string{r.secrets.Plain, r.secrets.Env} {
		for name, value := range given {
			if EnvFault(kinds, name) != "" {
				continue
			}
			if err := os.Setenv(name, r.secrets.inHome(value, f.Home)); err != nil {
				return err
			}
		}
	}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if name == "HOME" {
			value = cmp.Or(r.secrets.Home, value)
		}
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}
