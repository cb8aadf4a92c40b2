package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"github.com/cardea-iac/cardea/app"
	"github.com/cardea-iac/cardea/app/page"
	"github.com/cardea-iac/cardea/app/report"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/bolt"
	"github.com/cardea-iac/cardea/workflow/git"
	"github.com/cardea-iac/cardea/workflow/run"
	"github.com/cardea-iac/cardea/workflow/service"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// maxConnections is how many connections are served at a time; more wait to be accepted.
const maxConnections = 512

// diskFloor is the free space below which the server is not ready and no run starts.
const diskFloor = 1 << 30

// lookEvery is how often the App's own settings are looked at; 0 = app's own clock. Stories look more often.
var lookEvery time.Duration

// server is `cardea serve` as a value: all packages put together.
type server struct {
	cfg     Config
	log     *slog.Logger
	store   *bolt.Store
	service *service.Service
	app     *app.App
	worker  *run.Worker
	metrics *prometheus.Registry

	listener, metricsListener net.Listener
	closing                   atomic.Bool
}

// newServer opens the data directory, listens, and connects everything; nothing runs yet.
func newServer(cfg Config, log *slog.Logger) (_ *server, err error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("`data_dir`: cannot make the directory %s: %w. Name one that this user may write to",
			cfg.DataDir, reason(err))
	}
	if err := git.Usable(context.Background()); err != nil {
		return nil, err
	}
	s := &server{cfg: cfg, log: log, metrics: prometheus.NewRegistry()}
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if s.store, err = bolt.Open(cfg.DataDir); err != nil {
		return nil, cannotKeep(cfg.DataDir, err)
	}
	defer func() {
		if err != nil {
			err = firstError(err, s.close())
		}
	}()
	if s.listener, err = listen("`listen`", cfg.Listen); err != nil {
		return nil, err
	}
	if cfg.Metrics != "" {
		if s.metricsListener, err = listen("`metrics.listen`", cfg.Metrics); err != nil {
			return nil, err
		}
	}
	return s, s.connect()
}

// cannotKeep says what to do where the data directory is there and cannot be used.
func cannotKeep(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("`data_dir`: the disk of %s is full: make room, or name a directory on another disk", dir)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("`data_dir`: this user may not write to %s: change its owner, or name another directory", dir)
	}
	return err
}

// listen listens at the address of a setting, and says what to do where it cannot.
func listen(setting, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, cannotListen(setting, address, err)
	}
	return l, nil
}

func cannotListen(setting, address string, err error) error {
	advice := "Choose another address"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "Another program is listening there: stop it, or choose another port"
	case errors.Is(err, syscall.EACCES):
		advice = "This user may not use that port: choose one above 1023"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "This machine does not have that address: choose one of its own"
	}
	return fmt.Errorf("%s: cannot listen on %s: %w. %s", setting, address, reason(err), advice)
}

// reason is what the system said, without what was tried: the sentence around it says that.
func reason(err error) error {
	var said syscall.Errno
	if errors.As(err, &said) {
		return said
	}
	return err
}

// connect wires service, App and worker.
func (s *server) connect() error {
	mirrors, err := git.NewMirrors(filepath.Join(s.cfg.DataDir, "repos"), s.cfg.GitHub.WebURL,
		func(ctx context.Context, repo workflow.Repo) (string, error) { return s.app.Token(ctx, repo) })
	if err != nil {
		return err
	}
	mirrors.Log = s.log
	mirrors.Refused = func(ctx context.Context, repo workflow.Repo, token string) bool {
		return s.app.Refused(ctx, repo, token)
	}
	data := func(name string) string { return filepath.Join(s.cfg.DataDir, name) }
	identity, err := run.OpenKeys(s.cfg.DataDir)
	if err != nil {
		return err
	}
	artefacts := run.Artefacts{Dir: data("artefacts"), Identity: identity}
	s.service = service.New(service.Config{Store: s.store, Source: mirrors, Engines: engines(s.cfg.Terraform.Tool),
		Rules: s.cfg.Rules, Settle: s.cfg.Limits.Settle, Parallel: s.workers(), Log: s.log,
		Live: func(ctx context.Context, p workflow.Pull, actor workflow.Actor,
			approvers []workflow.Actor) (workflow.LiveFacts, error) {
			return s.app.Live(ctx, p, actor, approvers)
		},
		Diff: mirrors.Diff,
		DropArtefact: func(planRun string) {
			if err := artefacts.Remove(planRun); err != nil { // the next start tries again
				s.log.Warn("removing an artefact", "run", planRun, "err", err)
			}
		}})
	s.app, err = app.New(app.Config{APIURL: s.cfg.GitHub.APIURL, WebURL: s.cfg.GitHub.WebURL, AppID: s.cfg.GitHub.AppID,
		WebhookURL: s.cfg.webhookURL(), Merges: s.cfg.merges(), LookEvery: lookEvery,
		PrivateKey: s.cfg.GitHub.PrivateKey,
		Secrets:    s.cfg.GitHub.WebhookSecrets, Prefixes: s.cfg.Prefixes, PublicURL: s.publicURL(),
		Service: s.service, Rules: s.cfg.Rules,
		Log: s.log, Metrics: s.metrics,
		SameFile: func(_ context.Context, rec workflow.PullRecord, file string) bool { return mirrors.SameFile(rec, file) }})
	if err != nil {
		return err
	}
	s.worker = &run.Worker{Name: run.DefaultName, Service: s.service, Artefacts: artefacts, Authorise: s.service.Authorise,
		Launcher: &run.Launcher{Runs: data("runs"), Engines: engines("")}, Parallel: s.workers(),
		Credentials: s.cfg.Credential, Fetching: s.fetching,
		MirrorDir: mirrors.MirrorDir, PlanTimeout: s.cfg.Limits.PlanTimeout, DiskFloor: diskFloor, Log: s.log,
		Server: serverWords(terraform.Tools{Dir: data("tools"), Providers: data("providers"), Tool: s.cfg.Terraform.Tool,
			Version:  s.cfg.Terraform.Version,
			Versions: s.cfg.Terraform.Versions, Path: os.Getenv("PATH"), Sources: s.cfg.Terraform.Providers})}
	return nil
}

// url is where this process listens.
func (s *server) url() string {
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return "http://" + s.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

func (s *server) publicURL() string {
	if s.cfg.PublicURL != "" {
		return s.cfg.PublicURL
	}
	return s.url()
}

// run serves until ctx is done; ready is called once /readyz answers 200.
//
// The order of closing: nothing is claimed any more and running plans are put
// back; then the loops end; webhooks are stored and answered until the listener
// closes; the store closes last.
func (s *server) run(ctx context.Context, ready func(url string)) error {
	s.sayHow()
	if err := s.service.Start(ctx, s.worker.Name); err != nil {
		return firstError(err, s.close())
	}
	web := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 30 * time.Second, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
	served := make(chan error, 2)
	go func() { served <- web.Serve(netutil.LimitListener(s.listener, maxConnections)) }()
	if s.metricsListener != nil {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
		go func() {
			served <- (&http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}).Serve(s.metricsListener)
		}()
	}
	work, stopWork := context.WithCancelCause(ctx)
	loops, stopLoops := context.WithCancelCause(context.WithoutCancel(ctx))
	worked, looped := make(chan error, 1), make(chan error, 1)
	go func() { worked <- s.worker.Run(work) }()
	go func() { looped <- s.app.Run(loops) }()
	ready(s.url())

	var failed error
	running := true
	for running && failed == nil {
		select {
		case <-ctx.Done():
			running = false
		case err := <-s.store.Broken(): // an orderly end would wait for it
			stopWork(err)
			stopLoops(err)
			return fmt.Errorf("%w; the server stops: restore the file from a copy, then start it again", err)
		case failed = <-served:
		case failed = <-looped:
			looped <- failed
		case failed = <-worked:
			worked <- failed
		}
	}
	s.closing.Store(true)
	stopWork(errStopped)
	workErr := s.drained(worked)
	stopLoops(errStopped)
	loopErr := <-looped
	down, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return firstError(failed, workErr, loopErr, web.Shutdown(down), s.close())
}

// drained waits for the worker, at most limits.drain: a plan that does not stop when
// interrupted is lost then, and made again at the next start.
func (s *server) drained(worked <-chan error) error {
	select {
	case err := <-worked:
		return err
	case <-time.After(s.cfg.Limits.Drain):
		s.log.Warn("some plans did not stop within limits.drain", "drain", s.cfg.Limits.Drain)
		return nil
	}
}

// sayHow logs what an operator has to know at start.
func (s *server) sayHow() {
	version, commit := version()
	metrics := ""
	if s.metricsListener != nil {
		metrics = s.metricsListener.Addr().String()
	}
	s.log.Info("starting", "version", version, "commit", commit, "data_dir", s.cfg.DataDir, "parallel",
		s.workers(), "public_url", s.publicURL(), "metrics", metrics)
	s.log.Warn("RUNS ARE NOT ISOLATED: code from pull requests runs as this server's user and can read and write everything that user can; "+
		"only the environment, arguments, files and log of a run are kept free of the server's secrets",
		"runs.isolation", s.cfg.Isolation)
	for _, w := range s.cfg.Warnings {
		s.log.Warn(w)
	}
	for _, d := range s.cfg.absent {
		s.log.Warn("runs that need it will fail: " + d.String())
	}
	if s.cfg.inReach != "" {
		s.log.Warn(s.cfg.inReach)
	}
}

func (s *server) handler() http.Handler {
	pages := page.New(page.Config{Service: s.service, WebURL: s.cfg.GitHub.WebURL,
		Prefix: s.cfg.Prefixes[0], Log: s.log, Checks: pageChecks, Order: s.cfg.order, Findings: s.app.Findings,
		Logs:     func(id string) (io.ReadSeekCloser, error) { return run.OpenLog(s.cfg.DataDir, id) },
		Progress: func(id string) ([]workflow.Progress, error) { return run.ReadProgress(s.cfg.DataDir, id) }})
	mux := http.NewServeMux()
	mux.Handle("/webhook", s.app.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("/", pages)
	return mux
}

// pageChecks gives the pages what the checks of a head say.
func pageChecks(pulls []workflow.PullRecord) (plan, apply page.Check) {
	p, a := report.StandingOfHead(pulls).Checks()
	return page.Check{Status: p[0], Conclusion: p[1]}, page.Check{Status: a[0], Conclusion: a[1]}
}

// readyz: the store can be written, the disk is above its floor, not closing.
func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	fault := ""
	switch free, err := freeBytes(s.cfg.DataDir); {
	case s.closing.Load():
		fault = "closing"
	case err != nil:
		fault = "the free disk space cannot be read"
	case free < diskFloor:
		fault = "less than 1 GiB of disk space is free"
	default:
		if err := s.service.Ready(r.Context()); err != nil {
			s.log.Error("the database cannot be written", "err", err)
			fault = "the database cannot be written"
		}
	}
	if fault != "" {
		http.Error(w, "not ready: "+fault, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// workers is how many runs go on at once.
func (s *server) workers() int {
	if n := s.cfg.Limits.Parallel; n > 0 {
		return n
	}
	return run.DefaultParallel()
}

func freeBytes(dir string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// close closes what newServer opened, the store last.
func (s *server) close() error {
	for _, l := range []net.Listener{s.listener, s.metricsListener} {
		if l != nil {
			_ = l.Close() // Shutdown closed it already, which is what we want
		}
	}
	return s.store.Close()
}
