package workflow

import "time"

// LockWhy says how a lock came to be.
type LockWhy string

// The reasons of locks.
const (
	LockClaim LockWhy = "claim" // `cardea lock`
	LockPlan  LockWhy = "plan"  // a plan with changes, with `lock: plan`
	LockApply LockWhy = "apply" // an apply started; held until merge
)

// Lock is one pull's exclusive hold on a project, or on a state identity that
// two projects share. Key is "project\x00DIR\x00WORKSPACE" or "state\x00HASH".
type Lock struct {
	RepoID  int64     `json:"repo_id"`
	Key     string    `json:"key"`
	Project string    `json:"project"` // name, for people
	Pull    PullKey   `json:"pull"`
	User    Actor     `json:"user"`
	Since   time.Time `json:"since"`
	Why     LockWhy   `json:"why"`
	Epoch   uint64    `json:"epoch"` // grows with every taking of this key
}
