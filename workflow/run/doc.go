// Package run is everything about processes: the worker that claims runs, the
// launcher that starts a runner for each, the runner itself, and its log.
//
// A run is carried out by a process of its own, `cardea runner DIR`, in its own
// session, which outlives the server that started it. They share nothing but
// the run's directory and one socket pair:
//
//	runs/<run>.<epoch>/   0700, never reused
//	  job.json            what to do; no secret is in it
//	  runner.lock         held (flock) as long as the runner lives
//	  runner.json         pid, start time and boot id: whom to signal
//	  output              what the runner itself says when it dies
//	  log                 what the tools printed, redacted and capped
//	  result.json         written once, durably, at the end
//	  home/ tmp/ work/
//	homes/<project>       a symlink to home/ of the project's run: its HOME
//
// The socket carries the secrets to the runner, "ready" back when everything is
// prepared, and "go". Before "ready", while the engine fetches, it also carries the
// question for a token that reads one repository, and the answer: git asks its
// credential helper, `cardea git-credential`, that asks the runner over a socket in the
// run's tmp/, and the runner asks the launcher. When it closes before "go", nothing was planned, and the
// result says so: a proof, not a guess. After "go" the server may die; the
// runner finishes and writes its result.
//
// The runner interrupts by sending signals to the tool itself, never by
// cancelling a context, so that the tool's real exit status is seen; and at the
// end it ends every process that the tool left behind.
package run
