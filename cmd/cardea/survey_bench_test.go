package main

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/git"
	"github.com/cardea-iac/cardea/workflow/survey"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// BenchmarkSurvey is what the server does before anything is planned in a
// repository of 10,000 projects, when a pull changes 3,000 files: reading both
// trees (read before, as those of every pull but the first), which projects it
// affects, and of one of them what its plan is made from and who keeps the same state.
func BenchmarkSurvey(b *testing.B) {
	for _, c := range []surveyCase{
		{name: "literal", block: "bucket = \"state\"\n    key = %q\n"},
		{name: "backend_config of all", block: "key = %q\n", config: "../../state.s3.tfbackend"},
		{name: "backend_config of each", block: "key = %q\n", config: "state.s3.tfbackend"},
	} {
		b.Run(c.name, c.run)
	}
}

type surveyCase struct {
	name   string
	block  string // of the backend; its verb is the project's name
	config string // the backend_config of every project
}

const surveyProjects, surveyChanged = 10_000, 3_000

func (c surveyCase) run(b *testing.B) {
	dir, base, head := c.repository(b)
	engines := workflow.Engines{terraform.New(terraform.Options{})}
	survey := func() {
		co := workflow.Checkout{Head: "head", Base: "base"}
		for i := range surveyChanged {
			co.Changes = append(co.Changes, workflow.FileChange{Path: surveyDir(i) + "/main.tf", Status: "modified"})
		}
		var err error
		co.BaseTree, err = git.OpenTree(dir, base)
		fatal(b, err)
		co.Planned, err = git.OpenTree(dir, head)
		fatal(b, err)
		f, trouble, err := survey.Read(b.Context(), engines, workflow.DefaultRules("*"), workflow.Pull{}, co)
		fatal(b, err)
		if trouble != nil || len(f.Affected) != surveyChanged {
			b.Fatalf("got %+v and %d affected projects", trouble, len(f.Affected))
		}
		r, refused, err := f.PlanRun(b.Context(), f.Affected[0].Project)
		fatal(b, err)
		if refused != "" || len(r.States) == 0 || len(r.Sharing) != 0 {
			b.Fatalf("got %+v, %s", r, refused)
		}
	}
	survey()
	before := ownCPU(b)
	b.ResetTimer()
	for range b.N {
		survey()
	}
	b.ReportMetric(float64((ownCPU(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// ownCPU is the time that this process worked: the machine is shared.
func ownCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	fatal(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func surveyDir(i int) string { return fmt.Sprintf("group%02d/p%04d", i%20, i) }

// repository makes a bare repository, and the trees of base and head.
func (c surveyCase) repository(b *testing.B) (dir, base, head string) {
	dir = b.TempDir()
	var stream strings.Builder
	file := func(name, text string) {
		fmt.Fprintf(&stream, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
	}
	project := func(i, v int) {
		name := surveyDir(i)
		file(name+"/main.tf",
			fmt.Sprintf("terraform {\n  backend \"s3\" {\n    "+c.block+"  }\n}\nresource \"terraform_data\" \"a\" {\n  input = %d\n}\n", name, v))
		if v == 1 {
			file(name+"/state.s3.tfbackend", "bucket = \"state\"\n")
		}
	}
	commit := func() {
		fmt.Fprintf(&stream, "commit refs/heads/main\ncommitter x <x@example.com> 0 +0000\ndata 1\nx\n")
	}
	commit()
	file("state.s3.tfbackend", "bucket = \"state\"\n")
	if c.config != "" {
		file(workflow.RepoConfigFile, fmt.Sprintf("projects:\n- {dir: \"group*/p*\", backend_config: [%s]}\n", c.config))
	}
	for i := range surveyProjects {
		project(i, 1)
	}
	commit()
	for i := range surveyChanged {
		project(i, 2)
	}
	run := func(input string, args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("", "init", "-q", "--bare")
	run(stream.String(), "fast-import", "--quiet")
	return dir, run("", "rev-parse", "main~1^{tree}"), run("", "rev-parse", "main^{tree}")
}
