package bolt

import (
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/cardea-iac/cardea/workflow"
)

// lineages: repo, hash of the lineage -> Lineage.
var lineages = []byte("lineages")

func createLineages(tx *bbolt.Tx) error {
	if _, err := tx.CreateBucketIfNotExists(lineages); err != nil {
		return fmt.Errorf("making bucket %s: %w", lineages, err)
	}
	return nil
}

func lineageKey(repoID int64, lineage string) []byte {
	return append(u64(uint64(repoID)), hashed(lineage)...)
}

func (t *tx) Lineage(repoID int64, lineage string) (workflow.Lineage, error) {
	return get[workflow.Lineage](t, lineages, lineageKey(repoID, lineage))
}

func (t *tx) PutLineage(l workflow.Lineage) error {
	return put(t, lineages, lineageKey(l.RepoID, l.Lineage), l)
}
