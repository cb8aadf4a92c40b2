package main

import (
	"os"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// The demo's App, on which every story runs, is the one that app.yml tells people to install.
func TestAppManifestIsWhatIsTested(t *testing.T) {
	data, err := os.ReadFile("../../app.yml")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Permissions map[string]string `yaml:"default_permissions"`
		Events      []string          `yaml:"default_events"`
	}
	if err := yaml.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"metadata": "read"}
	for name, level := range appPermissions {
		want[name] = level
	}
	if d := cmp.Diff(want, manifest.Permissions); d != "" {
		t.Errorf("permissions (-tested +app.yml):\n%s", d)
	}
	if d := cmp.Diff(appEvents, manifest.Events); d != "" {
		t.Errorf("events (-tested +app.yml):\n%s", d)
	}
}
