package workflow

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// StateVersion is which state a plan was made from, or which there is now: the zero value is a
// state that is not there yet.
type StateVersion struct {
	ID      string  `json:"lineage"` // the name that the state has itself
	Version Version `json:"serial"`
	// Moved are the engine's sentences for what moved since the plan was made, where it can tell.
	Moved []string `json:"moved,omitempty"`
}

// Same reports whether nothing moved between two looks at a state.
func (v StateVersion) Same(other StateVersion) bool {
	return v.ID == other.ID && v.Version == other.Version
}

// Version is what differs between two moments of a state, in its engine's words. One that counts
// up is kept as a number, none as 0.
type Version string

// Counted is the version of a state that counts its changes.
func Counted(n uint64) Version {
	if n == 0 {
		return ""
	}
	return Version(strconv.FormatUint(n, 10))
}

func (v Version) count() (n uint64, ok bool) {
	n, err := strconv.ParseUint(string(v), 10, 64)
	return n, v == "" || err == nil && Counted(n) == v
}

// Text is the version in a sentence: "4".
func (v Version) Text() string {
	if n, ok := v.count(); ok {
		return strconv.FormatUint(n, 10)
	}
	return phrase.CodeSpan(phrase.Short(string(v)))
}

// Words are what it is and which: "serial 4".
func (v Version) Words() string {
	if _, ok := v.count(); ok {
		return "serial " + v.Text()
	}
	return "version " + v.Text()
}

// MarshalJSON writes a number where it is one.
func (v Version) MarshalJSON() ([]byte, error) {
	if n, ok := v.count(); ok {
		return strconv.AppendUint(nil, n, 10), nil
	}
	return json.Marshal(string(v))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Version) UnmarshalJSON(data []byte) error {
	var n uint64
	if err := json.Unmarshal(data, &n); err == nil {
		*v = Counted(n)
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("a state's version is a number or a string, not %s", data)
	}
	*v = Version(s)
	return nil
}
