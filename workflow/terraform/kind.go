package terraform

import (
	"encoding/json"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// kind is what the rest of the house knows of this engine.
var kind = func() workflow.Kind {
	k := tfconfig.Kind()
	k.Rescue = []string{erroredState}
	k.Planted = []workflow.Planted{
		{Name: dataDir, Dir: true, Why: "it can hold providers and choose a Terraform workspace"},
		{Name: "terraform.d", Dir: true, Why: "it can hold providers"},
		{Name: "*.tfplan", Why: "a saved plan must come from this run"},
		{Name: erroredState, Why: "a kept state must come from a run"},
	}
	k.Env = func(files workflow.RunFiles, server json.RawMessage) []string {
		s, err := readServer(server)
		if err != nil {
			s = Server{} // the run itself says so
		}
		return Env(files, s.Tools)
	}
	k.Steers = []string{"TF_CLI_", "TF_LOG_", "TF_REATTACH_", "TF_LOG", "TF_WORKSPACE",
		"TF_PLUGIN_CACHE_DIR", "TERRAFORM_CONFIG"}
	return k
}()

// Kind says what the rest of the house may know of the engine.
func (e *Engine) Kind() workflow.Kind { return kind }
