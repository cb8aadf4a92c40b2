package run

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"sync"

	"github.com/cardea-iac/cardea/workflow"
)

// A run's file `progress` tells while it goes on what became of each thing that it does: a line of JSON
// for each word, redacted, the last word on one counts. The runner alone writes it, and nobody
// decides by it.

// progressLimit is the size of a run's progress; what comes after it is not told.
const progressLimit = 4 << 20

// progress writes it. It never fails: an engine's tool must not hang on it.
type progress struct {
	mu      sync.Mutex
	name    string
	file    *os.File
	size    int
	over    bool // full, or it cannot be written
	address func(string) string
	text    func(string) string
}

func (r *runner) newProgress() *progress {
	return &progress{name: r.dir.progress(), text: r.redact.Redact,
		address: func(a string) string { return workflow.WithKeys(a, r.given.Redact) }}
}

// tell writes one.
func (p *progress) tell(s workflow.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	s.Text, s.Address = p.text(s.Text), p.address(s.Address)
	line, err := json.Marshal(s)
	if p.file == nil && err == nil {
		p.file, err = os.OpenFile(p.name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	}
	if p.size += len(line) + 1; err != nil || p.size > progressLimit {
		p.over = true
		return
	}
	if _, err := p.file.Write(append(line, '\n')); err != nil {
		p.over = true
	}
}

// close ends it; a run that never came so far has none.
func (p *progress) close() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}

// ReadProgress gives what a run's newest attempt told as it stands, in the order in which it was
// first told; dataDir is the server's. The error is fs.ErrNotExist (wrapped) when nothing was told.
func ReadProgress(dataDir, runID string) ([]workflow.Progress, error) {
	f, err := openNewest(dataDir, runID, "progress")
	if err != nil {
		return nil, err
	}
	list := readProgress(f)
	return list, f.Close()
}

// readProgress reads a progress. A line that is not whole, the last one may not be, is left out.
func readProgress(in io.Reader) (out []workflow.Progress) {
	at := map[[3]string]int{}
	lines := bufio.NewReader(io.LimitReader(in, progressLimit))
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return out
		}
		var s workflow.Progress
		if json.Unmarshal(line, &s) != nil {
			continue
		}
		key := [3]string{s.Group, s.Name, s.Address}
		if i, known := at[key]; known {
			out[i] = s
			continue
		}
		at[key] = len(out)
		out = append(out, s)
	}
}

// evidence is what a run without a result told.
func (d files) evidence(res *workflow.Result) {
	f, err := os.Open(d.progress())
	if err != nil {
		return // nothing was told
	}
	defer f.Close()
	for _, s := range readProgress(f) {
		s = s.Ended()
		if res.Total++; s.State == workflow.ProgressSucceeded {
			res.Done++
		}
		res.Progress = append(res.Progress, s)
	}
}
