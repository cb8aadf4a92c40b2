package main

import (
	"context"

	"github.com/cardea-iac/cardea/workflow/git"
	"github.com/cardea-iac/cardea/workflow/run"
)

// runnerCmd is the short-lived process that carries out one run. It reads its job from DIR
// and its secrets from the socket it inherits; people do not type it.
type runnerCmd struct {
	Dir string `arg:"" help:"The run's directory."`
}

// Run carries out the run. The exit status says whether a result was written.
func (r runnerCmd) Run() error {
	if code := run.Main(r.Dir, runnerDeps()); code != 0 {
		return exitCode(code)
	}
	return nil
}

func runnerDeps() run.Deps {
	return run.Deps{
		Engines: engines(""),
		Export: func(ctx context.Context, s run.ExportSpec) ([]string, error) {
			return git.Export(ctx, git.ExportSpec(s))
		},
	}
}
