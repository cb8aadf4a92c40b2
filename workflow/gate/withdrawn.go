package gate

import (
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Withdrawn says, as part of a sentence in which its giver is called who, why an approval of a project of which we hear
// only now does not count: its giver wrote an `unapprove` that it may be older than. Nothing where they did not.
//
// Of an approval by a button nobody knows more than that it came after the plan that it showed was made: its At is then
// when that was.
func Withdrawn(rec workflow.PullRecord, p workflow.Project, given workflow.Approval, who string) phrase.Text {
	covers := func(by int64) func(workflow.Withdrawal) bool {
		return func(w workflow.Withdrawal) bool { return w.By.ID == by && w.Covers(given) && w.Select.Means(p) }
	}
	// The latest first: if that was written in a later second, there is no doubt.
	all := slices.SortedFunc(slices.Values(rec.Withdrawn), func(a, b workflow.Withdrawal) int { return b.At.Compare(a.At) })
	i, command := slices.IndexFunc(all, covers(given.User.ID)), workflow.VerbUnapprove.Typed("")
	switch {
	case i < 0 && slices.ContainsFunc(all, covers(0)):
		return phrase.Say("so many people have commented %s here since that it is not known whether %s did too", command, who)
	case i < 0:
		return nil
	case !given.Dated():
		return phrase.Say("%s commented %s, and GitHub does not say whether the button was pressed before or after that", who, command)
	case !all[i].At.Truncate(time.Second).After(given.At):
		return phrase.Say("%s commented %s in the same second, and GitHub does not say which came first", who, command)
	}
	return phrase.Say("%s commented %s later", who, command)
}
