package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"
)

// docsPages are the pages that people read, by their path from the module's root.
func docsPages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(names) < 4 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range append(names, "../../README.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pages[strings.TrimPrefix(name, "../../")] = string(text)
	}
	return pages
}

// blocks are a page's fenced blocks of a language, without the indentation that they share.
func blocks(page, language string) (list []string) {
	for _, m := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```$").FindAllStringSubmatch(page, -1) {
		list = append(list, regexp.MustCompile("(?m)^"+m[1]).ReplaceAllString(m[2], ""))
	}
	return list
}

// TestReadmeRuns: every line and every file that the README shows for the product does, as it stands there, what it says.
func TestReadmeRuns(t *testing.T) {
	readme := docsPages(t)["README.md"]
	n := newNewcomer(t)
	n.writeKeys(t)
	n.does(t, "mkdir etc; cp app.pem etc; echo TOKEN=x > etc/plan.env; echo TOKEN=y > etc/apply.env")
	files := blocks(readme, "yaml")
	if len(files) != 1 {
		t.Fatalf("the README has %d files, want its cardea.yml", len(files))
	}
	file := strings.NewReplacer("/etc/cardea", n.dir+"/here/etc", "/var/lib/cardea", n.dir+"/here/data").Replace(files[0])
	config := filepath.Join(n.dir, "here", "cardea.yml")
	if err := os.WriteFile(config, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(n.dir, "repo.sh"), []byte(repoOfNewcomer), 0o600); err != nil {
		t.Fatal(err)
	}
	n.does(t, ". $WORK/repo.sh")
	const planned = `(?m)^  \+ terraform_data.a will be created$`
	wants := map[string]struct {
		in, shows string
		exit      int
	}{
		"cardea preview":                             {in: "repo", exit: 2, shows: planned},
		"cardea preview --worktree":                  {in: "repo", exit: 2, shows: planned},
		"cardea preview --explain":                   {in: "repo", exit: 2, shows: "(?m)^\\.\n  because `main.tf` changed$"},
		"cardea preview -o markdown":                 {in: "repo", exit: 2, shows: `(?m)^\| Project \|`},
		"cardea config check cardea.yml":             {in: ".", shows: `(?m)^cardea.yml: OK$`},
		"cardea serve --config cardea.yml":           {in: "served"},
		"make demo":                                  {in: "elsewhere"}, // the Makefile's targets, below
		"make test":                                  {in: "elsewhere"},
		"go install " + module + "cmd/cardea@latest": {in: "elsewhere"},
	}
	seen := 0
	for _, block := range blocks(readme, "sh") {
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, "#")
			line = strings.TrimSpace(line)
			want, ok := wants[line]
			seen++
			switch {
			case !ok:
				t.Errorf("%s: nobody knows what this line of the README shows", line)
			case want.in == "served":
				server, err := startServer(config, filepath.Join(n.dir, "server.log"), append(slices.Clone(n.env),
					"CARDEA_LISTEN=127.0.0.1:0", "CARDEA_METRICS_LISTEN=127.0.0.1:0", "CARDEA_GITHUB_API_URL=http://127.0.0.1:1"))
				if err != nil {
					t.Error(err)
					continue
				}
				if err := server.stop(syscall.SIGTERM); err != nil {
					t.Error(err)
				}
			case want.in != "elsewhere":
				if got, exit := n.types(t, "cd "+want.in+" && "+line); exit != want.exit || !regexp.MustCompile(want.shows).MatchString(got) {
					t.Errorf("%s: exit %d, want %d: %s", line, exit, want.exit, got)
				}
			}
		}
	}
	if seen != len(wants) {
		t.Errorf("%d lines of %d were found", seen, len(wants))
	}
}

// TestPagesNameWhatThereIs: every command line, every target of make, every file and every section that a page names is there.
func TestPagesNameWhatThereIs(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var flags cli
	parser, err := kong.New(&flags, kong.Name("cardea"), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	var ours []string
	for _, node := range parser.Model.Children {
		ours = append(ours, node.Name)
	}
	pages, lines := docsPages(t), 0
	for name, page := range pages {
		for _, m := range regexp.MustCompile("`make ([a-z]+)`").FindAllStringSubmatch(page, -1) {
			if !strings.Contains(string(makefile), "\n"+m[1]+":") {
				t.Errorf("%s: there is no `make %s`", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile("(?m)(?:`|^ *)cardea ([a-z].*?)(?:`| #|$)").FindAllStringSubmatch(page, -1) {
			words := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(m[1]))
			if !slices.Contains(ours, words[0]) || words[0] == "config" && len(words) == 1 {
				continue // a comment on a pull request
			}
			lines++
			if _, err := parser.Parse(words); err != nil {
				t.Errorf("%s: `cardea %s`: %v", name, m[1], err)
			}
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`).FindAllStringSubmatch(page, -1) {
			to := filepath.Clean(filepath.Join(filepath.Dir(name), m[1]))
			if m[1] == "" {
				to = name
			}
			if !exists(filepath.Join("../..", to)) {
				t.Errorf("%s leads to %s, which is not there", name, to)
			} else if m[2] != "" && !slices.Contains(sections(pages[to]), m[2]) {
				t.Errorf("%s leads to %s%s, which is no section there", name, to, m[2])
			}
		}
	}
	if lines < 10 {
		t.Errorf("%d command lines were looked at: the test does not look at the pages", lines)
	}
}

// sections are the anchors that GitHub gives to the headings of a page.
func sections(page string) (list []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		anchor := strings.ReplaceAll(regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		list = append(list, fmt.Sprint("#", anchor))
	}
	return list
}
