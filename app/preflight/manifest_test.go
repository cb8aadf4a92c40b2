package preflight

import "testing"

// Each line of app.yml says why it is there: sentences for people are made of it.
func TestNeeds(t *testing.T) {
	n, err := needs()
	if err != nil || len(n.Permissions) < 6 || len(n.Events) < 5 {
		t.Fatalf("got %+v, %v", n, err)
	}
	for _, x := range append(n.Permissions, n.Events...) {
		if x.Name == "" || x.For == "" {
			t.Errorf("%+v says not what it is for", x)
		}
	}
	if n.Permissions[4] != (Need{"checks", "write", "set the checks cardea/plan and cardea/apply"}) {
		t.Errorf("got %+v", n.Permissions[4])
	}
}
