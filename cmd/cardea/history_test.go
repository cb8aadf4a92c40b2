package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/bolt"
)

func TestHistoryExport(t *testing.T) {
	cfg := Config{DataDir: t.TempDir(), PublicURL: "https://cardea.example.com"}
	export := func(repo string) (string, error) {
		var out bytes.Buffer
		err := exportHistory(t.Context(), cfg, repo, &out)
		return out.String(), err
	}
	refused := func(repo, want string) {
		t.Helper()
		if got, err := export(repo); err == nil || !strings.Contains(err.Error(), want) || got != "" {
			t.Errorf("the export gives %q and %v, want nothing and an error with %q", got, err, want)
		}
	}
	refused("", "no server has run with it")

	store, err := bolt.Open(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	err = store.Update(t.Context(), func(tx workflow.Tx) error {
		for i, name := range []string{"infra", "apps"} {
			r := workflow.Repo{ID: int64(i + 1), Owner: "acme", Name: name}
			if err := tx.PutRepo(workflow.RepoRecord{Repo: r}); err != nil {
				return err
			}
			for _, kind := range []workflow.EventKind{workflow.EventApproved, "applied"} {
				e := workflow.Event{At: time.Date(2026, 11, 21, 12, 4, 0, 0, time.UTC), Repo: r.ID, Number: 12,
					Project: "prod/network", Actor: workflow.Actor{ID: 3, Login: "ada"}, Kind: kind, Text: phrase.Say("It is <so>.")}
				if err := tx.Append(&e); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	refused("acme/infra", "https://cardea.example.com/acme/infra/history.jsonl")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	refused("acme/other", "is unknown")
	line := func(repo, id, seq, kind string) string {
		return `{"repository":"acme/` + repo + `","seq":` + seq + `,"at":"2026-11-21T12:04:00Z","repo":` + id +
			`,"number":12,"project":"prod/network","actor":{"id":3,"login":"ada"},"kind":"` +
			kind + `","text":"It is <so>."}` + "\n"
	}
	want := line("apps", "2", "3", "approved") + line("apps", "2", "4", "applied")
	if got, err := export("Acme/Apps"); err != nil || got != want {
		t.Errorf("the export of one repository is %v\n%s\nwant\n%s", err, got, want)
	}
	want = line("infra", "1", "1", "approved") + line("infra", "1", "2", "applied") + want
	if got, err := export(""); err != nil || got != want {
		t.Errorf("the export of all is %v\n%s\nwant\n%s", err, got, want)
	}
}
