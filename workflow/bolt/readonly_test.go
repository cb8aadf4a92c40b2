package bolt

import (
	"errors"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/cardea-iac/cardea/workflow"
)

func TestOpenReadOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenReadOnly(dir); err == nil {
		t.Error("a directory without a database was opened")
	}
	writer := open(t, dir)
	if err := writer.Update(t.Context(), func(tx workflow.Tx) error { return tx.PutSetting("name", []byte("value")) }); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("opening beside a writer is %v, want %v", err, ErrInUse)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	first, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatalf("two readers at once: %v", err)
	}
	err = second.View(t.Context(), func(tx workflow.Tx) error {
		got, err := tx.Setting("name")
		if string(got) != "value" {
			t.Errorf("the setting is %q, want %q", got, "value")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := second.Update(t.Context(), func(tx workflow.Tx) error { return tx.PutSetting("name", nil) }); err == nil {
		t.Error("a reader wrote")
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	edit(t, dir, func(tx *bbolt.Tx) error { return tx.Bucket(meta).Put(schemaKey, make([]byte, 8)) })
	if _, err := OpenReadOnly(dir); err == nil {
		t.Error("another schema was opened")
	}
}
