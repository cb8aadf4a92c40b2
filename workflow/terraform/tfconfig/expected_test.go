package tfconfig

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// TestExpectedStored: what runs have on record of it is read, and written again byte for byte.
func TestExpectedStored(t *testing.T) {
	const stored = `{"tool":"tofu","of_tofu":true,"calls":[{"dir":"a","calls":[{"name":"m","dir":"m"},{"name":"n","computed":true}]},{"dir":"m"}],` +
		`"backend":"s3","state":{"bucket":"h1","key":"h2"},"partial":true,"providers":["acme/\u003cb\u003e"]}`
	x, err := ReadExpected(json.RawMessage(stored))
	if err != nil {
		t.Fatal(err)
	}
	want := Expected{Tool: Tofu, OfTofu: true, Calls: []CallsOf{{Dir: "a", Calls: []ModuleCall{{Name: "m", Dir: "m"}, {Name: "n", Computed: true}}}, {Dir: "m"}},
		Backend: "s3", State: map[string]string{"bucket": "h1", "key": "h2"}, Partial: true, Providers: []string{"acme/<b>"}}
	if d := cmp.Diff(want, x); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	run, err := json.Marshal(workflow.Run{Expected: x.JSON()})
	if err != nil || !bytes.Contains(run, []byte(`"expected":`+stored)) {
		t.Errorf("the run is written as %s, %v", run, err)
	}
	if none, err := ReadExpected(nil); err != nil || none.JSON() != nil {
		t.Errorf("nothing is %+v, %v", none, err)
	}
	if _, err := ReadExpected(json.RawMessage(`{"calls":1}`)); err == nil {
		t.Error("what cannot be read is no error")
	}
}
