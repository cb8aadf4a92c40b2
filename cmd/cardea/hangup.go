package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// untilHungUp is a context that ends as well when the terminal is closed, so that what was begun is stopped in order.
// A program that was told not to mind (nohup) goes on.
func untilHungUp(ctx context.Context) (context.Context, func()) {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	hungUp := make(chan os.Signal, 1)
	signal.Notify(hungUp, syscall.SIGHUP)
	go func() {
		select {
		case <-hungUp:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(hungUp)
		cancel()
	}
}

// printed is the standard output, and what went wrong there first.
type printed struct {
	*os.File
	failed error
}

// watch makes c write where it is seen whether that can be written.
func watch(c *console) *printed {
	p := &printed{}
	if f, ok := c.out.(*os.File); ok {
		p.File, c.out = f, p
	}
	return p
}

func (p *printed) Write(b []byte) (int, error) {
	n, err := p.File.Write(b)
	if p.failed == nil {
		p.failed = err
	}
	return n, err
}

// outliveReader lets the program end in order when nobody reads its output any more (`| head`).
func (*printed) outliveReader() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// fault is how a command ends that ended with err: nobody may believe to have all of an output that they have not.
func (p *printed) fault(err error) error {
	switch {
	case p.failed == nil:
		return err
	case errors.Is(p.failed, syscall.EPIPE): // who stopped reading knows
		return exitCode(1)
	}
	return fmt.Errorf("the output could not be written: %w", reason(p.failed))
}
