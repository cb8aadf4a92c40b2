package workflow

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestEntryIdentity: without an entry nothing that is kept or hashed is another
// thing than before there were any.
func TestEntryIdentity(t *testing.T) {
	plain := Project{Name: "n", Dir: "app", Variant: "default", Engine: "terraform"}
	entry := plain
	entry.Entry = "app/prod"
	for _, tt := range []struct {
		p             Project
		key, lock, of string
	}{
		{plain, `{"dir":"app","terraform_workspace":"default"}`, "project\x00app\x00default", `{"dir":"app","terraform_workspace":"default"}`},
		{entry, `{"dir":"app","terraform_workspace":"default","variant":"app/prod"}`, "project\x00app\x00default\x00app/prod",
			`{"dir":"app","terraform_workspace":"default","variant":"app/prod"}`},
	} {
		if got := mustJSON(t, tt.p.Key()); got != tt.key {
			t.Errorf("key: got %s, want %s", got, tt.key)
		}
		if got, has := mustJSON(t, tt.p), tt.p.Entry != ""; strings.Contains(got, "variant") != has || strings.Contains(got, "neighbours") {
			t.Errorf("a project: got %s", got)
		}
		if got := LockKeys(tt.p, KeptState{States: States{"s"}}); got[0] != tt.lock || got[1] != "state\x00s" {
			t.Errorf("lock keys: got %q, want %q", got, tt.lock)
		}
		if got := mustJSON(t, tt.p.Locked()); got != tt.of {
			t.Errorf("a lock's project: got %s, want %s", got, tt.of)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
