package terraform

import (
	"context"
	"os"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// Find returns the program that a plan without wishes of its own would use,
// downloading it where it must. Its error is a sentence that says what to install where.
func Find(ctx context.Context, tools Tools) (string, error) {
	scratch, err := os.MkdirTemp("", "cardea-tool-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	t, err := findTool(ctx, toolRequest{tools: tools, scratch: scratch}, workflow.Project{}, scratch)
	return t.path, err
}

// Installed reports whether there is any tool that needs no download.
func Installed(tools Tools) bool {
	for _, name := range []string{tfconfig.Terraform, tfconfig.Tofu} {
		if lookPath(name, tools.Path) != "" || len(downloaded(tools.Dir, name)) > 0 {
			return true
		}
	}
	return false
}
