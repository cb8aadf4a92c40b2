package run

// Ready is closed when everything is prepared and the runner waits for Go.
func (p *Process) Ready() <-chan struct{} { return p.ready }

// Dir is the run's directory; its file "log" grows while the run goes on.
func (p *Process) Dir() string { return string(p.dir) }
