package terraform

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// at takes the server's steps of a point.
func (p *planning) at(point workflow.Point) func() error {
	return func() error {
		if p.job.At == nil {
			return nil
		}
		shown := p.shown
		p.shown = nil
		if err := p.job.At(p.ctx, point, shown); err != nil {
			return failed("%s", phrase.Sentence(err.Error()))
		}
		return nil
	}
}

// planTuning are the options with which the server's workflow wants a plan.
func (p *planning) planTuning() (out []tfexec.PlanOption) {
	t := p.job.Tuning
	if t.Parallelism > 0 {
		out = append(out, tfexec.Parallelism(t.Parallelism))
	}
	if t.LockTimeout > 0 {
		out = append(out, tfexec.LockTimeout(t.LockTimeout.String()))
	}
	if p.unrefreshed() {
		out = append(out, tfexec.Refresh(false))
	}
	return out
}

// unrefreshed reports whether the plan goes by the state as it is stored; one of what was changed
// outside alone cannot.
func (p *planning) unrefreshed() bool { return p.job.Tuning.NoRefresh && !p.job.Options.RefreshOnly }

// noteTuning says what a plan does not see for its options.
func (p *planning) noteTuning() {
	if p.unrefreshed() {
		p.plan.Notes = append(p.plan.Notes, "The server's workflow says `refresh: false`: this plan relies on the stored state and does not detect changes made outside of Terraform.")
	}
}

// fromEnvironment are the values of the variables of a saved plan that the environment gives as
// well: a step or a credential may have given another secret when the plan was made, and the plan
// still has that.
func fromEnvironment(raw []byte) ([]string, error) {
	var plan struct {
		Variables map[string]struct{ Value any }
	}
	if err := json.Unmarshal(raw, &plan); err != nil {
		return nil, fmt.Errorf("reading the saved plan's variables: %w", err)
	}
	var out []string
	for name, v := range plan.Variables {
		if _, given := os.LookupEnv("TF_VAR_" + name); given {
			out = append(out, textsIn(v.Value)...)
		}
	}
	return out, nil
}

// textsIn are the strings within a JSON value.
func textsIn(v any) (out []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			out = append(out, textsIn(e)...)
		}
	case map[string]any:
		for _, e := range v {
			out = append(out, textsIn(e)...)
		}
	}
	return out
}
