package app

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// ending is how an attempt ended.
type ending int

const (
	endedInOrder    ending = iota // with what it returned
	endedWithServer               // because the server ends
	endedTooLate                  // it took too long
	endedInPanic                  // by a fault of ours
)

// attempt runs something that may take too long, hang or panic. It returns when that ends, or
// at the latest a grace period after its time, or the server's, is up: what still hangs then
// is left behind, with a context in which it can no longer write anything.
func attempt(ctx context.Context, atMost, grace time.Duration, do func(context.Context) error) (ending, error) {
	limited, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	type end struct {
		how ending
		err error
	}
	ends := make(chan end, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				ends <- end{endedInPanic, fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
			}
		}()
		ends <- end{endedInOrder, do(limited)}
	}()
	var e end
	select {
	case e = <-ends:
	case <-limited.Done():
		select {
		case e = <-ends:
		case <-time.After(grace):
			e.err = limited.Err()
		}
	}
	switch {
	case e.how == endedInPanic:
	case ctx.Err() != nil:
		e.how = endedWithServer
	case limited.Err() != nil:
		e.how = endedTooLate
	}
	return e.how, e.err
}
