package main

import (
	"strings"
	"testing"
)

// TestWorkflowPrograms: a program of a step that is not on this machine is found by the check; a
// script of the repository is not looked for.
func TestWorkflowPrograms(t *testing.T) {
	cfg, _ := parseConfig("cardea.yml", []byte(`
workflows:
  a:
    steps:
      - {at: before_init, run: [/nowhere/render]}
      - {at: before_init, run: [no-such-program-here]}
      - {at: before_init, run: [./render]}
      - {at: before_init, run: [sh, -c, "exit 0"]}
`), nil)
	want := "cardea.yml:5:32: `workflows.a.steps[0].run`: the program `/nowhere/render` was not found or is not executable\n" +
		"cardea.yml:6:32: `workflows.a.steps[1].run`: the program `no-such-program-here` was not found or is not executable\n"
	if got := lines(cfg.absent); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestWorkflowFaults: every fault of a workflow stands with its place, all at once.
func TestWorkflowFaults(t *testing.T) {
	_, faults := parseConfig("cardea.yml", []byte(`
workflows:
  -x: {}
  a:
    steps:
      - {at: health, run: [./smoke.sh], retries: 3}
      - {at: later, run: [x]}
      - {run: ./x.sh}
      - {at: before_plan}
      - {at: before_plan, run: [], name: "a b", timeout: 0s, set: PATH}
      - {at: before_plan, run: [sh, -c, "echo {project}"], set: TF_DATA_DIR}
      - {at: before_plan, run: [x, "{enviroment}"], set: "A B", unknown: 1}
      - {at: before_plan, run: [x], set: CARDEA_X}
    plan: {parallelism: 0, lock_timeout: x, refresh: maybe, target: a}
    apply: {parallelism: -1, refresh: true}
repos:
  - match: "acme/*"
    workflow: b
    workflows: [a, c]
    environments: {prod: {workflow: aa, workflows: [a]}}
`), nil)
	got := lines(faults)
	for _, want := range []string{
		"cardea.yml:3:7: the name of a workflow \"-x\" starts with -",
		"cardea.yml:6:14: `workflows.a.steps[0].at: health` is not available yet: a later version of Cardea will check what an apply made",
		"cardea.yml:6:41: `workflows.a.steps[0].retries` is not available yet: a later version of Cardea will check what an apply made",
		"cardea.yml:7:14: `workflows.a.steps[1].at` must be before_init, before_plan, after_plan, before_apply or after_apply, not \"later\"",
		"`workflows.a.steps[2].run` must be a list",
		"cardea.yml:8:9: `workflows.a.steps[2]` needs `at`",
		"cardea.yml:9:9: `workflows.a.steps[3]` needs `run`",
		"`workflows.a.steps[4].run` names no program",
		"`workflows.a.steps[4].name` \"a b\" has the character ' '",
		"`workflows.a.steps[4].timeout`",
		"`workflows.a.steps[4].set`: a step may only set what a credential may give: PATH is set by Cardea for every run",
		"`workflows.a.steps[5].run` has {project} in a shell script",
		"`workflows.a.steps[5].set`: a step may only set what a credential may give: TF_DATA_DIR is set by Cardea for every run",
		"`workflows.a.steps[6].run` has the unknown placeholder {enviroment}: did you mean {environment}?",
		"`workflows.a.steps[6].set`: a step may only set what a credential may give: \"A B\" is not a valid name for an environment variable",
		"unknown key `workflows.a.steps[6].unknown`",
		"`workflows.a.steps[7].set`: a step may only set what a credential may give: CARDEA_X would change how a run behaves",
		"`workflows.a.plan.parallelism`", "`workflows.a.plan.lock_timeout`", "`workflows.a.plan.refresh`", "unknown key `workflows.a.plan.target`",
		"`workflows.a.apply.parallelism`", "unknown key `workflows.a.apply.refresh`",
		"cardea.yml:18:15: `repos[0].workflow` names `b`, which is not in `workflows`: did you mean `a`?",
		"`repos[0].workflows[1]` names `c`, which is not in `workflows`",
		"`repos[0].environments.prod.workflow` names `aa`, which is not in `workflows`: did you mean `a`?",
		"`repos[0].environments.prod.workflows` belongs to the whole rule",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if n := strings.Count(got, "\n"); n != 32 {
		t.Errorf("%d faults", n)
	}
	if t.Failed() {
		t.Log(got)
	}
}
