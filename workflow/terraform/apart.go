package terraform

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// ofState reports whether providers are missing only to the init that has no secrets, because only it
// reads the state. Those of the time before namespaces ("-") can be named by nobody.
func (p *planning) ofState(missing []string) bool {
	return p.hasFetched && len(missing) > 0 &&
		!slices.ContainsFunc(missing, func(address string) bool { return strings.Contains(address, "/-/") })
}

// fetchApart fetches providers that only the state needs: by an init of a directory that names them and
// nothing else, no backend and nothing of the change. It has the secrets; the init after it, which finds
// the providers in our mirror, has not.
func (p *planning) fetchApart(mirror string, missing []string) error {
	dir, err := os.MkdirTemp(p.job.Files.Tmp, "providers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	required := map[string]any{}
	for i, address := range missing {
		required[fmt.Sprintf("p%d", i)] = map[string]string{"source": address}
	}
	text, err := json.Marshal(map[string]any{"terraform": map[string]any{"required_providers": required}})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "main.tf.json"), text, 0o600)
	}
	locked, e := p.readLockFile()
	if err = errors.Join(err, e); err == nil && locked != nil { // it says which version, and its checksums
		err = os.WriteFile(filepath.Join(dir, tfconfig.LockFile), locked, 0o600)
	}
	if err = errors.Join(err, p.writeCLIConfig(cliConfig(mirrorBlock(mirror)+"\n  "+p.server.Sources.methods()))); err != nil {
		return err
	}
	apart := *p
	apart.dir = dir
	restore, err := unset("TF_CLI_ARGS_init") // var files of the project
	if err != nil {
		return err
	}
	err = p.server.Sources.trusting(p.job.Files.Tmp, func() error {
		if err := apart.start(); err != nil {
			return err
		}
		return apart.fetching(func() error {
			return apart.initWith("init, for what only the state needs", tfexec.Backend(false))
		})
	})
	if err = errors.Join(err, restore()); err != nil {
		return p.initFault(err)
	}
	if err := errors.Join(apart.publish(mirror), p.writeCLIConfig(mirrorOnly(mirror))); err != nil {
		return err
	}
	return p.runInit()
}

// unset takes a variable from the environment until restore.
func unset(name string) (restore func() error, err error) {
	before, had := os.LookupEnv(name)
	if !had {
		return func() error { return nil }, nil
	}
	return func() error { return os.Setenv(name, before) }, os.Unsetenv(name)
}
