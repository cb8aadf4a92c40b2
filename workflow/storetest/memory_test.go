package storetest_test

import (
	"testing"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/storetest"
)

func TestMemory(t *testing.T) {
	stores := map[string]*storetest.MemoryStore{}
	storetest.Run(t, func(_ testing.TB, dir string) workflow.Store {
		s := stores[dir]
		if s == nil {
			s = storetest.Memory()
			stores[dir] = s
		}
		s.Reopen()
		return s
	})
}
