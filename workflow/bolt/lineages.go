package bolt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/cardea-iac/cardea/workflow"
)

var (
	lineages          = []byte("lineages")         // repo, hash of the lineage -> Lineage
	lineagesOfProject = []byte("lineages.project") // repo, hash of the project's key, hash of the lineage
)

func createLineages(tx *bbolt.Tx) error {
	for _, name := range [][]byte{lineages, lineagesOfProject} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return fmt.Errorf("making bucket %s: %w", name, err)
		}
	}
	return nil
}

func lineageKey(repoID int64, lineage string) []byte {
	return append(u64(uint64(repoID)), hashed(lineage)...)
}

func lineageProject(repoID int64, p workflow.ProjectKey) []byte {
	return append(u64(uint64(repoID)), hashed(fmt.Sprintf("%q %q %q", p.Dir, p.Variant, p.Entry))...)
}

func (t *tx) Lineage(repoID int64, lineage string) (workflow.Lineage, error) {
	return get[workflow.Lineage](t, lineages, lineageKey(repoID, lineage))
}

func (t *tx) PutLineage(l workflow.Lineage) error {
	old, err := t.Lineage(l.RepoID, l.Lineage)
	if err != nil && !errors.Is(err, workflow.ErrNotFound) {
		return err
	}
	for i, list := range [][]workflow.Project{old.Projects, l.Projects} {
		for _, p := range list {
			if err := t.setIndex(lineagesOfProject, append(lineageProject(l.RepoID, p.Key()), hashed(l.Lineage)...),
				i == 1); err != nil {
				return err
			}
		}
	}
	return put(t, lineages, lineageKey(l.RepoID, l.Lineage), l)
}

func (t *tx) LineagesOf(repoID int64, project workflow.ProjectKey) (out []workflow.Lineage, err error) {
	prefix := lineageProject(repoID, project)
	err = t.scan(lineagesOfProject, prefix, func(key, _ []byte) (bool, error) {
		l, err := get[workflow.Lineage](t, lineages, append(u64(uint64(repoID)), key[len(prefix):]...))
		out = append(out, l)
		return true, err
	})
	slices.SortFunc(out, func(a, b workflow.Lineage) int { return cmp.Compare(a.Lineage, b.Lineage) })
	return out, err
}
