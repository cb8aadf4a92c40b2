package secret

import (
	"bytes"
	"io"
	"maps"
	"strings"
	"sync"
)

// mask is what stands for what must not be seen.
const mask = "***"

// Redactor hides known secrets, in the forms that tools print them, and what
// looks like one: tokens, access keys, private keys, passwords in URLs,
// authorization headers. As a Writer it works across the borders of writes and
// never returns an error: a tool whose output is not taken hangs or dies. What
// could not be written is counted instead (Close tells).
//
// Its methods may be called from any goroutine.
type Redactor struct {
	mu     sync.Mutex
	out    io.Writer
	values map[string]bool
	bytes  int // of values
	auto   *automaton
	known  known
	lines  lines
	buf    []byte // what passed the known values last
	wrote  bool   // something was written before the last Hide
	missed bool   // values were added after something was written
	fault  error  // the first error of out
}

// NewRedactor returns a redactor that writes to out (nil: it is used for Redact
// only) and hides these values. Values shorter than 6 bytes are not hidden.
func NewRedactor(out io.Writer, values ...string) *Redactor {
	r := &Redactor{out: out, values: map[string]bool{}, auto: newAutomaton(nil)}
	r.Hide(values...)
	return r
}

// Hide hides further values from now on. What was written before is not changed;
// the runner writes its log anew at the end when that happened.
func (r *Redactor) Hide(values ...string) { r.hide(values, forms) }

// HideWhole hides values, but not each of their lines.
func (r *Redactor) HideWhole(values ...string) { r.hide(values, encodings) }

// hide hides values in these of their forms.
func (r *Redactor) hide(values []string, formsOf func(value string, deep bool) []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.values)
	for _, v := range values {
		for _, f := range formsOf(v, r.bytes < deepBytes) {
			// What begins a value is held back until more comes. A key of random bytes may begin with
			// the end of a line, or with a blank before it: a log would show each line only after the next one.
			if f = strings.TrimLeft(f, " \t\r\n"); len(f) >= Least && !r.values[f] {
				r.values[f] = true
				r.bytes += len(f)
			}
		}
	}
	if len(r.values) == before {
		return
	}
	words := make([]string, 0, len(r.values))
	for f := range r.values {
		words = append(words, f)
	}
	r.auto = newAutomaton(words)
	r.missed = r.missed || r.wrote
	r.flush(r.lines.feed(r.known.restart(r.auto, nil)))
}

// Write takes output. It never fails.
func (r *Redactor) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrote = true
	for rest := p; len(rest) > 0; {
		n := min(len(rest), 32<<10) // so that what is in between stays small
		r.buf = r.known.feed(r.auto, r.buf[:0], rest[:n])
		rest = rest[n:]
		r.flush(r.lines.feed(r.buf))
	}
	return len(p), nil
}

// Close writes what was held back and returns the first error that writing met.
func (r *Redactor) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf = r.known.end(r.buf[:0])
	r.flush(r.lines.feed(r.buf))
	r.flush(r.lines.end())
	return r.fault
}

func (r *Redactor) flush(p []byte) {
	if len(p) == 0 || r.out == nil {
		return
	}
	if _, err := r.out.Write(p); err != nil && r.fault == nil {
		r.fault = err
	}
}

// Late reports whether values were added after output had been written without them.
func (r *Redactor) Late() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.missed
}

// Fork returns a redactor of the same values that writes to out.
func (r *Redactor) Fork(out io.Writer) *Redactor {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &Redactor{out: out, values: maps.Clone(r.values), bytes: r.bytes, auto: r.auto}
}

// Redact returns s without what must not be seen.
func (r *Redactor) Redact(s string) string {
	r.mu.Lock()
	auto := r.auto
	r.mu.Unlock()
	if len(s) < Least || !auto.finds(s) && !suspicious(s) {
		return s
	}
	var b bytes.Buffer
	f := &Redactor{out: &b, auto: auto}
	if _, err := f.Write([]byte(s)); err != nil {
		return mask
	}
	if err := f.Close(); err != nil {
		return mask
	}
	return b.String()
}

// known hides the automaton's strings in a stream. Bytes that may begin a string
// are held back; everything else passes at once.
type known struct {
	state   int32
	pending []byte
	covered []bool // of pending: part of a string that was found
	masking bool   // the last byte that passed was hidden
}

func (k *known) feed(a *automaton, out, p []byte) []byte {
	for i := 0; i < len(p); i++ {
		if k.state == 0 && len(k.pending) == 0 && a.root[p[i]] == 0 {
			start := i
			for i+1 < len(p) && a.root[p[i+1]] == 0 {
				i++
			}
			out = append(out, p[start:i+1]...)
			k.masking = false
			continue
		}
		out = k.push(a, out, p[i], false)
	}
	return out
}

func (k *known) push(a *automaton, out []byte, b byte, covered bool) []byte {
	k.pending = append(k.pending, b)
	k.covered = append(k.covered, covered)
	k.state = a.step(k.state, b)
	n := a.nodes[k.state]
	for i := len(k.covered) - int(n.match); i < len(k.covered); i++ {
		k.covered[i] = true
	}
	return k.pass(out, len(k.pending)-int(n.depth))
}

// pass lets the first n pending bytes go.
func (k *known) pass(out []byte, n int) []byte {
	for i := range n {
		switch {
		case !k.covered[i]:
			out = append(out, k.pending[i])
		case !k.masking:
			out = append(out, mask...)
		}
		k.masking = k.covered[i]
	}
	k.pending = k.pending[:copy(k.pending, k.pending[n:])]
	k.covered = k.covered[:copy(k.covered, k.covered[n:])]
	return out
}

// restart reads what is pending again with another automaton.
func (k *known) restart(a *automaton, out []byte) []byte {
	pending, covered := bytes.Clone(k.pending), append([]bool(nil), k.covered...)
	k.state, k.pending, k.covered = 0, k.pending[:0], k.covered[:0]
	for i, b := range pending {
		out = k.push(a, out, b, covered[i])
	}
	return out
}

func (k *known) end(out []byte) []byte {
	k.state = 0
	return k.pass(out, len(k.pending))
}

// suspicious reports whether s needs a look by the patterns.
func suspicious(s string) bool {
	for _, p := range patterns {
		if p.near([]byte(s)) {
			return true
		}
	}
	return false
}
