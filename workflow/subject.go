package workflow

import (
	"fmt"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// Subject is what a run is for, one of four things:
//
//   - a pull: what its head asks for;
//   - a landing: what a merged pull brought to its base branch, applied after the merge;
//   - a merge group: the commit that a merge queue is about to merge;
//   - a branch: what stands there, whoever brought it: a drift check, a plan outside of pulls.
//
// Only pulls make runs so far; the other three come with what makes theirs, and
// everything that handles runs answers for them already. It asks the questions
// below and never which of the four it is.
//
// Subjects are compared with ==. The zero Subject is for nothing: all its answers
// are no, and no store takes a run of it. That is what a constructor returns when
// a part is missing.
type Subject struct {
	kind   string
	repo   int64
	number int    // of a pull and of a landing's pull
	commit string // of a landing the merge, of a merge group its head
	ref    string // of a branch
}

// The kinds, by the words of stored records, in which a pull has none.
const (
	forPull    = ""
	forLanding = "landing"
	forGroup   = "merge_group"
	forBranch  = "branch"
	forNothing = "nothing" // of no valid record
)

// OfPull is an open pull, or one that was.
func OfPull(k PullKey) Subject {
	return valid(Subject{kind: forPull, repo: k.RepoID, number: k.Number})
}

// OfLanding is what a merged pull brought to its base branch; commit is the merge.
func OfLanding(k PullKey, commit string) Subject {
	return valid(Subject{kind: forLanding, repo: k.RepoID, number: k.Number, commit: commit})
}

// OfGroup is a merge group, by its head.
func OfGroup(repoID int64, head string) Subject {
	return valid(Subject{kind: forGroup, repo: repoID, commit: head})
}

// OfBranch is a branch, by its name.
func OfBranch(repoID int64, ref string) Subject {
	return valid(Subject{kind: forBranch, repo: repoID, ref: ref})
}

func valid(s Subject) Subject {
	if s.check() != nil {
		return Subject{}
	}
	return s
}

// check says what is wrong with the parts of a subject: each kind has exactly its own.
func (s Subject) check() error {
	number, commit, ref := s.number > 0, s.commit != "", s.ref != ""
	whole := false
	switch s.kind {
	case forPull:
		whole = number && !commit && !ref
	case forLanding:
		whole = number && commit && !ref
	case forGroup:
		whole = s.number == 0 && commit && !ref
	case forBranch:
		whole = s.number == 0 && !commit && ref
	default:
		return fmt.Errorf("it is for a %q, which is not known here", s.kind)
	}
	if s.repo <= 0 || !whole {
		return fmt.Errorf("what it is for is not told whole: %+v", s)
	}
	return nil
}

// IsZero reports whether it is for nothing.
func (s Subject) IsZero() bool { return s == Subject{} }

// Repo is the id of its repository.
func (s Subject) Repo() int64 { return s.repo }

// Pull is the pull whose record has the projects that runs of the subject are of, and
// which is shown when one of them changes. A landing's is the pull that was merged.
func (s Subject) Pull() (PullKey, bool) {
	if s.kind == forPull || s.kind == forLanding {
		return PullKey{s.repo, s.number}, s.number > 0
	}
	return PullKey{}, false
}

// Holder is the pull that holds the locks under which runs of the subject apply, or
// keep others from planning. Runs of a merge group or a branch hold none.
func (s Subject) Holder() (PullKey, bool) { return s.Pull() }

// MayApply reports whether there is anything of which a plan for it may be applied. What
// else an apply wants is for the gate to say.
func (s Subject) MayApply() bool {
	_, holds := s.Holder()
	return holds
}

// OneHead reports whether only its newest head counts, and only while the pull is open: a
// run at an older one is being stopped.
func (s Subject) OneHead() bool { return s.kind == forPull && !s.IsZero() }

// String is the same for the same subject and for no other: "7#12" is a pull.
func (s Subject) String() string {
	switch {
	case s.IsZero():
		return ""
	case s.kind == forLanding:
		return fmt.Sprintf("%d#%d@%s", s.repo, s.number, s.commit)
	case s.kind == forGroup:
		return fmt.Sprintf("%d@%s", s.repo, s.commit)
	case s.kind == forBranch:
		return fmt.Sprintf("%d:%s", s.repo, s.ref)
	}
	return PullKey{s.repo, s.number}.String()
}

// Words name it for people, in a repository that they know.
func (s Subject) Words() string {
	switch {
	case s.IsZero():
		return "something that is not known"
	case s.kind == forLanding:
		return fmt.Sprintf("the merge of #%d at %s", s.number, phrase.Short(s.commit))
	case s.kind == forGroup:
		return "the merge group at " + phrase.Short(s.commit)
	case s.kind == forBranch:
		return phrase.Name(s.ref)
	}
	return fmt.Sprintf("#%d", s.number)
}

// Subject is the pull, to be asked as one; the zero one for a change that has no number:
// that of `cardea preview`.
func (p Pull) Subject() Subject { return OfPull(p.Key()) }

// About is what a request or a line of the history is about: a subject, or a
// repository as a whole. The zero About is about nothing that is known.
type About struct {
	repo    int64
	subject Subject // the zero one: the repository
}

// OfRepo is about a repository as a whole: a push to a branch, say.
func OfRepo(id int64) About { return About{repo: max(id, 0)} }

// About is about the subject.
func (s Subject) About() About { return About{s.repo, s} }

// Repo is the id of the repository.
func (a About) Repo() int64 { return a.repo }

// Subject is the one that it is about; false: it is about the repository.
func (a About) Subject() (Subject, bool) { return a.subject, !a.subject.IsZero() }

// Pull is the pull that shows it.
func (a About) Pull() (PullKey, bool) { return a.subject.Pull() }

// Includes reports whether the history of this has a line about the other: a
// repository's has all of them, and a pull's those of its landing too.
func (a About) Includes(other About) bool {
	if a.repo != other.repo {
		return false
	}
	pull, shows := other.Pull()
	return a.subject.IsZero() || a == other || shows && a.subject == OfPull(pull)
}

// String is the same for the same thing and for nothing else.
func (a About) String() string {
	if a.subject.IsZero() {
		return fmt.Sprint(a.repo)
	}
	return a.subject.String()
}

// SubjectJSON is what the JSON of a record has of its subject besides repository and
// number: nothing for a pull. Records answer by Subject or About; nobody else reads it.
type SubjectJSON struct {
	For    string `json:"for,omitempty"`    // landing, merge_group or branch
	Commit string `json:"commit,omitempty"` // the merge of a landing, the head of a merge group
	Ref    string `json:"ref,omitempty"`    // the branch
}

func (j SubjectJSON) subject(repoID int64, number int) (Subject, error) {
	s := Subject{j.For, repoID, number, j.Commit, j.Ref}
	if err := s.check(); err != nil {
		return Subject{}, err
	}
	return s, nil
}

func (j SubjectJSON) about(repoID int64, number int) (About, error) {
	if (j == SubjectJSON{}) && number == 0 && repoID > 0 {
		return OfRepo(repoID), nil
	}
	s, err := j.subject(repoID, number)
	return s.About(), err
}

// in is how it stands in a record that is of a repository. What is about another one
// becomes what no store takes.
func (a About) in(repoID int64) (number int, j SubjectJSON) {
	if a.repo != repoID {
		return 0, SubjectJSON{For: forNothing}
	}
	s := a.subject
	return s.number, SubjectJSON{s.kind, s.commit, s.ref}
}

// Subject is what the run is for; the zero one when its record does not say that whole.
func (r Run) Subject() Subject {
	s, _ := r.SubjectJSON.subject(r.Repo.ID, r.Number)
	return s
}

// SetSubject makes it a run for a subject of a repository.
func (r *Run) SetSubject(in Repo, s Subject) {
	r.Repo = in
	r.Number, r.SubjectJSON = s.About().in(in.ID)
}

// Check says what is wrong with what the run is for. Stores neither take nor give out such a run.
func (r Run) Check() error {
	_, err := r.SubjectJSON.subject(r.Repo.ID, r.Number)
	return wrapCheck(err, "run "+r.ID)
}

// About is what the request is about; the zero one when its record does not say that whole.
func (r Request) About() About {
	a, _ := r.SubjectJSON.about(r.Repo.ID, r.Number)
	return a
}

// SetAbout makes it a request about a repository or a subject of it.
func (r *Request) SetAbout(in Repo, a About) {
	r.Repo = in
	r.Number, r.SubjectJSON = a.in(in.ID)
}

// Check says what is wrong with what the request is about. Stores neither take nor give out such a request.
func (r Request) Check() error {
	_, err := r.SubjectJSON.about(r.Repo.ID, r.Number)
	return wrapCheck(err, "request "+r.ID)
}

// About is what the line is about; the zero one when its record does not say that whole.
func (e Event) About() About {
	a, _ := e.SubjectJSON.about(e.Repo, e.Number)
	return a
}

// SetAbout makes it a line about something.
func (e *Event) SetAbout(a About) {
	e.Repo = a.repo
	e.Number, e.SubjectJSON = a.in(a.repo)
}

// Check says what is wrong with what the line is about. Stores neither take nor give out such a line.
func (e Event) Check() error {
	_, err := e.SubjectJSON.about(e.Repo, e.Number)
	return wrapCheck(err, fmt.Sprint("event ", e.Seq))
}

func wrapCheck(err error, of string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", of, err)
}
