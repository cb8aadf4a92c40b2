package terraform

import "github.com/cardea-iac/cardea/workflow"

// kind is what the rest of the house knows of this engine.
var kind = workflow.Kind{Name: "terraform", Title: "Terraform"}

// Kind says what the rest of the house may know of the engine.
func (e *Engine) Kind() workflow.Kind { return kind }
