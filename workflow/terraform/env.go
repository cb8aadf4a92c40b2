package terraform

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// dataDir is terraform's data directory below the one it runs in, where everybody
// has it: path.module of a fetched module is in plans, in states and, through
// them, in what is approved, so that it must be the same in every run. A committed
// one never gets there; freshData makes sure once more.
const dataDir = ".terraform"

func (p *planning) dataDir() string { return filepath.Join(p.dir, dataDir) }

// freshData removes a data directory that init did not make: it can hold
// providers and choose a Terraform workspace.
func (p *planning) freshData() error { return os.RemoveAll(p.dataDir()) }

// Env is what the engine needs in the environment of the runner's process, as
// KEY=value: terraform-exec hands its own process's environment to terraform,
// so the runner must hold this, what the launcher allows, the run's
// credentials, and nothing else. Plan refuses to run without it.
func Env(files workflow.RunFiles, tools Tools) []string {
	env := []string{
		"HOME=" + files.Home,
		"TMPDIR=" + files.Tmp,
		"TF_DATA_DIR=" + dataDir,
		"TF_CLI_CONFIG_FILE=" + cliConfigFile(files),
		"TF_IN_AUTOMATION=1",
		"TF_INPUT=0",
		"CHECKPOINT_DISABLE=1",
		"GIT_TERMINAL_PROMPT=0",             // a module behind a login fails instead of asking
		"GIT_ALLOW_PROTOCOL=https:ssh:http", // module sources: no file, no ext; unsafeSource keeps http to this machine
	}
	if tools.Path != "" {
		env = append(env, "PATH="+tools.Path)
	}
	return env
}

// cliConfigFile is our own CLI configuration; the run's home is private to it.
func cliConfigFile(files workflow.RunFiles) string { return filepath.Join(files.Home, "cardea.tfrc") }

// checkEnv makes sure that terraform will get the settings of Env and none of
// those with which an environment could change what a plan means.
func checkEnv(files workflow.RunFiles) error {
	for name, want := range map[string]string{"TF_DATA_DIR": dataDir, "TF_CLI_CONFIG_FILE": cliConfigFile(files)} {
		if got := os.Getenv(name); got != want {
			return fmt.Errorf("the runner's environment has %s=%q, want %q", name, got, want)
		}
	}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "TF_CLI_ARGS") || name == "TF_WORKSPACE" || name == "TF_PLUGIN_CACHE_DIR" || name == "TF_REATTACH_PROVIDERS" {
			return fmt.Errorf("the runner's environment has %s, which must not reach terraform", name)
		}
	}
	return nil
}
