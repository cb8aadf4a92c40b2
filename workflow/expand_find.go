package workflow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// maxConfig is the size above which a `.cardea.yml` is not even read.
const maxConfig = 1 << 20

// findings are what a pull's trees say: the projects, and which the change affects.
type findings struct {
	checkout             Checkout
	baseFound, headFound Discovery
	resolution           Resolution
	affected             []Affected
	notes                []string
}

// find fetches, merges and reads. A trouble is a fault of the change; an error is not.
func (s *Service) find(ctx context.Context, p Pull, rules Rules) (findings, *Trouble, error) {
	co, err := s.source.Checkout(ctx, p, rules.Checkout)
	if err != nil {
		return findings{}, nil, fmt.Errorf("fetching %s: %w", short(p.Head.SHA), err)
	}
	if len(co.Conflicts) > 0 {
		return findings{}, conflict(p, co.Conflicts), nil
	}
	f := findings{checkout: co}
	in := ResolveInput{Rules: rules}
	var faults []Diagnostic
	if in.Head, faults, err = readRepoConfig(co.Planned); err != nil {
		return f, nil, err
	}
	if len(faults) > 0 {
		return f, faultyConfig(faults), nil
	}
	if in.Base, faults, err = readRepoConfig(co.BaseTree); err != nil {
		return f, nil, err
	}
	if in.BaseFaulty = len(faults) > 0; in.BaseFaulty {
		f.notes = append(f.notes, fmt.Sprintf("`%s` of `%s` is faulty: %s. This pull request's file gives the list of projects, and the strictest rules hold.",
			RepoConfigFile, p.Base.Ref, strings.TrimSuffix(faults[0].Summary, ".")))
	}
	if f.headFound, err = s.engine.Discover(ctx, co.Planned); err != nil {
		return f, nil, fmt.Errorf("looking for projects: %w", err)
	}
	if f.baseFound, err = s.engine.Discover(ctx, co.BaseTree); err != nil {
		return f, nil, fmt.Errorf("looking for the base's projects: %w", err)
	}
	in.BaseFound, in.HeadFound = f.baseFound, f.headFound
	f.resolution = Resolve(in)
	if len(f.resolution.Diagnostics) > 0 {
		return f, faultyConfig(f.resolution.Diagnostics), nil
	}
	f.notes = append(f.notes, f.resolution.Notes...)
	f.affected = AffectedProjects(AffectedInput{Changes: co.Changes, Resolution: f.resolution, BaseFound: f.baseFound, HeadFound: f.headFound})
	return f, nil, nil
}

// readRepoConfig reads a tree's `.cardea.yml`; without one the defaults hold.
func readRepoConfig(t Tree) (RepoConfig, []Diagnostic, error) {
	fault := func(summary string) (RepoConfig, []Diagnostic, error) {
		return RepoConfig{}, []Diagnostic{{Severity: SeverityError, Summary: summary, Position: Position{File: RepoConfigFile, Line: 1}}}, nil
	}
	info, err := fs.Stat(t, RepoConfigFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return DefaultRepoConfig(), nil, nil
	case err != nil:
		return RepoConfig{}, nil, fmt.Errorf("reading %s: %w", RepoConfigFile, err)
	case !info.Mode().IsRegular():
		return fault(RepoConfigFile + " is not a file")
	case info.Size() > maxConfig:
		return fault(fmt.Sprintf("%s has %d bytes; %d are allowed", RepoConfigFile, info.Size(), maxConfig))
	}
	data, err := fs.ReadFile(t, RepoConfigFile)
	if err != nil {
		return RepoConfig{}, nil, fmt.Errorf("reading %s: %w", RepoConfigFile, err)
	}
	cfg, faults := ParseRepoConfig(RepoConfigFile, data)
	return cfg, faults, nil
}

func conflict(p Pull, paths []string) *Trouble {
	const most = 10
	names := make([]string, 0, most)
	for _, f := range paths {
		if len(names) == most {
			break
		}
		names = append(names, "`"+shown(f)+"`")
	}
	list := strings.Join(names, ", ")
	if more := len(paths) - len(names); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return &Trouble{
		Kind:  TroubleConflict,
		Title: "The head conflicts with " + shown(p.Base.Ref),
		Sentences: []string{
			fmt.Sprintf("%s and `%s` both changed %s.", short(p.Head.SHA), shown(p.Base.Ref), list),
			fmt.Sprintf("Merge `%s` into this branch, or rebase it, and push.", shown(p.Base.Ref)),
		},
	}
}

func faultyConfig(faults []Diagnostic) *Trouble {
	count := "a fault"
	if len(faults) > 1 {
		count = fmt.Sprintf("%d faults", len(faults))
	}
	return &Trouble{
		Kind:        TroubleConfig,
		Title:       fmt.Sprintf("%s has %s", RepoConfigFile, count),
		Sentences:   []string{"Nothing is planned until it is mended; each fault stands with its line."},
		Diagnostics: faults,
	}
}
