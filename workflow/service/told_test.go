package service_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// TestSentencesOfBefore: a record whose sentences were written as plain strings has
// them with their holes again as soon as its plans are looked at once more, so that
// what is the same of two projects is said once. Reading it changes nothing.
func TestSentencesOfBefore(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
	rec := w.view(1).PullRecord
	want := map[string][]workflow.Missing{}
	for i := range rec.Projects {
		p := &rec.Projects[i]
		want[p.Project.Name] = p.WaitsFor
		var was []workflow.Missing
		for _, m := range p.WaitsFor {
			was = append(was, workflow.Missing{Need: m.Need, Short: ofBefore(t, m.Short), Sentence: ofBefore(t, m.Sentence), Mend: ofBefore(t, m.Mend)})
		}
		p.WaitsFor = was
	}
	w.rewind(rec)
	keys := func() (keys []string) {
		for _, name := range []string{"a", "b"} {
			p := w.project(1, name)
			if len(p.WaitsFor) == 0 {
				t.Fatalf("%s waits for nothing", name)
			}
			of := phrase.Topic{Project: name, Plan: workflow.ShortFingerprint(p.Run.Fingerprint)}
			keys = append(keys, p.WaitsFor[0].Sentence.Key(of)+p.WaitsFor[0].Mend.Key(of))
		}
		return keys
	}
	if k := keys(); k[0] == k[1] {
		t.Fatalf("the sentences of before have their holes: %s", k[0])
	}
	w.do(1, "bob", verb(workflow.VerbApprove))
	w.do(1, "bob", verb(workflow.VerbUnapprove))
	for _, p := range w.view(1).Projects {
		if diff := cmp.Diff(want[p.Project.Name], p.WaitsFor); diff != "" {
			t.Errorf("%s: -want +got\n%s", p.Project.Name, diff)
		}
	}
	if k := keys(); k[0] != k[1] {
		t.Errorf("the sentences are not the same again:\n%s\n%s", k[0], k[1])
	}
}

// ofBefore is a text as it is read from the string that was written of it.
func ofBefore(t *testing.T, text phrase.Text) (was phrase.Text) {
	t.Helper()
	data, err := json.Marshal(text.String())
	if err == nil {
		err = json.Unmarshal(data, &was)
	}
	if err != nil || was.String() != text.String() {
		t.Fatalf("%q is read as %q, %v", text, was, err)
	}
	return was
}
