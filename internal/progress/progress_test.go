package progress

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"
)

// TestText: what runs is named in the order in which it began, with how long.
func TestText(t *testing.T) {
	p := Start(io.Discard, 3)
	defer p.End()
	one := p.Begin("prod/a")
	p.Begin("prod/b")
	one.begun = one.begun.Add(-3 * time.Second)
	if got, want := p.text(4*time.Second), "… 0 of 3 planned 4s: prod/a 3s, prod/b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	one.End("1 to add")
	if got, want := p.text(5*time.Second), "… 1 of 3 planned 5s: prod/b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestElsewhere: where there is no terminal, what is finished has a line, and what goes on has none.
func TestElsewhere(t *testing.T) {
	var out bytes.Buffer
	p := Start(&out, 2)
	p.Begin("prod/a").End("1 to add")
	p.End()
	if err := During(&out, "doing", "done", func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	if err := During(&out, "doing", "done", func() error { return no }); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
	if got, want := out.String(), "1 of 2: prod/a: 1 to add (0s)\n✓ done\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
