package main

import (
	"path"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/steps"
)

// namedWorkflow is a use of a workflow by name.
type namedWorkflow namedCredential

// workflows reads what the server does besides plans and applies, by name.
func (r *configReader) workflows(y *config.Value) {
	y.MapOf(func(name string, v *config.Value) {
		if why := config.LabelFault(name); why != "" {
			v.Fault("the name of a workflow %s", why)
			return
		}
		w := workflow.Workflow{Name: name}
		v.Map(config.Keys{
			"steps": func(y *config.Value) { y.List(func(item *config.Value) { w.Steps = append(w.Steps, readStep(item)) }) },
			"plan": func(y *config.Value) {
				y.Map(config.Keys{
					"parallelism":  func(y *config.Value) { y.Int(&w.Plan.Parallelism, 1) },
					"lock_timeout": func(y *config.Value) { y.Duration(&w.Plan.LockTimeout, time.Second) },
					"refresh": func(y *config.Value) {
						refresh := true
						y.Bool(&refresh)
						w.Plan.NoRefresh = !refresh
					},
				}, nil)
			},
			"apply": func(y *config.Value) {
				y.Map(config.Keys{"parallelism": func(y *config.Value) { y.Int(&w.Apply.Parallelism, 1) }}, nil)
			},
		}, nil)
		r.cfg.workflows[name] = w
	})
}

const laterHealth = "comes with a later version of Cardea, which looks after an apply whether what it made is healthy; until then `after_apply` is the last point"

// readStep reads one step of a workflow.
func readStep(y *config.Value) workflow.Step {
	s := workflow.Step{Timeout: 5 * time.Minute}
	y.Map(config.Keys{
		"at": func(y *config.Value) {
			if at, ok := y.Text(); ok && at == "health" {
				y.Fault("`%s: health` %s", y.Path(), laterHealth)
				return
			}
			at := ""
			y.Choice(&at, string(workflow.BeforeInit), string(workflow.BeforePlan), string(workflow.AfterPlan),
				string(workflow.BeforeApply), string(workflow.AfterApply))
			s.At = workflow.Point(at)
		},
		"name": func(y *config.Value) {
			if y.String(&s.Name); s.Name != "" {
				if why := config.LabelFault(s.Name); why != "" {
					y.Fault("`%s` %s", y.Path(), why)
				}
			}
		},
		"run": func(y *config.Value) {
			y.Strings(&s.Run)
			empty := y.Leaves()[y.Path()] == "[]"
			if why := steps.Fault(s.Run); why != "" && (empty || len(s.Run) > 0) { // else it has another fault
				y.Fault("`%s` %s", y.Path(), why)
			}
		},
		"timeout": func(y *config.Value) { y.Duration(&s.Timeout, time.Second) },
		"set": func(y *config.Value) {
			if y.String(&s.Set); s.Set != "" {
				if why := variableFault(s.Set); why != "" {
					y.Fault("`%s`: a step may set what a credential may give: %s", y.Path(), why)
				}
			}
		},
	}, map[string]string{"retries": laterHealth})
	for _, key := range []string{"at", "run"} {
		if y.IsMap() && !y.Has(key) {
			y.Fault("`%s` needs `%s`", y.Path(), key)
		}
	}
	if s.Name == "" && len(s.Run) > 0 {
		s.Name = path.Base(s.Run[0])
	}
	return s
}

// workflowName reads the name of a workflow.
func (r *configReader) workflowName(into *string) func(*config.Value) {
	return func(y *config.Value) {
		if y.String(into); *into != "" {
			r.usedWorkflows = append(r.usedWorkflows, namedWorkflow{name: *into, at: y.Position(), path: y.Path()})
		}
	}
}

// workflowNames reads those that a project may name.
func (r *configReader) workflowNames(rule *workflow.Rules) func(*config.Value) {
	return func(y *config.Value) {
		y.List(func(v *config.Value) {
			var name string
			if r.workflowName(&name)(v); name != "" {
				rule.MayName = append(rule.MayName, name)
			}
		})
	}
}

// giveWorkflows gives each rule the workflows that it names.
func (r *configReader) giveWorkflows() {
	for _, use := range r.usedWorkflows {
		if _, ok := r.cfg.workflows[use.name]; !ok {
			r.faults.Add(use.at, "`%s` names `%s`, which `workflows` does not have%s", use.path, use.name,
				nearest(use.name, mapKeys(r.cfg.workflows)))
		}
	}
	for i := range r.cfg.repos {
		rule := &r.cfg.repos[i]
		for _, name := range steps.Names(*rule) {
			if rule.Workflows == nil {
				rule.Workflows = map[string]workflow.Workflow{}
			}
			rule.Workflows[name] = r.cfg.workflows[name]
		}
	}
}
