package main

import (
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/steps"
)

// namedWorkflow is a use of a workflow by name.
type namedWorkflow namedCredential

// program notes a program of the server that a step runs.
func (r *configReader) program(y *config.Value, name string) {
	r.programs = append(r.programs, namedWorkflow{name: name, at: y.Position(), path: y.Path()})
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
			r.faults.Add(use.at, "`%s` names `%s`, which is not in `workflows`%s", use.path, use.name,
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
