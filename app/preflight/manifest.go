package preflight

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/cardea-iac/cardea"
)

// Need is a permission or an event that the App must have, and what Cardea does with it, or hears of.
type Need struct {
	Name, Level string // the level of a permission: read or write
	For         string
}

// Needs are what app.yml asks for, in its order.
type Needs struct{ Permissions, Events []Need }

// needs reads app.yml, whose comments are the reasons. A test holds that it can be read.
func needs() (Needs, error) {
	var file struct {
		Permissions yaml.MapSlice `yaml:"default_permissions"`
		Events      []string      `yaml:"default_events"`
	}
	comments := yaml.CommentMap{}
	if err := yaml.UnmarshalWithOptions(cardea.AppManifest, &file, yaml.CommentToMap(comments)); err != nil {
		return Needs{}, fmt.Errorf("reading app.yml: %w", err)
	}
	reason := func(path string) string {
		for _, c := range comments[path] {
			if c.Position == yaml.CommentLinePosition && len(c.Texts) == 1 {
				return strings.TrimSpace(c.Texts[0])
			}
		}
		return ""
	}
	var out Needs
	for _, p := range file.Permissions {
		name := fmt.Sprint(p.Key)
		out.Permissions = append(out.Permissions,
			Need{name, fmt.Sprint(p.Value), reason("$.default_permissions." + name)})
	}
	for i, event := range file.Events {
		out.Events = append(out.Events, Need{Name: event, For: reason(fmt.Sprintf("$.default_events[%d]", i))})
	}
	return out, nil
}
