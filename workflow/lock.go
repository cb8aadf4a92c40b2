package workflow

import (
	"time"
)

// LockWhy says how a lock came to be.
type LockWhy string

// The reasons of locks.
const (
	LockClaim LockWhy = "claim" // `cardea lock`
	LockPlan  LockWhy = "plan"  // a plan with changes, with `lock: plan`
	LockApply LockWhy = "apply" // an apply started; held until merge
)

// Lock is one pull's exclusive hold on a project, or on a state identity that
// two projects share. Key is "project\x00DIR\x00WORKSPACE", with "\x00VARIANT" where
// there is one, or "state\x00HASH".
type Lock struct {
	RepoID  int64  `json:"repo_id"`
	Key     string `json:"key"`
	Project string `json:"project"` // name, for people
	// Of is the project for which it was taken, as far as rules are about it: it may
	// have another name by now, or be gone.
	Of    LockedProject `json:"of,omitzero"`
	Pull  PullKey       `json:"pull"`
	User  Actor         `json:"user"`
	Since time.Time     `json:"since"`
	Why   LockWhy       `json:"why"`
	Epoch uint64        `json:"epoch"` // grows with every taking of this key
}

// LockedProject is a project as it was when its lock was taken.
type LockedProject struct {
	Dir                string   `json:"dir"`
	TerraformWorkspace string   `json:"terraform_workspace"`
	Variant            string   `json:"variant,omitempty"`
	Environment        string   `json:"environment,omitempty"`
	HeadEnvironment    string   `json:"head_environment,omitempty"`
	Neighbours         []string `json:"neighbours,omitempty"`
	Strictest          bool     `json:"strictest,omitempty"`
}

// locked is what a lock keeps of the project for which it is taken.
func (p Project) locked() LockedProject {
	return LockedProject{Dir: p.Dir, TerraformWorkspace: p.TerraformWorkspace, Variant: p.Variant, Environment: p.Environment,
		HeadEnvironment: p.HeadEnvironment, Neighbours: p.Neighbours, Strictest: p.Strictest}
}
