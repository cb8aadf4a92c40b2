package terraform

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/cardea-iac/cardea/workflow"
)

// state is what we read of a state: version 4 of its format, which both tools
// write. Instances' contents are only compared, never kept.
type state struct {
	workflow.StateVersion
	instances map[instanceKey]instance
	outputs   map[string][sha256.Size]byte
}

type instanceKey struct{ address, deposed string }

type instance struct {
	sum     [sha256.Size]byte
	tainted bool
}

// parseState reads what `state pull` printed; nothing is an empty state.
func parseState(data []byte) (state, error) {
	s := state{instances: map[instanceKey]instance{}, outputs: map[string][sha256.Size]byte{}}
	if len(bytes.TrimSpace(data)) == 0 {
		return s, nil
	}
	var file struct {
		Version   int                        `json:"version"`
		Lineage   string                     `json:"lineage"`
		Serial    uint64                     `json:"serial"`
		Outputs   map[string]json.RawMessage `json:"outputs"`
		Resources []struct {
			Module, Mode, Type, Name string
			Instances                []json.RawMessage
		} `json:"resources"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return s, fmt.Errorf("it is not a state in JSON (%w)", err)
	}
	if file.Version != 4 {
		return s, fmt.Errorf("its format is version %d, not 4", file.Version)
	}
	s.StateVersion = workflow.StateVersion{ID: file.Lineage, Version: workflow.Counted(file.Serial)}
	for name, value := range file.Outputs {
		s.outputs[name] = sha256.Sum256(value)
	}
	for _, r := range file.Resources {
		address := r.Type + "." + r.Name
		if r.Mode == "data" {
			address = "data." + address
		}
		if r.Module != "" {
			address = r.Module + "." + address
		}
		for _, raw := range r.Instances {
			var head struct {
				IndexKey any    `json:"index_key"`
				Deposed  string `json:"deposed"`
				Status   string `json:"status"`
			}
			if err := json.Unmarshal(raw, &head); err != nil {
				return s, fmt.Errorf("reading the state: %w", err)
			}
			s.instances[instanceKey{address + index(head.IndexKey), head.Deposed}] = instance{sha256.Sum256(compacted(raw)), head.Status == "tainted"}
		}
	}
	return s, nil
}

// compacted is JSON without its layout: the same state is indented differently in different files.
func compacted(raw []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return raw
	}
	return b.Bytes()
}

func index(key any) string {
	switch k := key.(type) {
	case string:
		return "[" + strconv.Quote(k) + "]"
	case float64:
		return "[" + strconv.FormatFloat(k, 'f', -1, 64) + "]"
	}
	return ""
}

// savedState reads the state that a saved plan was made from, refreshed, out of
// the plan file. Its lineage and serial are the stored state's.
func savedState(plan string) (state, error) {
	file, err := openRegular(plan)
	if err != nil {
		return state{}, fmt.Errorf("opening the saved plan: %w", err)
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return state{}, fmt.Errorf("opening the saved plan: %w", err)
	}
	z, err := zip.NewReader(file, size)
	if err != nil {
		return state{}, fmt.Errorf("opening the saved plan: %w", err)
	}
	f, err := z.Open("tfstate")
	if err != nil {
		return state{}, fmt.Errorf("opening the saved plan's state: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return state{}, fmt.Errorf("reading the saved plan's state: %w", err)
	}
	return parseState(data)
}

// carriedOut counts a plan's changes and those that the state shows as done,
// compared with the state that the plan was made from.
func carriedOut(changes []workflow.Change, before, after state) (done, total int) {
	for _, c := range changes {
		if !counted(c) {
			continue
		}
		total++
		if isDone(c, before, after) {
			done++
		}
	}
	return done, total
}

func isDone(c workflow.Change, before, after state) bool {
	if c.Mode == "output" {
		was, had := before.outputs[c.Address]
		is, has := after.outputs[c.Address]
		return had != has || was != is
	}
	key := instanceKey{c.Address, c.Deposed}
	old := key
	if c.PreviousAddress != "" {
		old.address = c.PreviousAddress
	}
	was, had := before.instances[old]
	is, has := after.instances[key]
	switch c.Action {
	case workflow.ActionDelete, workflow.ActionForget:
		return !has
	case workflow.ActionImport, workflow.ActionMove:
		return has
	}
	return has && !is.tainted && (!had || was.sum != is.sum)
}
