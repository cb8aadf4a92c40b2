package workflow_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// TestStateVersion: what counts up is a number, as it always was on record; any other version is a text.
func TestStateVersion(t *testing.T) {
	for _, tt := range []struct {
		stored string
		want   workflow.StateVersion
		words  string
	}{
		{`{"lineage":"","serial":0}`, workflow.StateVersion{}, "serial 0"},
		{`{"lineage":"b7e1","serial":41}`, workflow.StateVersion{ID: "b7e1", Version: "41"}, "serial 41"},
		{`{"lineage":"b7e1","serial":18446744073709551615}`, workflow.StateVersion{ID: "b7e1", Version: "18446744073709551615"}, "serial 18446744073709551615"},
		{`{"lineage":"u","serial":"18446744073709551616"}`, workflow.StateVersion{ID: "u", Version: "18446744073709551616"}, "version `1844674`"},
		{`{"lineage":"u","serial":"0"}`, workflow.StateVersion{ID: "u", Version: "0"}, "version `0`"},
		{`{"lineage":"u","serial":"007"}`, workflow.StateVersion{ID: "u", Version: "007"}, "version `007`"},
		{`{"lineage":"u","serial":"9f0c1d2e3a"}`, workflow.StateVersion{ID: "u", Version: "9f0c1d2e3a"}, "version `9f0c1d2`"},
		{`{"lineage":"u","serial":"a","moved":["It is gone."]}`, workflow.StateVersion{ID: "u", Version: "a", Moved: []string{"It is gone."}}, "version `a`"},
	} {
		var got workflow.StateVersion
		if err := json.Unmarshal([]byte(tt.stored), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.stored, d)
		}
		if again, err := json.Marshal(got); err != nil || string(again) != tt.stored {
			t.Errorf("%s is written as %s, %v", tt.stored, again, err)
		}
		if words := got.Version.Words(); words != tt.words {
			t.Errorf("%s in words: %s, want %s", tt.stored, words, tt.words)
		}
	}
	for _, broken := range []string{`{"serial":1.5}`, `{"serial":-1}`, `{"serial":true}`, `{"serial":[]}`} {
		var got workflow.StateVersion
		if err := json.Unmarshal([]byte(broken), &got); err == nil {
			t.Errorf("%s is %+v", broken, got)
		}
	}
}
