package workflow

import "time"

// Workflow is what the server does besides a project's plans and applies: commands of its own,
// before and after, and how the engine's tool is to go about its work.
type Workflow struct {
	Name  string `json:"name"`
	Steps []Step `json:"steps,omitempty"`
	Plan  Tuning `json:"plan,omitzero"`
	Apply Tuning `json:"apply,omitzero"`
}

// Step is one command of a workflow. It is run as it is written, by no shell.
type Step struct {
	At      Point         `json:"at"`
	Name    string        `json:"name"`
	Run     []string      `json:"run"` // program and arguments, with placeholders
	Timeout time.Duration `json:"timeout"`
	Set     string        `json:"set,omitempty"` // the variable that its first line of output becomes
}

// Point is when a step is taken.
type Point string

// The points, in their order.
const (
	BeforeInit  Point = "before_init"
	BeforePlan  Point = "before_plan"
	AfterPlan   Point = "after_plan"
	BeforeApply Point = "before_apply"
	AfterApply  Point = "after_apply"
)

// Tuning is how an engine's tool goes about a plan or an apply; zero values are the tool's own.
type Tuning struct {
	Parallelism int           `json:"parallelism,omitempty"`
	LockTimeout time.Duration `json:"lock_timeout,omitempty"`
	NoRefresh   bool          `json:"no_refresh,omitempty"` // plans only: what was changed outside is not looked for
}

// StepEffect is the kind of hidden effect that a step of an apply is.
const StepEffect = "step"
