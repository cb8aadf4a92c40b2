package gate

import (
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// Input is everything that decides whether one project's plan may be applied.
type Input struct {
	// Rules are the repository's, as the server has them: the gate itself takes what holds for the project.
	Rules   workflow.Rules
	Record  workflow.PullRecord
	Project workflow.ProjectRecord
	Plan    *workflow.Plan // of the project's current plan run, nil without one
	Live    workflow.LiveFacts
	Locks   []workflow.Lock // those on the project and on its state identity
	// SameInputs and SameTree say whether head merged into the base's present tip gives the same
	// inputs digest and the same tree; Doubts are why that is not known, sentences.
	SameInputs, SameTree bool
	Doubts               []string
	// Artefact is the digest found on disk, "" without one.
	Artefact string
	// State is what the runner found before the word, for Confirm; nil while there is no runner.
	State *workflow.StateVersion
	// Sharing are other projects that write the same state: their rules hold as well.
	Sharing []workflow.Project
	// Unsettled are applies of the pull's other projects on the same state whose outcome
	// nobody knows, or whose state could not be stored.
	Unsettled []workflow.Run
	// Depends are the pull's other projects that this one depends on, with their states;
	// Since names those of them that were applied since the plan was begun.
	Depends    map[string]workflow.ProjectState
	Since      []string
	BaseFaulty bool
	Now        time.Time
}
