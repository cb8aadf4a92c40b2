package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow/run"
)

// progress says which projects are being planned: in a terminal on its last line, elsewhere with a line for
// each that is finished.
type progress struct {
	w     io.Writer
	total int
	line  *status

	mu      sync.Mutex
	did     int
	running []*planned // in the order in which they began
}

// planned is a project that is being planned.
type planned struct {
	progress *progress
	name     string
	begun    time.Time
	fetching func() string // what is being downloaded for it, "" for nothing; nil before its run is there
}

func newProgress(w io.Writer, total int) *progress {
	p := &progress{w: w, total: total}
	p.line = newStatus(w, p.text)
	return p
}

func (p *progress) text(elapsed time.Duration) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := fmt.Sprintf("… %d of %d planned%s", p.did, p.total, since(elapsed))
	for i, r := range p.running {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		text += sep + r.name + since(time.Since(r.begun).Truncate(time.Second))
		if r.fetching == nil {
			continue
		}
		if what := r.fetching(); what != "" {
			text += " (" + what + ")"
		}
	}
	return text
}

// begin says that a project is being planned.
func (p *progress) begin(name string) *planned {
	one := &planned{progress: p, name: markdown.CleanLine(name), begun: time.Now()}
	p.mu.Lock()
	p.running = append(p.running, one)
	p.mu.Unlock()
	p.line.draw()
	return one
}

// follows says which run it is, in the directory of runs' parent.
func (o *planned) follows(dir, id string) {
	o.progress.mu.Lock()
	defer o.progress.mu.Unlock()
	o.fetching = func() string { return downloading(dir, id) }
}

// end says how it went.
func (o *planned) end(how string) {
	p := o.progress
	p.mu.Lock()
	p.did++
	p.running = slices.DeleteFunc(p.running, func(r *planned) bool { return r == o })
	if !p.line.on {
		fmt.Fprintf(p.w, "%d of %d: %s: %s (%s)\n", p.did, p.total, o.name, how, time.Since(o.begun).Round(100*time.Millisecond))
	}
	p.mu.Unlock()
	p.line.draw()
}

func (p *progress) end() { p.line.end() }

// downloading is the last line of a run's log if that tells of a download that goes on.
func downloading(dir, id string) string {
	log, err := run.OpenLog(dir, id)
	if err != nil {
		return "" // nothing is written yet
	}
	defer log.Close()
	const most = 4 << 10
	if end, err := log.Seek(0, io.SeekEnd); err != nil || end > most {
		if _, err := log.Seek(-most, io.SeekEnd); err != nil {
			return ""
		}
	} else if _, err := log.Seek(0, io.SeekStart); err != nil {
		return ""
	}
	tail, err := io.ReadAll(log)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(tail)), "\n")
	last := markdown.CleanLine(lines[len(lines)-1])
	if !strings.HasPrefix(last, "Downloading ") {
		return ""
	}
	return strings.ToLower(last[:1]) + strings.TrimSuffix(last[1:], ".")
}
