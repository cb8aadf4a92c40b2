package run

import "time"

// Ready is closed when everything is prepared and the runner waits for Go.
func (p *Process) Ready() <-chan struct{} { return p.ready }

// Dir is the run's directory; its file "log" grows while the run goes on.
func (p *Process) Dir() string { return string(p.dir) }

// MainPlain is Main as where nobody can adopt what a tool leaves behind.
func MainPlain(dir string, deps Deps) int {
	return carry(&runner{dir: files(dir), deps: deps, plain: true})
}

// Clean removes what a run left.
func (l *Launcher) Clean(p *Process) error { return l.clean(p.dir) }

// RemnantsUntil sets until when runs wait for plans of an earlier server.
func (w *Worker) RemnantsUntil(t time.Time) { w.remnantsUntil = t }
