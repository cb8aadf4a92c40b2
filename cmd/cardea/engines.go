package main

import (
	"encoding/json"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// engines are those of this program. tool says which of Terraform and OpenTofu reads a
// project that does not say so itself; "" when the server's configuration does not say
// either.
func engines(tool string) workflow.Engines {
	return workflow.Engines{terraform.New(terraform.Options{Tool: tool})}
}

var kinds = engines("").Kinds()

// envFault says why no run accepts a variable of this name from credentials, "" where runs
// do.
func envFault(name string) string { return run.EnvFault(kinds, name) }

// serverWords say to a run's engine what the server says of its tools.
func serverWords(tools terraform.Tools) func(workflow.Run) json.RawMessage {
	return func(r workflow.Run) json.RawMessage {
		return terraform.Server{Tools: tools, CreateWorkspace: r.CreateWorkspace}.JSON()
	}
}
