package event

import (
	"fmt"
	"strconv"
	"strings"
)

// CheckRef is what a check run of ours is about. GitHub does not say which pull
// a check belongs to (the list is empty for forks, and for re-runs), so it is
// written into the check run's external_id.
type CheckRef struct {
	RepoID  int64
	Number  int
	Project string // of a per-project check, else ""
}

// String is the external_id.
func (r CheckRef) String() string {
	s := fmt.Sprintf("cardea:1:%d:%d", r.RepoID, r.Number)
	if r.Project != "" {
		s += ":" + r.Project
	}
	return s
}

// ParseCheckRef reads an external_id back; false: it is none of ours.
func ParseCheckRef(s string) (CheckRef, bool) {
	parts := strings.SplitN(s, ":", 5)
	if len(parts) < 4 || parts[0] != "cardea" || parts[1] != "1" {
		return CheckRef{}, false
	}
	id, err1 := strconv.ParseInt(parts[2], 10, 64)
	number, err2 := strconv.Atoi(parts[3])
	if err1 != nil || err2 != nil || id <= 0 || number <= 0 {
		return CheckRef{}, false
	}
	ref := CheckRef{RepoID: id, Number: number}
	if len(parts) == 5 {
		ref.Project = parts[4]
	}
	return ref, true
}
