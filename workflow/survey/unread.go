package survey

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// misnamed are names that people give to a repository's configuration, and under which nobody reads it.
var misnamed = []string{".cardea.yaml", "cardea.yml", "cardea.yaml"}

// noteMisnamed says that a configuration has no effect because of its name. The server's own has one of these names too.
func noteMisnamed(t workflow.Tree, kinds workflow.Kinds) (notes []string) {
	if _, err := fs.Stat(t, workflow.RepoConfigFile); err == nil {
		return nil
	}
	for _, name := range misnamed {
		info, err := fs.Stat(t, name)
		if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > config.MaxBytes {
			continue
		}
		data, err := fs.ReadFile(t, name)
		if _, faults := config.ParseRepo(name, data, kinds); err == nil && len(faults) == 0 {
			notes = append(notes, fmt.Sprintf("`%s` is not read: rename it to `%s`.", name, workflow.RepoConfigFile))
		}
	}
	return notes
}

// noteUnread says which directories that nothing plans could be projects, and are none because a file of theirs
// cannot be read.
func noteUnread(none []workflow.NotPlanned, found workflow.Discovery) (notes []string) {
	for _, n := range none {
		if n.Kind != workflow.Unreadable {
			continue
		}
		for _, dir := range n.Dirs {
			for _, d := range found.Modules[dir].Diagnostics {
				if d.Severity != workflow.SeverityError {
					continue
				}
				notes = append(notes, fmt.Sprintf("%s cannot be read: %s. Until that is fixed, Cardea does not know whether `%s` is a project.",
					d.Position.Words(), strings.TrimRight(d.Summary, "."), dir))
				break
			}
		}
	}
	return notes
}
