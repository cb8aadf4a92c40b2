package terraform

import (
	"fmt"

	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// Sentences speak to whoever reads them: of a server to the people of a pull request, of their own
// machine to somebody who previews.

// whereToPut says where a tool that is missing can be put.
func (t Tools) whereToPut(tool string) string {
	if t.Own {
		page := "https://developer.hashicorp.com/terraform/install"
		if tool == tfconfig.Tofu {
			page = "https://opentofu.org/docs/intro/install/"
		}
		return "install it so that it is on your PATH (" + page + ")"
	}
	where := "put it on the server's PATH"
	if t.Dir != "" {
		where += fmt.Sprintf(" or at `tools/%s/VERSION/%s` below `data_dir`", tool, tool)
	}
	return where
}

// mirror is where providers are kept.
func (t Tools) mirror() string {
	if t.Own {
		return "among the providers downloaded earlier (`" + t.Providers + "`)"
	}
	return "in the server's provider mirror (`providers` below `data_dir`)"
}

// allowsOnly says that there are versions that are not run at all.
func (t Tools) allowsOnly() string {
	if t.Own {
		return "Cardea only supports " + t.Versions
	}
	return "the server allows only " + t.Versions + " (`terraform.versions`)"
}

// allows names who says which versions are run.
func (t Tools) allows() string {
	if t.Own {
		return "Cardea"
	}
	return "the server's configuration"
}

// makeWorkspace says how a Terraform workspace comes to be.
func (t Tools) makeWorkspace(tool, name string) string {
	text := fmt.Sprintf("Create it with `%s workspace new %s`", tool, name)
	if t.Own {
		return text + "."
	}
	return text + ", or allow it with `create_workspace: true` in the server's rules."
}
