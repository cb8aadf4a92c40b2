package model

import (
	"strings"
	"testing"
)

// TestStateCommands: how to get at a kept state goes by where it is; a directory's name, which the change chose, is no code.
func TestStateCommands(t *testing.T) {
	for kept, want := range map[string]string{
		"01j8xk.errored.tfstate.age":             "age -d -i DATA_DIR/keys/artefacts.key DATA_DIR/artefacts/01j8xk.errored.tfstate.age > errored.tfstate",
		"01j8xk.1/work/prod/errored.tfstate":     "mv DATA_DIR/runs/01j8xk.1/work/prod/errored.tfstate errored.tfstate",
		"01j8xk.1/work/$(a) 'b'/errored.tfstate": `mv DATA_DIR/runs/'01j8xk.1/work/$(a) '\''b'\''/errored.tfstate' errored.tfstate`,
	} {
		got := stateCommands("tofu", kept)
		if got[0] != want || len(got) != 2 || !strings.HasPrefix(got[1], "tofu init && tofu state push errored.tfstate") {
			t.Errorf("%s: got %q, want %q", kept, got, want)
		}
	}
}
