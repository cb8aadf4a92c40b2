package main

import (
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// engines are those of this program. tool is the server's word for which of Terraform and OpenTofu
// reads a project that does not say, "" where it has none.
func engines(tool string) workflow.Engines {
	return workflow.Engines{terraform.New(terraform.Options{Tool: tool})}
}

var kinds = engines("").Kinds()

// envFault says why no run takes a variable of this name from credentials, "" where it does.
func envFault(name string) string { return run.EnvFault(kinds, name) }
