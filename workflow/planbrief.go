package workflow

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// BriefBytes is about how many bytes of changes the brief of a plan has at most,
// briefList those of each of its other lists.
const (
	BriefBytes = 16 << 10
	briefList  = 4 << 10
)

// Left counts what a plan's brief leaves out.
type Left struct {
	Changes int `json:"changes,omitempty"`
	Drift   int `json:"drift,omitempty"`
}

// Brief is what is told of one plan among many: a small plan as a whole, of a large one the
// first changes in the order of [ByRisk]. cut says that it is less than the plan. Of what
// only decisions need it has no more than tells it from others.
func (p Plan) Brief() (brief Plan, cut bool) {
	changes, drift := len(p.Changes), len(p.Drift)
	if size(p.Changes) > BriefBytes {
		p.Changes = upTo(BriefBytes, ByRisk(p.Changes))
	}
	if size(p.Drift) > briefList {
		p.Drift = upTo(briefList, addressesOf(p.Drift))
	}
	p.Left = Left{p.Left.Changes + changes - len(p.Changes), p.Left.Drift + drift - len(p.Drift)}
	p.Hidden, cut = shorten(p.Hidden, p.Left != Left{}, func(n int) HiddenEffect { return HiddenEffect{Text: elsewhere(n, "effect")} })
	p.Warnings, cut = shorten(p.Warnings, cut, func(n int) Diagnostic {
		return Diagnostic{Severity: SeverityWarning, Summary: elsewhere(n, "warning")}
	})
	p.Checks, cut = shorten(p.Checks, cut, func(n int) string { return elsewhere(n, "failed check") })
	p.Notes, cut = shorten(p.Notes, cut, func(n int) string { return elsewhere(n, "note") })
	p.Named, p.Fetched = nil, p.Fetched.brief()
	return p, cut
}

// brief is what was fetched, where that is short. Otherwise a hash stands for all of it: a
// button is about it, and must not come to mean a plan that was made with something else.
func (f Fetched) brief() Fetched {
	n := len(f.Tool)
	for _, part := range []map[string]Exact{f.Modules, f.Providers, f.Made} {
		for name, what := range part {
			n += len(name) + len(what)
		}
	}
	if n <= briefList {
		return f
	}
	all, err := json.Marshal(f)
	if err != nil {
		panic(err) // maps of strings always marshal
	}
	return Fetched{Tool: Exact(fmt.Sprintf("%x", sha256.Sum256(all)))}
}

// Total is how many changes the plan has, those that its brief leaves out among them.
func (p Plan) Total() int { return len(p.Changes) + p.Left.Changes }

// Size is about how many bytes the texts of its changes have.
func (p Plan) Size() int { return size(p.Changes) }

// elsewhere says that a list goes on: the page of a run has the whole plan.
func elsewhere(n int, what string) string {
	return fmt.Sprintf("%s on the page of its run", phrase.CountOf(n, "more "+what+" is", "more "+what+"s are"))
}

// shorten is a list as far as a brief has it, with an element that counts the others.
func shorten[T any](list []T, cut bool, rest func(n int) T) ([]T, bool) {
	shown := upTo(briefList, list)
	if len(shown) == len(list) {
		return list, cut
	}
	return append(shown, rest(len(list)-len(shown))), true
}

// upTo is the beginning of a list that has at most so many bytes.
func upTo[T any](budget int, list []T) []T {
	for i, v := range list {
		if budget -= textOf(v); budget < 0 {
			return slices.Clone(list[:i]) // so that nothing holds the others
		}
	}
	return list
}

func size(changes []Change) (n int) {
	for _, c := range changes {
		n += textOf(c)
	}
	return n
}

// textOf is about how many bytes a part of a plan has.
func textOf(v any) int {
	const frame = 50 // of names and marks
	switch v := v.(type) {
	case string:
		return len(v)
	case HiddenEffect:
		return frame + len(v.Address) + len(v.Text)
	case Diagnostic:
		return frame + len(v.Summary) + len(v.Detail) + len(v.Address) + len(v.Position.File) +
			len(v.Snippet.Code) + len(v.Snippet.Values) + len(v.Snippet.Context)
	case Change:
		n := 2*frame + len(v.Address) + len(v.PreviousAddress) + len(v.ImportID) + len(v.Reason) + len(v.Type) + len(v.Provider)
		for _, a := range v.Attributes {
			n += frame + len(a.Path) + len(a.Before) + len(a.After) + len(a.Note)
		}
		return n
	}
	panic(fmt.Sprintf("no size of %T", v))
}

// addressesOf are changes without what they do.
func addressesOf(changes []Change) (out []Change) {
	for _, c := range changes {
		c.Attributes = nil
		out = append(out, c)
	}
	return out
}

// ActionOrder is the order in which actions are listed: the greatest risk first.
var ActionOrder = []Action{ActionDelete, ActionReplace, ActionUpdate, ActionCreate, ActionImport, ActionMove, ActionForget, ActionInvoke, ActionRead, ActionNoOp}

// ByRisk returns changes in the order in which they are read: what destroys first.
func ByRisk(changes []Change) []Change {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.rank(), b.rank()) })
	return changes
}

// rank orders the changes of a plan; resources come before outputs and invocations.
func (c Change) rank() int {
	rank := slices.Index(ActionOrder, c.Action)
	switch c.Mode {
	case "action":
		return rank + 100
	case "output":
		return rank + 200
	}
	return rank
}
