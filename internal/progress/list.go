package progress

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// List says which projects are being planned: in a terminal on its last line, elsewhere with a line for
// each that is finished.
type List struct {
	w     io.Writer
	total int
	line  *Line

	mu      sync.Mutex
	did     int
	running []*Item // in the order in which they began
}

// Item is a project that is being planned.
type Item struct {
	list     *List
	name     string
	begun    time.Time
	fetching func() string // what is being downloaded for it, "" for nothing; nil before its run is there
}

// Start begins to tell of so many projects; End it before anything else writes to w.
func Start(w io.Writer, total int) *List {
	p := &List{w: w, total: total}
	p.line = Show(w, p.text)
	return p
}

func (p *List) text(elapsed time.Duration) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := fmt.Sprintf("… %d of %d planned%s", p.did, p.total, Since(elapsed))
	for i, r := range p.running {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		text += sep + r.name + Since(time.Since(r.begun).Truncate(time.Second))
		if r.fetching == nil {
			continue
		}
		if what := r.fetching(); what != "" {
			text += " (" + what + ")"
		}
	}
	return text
}

// Begin says that a project is being planned. Its name is one that can be printed.
func (p *List) Begin(name string) *Item {
	one := &Item{list: p, name: name, begun: time.Now()}
	p.mu.Lock()
	p.running = append(p.running, one)
	p.mu.Unlock()
	p.line.draw()
	return one
}

// Follow says what tells what is being fetched for it. It is called from another goroutine.
func (o *Item) Follow(fetching func() string) {
	o.list.mu.Lock()
	defer o.list.mu.Unlock()
	o.fetching = fetching
}

// End says how it went.
func (o *Item) End(how string) {
	p := o.list
	p.mu.Lock()
	p.did++
	p.running = slices.DeleteFunc(p.running, func(r *Item) bool { return r == o })
	if !p.line.on {
		fmt.Fprintf(p.w, "%d of %d: %s: %s (%s)\n", p.did, p.total, o.name, how, time.Since(o.begun).Round(100*time.Millisecond))
	}
	p.mu.Unlock()
	p.line.draw()
}

// End takes the line away.
func (p *List) End() { p.line.End() }
