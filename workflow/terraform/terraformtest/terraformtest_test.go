package terraformtest

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTofu builds it, so that no test that needs it has to wait for that.
func TestTofu(t *testing.T) {
	out, err := exec.Command(Tofu(t), "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "OpenTofu v"+TofuVersion+"\n") {
		t.Errorf("got %q, %v", out, err)
	}
}
