package workflow

import (
	"slices"
	"strings"
	"time"
)

// Withdrawal is one `cardea unapprove`. No approval that its writer gave before it counts, whichever is delivered first.
type Withdrawal struct {
	// By is who wrote it. Nobody's stands for those that are not kept one by one any more: it is of everybody.
	By       Actor     `json:"by,omitzero"`
	Select   Selector  `json:"select,omitzero"` // of which projects; empty: of all
	At       time.Time `json:"at"`              // GitHub's clock: when the comment was written
	Received time.Time `json:"received"`        // our clock: when it was delivered
}

// Dated reports whether GitHub says when an approval was given. It does not of buttons: At is then by our clock.
func (a Approval) Dated() bool { return a.CommentID != 0 || a.ReviewID != 0 }

// Covers reports whether an approval may have been given before the withdrawal, whoever gave it and of whatever. GitHub's
// times have whole seconds: within the same one nobody knows.
func (w Withdrawal) Covers(a Approval) bool {
	if !a.Dated() {
		return !a.At.After(w.Received)
	}
	return !a.At.Truncate(time.Second).After(w.At.Truncate(time.Second))
}

const (
	// mostWithdrawn is how many withdrawals a pull's record has; mostOfSome how many of them, of one person, are of some
	// projects only.
	mostWithdrawn = 50
	mostOfSome    = 5
	// A selector that is longer stands for all projects. It was written by whoever may comment, and is compared with each project.
	mostValues, mostBytes = 20, 512
)

// Withdraw notes a withdrawal. What there is no room for is noted as more than it was, never as less: a person's oldest
// withdrawals of some projects become one of all, and those of the people who withdrew first become one of everybody.
func (rec *PullRecord) Withdraw(w Withdrawal) {
	if !w.Select.short() {
		w.Select = Selector{}
	}
	all := noteWithdrawal(slices.Clone(rec.Withdrawn), w)
	theirs := func(o Withdrawal) bool { return o.By.ID == w.By.ID && !o.Select.Empty() }
	for count(all, theirs) > mostOfSome {
		var old Withdrawal
		all, old = cutOldest(all, theirs)
		old.Select = Selector{}
		all = noteWithdrawal(all, old)
	}
	somebodys := func(o Withdrawal) bool { return o.By.ID != 0 }
	for len(all) > mostWithdrawn {
		var old Withdrawal
		all, old = cutOldest(all, somebodys)
		all = noteWithdrawal(all, Withdrawal{At: old.At, Received: old.Received})
	}
	rec.Withdrawn = all
}

// TakeBack takes the approvals back that a withdrawal of the given projects covers, also those of projects that are deleted or of
// an earlier head, which a later head would inherit. It returns the projects that had one, and whether others of that person stay.
// When a button was pressed nobody knows: such an approval never stays.
func (rec *PullRecord) TakeBack(w Withdrawal, of func(Project) bool) (taken []Project, stay bool) {
	for _, projects := range [][]ProjectRecord{rec.Projects, rec.Past} {
		for i := range projects {
			p := &projects[i]
			if !of(p.Project) {
				continue
			}
			before := len(p.Approvals)
			p.Approvals = slices.DeleteFunc(slices.Clone(p.Approvals), func(a Approval) bool {
				theirs, covered := a.User.ID == w.By.ID && a.Void == "", w.Covers(a) || !a.Dated()
				stay = stay || theirs && !covered
				return theirs && covered
			})
			if len(p.Approvals) < before {
				taken = append(taken, p.Project)
			}
		}
	}
	return taken, stay
}

// noteWithdrawal adds a withdrawal to those there are. One of all projects takes the place of all older ones of that person.
func noteWithdrawal(all []Withdrawal, w Withdrawal) []Withdrawal {
	for _, o := range all {
		if o.By.ID == w.By.ID && o.Select.same(w.Select) { // delivered in whatever order
			w.At, w.Received = later(o.At, w.At), later(o.Received, w.Received)
		}
	}
	all = slices.DeleteFunc(all, func(o Withdrawal) bool {
		said := w.Select.Empty() && !o.At.After(w.At) && !o.Received.After(w.Received)
		return o.By.ID == w.By.ID && (said || o.Select.same(w.Select))
	})
	return append(all, w)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func count(all []Withdrawal, is func(Withdrawal) bool) (n int) {
	for _, w := range all {
		if is(w) {
			n++
		}
	}
	return n
}

// cutOldest takes the oldest of some withdrawals out.
func cutOldest(all []Withdrawal, of func(Withdrawal) bool) ([]Withdrawal, Withdrawal) {
	oldest := -1
	for i, w := range all {
		if of(w) && (oldest < 0 || w.At.Before(all[oldest].At)) {
			oldest = i
		}
	}
	cut := all[oldest]
	return slices.Delete(all, oldest, oldest+1), cut
}

// short reports whether it takes little to compare the selector with a project.
func (s Selector) short() bool {
	values := slices.Concat(s.Projects, s.Dirs, s.Environments, s.Workspaces)
	written := strings.Join(values, "")
	return len(values) <= mostValues && len(written) <= mostBytes && !strings.Contains(written, "{")
}

func (s Selector) same(o Selector) bool {
	return s.All == o.All && slices.Equal(s.Projects, o.Projects) && slices.Equal(s.Dirs, o.Dirs) &&
		slices.Equal(s.Environments, o.Environments) && slices.Equal(s.Workspaces, o.Workspaces)
}
