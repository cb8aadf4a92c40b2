package event

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// CheckRef is what a check run of ours is about. GitHub does not say which pull
// a check belongs to (the list is empty for forks, and for re-runs), so it is
// written into the check run's external_id.
type CheckRef struct {
	RepoID  int64
	Number  int
	Project string // of a per-project check, else ""
	// Shown is the [ShownKey] of the plans that the check offers to approve and apply, "" when
	// it offers none. It never changes in a check run: other plans are offered by another run.
	Shown string
}

// ShownKey stands for a set of plans. The argument gives, by project name, what tells each
// plan from others. "" stands for no plans.
func ShownKey(plans map[string]string) string {
	if len(plans) == 0 {
		return ""
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		fmt.Fprintf(h, "%d:%s%d:%s", len(name), name, len(plans[name]), plans[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// String is the external_id.
func (r CheckRef) String() string {
	if r.Shown != "" {
		return fmt.Sprintf("cardea:2:%d:%d:%s", r.RepoID, r.Number, r.Shown)
	}
	s := fmt.Sprintf("cardea:1:%d:%d", r.RepoID, r.Number)
	if r.Project != "" {
		s += ":" + r.Project
	}
	return s
}

// ParseCheckRef reads an external_id back; false: it is not one of ours.
func ParseCheckRef(s string) (CheckRef, bool) {
	parts := strings.SplitN(s, ":", 5)
	if len(parts) < 4 || parts[0] != "cardea" || parts[1] != "1" && (parts[1] != "2" || len(parts) != 5) {
		return CheckRef{}, false
	}
	id, err1 := strconv.ParseInt(parts[2], 10, 64)
	number, err2 := strconv.Atoi(parts[3])
	if err1 != nil || err2 != nil || workflow.OfPull(workflow.PullKey{RepoID: id, Number: number}).IsZero() {
		return CheckRef{}, false
	}
	ref := CheckRef{RepoID: id, Number: number}
	switch {
	case parts[1] == "2":
		ref.Shown = parts[4]
	case len(parts) == 5:
		ref.Project = parts[4]
	}
	return ref, true
}
