package tfconfig

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// TestSettings: what configuration makes of our keys is what is kept of them, and what we read
// and write ourselves, byte for byte.
func TestSettings(t *testing.T) {
	t.Parallel()
	for _, s := range []Settings{
		{},
		{Tool: Tofu},
		{Version: "1.11.4", BackendConfig: []string{"c"}},
		{Tool: Terraform, Version: "1.5.7", VarFiles: []string{"a<b>&.tfvars", "../é\u2028.tfvars"}, BackendConfig: []string{"c\"\\"}},
	} {
		p := workflow.Project{Settings: Kind().Settings(map[string][]string{
			"tool": {s.Tool}, "version": {s.Version}, "var_files": s.VarFiles, "backend_config": s.BackendConfig})}
		if got, want := string(s.JSON()), string(p.Settings); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		var kept workflow.Project
		if data, err := json.Marshal(p); err != nil || json.Unmarshal(data, &kept) != nil || string(kept.Settings) != string(p.Settings) {
			t.Errorf("kept as %s, %v", kept.Settings, err)
		}
		got, err := SettingsOf(kept)
		if diff := cmp.Diff(s, got); diff != "" || err != nil {
			t.Errorf("%v, -want +got:\n%s", err, diff)
		}
	}
	if _, err := SettingsOf(workflow.Project{Settings: []byte(`{"tool":7}`)}); err == nil {
		t.Error("a number is read as a tool")
	}
}
