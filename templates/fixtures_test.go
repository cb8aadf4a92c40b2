package templates_test

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

var (
	noon  = time.Date(2026, 11, 21, 12, 4, 0, 0, time.UTC)
	links = model.Links{PublicURL: "https://cardea.example.com", Fingerprints: true}
)

// view is a pull of acme/infra with these projects, all known.
func view(projects ...project) workflow.PullView {
	v := workflow.PullView{Plans: map[string]workflow.Plan{}}
	v.Locked = map[string]workflow.Lock{}
	v.Pull = workflow.Pull{
		Repo: workflow.Repo{ID: 7, Owner: "acme", Name: "infra"}, Number: 12, Title: "Larger subnets",
		Author: workflow.Actor{ID: 3, Login: "ada"},
		Head:   workflow.Ref{Ref: "subnets", SHA: "abc1234def5678900000000000000000000000aa"},
		Base:   workflow.Ref{Ref: "main", SHA: "0fedcba98765432100000000000000000000000b"},
		State:  workflow.PullOpen,
	}
	v.Known, v.BaseSHA = true, v.Pull.Base.SHA
	for i, p := range projects {
		r := workflow.ProjectRecord{Project: workflow.Project{Name: p.name, Dir: p.name, Environment: p.env,
			Variant: "default", Engine: "terraform", Refused: phrase.Plain(p.refused)},
			Reasons: phrase.Texts(p.reasons...), Deleted: p.deleted, Upstream: p.upstream}
		if p.run != nil {
			run := *p.run
			run.ID, run.Project = fmt.Sprintf("run%03d", i), r.Project
			if p.plan != nil {
				plan := *p.plan
				plan.PlannedAt, plan.Tool, plan.ToolVersion = noon, "terraform", "1.15.8"
				plan.Fingerprint = fmt.Sprintf("%012x%052x", 0x3f9a12c4b0de+i, 0)
				v.Plans[run.ID] = plan
				run.Counts, run.NoChanges = plan.Counts, plan.NoChanges
			}
			r.Run = &run
		}
		v.Projects = append(v.Projects, r)
	}
	return v
}

// project is one project of a view, in short.
type project struct {
	name, env, refused string
	deleted            bool
	reasons, upstream  []string
	run                *workflow.Run
	plan               *workflow.Plan
}

func finished(o workflow.Outcome) *workflow.Run {
	return &workflow.Run{Kind: workflow.RunPlan, State: workflow.RunFinished, Outcome: o}
}

func planned(name, env string, changes ...workflow.Change) project {
	p := workflow.Plan{Changes: changes, NoChanges: len(changes) == 0,
		ChangesHash: fmt.Sprintf("%x", fmt.Sprint(name, changes))}
	for _, c := range changes {
		switch {
		case c.Mode == "output":
			p.Counts.Outputs++
		case c.Action == workflow.ActionCreate:
			p.Counts.Add++
		case c.Action == workflow.ActionUpdate:
			p.Counts.Change++
		case c.Action == workflow.ActionReplace:
			p.Counts.Replace++
		case c.Action == workflow.ActionDelete:
			p.Counts.Destroy++
		case c.Action == workflow.ActionImport:
			p.Counts.Import++
		case c.Action == workflow.ActionMove:
			p.Counts.Move++
		case c.Action == workflow.ActionForget:
			p.Counts.Forget++
		}
		if c.Imported && c.Action != workflow.ActionImport {
			p.Counts.Import++
		}
	}
	return project{name: name, env: env, reasons: []string{fmt.Sprintf("`%s/main.tf` changed", name)},
		run: finished(workflow.OutcomeSucceeded), plan: &p}
}

func failing(name, env, summary string) project {
	r := finished(workflow.OutcomeFailed)
	r.Reason = "terraform plan exited 1"
	r.Diagnostics = []workflow.Diagnostic{{Severity: workflow.SeverityError, Summary: summary,
		Detail:  "An argument named \"cidr\" is not expected here. Did you mean \"cidr_block\"?",
		Address: "aws_vpc.main", Position: workflow.Position{File: name + "/main.tf", Line: 12, Column: 3},
		Snippet: workflow.Snippet{Context: `resource "aws_vpc" "main"`, Line: 11, Code: "resource \"aws_vpc\" \"main\" {\n  cidr = var.range\n}",
			Values: `var.range is "10.0.0.0/16"`}}}
	return project{name: name, env: env, run: r}
}

func create(address string, attributes ...workflow.Attribute) workflow.Change {
	return workflow.Change{Address: address, Mode: "managed", Action: workflow.ActionCreate, Attributes: attributes}
}

func set(path, value string) workflow.Attribute {
	return workflow.Attribute{Path: path, Mark: workflow.MarkAdd, After: value}
}

func gone(path, value string) workflow.Attribute {
	return workflow.Attribute{Path: path, Mark: workflow.MarkRemove, Before: value}
}

func change(path, before, after string) workflow.Attribute {
	return workflow.Attribute{Path: path, Mark: workflow.MarkChange, Before: before, After: after}
}

var (
	newSubnet = create("aws_subnet.private[\"eu-west-1c\"]", set("availability_zone", `"eu-west-1c"`),
		set("cidr_block", `"10.0.48.0/20"`),
		workflow.Attribute{Path: "id", Mark: workflow.MarkAdd, After: "(known after apply)", Unknown: true},
		set("tags.Name", `"private-c"`))
	biggerNode = workflow.Change{Address: "module.nodes.aws_instance.node[0]", Action: workflow.ActionUpdate,
		Unchanged: 31, Attributes: []workflow.Attribute{
			{Path: "id", Mark: workflow.MarkSame, Before: `"i-0a1b2c"`, After: `"i-0a1b2c"`},
			change("instance_type", `"t3.medium"`, `"t3.large"`),
			{Path: "password", Mark: workflow.MarkChange, Before: "(sensitive value)", After: "(sensitive value)", Sensitive: true},
			gone("tags.Owner", `"unknown"`),
			{Path: "user_data", Mark: workflow.MarkChange, Multiline: true, Before: "#!/bin/sh\nset -e\napt-get update\napt-get install -y nginx\nsystemctl enable nginx\nsystemctl start nginx\necho ready\necho done\n",
				After: "#!/bin/sh\nset -e\napt-get update\napt-get install -y nginx curl\nsystemctl enable nginx\nsystemctl start nginx\necho ready\necho done\n"},
		}}
	newDatabase = workflow.Change{Address: "aws_db_instance.main", Action: workflow.ActionReplace,
		Reason: "because it cannot be changed in place", Unchanged: 40, Attributes: []workflow.Attribute{
			{Path: "arn", Mark: workflow.MarkChange, Before: `"arn:aws:rds:eu-west-1:123456789012:db:main-20240310"`, After: "(known after apply)", Unknown: true},
			{Path: "engine_version", Mark: workflow.MarkChange, Before: `"14.9"`, After: `"16.2"`, Replaces: true},
		}}
	goneBucket = workflow.Change{Address: "aws_s3_bucket.logs", Action: workflow.ActionDelete,
		Reason:     "because it is not in the configuration",
		Attributes: []workflow.Attribute{gone("bucket", `"acme-logs"`), gone("force_destroy", "false")}}
	swapped = workflow.Change{Address: "aws_lb_target_group.web", Action: workflow.ActionReplace, CreateFirst: true,
		Attributes: []workflow.Attribute{{Path: "port", Mark: workflow.MarkChange,
			Before: "80", After: "8080", Replaces: true}}}
	importedZone = workflow.Change{Address: "aws_route53_zone.main", Action: workflow.ActionImport,
		ImportID: "Z0123456", Imported: true,
		Attributes: []workflow.Attribute{{Path: "name", Mark: workflow.MarkSame,
			Before: `"example.com"`, After: `"example.com"`}}}
	movedRole = workflow.Change{Address: "module.iam.aws_iam_role.ci",
		PreviousAddress: "aws_iam_role.ci", Action: workflow.ActionMove}
	forgotten = workflow.Change{Address: "aws_iam_user.legacy", Action: workflow.ActionForget}
	newOutput = workflow.Change{Address: "output.subnets", Mode: "output", Action: workflow.ActionUpdate,
		Attributes: []workflow.Attribute{change("value", "2", "3")}}
	secondOnly = workflow.Change{Address: "output.zone", Mode: "output", Action: workflow.ActionCreate,
		Attributes: []workflow.Attribute{set("value", `"Z0123456"`)}}
)

// cases are the views that have golden files.
func cases() map[string]workflow.PullView {
	c := map[string]workflow.PullView{
		"everything": view(planned("prod/network", "prod", newSubnet, biggerNode, newDatabase, goneBucket, swapped, importedZone, movedRole, forgotten, newOutput, secondOnly)),
		"small":      view(planned("dev/network", "dev", newSubnet)),
		"nothing":    view(),
		"notplanned": notPlanned(),
		"unchanged":  view(planned("dev/network", "dev"), planned("prod/network", "prod")),
		"hostile":    view(hostile()),
		"mixed":      mixed(),
		"same":       same(40),
		"planning":   planning(),
	}
	deleted := view(project{name: "dev/old", env: "dev", deleted: true, reasons: []string{"its directory is deleted"}})
	c["deleted"] = deleted
	shared := planned("envs/prod", "prod", newSubnet, goneBucket)
	shared.run.SameState, shared.run.LikeState = workflow.Others{Names: []string{"envs/dev"}},
		workflow.Others{Names: []string{"a", "b"}, More: 40}
	lineage := planned("envs/other", "dev", newSubnet)
	lineage.run.SameLineage, lineage.run.StateDoubt = workflow.Others{Names: []string{"envs/dev", "x|y", "z"}},
		"Cardea cannot tell which state it uses (`key` of its backend is computed), so the strictest rules apply."
	c["shared"] = view(shared, lineage)
	unknown := view()
	unknown.Known, unknown.Waiting = false, "GitHub does not have the commit yet; next try in 4 s"
	c["unknown"] = unknown
	conflict := view()
	conflict.Trouble = &workflow.Trouble{Kind: workflow.TroubleConflict, Title: phrase.Say("The head conflicts with main"),
		Sentences: phrase.Texts("`6c5e0ee` and `main` both changed `prod/network/main.tf`.",
			"Merge `main` into this branch, or rebase it, and push.")}
	c["conflict"] = conflict
	faulty := view()
	faulty.Trouble = &workflow.Trouble{Kind: workflow.TroubleConfig, Title: phrase.Say("`.cardea.yml` has 2 errors"),
		Sentences: phrase.Texts("Nothing is planned until the file is fixed. Every error is listed with its line."),
		Diagnostics: []workflow.Diagnostic{
			{Severity: workflow.SeverityError, Summary: "unknown key `projets`: did you mean `projects`?", Position: workflow.Position{File: ".cardea.yml", Line: 3, Column: 1}},
			{Severity: workflow.SeverityError, Summary: "the directory `prod/netwrok` does not exist", Position: workflow.Position{File: ".cardea.yml", Line: 9, Column: 10}},
		}}
	c["faulty"] = faulty
	maps.Copy(c, applyCases())
	return c
}

func mixed() workflow.PullView {
	refused := project{name: "sandbox/scratch", env: "sandbox",
		refused: "`sandbox/scratch` has no backend, so its state would be lost when the run ends. Add a `backend` or `cloud` block."}
	app := planned("prod/app", "prod", newDatabase, biggerNode)
	app.upstream = []string{"prod/network"}
	network := planned("prod/network", "prod", newSubnet, goneBucket)
	network.reasons = []string{"`modules/vpc`, which it calls, changed", "`prod/network/main.tf` changed"}
	network.plan.Hidden = []workflow.HiddenEffect{{Kind: "provisioner", Address: "null_resource.notify",
		Text: "`null_resource.notify` runs local-exec when it is created"},
		{Kind: "lock_file", Text: "the lock file changes"}}
	network.plan.Warnings = []workflow.Diagnostic{{Severity: workflow.SeverityWarning, Summary: "Argument is deprecated"}}
	network.plan.Drift = []workflow.Change{{Address: "aws_security_group.web", Action: workflow.ActionUpdate}}
	network.plan.Notes = []string{"its lock file is not committed"}
	all := []project{app, network, refused, failing("dev/app", "dev", "Unsupported argument"),
		failing("stage/app", "stage", "Unsupported argument"),
		planned("dev/network", "dev", newSubnet, newOutput), {name: "old/thing", deleted: true}}
	for i := range 34 {
		all = append(all, planned(fmt.Sprintf("team%02d/service", i), "dev"))
	}
	v := view(all...)
	v.Notes = []string{"This change labels `prod/app` as environment `dev`. Until this is merged, the environment is `prod`, and the rules of both apply.",
		"`.cardea.yml` on `main` has errors: unknown key `projets`. " +
			"The projects are read from this pull request's file instead, and the strictest rules apply."}
	return v
}

func same(n int) workflow.PullView {
	var all []project
	for i := range n {
		p := planned(fmt.Sprintf("service%02d/prod", i), "prod", newSubnet, biggerNode, newOutput)
		p.plan.ChangesHash = "the same"
		all = append(all, p)
	}
	all = append(all, planned("network/prod", "prod", newSubnet, goneBucket))
	return view(all...)
}

func planning() workflow.PullView {
	running := &workflow.Run{Kind: workflow.RunPlan, State: workflow.RunRunning, Started: noon}
	queued := &workflow.Run{Kind: workflow.RunPlan, State: workflow.RunQueued}
	held := &workflow.Run{Kind: workflow.RunPlan, State: workflow.RunQueued,
		Waiting: "The state lock is held by ci@build-7 since 2026-11-21 11:58:03 UTC."}
	return view(planned("dev/network", "dev", newSubnet), planned("dev/dns", "dev"),
		project{name: "prod/app", env: "prod", run: running},
		project{name: "prod/dns", env: "prod", run: queued}, project{name: "prod/network", env: "prod", run: held})
}

// hostile is a project of which every text tries to be something else.
func hostile() project {
	evil := "x` | <img src=x onerror=alert(1)> </details> ```\n\n# @acme/sre see #1 and [here](javascript:alert(1)) ***"
	heredoc := "```\n</details>\n<script>alert(1)</script>\n- looks removed\n+ looks added\n\x1b[31mred\x1b[0m\x1b]8;;http://evil.example\x07link\x1b]8;;\x07\n\u202egnp.exe\u2066\u200b\r\n@acme/sre #1\n````````\nend\x00"
	p := planned("a|b`c/<b>@acme</b>", "pr`od|", create(`aws_thing.x["`+evil+`"]`, set("tags[\"```\"]", `"`+evil+`"`),
		workflow.Attribute{Path: "body", Mark: workflow.MarkAdd, After: heredoc, Multiline: true}),
		workflow.Change{Address: "aws_thing.y", Action: workflow.ActionDelete, Reason: evil,
			Attributes: []workflow.Attribute{{Path: "body", Mark: workflow.MarkRemove, Before: heredoc, Multiline: true}}})
	p.reasons, p.upstream = []string{evil}, []string{evil}
	p.plan.Hidden = []workflow.HiddenEffect{{Kind: "provisioner", Text: evil}}
	p.plan.Warnings = []workflow.Diagnostic{{Summary: evil, Severity: workflow.SeverityWarning}}
	p.plan.Notes, p.plan.Checks = []string{evil}, []string{evil}
	p.plan.Drift = []workflow.Change{{Address: evil}}
	return p
}

// huge is one project with n resources of m attributes.
func huge(name string, n, m int) project {
	changes := make([]workflow.Change, n)
	for i := range changes {
		c := create(fmt.Sprintf("module.fleet.aws_instance.node[%d]", i))
		if i%10 == 0 {
			c.Action = workflow.ActionDelete
		}
		for j := range m {
			c.Attributes = append(c.Attributes, set(fmt.Sprintf("attribute_%d", j), `"`+strings.Repeat("é", 20)+`"`))
		}
		changes[i] = c
	}
	return planned(name, "prod", changes...)
}

// notPlanned is a change of what Cardea does not plan, and of modules for others.
func notPlanned() workflow.PullView {
	v := view()
	v.NotPlanned = []workflow.NotPlanned{{Dirs: []string{"modules/dns", "modules/net", "modules/vpc", "modules/x"},
		Count: 92}, {Kind: "Terragrunt", Dirs: []string{"live/prod"}, Count: 1}}
	return v
}
