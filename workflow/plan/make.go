package plan

import (
	"fmt"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Input is what a plan is made with, beside what the engine proposes.
type Input struct {
	RepoID int64
	// Key is the repository's key. Without one (preview) there is no fingerprint,
	// and sensitive values do not go into the changes hash at all.
	Key          []byte
	Project      workflow.Project
	Options      workflow.PlanOptions
	States       workflow.States
	InputsDigest string
	// Redact hides what credentials say and what looks like a secret. Nil: there is nothing to hide.
	Redact func(text string) string
	Now    time.Time
}

// Make makes the masked plan of a proposal, with changes hash and fingerprint.
// secrets are the distinct sensitive strings and numbers of at least 4 bytes that
// it found and the repository does not say itself, longest first, for the redactor;
// they must not be kept. An error means that the engine does not say what it would do.
func Make(p Proposal, in Input) (plan *workflow.Plan, secrets []string, err error) {
	if err := p.settle(); err != nil {
		return nil, nil, err
	}
	sealing, mask := p.masks(in.Redact)
	if len(in.Key) == 0 { // then sealed leaves are not in the hash: no more may be sealed than is hidden
		sealing = mask
	}
	h := hasher{mask: sealing, key: in.Key}
	hash, nothing := h.proposal(p, in.Options.RefreshOnly)
	plan = &workflow.Plan{
		ChangesHash: hash, Fingerprint: h.fingerprint(in, p.Tool, hash, h.where(p.Where)),
		InputsDigest: in.InputsDigest, States: in.States,
		Tool: p.Tool, ToolVersion: p.ToolVersion, PlannedAt: in.Now,
		Hidden: p.Hidden, Late: p.Late, Fetched: p.Fetched, Named: p.Named, Warnings: p.Warnings,
		StateID: p.State.ID, StateVersion: p.State.Version,
	}
	pr := projector{mask: mask, plan: plan}
	pr.changes(p)
	pr.checks(p.Checks)
	pr.notes(p)
	if nothing {
		plan.NoChanges = p.NoChanges
		if p.Empty != "" {
			plan.Notes = append(plan.Notes, p.Empty)
		}
	}
	return plan, mask.all, nil
}

// projector fills a Plan from a Proposal.
type projector struct {
	mask *masker
	plan *workflow.Plan

	size, cut, bare int // bytes of text so far; values cut; changes without their attributes
}

func (pr *projector) changes(p Proposal) {
	for _, c := range p.Objects {
		if !c.Counts() && !c.Does("read") {
			continue
		}
		change := pr.object(c)
		pr.plan.Counts = pr.plan.Counts.Plus(countsOf(change))
		pr.plan.Changes = append(pr.plan.Changes, change)
	}
	for _, c := range p.Outputs {
		if c.Counts() {
			pr.plan.Changes = append(pr.plan.Changes, pr.output(c))
			pr.plan.Counts.Outputs++
		}
	}
	for _, c := range p.Invocations {
		pr.plan.Changes = append(pr.plan.Changes, pr.invocation(c))
		pr.plan.Counts.Actions++
	}
	for _, c := range p.Drift {
		if c.Counts() {
			pr.plan.Drift = append(pr.plan.Drift, pr.object(c))
			pr.plan.Counts.Drift++
		}
	}
	pr.plan.Counts.Deferred = len(p.Deferred)
}

// checks says which conditions do not hold.
func (pr *projector) checks(list []Check) {
	for _, c := range list {
		fails := phrase.CodeSpan(pr.mask.address(c.Address)) + " fails"
		if len(c.Problems) == 0 {
			pr.plan.Checks = append(pr.plan.Checks, fails)
		}
		for _, problem := range c.Problems {
			pr.plan.Checks = append(pr.plan.Checks, fails+": "+phrase.OneLine(pr.mask.text(problem)))
		}
	}
}

// notes says what else people must know.
func (pr *projector) notes(p Proposal) {
	pr.plan.Notes = append([]string(nil), p.Notes...)
	note := func(format string, args ...any) {
		pr.plan.Notes = append(pr.plan.Notes, fmt.Sprintf(format, args...))
	}
	for _, name := range sortedKeys(p.Extra) {
		note("The plan has a part %s that this version of Cardea does not know.", phrase.CodeSpan(name))
	}
	if pr.cut > 0 {
		note("%s longer than 64 KB %s cut.", phrase.CountOf(pr.cut, "value", "values"), phrase.IsAre(pr.cut))
	}
	if pr.bare > 0 {
		note("The plan is too long to be kept whole: %s named without attributes.",
			phrase.CountOf(pr.bare, "change is", "changes are"))
	}
}
