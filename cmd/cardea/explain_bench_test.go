package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// BenchmarkExplain is `preview --explain` as somebody calls it on a laptop, with nothing read
// before, in a repository of 5,000 modules: who is affected by one of them. Beside it git
// reads the same files of both commits; what counts is the ratio, and that it stays below 3 s.
func BenchmarkExplain(b *testing.B) {
	for _, c := range []explainCase{
		{name: "a module of few", changed: explainModules - 1, source: "../../modules/m%04d"},
		{name: "a module of all", changed: 1, source: "../../modules/m%04d"},
		{name: "computed sources", changed: 1, source: "../../${local.modules}/m%04d"},
	} {
		b.Run(c.name, c.run)
	}
}

type explainCase struct {
	name    string
	changed int    // number of the module that the change is in
	source  string // by which roots call a module; its verb is the number
}

const explainModules, explainRoots = 5_000, 500

// repository has modules that call two others, twelve deep, and roots that call two of them.
func (c explainCase) repository(b *testing.B) (dir string) {
	var stream strings.Builder
	commit := func(branch, mark, from string) {
		fmt.Fprintf(&stream, "commit refs/heads/%s\n%scommitter x <x@example.com> 0 +0000\ndata 1\nx\n%s", branch, mark, from)
	}
	file := func(name, text string) {
		fmt.Fprintf(&stream, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
	}
	module := func(i int, note string) {
		code := fmt.Sprintf("variable \"name\" {\n  type    = string\n  default = \"m%d\"\n}\nresource \"terraform_data\" \"a\" {\n  input = var.name\n}\n", i)
		if i > 1 {
			code += fmt.Sprintf("module \"a\" {\n  source = \"../m%04d\"\n  name   = var.name\n}\nmodule \"b\" {\n  source = \"../m%04d\"\n}\n", i/2, i/3+1)
		}
		file(fmt.Sprintf("modules/m%04d/main.tf", i), code+note)
	}
	commit("main", "mark :1\n", "")
	for i := range explainModules {
		module(i, "")
	}
	for i := range explainRoots {
		name := fmt.Sprintf("live/root%03d", i)
		code := fmt.Sprintf("terraform {\n  backend \"s3\" {\n    bucket = \"state\"\n    key    = %q\n  }\n}\nlocals {\n  modules = \"modules\"\n}\n", name)
		for j, m := range []int{explainModules - 1 - i*9, i*8 + 2} {
			code += fmt.Sprintf("module \"m%d\" {\n  source = \""+c.source+"\"\n}\n", j, m)
		}
		file(name+"/main.tofu", code)
	}
	commit("change", "", "from :1\n")
	module(c.changed, "# changed\n")
	dir = b.TempDir()
	c.git(b, dir, strings.NewReader(""), "init", "-q", "--bare", "-b", "main")
	c.git(b, dir, strings.NewReader(stream.String()), "fast-import", "--quiet")
	return dir
}

func (c explainCase) git(b *testing.B, dir string, input io.Reader, args ...string) measured {
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Stdin = input
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return measured{wall: time.Since(start), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
}

func (c explainCase) run(b *testing.B) {
	dir := c.repository(b)
	var ours, gits []measured
	affected := 0
	for b.Loop() {
		cmd := exec.Command("cardea", "preview", "--explain", "--base", "main", "--head", "change")
		var out, errs bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
		start := time.Now()
		err := cmd.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			b.Fatalf("got %v\n%s%s", err, out.String(), errs.String())
		}
		ours = append(ours, measured{wall: time.Since(start), cpu: exit.UserTime() + exit.SystemTime()})
		affected = strings.Count(out.String(), "live/root")
		gits = append(gits, c.git(b, dir, nil, "grep", "-c", "module", "main", "change"))
	}
	if affected == 0 {
		b.Fatal("no project is affected")
	}
	o, g := median(ours), median(gits)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(affected), "projects")
	b.ReportMetric(o.wall.Seconds(), "wall-s")
	b.ReportMetric(o.cpu.Seconds(), "cpu-s")
	b.ReportMetric(o.cpu.Seconds()/g.cpu.Seconds(), "cpu/git-grep")
}
