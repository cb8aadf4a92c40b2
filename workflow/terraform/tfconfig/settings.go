package tfconfig

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/cardea-iac/cardea/workflow"
)

// Settings are what a project's entry says for our own keys.
type Settings struct {
	Tool          string   `json:"tool,omitempty"`           // "", Terraform or Tofu
	Version       string   `json:"version,omitempty"`        // exact version, or ""
	VarFiles      []string `json:"var_files,omitempty"`      // relative to the project's directory
	BackendConfig []string `json:"backend_config,omitempty"` // relative to the project's directory
}

// SettingsOf reads a project's settings.
func SettingsOf(p workflow.Project) (s Settings, err error) {
	if len(p.Settings) == 0 {
		return s, nil
	}
	if err = json.Unmarshal(p.Settings, &s); err != nil {
		return s, fmt.Errorf("the settings of project %q: %w", p.Name, err)
	}
	return s, nil
}

// JSON is the form in which a Project has them.
func (s Settings) JSON() json.RawMessage {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // texts always have JSON
	}
	if string(data) == "{}" {
		return nil
	}
	return data
}

// Kind is what the engine is called and what it brings to an entry of `.cardea.yml`: the
// keys of Settings, in their order. What it does when it runs is not in it.
func Kind() workflow.Kind {
	return workflow.Kind{
		Name: "terraform", Title: "Terraform",
		Keys: []workflow.Key{
			{Name: "tool", Form: workflow.KeyChoice, Choices: []string{Terraform, Tofu}},
			{Name: "version", Form: workflow.KeyNumber, Fault: versionFault},
			{Name: "var_files", Title: "variable file", Form: workflow.KeyFiles, Fault: fileFault},
			{Name: "backend_config", Title: "backend configuration", Form: workflow.KeyFiles, Fault: fileFault, Apart: true},
		},
		Shown: configuration, Reads: readByTool, UnitSettings: unitSettings,
		VariantKey: workflow.Key{Name: "terraform_workspace", Title: "Terraform workspace", Fault: workspaceFault},
	}
}

var exactVersion = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`)

func versionFault(s string) string {
	if !exactVersion.MatchString(s) {
		return fmt.Sprintf("must be one exact version like 1.11.4, not %q", s)
	}
	return ""
}

// fileFault refuses what the tools' options for files take as a setting itself.
func fileFault(s string) string {
	if strings.ContainsRune(s, '=') {
		return fmt.Sprintf("must name a file; %q is a setting", s)
	}
	return ""
}

// workspaceFault is Terraform's own rule (a name must survive URL path
// escaping unchanged), and no leading dash, which would read as an option.
func workspaceFault(s string) string {
	if len(s) > 90 || strings.HasPrefix(s, "-") || s == "." || s == ".." {
		return fmt.Sprintf("%q is not a valid Terraform workspace name", s)
	}
	for _, r := range s {
		if r > unicode.MaxASCII || (!unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-~", r)) {
			return fmt.Sprintf("%q has the character %q, which Terraform workspace names cannot have", s, r)
		}
	}
	return ""
}
