package service_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// held makes checkouts of some pulls wait. Each says on began that it has begun and
// goes on with a word on goOn.
func (w *world) held(numbers ...int) (began, goOn chan struct{}) {
	began, goOn = make(chan struct{}, 10), make(chan struct{})
	w.source.hold = func(p workflow.Pull) {
		for _, n := range numbers {
			if p.Number == n {
				began <- struct{}{}
				<-goOn
			}
		}
	}
	return began, goOn
}

// standing are applies that stand ready, of project a of pull 1 and so on, on a base
// that moved in something else since their plans.
func standing(w *world, projects map[string]int) map[string]workflow.Run {
	w.t.Helper()
	heads, runs := map[int]files{}, map[string]workflow.Run{}
	for project, number := range projects {
		if heads[number] == nil {
			heads[number] = files{}
		}
		heads[number][project+"/main.tf"] = "2"
	}
	for number, changes := range heads {
		w.open(number, fmt.Sprint("head", number), changes)
	}
	w.plan(1)
	for number := range heads {
		w.do(number, "bob", verb(workflow.VerbApprove))
		w.do(number, "bob", verb(workflow.VerbApply))
	}
	for range projects {
		run, ok := w.claim()
		if !ok || run.Kind != workflow.RunApply {
			w.t.Fatalf("got %q of %s, want an apply", run.Kind, run.Project.Name)
		}
		runs[run.Project.Name] = run
	}
	w.commit("base2", baseFiles, files{"d/main.tf": "other"})
	for number, changes := range heads {
		w.commit(fmt.Sprint("head", number), baseFiles, changes)
	}
	w.source.tips["main"] = "base2"
	return runs
}

func soon[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(4 * time.Minute):
		t.Fatalf("%s waits", what)
	}
	return v
}

// TestPullsDoNotWaitForEachOther: while one pull's commits are fetched the applies of
// others go on.
func TestPullsDoNotWaitForEachOther(t *testing.T) {
	w := newWorld(t)
	runs := standing(w, map[string]int{"a": 1, "b": 2})
	began, goOn := w.held(1)
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- w.authorise(runs["a"]) }()
	soon(t, "the fetch", began)
	go func() { second <- w.authorise(runs["b"]) }()
	err := soon(t, "the apply of another pull", second)
	goOn <- struct{}{}
	if err := errors.Join(err, soon(t, "the apply of the pull", first)); err != nil {
		t.Error(err)
	}
}

// TestOneSurveyForOneAnswer: the applies of one pull share what was found out, whoever
// asked first.
func TestOneSurveyForOneAnswer(t *testing.T) {
	w := newWorld(t)
	runs := standing(w, map[string]int{"a": 1, "b": 1, "c": 1})
	began, goOn := w.held(1)
	ended := make(chan error, len(runs))
	for _, run := range runs {
		go func() { ended <- w.authorise(run) }()
	}
	soon(t, "the fetch", began)
	goOn <- struct{}{}
	for range runs {
		if err := soon(t, "an apply", ended); err != nil {
			t.Error(err)
		}
	}
	want(t, "fetched again", len(began), 0)
}

// TestSurveyGivenUp: whoever gives up while others wait for the same takes nothing from them.
func TestSurveyGivenUp(t *testing.T) {
	w := newWorld(t)
	runs := standing(w, map[string]int{"a": 1, "b": 1})
	began, goOn := w.held(1)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		run := runs["a"]
		first <- w.svc.Authorise(ctx, run, run.Apply.Artefact, sameState(run))
	}()
	soon(t, "the fetch", began)
	go func() { second <- w.authorise(runs["b"]) }()
	cancel()
	goOn <- struct{}{}
	if err := soon(t, "who gave up", first); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	soon(t, "the fetch of who waited", began)
	goOn <- struct{}{}
	if err := soon(t, "who waited", second); err != nil {
		t.Error(err)
	}
}
