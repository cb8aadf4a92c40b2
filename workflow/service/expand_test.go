package service_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// commandCase is a command on a pull whose projects a and b are planned.
type commandCase struct {
	by      string
	command workflow.Command
	setup   func(*world)
	planned []string // by the command, in order
	reply   string   // kind and a part of its text
	states  []string
}

func withOptions(o workflow.PlanOptions) workflow.Command {
	return workflow.Command{Verb: workflow.VerbPlan, Options: o}
}

var commandCases = map[string]commandCase{
	"the affected projects": {
		by: "ada", command: planOf(), planned: []string{"a", "b"}, states: []string{"a planned", "b planned"},
	},
	"one of them: the other's plan is kept": {
		by: "ada", command: planOf("b"), planned: []string{"b"}, states: []string{"a planned", "b planned"},
	},
	"one that is not affected": {
		by: "ada", command: planOf("c"), planned: []string{"c"}, states: []string{"a planned", "b planned", "c planned"},
	},
	"all": {
		by: "ada", command: workflow.Command{Verb: workflow.VerbPlan, Select: workflow.Selector{All: true}},
		planned: []string{"a", "b", "c", "d"}, states: []string{"a planned", "b planned", "c planned", "d planned"},
	},
	"one that is refused": {
		by: "ada", command: planOf("d"), setup: func(w *world) {
			w.commit("head2", baseFiles, files{"a/main.tf": "2", "d/main.tf": "refuse"})
			w.facts(1, "head2")
			w.push(1, "synchronize")
			w.settle()
			w.planAll()
		}, reply: "refused would live in the workspace", states: []string{"a planned", "d refused"},
	},
	"a name that is not there": {
		by: "ada", command: planOf("a", "z"), reply: "refused z", states: []string{"a planned", "b planned"},
	},
	"by a reader": {
		by: "eve", command: planOf(), reply: "refused with write access", states: []string{"a planned", "b planned"},
	},
	"an option that is not allowed": {
		by: "ada", command: withOptions(workflow.PlanOptions{Destroy: true, Targets: []string{"x"}}), reply: "refused `--target` is not allowed here",
		states: []string{"a planned", "b planned"},
	},
	"one that is": {
		by: "ada", command: withOptions(workflow.PlanOptions{Destroy: true}), setup: func(w *world) { w.rules.Allow = []string{"destroy"} },
		planned: []string{"a", "b"}, states: []string{"a planned", "b planned"},
	},
	"in an environment that asks for more": {
		by: "ada", command: planOf(), setup: func(w *world) {
			w.rules.Environments = map[string]workflow.EnvironmentRules{"prod": {Dirs: []string{"b"}, Plan: &workflow.Who{Role: workflow.RoleAdmin}}}
			labelled := files{".cardea.yml": "version: 1\nprojects:\n  - {dir: b, environment: prod}\n"}
			w.commit("base1", baseFiles, labelled)
			w.commit("head2", w.source.commits["base1"], files{"a/main.tf": "2", "b/main.tf": "2"})
			w.facts(1, "head2")
			w.push(1, "synchronize")
			w.settle()
			w.planAll()
		},
		planned: []string{"a"}, reply: "refused `b` is not planned", states: []string{"a planned", "b refused"},
	},
	"status": {
		by: "eve", command: workflow.Command{Verb: workflow.VerbStatus}, reply: "status ", states: []string{"a planned", "b planned"},
	},
	"help": {
		by: "eve", command: workflow.Command{Verb: workflow.VerbHelp}, reply: "help ", states: []string{"a planned", "b planned"},
	},
	"a head with a conflict": {
		by: "ada", command: planOf(), setup: func(w *world) { w.source.conflicts = []string{"a/main.tf"} }, reply: "refused `a/main.tf`", states: nil,
	},
	"on a fork": {
		by: "ada", command: planOf(), setup: func(w *world) { w.facts(1, "head1", func(p *workflow.Pull) { p.Fork = true }) },
		reply: "refused fork", states: []string{"a planned", "b planned"},
	},
}

func TestCommands(t *testing.T) {
	for name, c := range commandCases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.open(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
			w.planAll()
			if c.setup != nil {
				c.setup(w)
			}
			req := w.say(1, c.by, c.command)
			w.settle()
			want(t, "planned", w.planAll(), c.planned)
			want(t, "states", w.states(1), c.states)
			replies := w.view(1).Replies
			if c.reply == "" {
				if len(replies) != 0 {
					t.Errorf("got replies %+v, want none", replies)
				}
				return
			}
			kind, text, _ := strings.Cut(c.reply, " ")
			if len(replies) != 1 || replies[0].Kind != kind || !strings.Contains(phrase.All(replies[0].Text).String(), text) {
				t.Errorf("got replies %+v, want one of kind %s that contains %q", replies, kind, text)
				return
			}
			if r := replies[0]; r.Key != req.ID || r.To.Login != c.by {
				t.Errorf("got a reply to %s with key %s", r.To.Login, r.Key)
			}
		})
	}
}

func TestCommandThatIsNotUnderstood(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	w.deliver(workflow.Request{Kind: workflow.RequestCommand, Number: 1, Immediate: true, Key: "comment:5", CommandFault: "There is no command `plam`; `plan` is nearest."})
	w.settle()
	r := w.view(1).Replies
	if len(r) != 1 || r[0].Kind != workflow.ReplyUnknown {
		t.Errorf("got %+v, want one reply of kind unknown", r)
	}
}

func TestNothingAffected(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"README.md": "hello"})
	v := w.view(1)
	if !v.Known || len(v.Projects) != 0 || v.Trouble != nil || len(v.Replies) != 0 {
		t.Errorf("got %+v, want a known head without projects and no reply", v.PullRecord)
	}
	w.say(1, "ada", planOf())
	w.settle()
	if r := w.view(1).Replies; len(r) != 1 || !strings.Contains(r[0].Text[0].String(), "affects no project") {
		t.Errorf("got replies %+v, want one that says so", r)
	}
}

// A project that a command added belongs to the pull at its later heads.
func TestAskedProjectStays(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	w.say(1, "ada", planOf("c"))
	w.settle()
	w.planAll()
	w.commit("head2", baseFiles, files{"b/main.tf": "2"})
	w.facts(1, "head2")
	w.push(1, "synchronize")
	w.settle()
	want(t, "planned", w.planAll(), []string{"b", "c"})
	c := w.view(1).PullRecord
	want(t, "reasons", c.Project("c").Reasons, phrase.Texts("`ada` asked for it"))
	want(t, "runs of c, also of the head before", len(c.Project("c").Runs), 2)
}

// A command that overtakes the push it came after does the push's work too.
func TestCommandOvertakesPush(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	w.planAll()
	w.commit("head2", baseFiles, files{"a/main.tf": "3", "b/main.tf": "2"})
	w.facts(1, "head2")
	w.push(1, "synchronize")
	w.say(1, "ada", planOf("c"))
	want(t, "due", w.expand(), 1)
	want(t, "planned", w.planAll(), []string{"a", "b", "c"})
	w.settle()
	want(t, "planned by the push", w.planAll(), []string(nil))
}

// Somebody else's pull: a command plans what it names and nothing by itself.
func TestCommandOnAnOutsidersPull(t *testing.T) {
	w := newWorld(t)
	w.commit("head1", baseFiles, files{"a/main.tf": "2", "b/main.tf": "2"})
	w.facts(1, "head1", func(p *workflow.Pull) { p.Author = workflow.Actor{ID: 3, Login: "eve"} })
	w.push(1, "opened")
	w.settle()
	if tr := w.view(1).Trouble; tr == nil || tr.Kind != workflow.TroubleNotPermitted {
		t.Fatalf("got trouble %+v, want not permitted", tr)
	}
	want(t, "planned by itself", w.planAll(), []string(nil))
	w.say(1, "ada", planOf("a"))
	w.settle()
	want(t, "planned", w.planAll(), []string{"a"})
	want(t, "states", w.states(1), []string{"a planned", "b queued"})
	w.say(1, "ada", planOf())
	w.settle()
	want(t, "then all", w.planAll(), []string{"a", "b"})
}

func TestCommandReplacesRuns(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
	running := w.mustClaim("a")
	w.say(1, "ada", planOf())
	w.settle()
	stop, err := w.svc.Interrupts(t.Context())
	if err != nil || len(stop) != 1 || stop[0].ID != running.ID {
		t.Errorf("got interrupts %v, %v, want the run that is replaced", stop, err)
	}
	w.finish(workflow.Result{Run: running.ID, Epoch: running.Epoch, Outcome: workflow.OutcomeCancelled})
	want(t, "planned, each once", w.planAll(), []string{"a", "b"})
	want(t, "priority", w.view(1).Projects[0].Run.Priority, workflow.PriorityCommand)
}

func TestAutoplanFalse(t *testing.T) {
	w := newWorld(t)
	config := "version: 1\nprojects:\n  - {dir: a, autoplan: false}\n"
	w.open(1, "head1", files{".cardea.yml": config, "a/main.tf": "2", "b/main.tf": "2"})
	want(t, "planned by themselves", w.planAll(), []string{"b"})
	if notes := strings.Join(w.view(1).Notes, " "); !strings.Contains(notes, "`a`") {
		t.Errorf("got notes %q, want them to name a", notes)
	}
	w.say(1, "ada", planOf())
	w.settle()
	want(t, "planned by command", w.planAll(), []string{"a", "b"})
}

func TestTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		changes files
		setup   func(*world)
		kind    workflow.TroubleKind
		text    string
	}{
		"conflict": {
			setup: func(w *world) { w.source.conflicts = strings.Split("a b c d e f g h i j k l", " ") }, kind: workflow.TroubleConflict, text: "and 2 more",
		},
		"a faulty configuration": {changes: files{".cardea.yml": "version: 1\nnonsense: true\n"}, kind: workflow.TroubleConfig, text: ".cardea.yml has an error"},
		"a configuration of a megabyte and more": {
			changes: files{".cardea.yml": strings.Repeat("# x\n", 1<<19)}, kind: workflow.TroubleConfig, text: ".cardea.yml has an error",
		},
		"a directory that is not there": {
			changes: files{".cardea.yml": "version: 1\nprojects: [{dir: nowhere}]\n"}, kind: workflow.TroubleConfig, text: ".cardea.yml has an error",
		},
		"a fault of ours":                 {setup: func(w *world) { w.source.faults = []error{errors.New("the disk is on fire")} }, kind: workflow.TroubleFailed, text: "the disk is on fire"},
		"a fault while reading a project": {changes: files{"a/main.tf": "fault"}, kind: workflow.TroubleFailed, text: "input/output error"},
		"a fork": {
			setup: func(w *world) { w.facts(1, "head1", func(p *workflow.Pull) { p.Fork = true }) }, kind: workflow.TroubleNotPermitted, text: "fork",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.changes == nil {
				c.changes = files{"a/main.tf": "2"}
			}
			w.commit("head1", baseFiles, c.changes)
			w.facts(1, "head1")
			if c.setup != nil {
				c.setup(w)
			}
			req := w.push(1, "opened")
			w.settle()
			v := w.view(1)
			if v.Trouble == nil || v.Trouble.Kind != c.kind || !v.Known {
				t.Fatalf("got trouble %+v, known %v, want %s", v.Trouble, v.Known, c.kind)
			}
			if text := v.Trouble.Title.String() + phrase.All(v.Trouble.Sentences).String(); !strings.Contains(text, c.text) {
				t.Errorf("got %q, want it to contain %q", text, c.text)
			}
			if (c.kind == workflow.TroubleConfig) != (len(v.Trouble.Diagnostics) > 0) {
				t.Errorf("got diagnostics %+v", v.Trouble.Diagnostics)
			}
			r, err := stored(t, w.store, req.ID)
			if err != nil || !r.Done {
				t.Errorf("got %+v, %v, want the request done", r, err)
			}
			// The next head is looked at anew, and so is this one when its pull changes.
			w.source.conflicts = nil
			w.commit("head2", baseFiles, files{"b/main.tf": "2"})
			w.facts(1, "head2")
			w.push(1, "synchronize")
			w.settle()
			want(t, "planned after", w.planAll(), []string{"b"})
		})
	}
}

func TestDraftBecomesReady(t *testing.T) {
	w := newWorld(t)
	w.rules.Drafts = false
	w.commit("head1", baseFiles, files{"a/main.tf": "2"})
	w.facts(1, "head1", func(p *workflow.Pull) { p.Draft = true })
	w.push(1, "opened")
	w.settle()
	if tr := w.view(1).Trouble; tr == nil || tr.Kind != workflow.TroubleNotPermitted {
		t.Fatalf("got trouble %+v, want not permitted", tr)
	}
	w.facts(1, "head1")
	w.push(1, "ready_for_review")
	w.settle()
	want(t, "planned", w.planAll(), []string{"a"})
}

func TestFaultyBaseIsMended(t *testing.T) {
	w := newWorld(t)
	w.source.commits["base1"] = files{"a/main.tf": "1", ".cardea.yml": "nonsense: true\n"}
	w.commit("head1", files{"a/main.tf": "2"}, nil)
	w.facts(1, "head1")
	w.push(1, "opened")
	w.settle()
	want(t, "planned", w.planAll(), []string{"a"})
	if notes := strings.Join(w.view(1).Notes, " "); !strings.Contains(notes, "`.cardea.yml` on `main` has errors") {
		t.Errorf("got notes %q", notes)
	}
}

func TestPassingFaultsAreTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.commit("head1", baseFiles, files{"a/main.tf": "2"})
	w.facts(1, "head1")
	for range 3 {
		w.source.faults = append(w.source.faults, fmt.Errorf("fetching: %w: connection reset", workflow.ErrPassing))
	}
	w.push(1, "opened")
	var waits []time.Duration
	for w.expand() == 1 {
		_, next, err := w.svc.DueRequests(t.Context(), service.DueQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if next.IsZero() {
			break
		}
		if waiting := w.view(1).Waiting; !strings.Contains(waiting, "connection reset") {
			t.Errorf("got waiting %q, want the reason", waiting)
		}
		waits = append(waits, next.Sub(w.now)/time.Second)
		w.now = next
	}
	if diff := cmp.Diff([]time.Duration{1, 2, 4}, waits); diff != "" {
		t.Errorf("waits in seconds (-want +got):\n%s", diff)
	}
	want(t, "planned", w.planAll(), []string{"a"})
	want(t, "waiting", w.view(1).Waiting, "")
}

func TestPassingFaultsEnd(t *testing.T) {
	for name, byCommand := range map[string]bool{"a push": false, "a command": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.open(1, "head1", files{"a/main.tf": "2"})
			w.planAll()
			w.facts(1, "never seen")
			if byCommand {
				w.say(1, "ada", planOf())
			} else {
				w.push(1, "opened")
			}
			tries := 0
			for {
				tries += w.expand()
				_, next, err := w.svc.DueRequests(t.Context(), service.DueQuery{})
				if err != nil {
					t.Fatal(err)
				}
				if next.IsZero() {
					break
				}
				w.now = next
			}
			want(t, "tries", tries, 10)
			v := w.view(1)
			if v.Trouble == nil || v.Trouble.Kind != workflow.TroubleFailed || !strings.Contains(phrase.All(v.Trouble.Sentences).String(), "does not have") {
				t.Errorf("got trouble %+v, want failed with the reason", v.Trouble)
			}
			replies := 0
			if byCommand {
				replies = 1
			}
			want(t, "replies", len(v.Replies), replies)
		})
	}
}

func TestRoleThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.commit("head1", baseFiles, files{"a/main.tf": "2"})
	p := w.facts(1, "head1")
	req := w.push(1, "opened")
	e := service.Expansion{Request: req, Pull: p, AuthorRole: workflow.RoleAdmin, RoleError: fmt.Errorf("asking: %w", workflow.ErrPassing)}
	if err := w.expandWith(e); err != nil {
		t.Fatal(err)
	}
	if v := w.view(1); v.Known || v.Waiting == "" {
		t.Errorf("got known %v, waiting %q, want it to wait", v.Known, v.Waiting)
	}
	e.RoleError = errors.New("no such user")
	if err := w.expandWith(e); err != nil {
		t.Fatal(err)
	}
	if tr := w.view(1).Trouble; tr == nil || tr.Kind != workflow.TroubleNotPermitted {
		t.Errorf("got trouble %+v, want not permitted", tr)
	}
	want(t, "planned", w.planAll(), []string(nil))
}

// A refusal or a failure of what was asked for later takes no plan away.
func TestPlansThatStandAreKept(t *testing.T) {
	w := newWorld(t)
	w.commit("head1", baseFiles, files{"a/main.tf": "2", "b/main.tf": "2"})
	outsiders := func(p *workflow.Pull) { p.Author = workflow.Actor{ID: 3, Login: "eve"} }
	w.facts(1, "head1", outsiders)
	w.push(1, "opened")
	w.say(1, "ada", planOf("a"))
	w.settle()
	w.planAll()
	w.push(1, "ready_for_review")
	w.settle()
	want(t, "after a push that may not plan", w.states(1), []string{"a planned", "b queued"})
	w.source.faults = []error{errors.New("the disk is on fire")}
	w.say(1, "ada", planOf())
	w.settle()
	want(t, "after a command that failed", w.states(1), []string{"a planned", "b queued"})
	req := w.push(1, "synchronize")
	if err := w.svc.DeferRequest(t.Context(), req.ID, "GitHub answers 502.", time.Time{}); err != nil {
		t.Fatal(err)
	}
	want(t, "waiting", w.view(1).Waiting, "GitHub answers 502.")
	w.settle()
	want(t, "no more", w.view(1).Waiting, "")
}

func TestCommandOnAClosedPullWeNeverSaw(t *testing.T) {
	w := newWorld(t)
	w.facts(1, "head1", func(p *workflow.Pull) { p.State = workflow.PullMerged })
	w.say(1, "ada", planOf())
	w.settle()
	v := w.view(1)
	if len(v.Replies) != 1 || !strings.Contains(v.Replies[0].Text[0].String(), "merged") || v.Pull.State != workflow.PullMerged {
		t.Errorf("got %+v, want a reply and the state", v.PullRecord)
	}
	open, err := w.svc.OpenPulls(t.Context(), 0)
	if err != nil || len(open) != 0 {
		t.Errorf("got open pulls %v, %v", open, err)
	}
}

// A command whose pull could never be read is answered all the same.
func TestCommandOnAPullThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	req := w.say(9, "ada", planOf())
	for range 10 {
		if err := w.svc.DeferRequest(t.Context(), req.ID, "GitHub answers 502.", time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	v := w.view(9)
	if len(v.Replies) != 1 || !strings.Contains(phrase.All(v.Replies[0].Text).String(), "502") {
		t.Errorf("got replies %+v, want one with the reason", v.Replies)
	}
}

func TestStateOfAnotherProject(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "state x", "b/main.tf": "state x", "c/main.tf": "2"})
	a := w.mustClaim("a")
	w.mustClaim("c")
	if run, ok := w.claim(); ok {
		t.Fatalf("got run of %s, whose state is a's", run.Project.Name)
	}
	w.finish(success(a, 1))
	w.mustClaim("b")
}
