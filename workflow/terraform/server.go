package terraform

import (
	"encoding/json"
	"fmt"
)

// Server is what the server says to the engine of one run: in a job's Server. No secret is in it.
type Server struct {
	Tools
	CreateWorkspace bool `json:"create_workspace,omitempty"` // a Terraform workspace that is missing may be created
}

// Tools says where the programs come from.
type Tools struct {
	Dir       string `json:"dir"`       // downloaded tools, data_dir/tools
	Providers string `json:"providers"` // our provider mirror, data_dir/providers
	Tool      string `json:"tool"`      // auto, terraform, tofu
	Version   string `json:"version"`   // wanted exact version, "" = what is found
	Versions  string `json:"versions"`  // constraint every version must meet
	Path      string `json:"path"`      // PATH to look in, "" = the process's own
	// Own: they are on the machine of whoever reads what is said, and no server is involved.
	Own bool `json:"own,omitempty"`
	// Sources are where providers come from that Providers lacks.
	Sources Sources `json:"sources,omitzero"`
}

// JSON is the form in which a job has it.
func (s Server) JSON() json.RawMessage {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // texts always have JSON
	}
	return data
}

// readServer reads what a job has; nothing is the zero value.
func readServer(data json.RawMessage) (s Server, err error) {
	if len(data) == 0 {
		return s, nil
	}
	if err = json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("reading the server's words for terraform: %w", err)
	}
	return s, nil
}
