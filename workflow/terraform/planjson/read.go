package planjson

import (
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Input is everything that a plan is read from.
type Input struct {
	// Raw is what `show -json` of the saved plan printed: Terraform's or OpenTofu's.
	Raw []byte
	// ExitChanges says that the plan exited 2, "there are changes".
	ExitChanges bool
	RepoID      int64
	// Key is the repository's key. Without one (preview) there is no fingerprint,
	// and sensitive values do not go into the changes hash at all.
	Key           []byte
	Project       workflow.Project
	Options       workflow.PlanOptions
	StateIdentity string
	InputsDigest  string
	Tool          string // terraform or tofu
	ToolVersion   string
	// BaseProviders are the provider source addresses in the base's lock file.
	BaseProviders []string
	// Hidden are effects found elsewhere (survey.Hidden).
	Hidden []workflow.HiddenEffect
	// Written is what the files of its modules say beyond the JSON.
	Written workflow.Written
	// Fetched is what init brought, Unlocked the providers among it that no committed lock file holds.
	Fetched  workflow.Fetched
	Unlocked []string
	Now      time.Time
	// Redact hides what credentials say and what looks like a secret. Nil: there is nothing to hide.
	Redact func(text string) string
}

// Read turns a saved plan's JSON into its masked form, with changes hash and
// fingerprint. secrets are the distinct sensitive strings and numbers of at
// least 4 bytes that it found and the repository does not say itself, longest
// first, for the redactor; they must not be kept.
//
// An error means that this is not surely a whole, successful plan, and that the
// run failed, whatever terraform exited with.
func Read(in Input) (plan *workflow.Plan, secrets []string, err error) {
	doc, err := parsePlan(in.Raw)
	if err != nil {
		return nil, nil, err
	}
	if doc.incomplete && len(in.Options.Targets) == 0 && len(doc.deferred) == 0 {
		return nil, nil, fmt.Errorf("%s says that the plan is not complete", phrase.ToolName(in.Tool))
	}
	sealing := newPlanMasker(doc)
	mask := sealing.shown(in)
	if len(in.Key) == 0 { // then sealed leaves are not in the hash: no more may be sealed than is hidden
		sealing = mask
	}
	hash, nothing := changesHash(doc, sealing, in)
	providers, late := providerValues(doc, hasher{mask: sealing, key: in.Key}, in.Written)
	plan = &workflow.Plan{
		ChangesHash: hash, Fingerprint: fingerprint(in, hash, providers),
		InputsDigest: in.InputsDigest, StateIdentity: in.StateIdentity,
		Tool: in.Tool, ToolVersion: in.ToolVersion, PlannedAt: in.Now,
		Checks: failedChecks(doc, mask),
	}
	pr := projector{doc: doc, mask: mask, plan: plan, tool: phrase.ToolName(in.Tool)}
	pr.project()
	pr.settle(in, nothing)
	if plan.Late = lateIn(doc, mask, in.Written); plan.Late == "" {
		plan.Late = late
	}
	named := namedIn(doc, in.Written, plan.Late != "")
	plan.Hidden = slices.Concat(hiddenFromPlan(doc, mask, in, &named), named.effects(), unlockedEffects(in.Unlocked), in.Hidden)
	plan.Named, plan.Fetched = named.places(), in.Fetched
	if len(named.made) > 0 {
		plan.Fetched.Made = named.made
	}
	return plan, mask.all, nil
}

// projector fills a Plan from a document.
type projector struct {
	doc  *planDoc
	mask *planMasker
	plan *workflow.Plan
	tool string

	size, cut, bare int // bytes of text so far; values cut; changes without their attributes
}

func (pr *projector) project() {
	for _, c := range pr.doc.resources {
		if !c.Counts() && !c.Does("read") {
			continue
		}
		change := pr.resource(c)
		pr.plan.Counts = pr.plan.Counts.Plus(countsOf(change))
		pr.plan.Changes = append(pr.plan.Changes, change)
	}
	for _, c := range pr.doc.outputs {
		if c.Counts() {
			pr.plan.Changes = append(pr.plan.Changes, pr.output(c))
			pr.plan.Counts.Outputs++
		}
	}
	for _, v := range pr.doc.invocations {
		pr.plan.Changes = append(pr.plan.Changes, pr.invocation(v))
		pr.plan.Counts.Actions++
	}
	for _, c := range pr.doc.drift {
		if c.Counts() {
			pr.plan.Drift = append(pr.plan.Drift, pr.resource(c))
			pr.plan.Counts.Drift++
		}
	}
	pr.plan.Counts.Deferred = len(pr.doc.deferred)
}

// settle decides whether the plan has no changes, and says what else people must know.
func (pr *projector) settle(in Input, nothing bool) {
	p, note := pr.plan, func(format string, args ...any) {
		pr.plan.Notes = append(pr.plan.Notes, fmt.Sprintf(format, args...))
	}
	for _, v := range pr.doc.deferred {
		note("%s", pr.deferral(v))
	}
	if pr.doc.incomplete && len(in.Options.Targets) > 0 {
		note("The plan is limited to its targets; what else would change is not in it.")
	}
	for _, key := range unknownParts(pr.doc.top) {
		note("The plan has a part %s that this version of Cardea does not know.", phrase.CodeSpan(key))
	}
	if pr.cut > 0 {
		note("%s longer than 64 KB %s cut.", phrase.CountOf(pr.cut, "value", "values"), phrase.IsAre(pr.cut))
	}
	if pr.bare > 0 {
		note("The plan is too long to be kept whole: %s named without attributes.", phrase.CountOf(pr.bare, "change is", "changes are"))
	}
	applyable, _ := pr.doc.top["applyable"].(bool)
	switch {
	case !nothing || pr.doc.incomplete:
	case !in.ExitChanges && !applyable:
		p.NoChanges = true
	case pr.onlyReads():
		// Data sources inside of check blocks are planned to be read at every apply,
		// and terraform exits 2 for that alone, for ever. It is nothing to approve.
		p.NoChanges = true
		note("%s would only read data sources for checks again; there is nothing to apply.", pr.tool)
	default:
		note("%s says that there is something to apply, but its plan lists no change.", pr.tool)
	}
}

// onlyReads reports whether the plan reads data sources for checks and does nothing else.
func (pr *projector) onlyReads() bool {
	reads := 0
	for _, c := range pr.doc.resources {
		if c.Does("read") {
			if c.Reason != "read_because_check_nested" {
				return false
			}
			reads++
		}
	}
	return reads > 0
}
