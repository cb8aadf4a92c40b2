package config

import (
	"path"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/steps"
)

// Workflows reads what the server does besides plans and applies, by name. setFault says why no
// run takes a variable of a name, "" where runs do; program is told of every program of the
// server that a step runs, with its place.
func Workflows(y *Value, setFault func(name string) string, program func(y *Value, name string)) map[string]workflow.Workflow {
	all := map[string]workflow.Workflow{}
	y.MapOf(func(name string, v *Value) {
		if why := LabelFault(name); why != "" {
			v.Fault("the name of a workflow %s", why)
			return
		}
		w := workflow.Workflow{Name: name}
		v.Map(Keys{
			"steps": func(y *Value) {
				y.List(func(item *Value) {
					s, run := readStep(item, setFault)
					if len(s.Run) > 0 && s.Run[0] != "" && (path.IsAbs(s.Run[0]) || !strings.Contains(s.Run[0], "/")) {
						program(run, s.Run[0])
					}
					w.Steps = append(w.Steps, s)
				})
			},
			"plan": func(y *Value) {
				y.Map(Keys{
					"parallelism":  func(y *Value) { y.Int(&w.Plan.Parallelism, 1) },
					"lock_timeout": func(y *Value) { y.Duration(&w.Plan.LockTimeout, time.Second) },
					"refresh": func(y *Value) {
						refresh := true
						y.Bool(&refresh)
						w.Plan.NoRefresh = !refresh
					},
				}, nil)
			},
			"apply": func(y *Value) {
				y.Map(Keys{"parallelism": func(y *Value) { y.Int(&w.Apply.Parallelism, 1) }}, nil)
			},
		}, nil)
		all[name] = w
	})
	return all
}

const laterHealth = "is not available yet: a later version of Cardea will check what an apply made; for now the last point is `after_apply`"

// readStep reads one step of a workflow; run is where its words stand.
func readStep(y *Value, setFault func(name string) string) (s workflow.Step, run *Value) {
	s.Timeout = 5 * time.Minute
	y.Map(Keys{
		"at": func(y *Value) {
			if at, ok := y.Text(); ok && at == "health" {
				y.Fault("`%s: health` %s", y.Path(), laterHealth)
				return
			}
			at := ""
			y.Choice(&at, string(workflow.BeforeInit), string(workflow.BeforePlan), string(workflow.AfterPlan),
				string(workflow.BeforeApply), string(workflow.AfterApply))
			s.At = workflow.Point(at)
		},
		"name": func(y *Value) {
			if y.String(&s.Name); s.Name != "" {
				if why := LabelFault(s.Name); why != "" {
					y.Fault("`%s` %s", y.Path(), why)
				}
			}
		},
		"run": func(y *Value) {
			run = y
			words := y.kind == yamlList
			y.List(func(v *Value) {
				word, ok := v.Text()
				s.Run, words = append(s.Run, word), words && ok
			})
			if why := steps.Fault(s.Run); why != "" && words { // else it has another fault
				y.Fault("`%s` %s", y.Path(), why)
			}
		},
		"timeout": func(y *Value) { y.Duration(&s.Timeout, time.Second) },
		"set": func(y *Value) {
			if y.String(&s.Set); s.Set != "" {
				if why := setFault(s.Set); why != "" {
					y.Fault("`%s`: a step may only set what a credential may give: %s", y.Path(), why)
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
	return s, run
}
