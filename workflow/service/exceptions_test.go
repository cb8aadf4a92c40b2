package service

import (
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// TestExceptions: a "!" means something, or it is a fault with a sentence.
func TestExceptions(t *testing.T) {
	t.Parallel()
	globs := []string{"modules/**", "!modules/live/**", "modules/live/old"}
	for dir, want := range map[string]bool{"modules": true, "modules/net": true, "modules/live": false, "modules/live/a": false, "modules/live/old": true, "other": false} {
		if got := glob.MatchAny(globs, dir); got != want {
			t.Errorf("%s: got %v, want %v", dir, got, want)
		}
	}
	for text, want := range map[string]string{
		"autodiscover: {ignore: [\"a/**\", \"!a/b\"]}":     "",
		"autodiscover: {ignore: [\"!a/b\", \"a/**\"]}":     "excludes nothing: put it after the globs that it is an exception to",
		"autodiscover: {ignore: [\"a/**\", \"!\"]}":        "is empty",
		"autodiscover: {ignore: [\"a/**\", \"!!a\"]}":      "begins with !",
		"projects: [{dir: a, watch: [\"!**/README.md\"]}]": "",
		"projects: [{dir: a, watch: [\"!!README.md\"]}]":   "begins with !",
		"projects: [{dir: a, watch: [\"!**/*.tf\"]}]":      "excludes configuration files, but changes to those always count",
		"projects: [{dir: a, watch: [\"!../../x\"]}]":      "",
		"projects: [{dir: \"!a/*\"}]":                      "begins with !",
	} {
		_, faults := config.ParseRepo(workflow.RepoConfigFile, []byte("version: 1\n"+text), workflow.Kinds{tfconfig.Kind()})
		got := ""
		for _, f := range faults {
			got += f.Summary
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
