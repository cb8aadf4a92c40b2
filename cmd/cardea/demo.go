package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cardea-iac/cardea/app/report"
	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// demoCmd is the whole product on one machine.
type demoCmd struct {
	Script bool   `help:"Play the whole story without a browser, check what people see, and end."`
	Listen string `default:"127.0.0.1:0" help:"Where the demo's GitHub listens."`
	Keep   string `placeholder:"DIR" help:"Keep everything in this directory."`
}

// demo is a world with Cardea's server in it.
type demo struct {
	*world
	out    io.Writer
	url    string // of the server
	pull   int    // with changes
	broken int    // whose plan fails
	stop   func() error
}

// Run starts the demo and waits for Ctrl-C, or plays the script.
func (k demoCmd) Run(c *console, ctx bind) (err error) {
	dir := k.Keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "cardea-demo-*"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	d, err := startDemo(ctx, dir, k.Listen, c.out)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, d.stop()) }()
	if k.Script {
		if err := d.play(ctx); err != nil {
			return fmt.Errorf("%w\nThe server's log:\n%s", err, d.logTail())
		}
		return nil
	}
	fmt.Fprintf(c.out, `
  %[1]s/%[2]s/pull/%[3]d   changes five projects
  %[1]s/%[2]s/pull/%[4]d   has a plan that fails
  %[5]s   Cardea's pages

Open the first one and comment there, as whom you choose at the top:
rex (reviewer)  cardea approve
ada (author)    cardea apply
then merge it. olga only reads. "cardea help" lists all commands.
Ctrl-C ends it.
`, d.gh.URL(), d.repo, d.pull, d.broken, d.url)
	<-ctx.Done()
	return nil
}

// startDemo makes the world, applies the sample, starts the server and opens two pulls.
func startDemo(ctx context.Context, dir, listen string, out io.Writer) (_ *demo, err error) {
	tools, err := previewTools()
	if err != nil {
		return nil, err
	}
	tool, err := terraform.Find(ctx, tools)
	if err != nil {
		return nil, err
	}
	say := func(text string) { fmt.Fprintln(out, "· "+text) }
	say("a GitHub of our own, with ada (author), rex (reviewer) and olga (outsider)")
	w, err := newWorld(dir, listen, newLog(io.Discard), nil)
	if err != nil {
		return nil, err
	}
	d := &demo{world: w, out: out, stop: w.gh.Close}
	defer func() {
		if err != nil {
			err = firstError(err, d.stop())
		}
	}()
	config, err := w.install("", appPermissions)
	if err != nil {
		return nil, err
	}
	say(fmt.Sprintf("a monorepo of %d projects in %d environments, applied with %s",
		len(sampleEnvironments)*len(sampleComponents), len(sampleEnvironments), filepath.Base(tool)))
	if err := w.seed(ctx, tool); err != nil {
		return nil, err
	}
	if err := w.gh.RequireChecks(w.repo, "main",
		[]localgithub.RequiredCheck{{Context: report.PlanCheck, AppID: w.app.ID},
			{Context: report.ApplyCheck, AppID: w.app.ID}}); err != nil {
		return nil, err
	}
	say("the server")
	if err := d.serve(ctx, config); err != nil {
		return nil, err
	}
	say("two pull requests")
	return d, d.openPulls(ctx)
}

// serve runs the server in this process until stop.
func (d *demo) serve(ctx context.Context, config string) error {
	cfg, faults := LoadConfig(config, nil)
	if len(faults) > 0 {
		return fmt.Errorf("the demo's own configuration: %s", faults[0].Summary)
	}
	log, err := os.Create(filepath.Join(d.dir, "server.log"))
	if err != nil {
		return err
	}
	srv, err := newServer(cfg, newLog(log))
	if err != nil {
		return firstError(err, log.Close())
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- srv.run(running, func(url string) { ready <- url }) }()
	d.stop = func() error {
		cancel()
		return firstError(<-done, d.gh.Close(), log.Close())
	}
	select {
	case d.url = <-ready:
	case err := <-done:
		done <- nil
		return fmt.Errorf("the server did not start: %w", err)
	}
	return d.gh.SetWebhookURL(d.app.ID, d.url+"/webhook")
}

func (d *demo) openPulls(ctx context.Context) (err error) {
	if _, err = d.author.push(ctx, "postgres-16", "Flow logs everywhere, Postgres 16 in prod",
		sampleChange(d.stateDir())); err != nil {
		return err
	}
	if d.pull, err = d.author.openPull(ctx, "postgres-16", "Flow logs everywhere, Postgres 16 in prod",
		"Turns on flow logs in the network module, moves prod's database to Postgres 16 and takes a subnet away."); err != nil {
		return err
	}
	if _, err = d.author.push(ctx, "dns-ttl", "A TTL for dev's zones", sampleMistake(d.stateDir())); err != nil {
		return err
	}
	d.broken, err = d.author.openPull(ctx, "dns-ttl", "A TTL for dev's zones",
		"Makes the TTL of dev's zones a variable. (It forgets to declare it.)")
	return err
}

// logTail is the end of the server's log.
func (d *demo) logTail() string {
	data, err := os.ReadFile(filepath.Join(d.dir, "server.log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// step is one step of the story, with what must be seen after it.
type step struct {
	what string
	do   func(context.Context, *demo) error
}

// play plays the story as people would, over HTTP and git.
func (d *demo) play(ctx context.Context) error {
	for _, s := range demoStory {
		if err := s.do(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
		fmt.Fprintln(d.out, "✓ "+s.what)
	}
	return nil
}

// must returns an error that says which of the texts is missing.
func must(where, text string, want ...string) error {
	var missing []error
	for _, w := range want {
		if !strings.Contains(text, w) {
			missing = append(missing, fmt.Errorf("%s lacks %q", where, w))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w; it is:\n%s", errors.Join(missing...), text)
	}
	return nil
}
