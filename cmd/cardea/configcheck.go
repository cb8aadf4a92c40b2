package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/cmd/cardea/credential"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/survey"
)

// ConfigCheck is what `cardea config check` looks at.
type ConfigCheck struct {
	File    string         // a cardea.yml or .cardea.yml
	Environ []string       // for a cardea.yml, as os.Environ
	Base    string         // a ref to compare with; "" = check only
	Kinds   workflow.Kinds // the engines of this program
	// AtBase returns a file's content at Base; fs.ErrNotExist (wrapped) where it is not there.
	AtBase func(ctx context.Context, file string) ([]byte, error)
	// Discover returns what the tree of a ref holds, "" for the files as they are
	// now. Nil: a .cardea.yml is checked without looking at directories.
	Discover func(ctx context.Context, ref string) (workflow.Discovery, error)
	// Files are the files as they are now; nil with Discover.
	Files func(ctx context.Context) (fs.FS, error)
}

// CheckConfig checks one configuration file and writes every fault with its place to out,
// and, given a base, what would change. It returns the exit status: 0 when the file is good,
// 1 when it is not or cannot be compared.
func CheckConfig(ctx context.Context, in ConfigCheck, out io.Writer) int {
	data, err := os.ReadFile(in.File)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(out, "%s does not exist: name the file to check, as in `cardea config check cardea.yml`\n", in.File)
		return 1
	}
	if err != nil {
		fmt.Fprintln(out, credential.Unread(in.File, err))
		return 1
	}
	var faults []workflow.Diagnostic
	repo := isRepoConfig(in.File, data)
	var warnings []string
	if repo {
		if filepath.Base(in.File) == ".cardea.yaml" {
			warnings = append(warnings, fmt.Sprintf("%s is not read under this name: rename it to %s", in.File, workflow.RepoConfigFile))
		}
		_, faults = config.ParseRepo(in.File, data, in.Kinds)
	} else {
		var cfg Config
		cfg, faults = parseConfig(in.File, data, in.Environ)
		faults = config.InOrder(append(faults, cfg.absent...))
		if warnings = cfg.Warnings; cfg.inReach != "" && len(faults) == 0 {
			warnings = append(warnings, cfg.inReach)
		}
	}
	var changes []string
	if len(faults) == 0 {
		if changes, faults, err = checkAgainst(ctx, in, data, repo); err != nil {
			fmt.Fprintln(out, err)
			return 1
		}
	}
	for _, w := range warnings {
		fmt.Fprintf(out, "warning: %s\n", w)
	}
	for _, f := range faults {
		fmt.Fprintln(out, f)
	}
	if len(faults) > 0 {
		fmt.Fprintf(out, "%s: %s\n", in.File, counted(len(faults), "error"))
		return 1
	}
	fmt.Fprintf(out, "%s: OK\n", in.File)
	for _, c := range changes {
		fmt.Fprintln(out, c)
	}
	return 0
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

var repoKeyPattern = regexp.MustCompile(`(?m)^(version|autodiscover|projects|require)\s*:`)

// isRepoConfig tells a repository's configuration from a server's: by its name, else by its keys.
func isRepoConfig(file string, data []byte) bool {
	switch filepath.Base(file) {
	case workflow.RepoConfigFile:
		return true
	case "cardea.yml", "cardea.yaml":
		return false
	}
	return repoKeyPattern.Match(data)
}

// checkAgainst says what would change against the base, and what is wrong and can only be
// seen in the tree.
func checkAgainst(ctx context.Context, in ConfigCheck, data []byte,
	repo bool) (changes []string, faults []workflow.Diagnostic, err error) {
	var before []byte
	if in.Base != "" {
		before, err = in.AtBase(ctx, in.File)
		if errors.Is(err, fs.ErrNotExist) {
			changes = append(changes, fmt.Sprintf("%s has no %s", in.Base, in.File))
		} else if err != nil {
			return nil, nil, fmt.Errorf("reading %s at %s: %w", in.File, in.Base, err)
		}
	}
	if repo && in.Discover != nil {
		more, faults, err := compareProjects(ctx, in, before, data)
		return append(changes, more...), faults, err
	}
	if repo {
		changes = append(changes, plainEntries(in, data)...)
	}
	if in.Base == "" {
		return changes, nil, nil
	}
	return append(changes, compareLeaves(leavesOf(before), leavesOf(data))...), nil, nil
}

// compareProjects resolves both configurations, each over its tree.
func compareProjects(ctx context.Context, in ConfigCheck, before, now []byte) ([]string, []workflow.Diagnostic, error) {
	head, _ := config.ParseRepo(in.File, now, in.Kinds)
	found, err := in.Discover(ctx, "")
	if err != nil {
		return nil, nil, fmt.Errorf("looking at the directories: %w", err)
	}
	files, err := in.Files(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("looking at the files: %w", err)
	}
	input := survey.Input{Kinds: in.Kinds, Base: head, Head: head, BaseFound: found, HeadFound: found}
	var lines []string
	if in.Base != "" {
		base, baseFaults := config.ParseRepo(in.File, before, in.Kinds)
		if input.Base, input.BaseFaulty = base, len(baseFaults) > 0; input.BaseFaulty {
			lines = append(lines, fmt.Sprintf("%s of %s has errors: the strictest rules apply until this is merged",
				in.File, in.Base))
		}
		if input.BaseFound, err = in.Discover(ctx, in.Base); err != nil {
			return nil, nil, fmt.Errorf("looking at the directories of %s: %w", in.Base, err)
		}
	}
	r := survey.Resolve(input)
	if in.Base != "" {
		lines = append(lines, projectChanges(r)...)
	} else {
		lines = append(lines, counted(len(r.Projects), "project"))
	}
	faults := &config.Faults{}
	lines = append(lines, missingFiles(files, in.Kinds, r.Projects, faults)...)
	lines = append(append(lines, entriesOf(head, in.Kinds, r.Projects)...), idleEntries(head, r.Projects)...)
	return lines, append(r.Diagnostics, faults.List()...), nil
}

// plainEntries says what the entries become that name their directory, without a look at the tree.
func plainEntries(in ConfigCheck, data []byte) []string {
	cfg, _ := config.ParseRepo(in.File, data, in.Kinds)
	placer := cfg.Placer(in.Kinds)
	var projects []workflow.Project
	for _, e := range cfg.Projects {
		if !e.Glob {
			p, _ := placer.Project(e, e.Dir)
			projects = append(projects, p)
		}
	}
	workflow.SortProjects(projects)
	return entriesOf(cfg, in.Kinds, projects)
}

func projectChanges(r survey.Resolution) []string {
	base, head := map[workflow.ProjectKey]bool{}, map[workflow.ProjectKey]bool{}
	for _, p := range r.BaseProjects {
		base[p.Key()] = true
	}
	var lines []string
	for _, p := range r.Projects {
		head[p.Key()] = true
		switch keys := r.Changed[p.Key()]; {
		case !base[p.Key()]:
			lines = append(lines, fmt.Sprintf("+ %s: new project", p.Name))
		case len(keys) > 0:
			lines = append(lines, fmt.Sprintf("~ %s: %s", p.Name, strings.Join(keys, ", ")))
		}
	}
	for _, p := range r.BaseProjects {
		if !head[p.Key()] {
			lines = append(lines, fmt.Sprintf("- %s: no longer a project", p.Name))
		}
	}
	if len(lines) == 0 {
		lines = []string{"no project changes"}
	}
	return append(lines, r.Notes...)
}

func leavesOf(data []byte) map[string]string {
	if root := config.Parse("", data, &config.Faults{}); root != nil {
		return root.Leaves()
	}
	return map[string]string{}
}

// compareLeaves lists the settings that differ. Values that may be secret are not shown.
func compareLeaves(before, now map[string]string) []string {
	paths := append(mapKeys(before), mapKeys(now)...)
	sort.Strings(paths)
	var lines []string
	for _, p := range slices.Compact(paths) {
		old, had := before[p]
		value, has := now[p]
		if had == has && old == value {
			continue
		}
		if secretPath(p) {
			old, value = "(hidden)", "(hidden)"
		}
		switch {
		case !had:
			lines = append(lines, fmt.Sprintf("+ %s: %s", p, value))
		case !has:
			lines = append(lines, fmt.Sprintf("- %s: %s", p, old))
		default:
			lines = append(lines, fmt.Sprintf("~ %s: %s -> %s", p, old, value))
		}
	}
	if len(lines) == 0 {
		lines = []string{"no setting changes"}
	}
	return lines
}

func secretPath(path string) bool {
	return path == "github.private_key" || strings.HasPrefix(path, "github.webhook_secrets") ||
		(strings.HasPrefix(path, "credentials.") &&
			(strings.Contains(path, ".env.") || strings.Contains(path, ".exec[") || strings.HasSuffix(path, ".text")))
}
