package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/cardea-iac/cardea/app/report"
	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/internal/progress"
	"github.com/cardea-iac/cardea/workflow/git"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// demoCmd is the whole product on one machine.
type demoCmd struct {
	Script bool   `help:"Play the whole story without a browser, check what people see, and exit."`
	Listen string `default:"127.0.0.1:0" help:"Where the demo's GitHub listens."`
	Keep   string `placeholder:"DIR" help:"Keep everything in this directory, which must be new or empty."`
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

// Help is what --help says besides.
func (demoCmd) Help() string { return "Example: cardea demo --listen 127.0.0.1:8080" }

// Validate says what is wrong with the flags.
func (k demoCmd) Validate() error {
	if why := addressFault(k.Listen); why != "" {
		return errors.New("--listen " + why)
	}
	return nil
}

// Run starts the demo and waits for Ctrl-C, or plays the script.
func (k demoCmd) Run(c *console, ctx bind) (err error) {
	dir, leave, err := k.place()
	if err != nil {
		return err
	}
	defer leave()
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

Open the first one and comment there; choose who you are at the top:
rex (reviewer)  cardea approve
ada (author)    cardea apply
then merge it. olga has read access only. "cardea help" lists all commands.
Ctrl-C stops the demo.
`, d.gh.URL(), d.repo, d.pull, d.broken, d.url)
	<-ctx.Done()
	if k.Keep != "" {
		fmt.Fprintf(c.out, "Everything is kept in %s: github/ has the repositories, data/ has the server's database and logs.\n", dir)
	}
	return nil
}

// place is the directory of the demo. A world is made anew each time: in the directory of an earlier
// one, its GitHub would know nothing of what the database knows.
func (k demoCmd) place() (dir string, leave func(), err error) {
	if k.Keep == "" {
		dir, err = makeScratch("cardea-demo-*")
		return dir, func() { os.RemoveAll(dir) }, err
	}
	if dir, err = filepath.Abs(k.Keep); err != nil {
		return "", nil, err
	}
	switch there, err := os.ReadDir(dir); {
	case err == nil && len(there) > 0 && exists(filepath.Join(dir, "github")):
		return "", nil, fmt.Errorf("--keep: %s contains an earlier demo, which cannot be resumed: remove the directory or name another one", dir)
	case err == nil && len(there) > 0:
		return "", nil, fmt.Errorf("--keep: %s is not empty: name a new directory", dir)
	}
	if err := mayWrite(dir); err != nil {
		return "", nil, fmt.Errorf("--keep: cannot write to the directory %s: %w. Name another one", dir, reason(err))
	}
	return dir, func() {}, nil
}

// startDemo makes the world, applies the sample, starts the server and opens two pulls.
func startDemo(ctx context.Context, dir, listen string, out io.Writer) (_ *demo, err error) {
	if err := git.Usable(ctx); err != nil {
		return nil, err
	}
	tools, err := previewTools()
	if err != nil {
		return nil, err
	}
	tool, err := findTool(ctx, tools, out)
	if err != nil {
		return nil, err
	}
	d := &demo{out: out, stop: func() error { return nil }}
	defer func() {
		if err != nil {
			err = firstError(err, d.stop())
		}
	}()
	sample := fmt.Sprintf("a monorepo of %d projects in %d environments", len(sampleEnvironments)*len(sampleComponents), len(sampleEnvironments))
	var config string
	for _, s := range []struct {
		doing, done string
		do          func() error
	}{
		{"starting a local GitHub", "a local GitHub with ada (author), rex (reviewer) and olga (outsider)",
			func() error { config, err = d.begin(dir, listen); return err }},
		{"applying " + sample + " with " + filepath.Base(tool), sample + ", applied with " + filepath.Base(tool),
			func() error { return d.seed(ctx, tool) }},
		{"starting the server", "the server", func() error { return d.serve(ctx, config) }},
		{"opening two pull requests", "two pull requests", func() error { return d.openPulls(ctx) }},
	} {
		if err := progress.During(out, s.doing, s.done, s.do); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// findTool finds terraform or tofu; where there is none, it says that it downloads one.
func findTool(ctx context.Context, tools terraform.Tools, out io.Writer) (tool string, err error) {
	if terraform.Installed(tools) {
		return terraform.Find(ctx, tools)
	}
	err = progress.During(out, "downloading Terraform: neither terraform nor tofu is on PATH", "Terraform, downloaded to "+tools.Dir, func() error {
		tool, err = terraform.Find(ctx, tools)
		return err
	})
	return tool, err
}

// begin starts the GitHub, with the App and the checks that its main branch requires.
func (d *demo) begin(dir, listen string) (config string, err error) {
	if d.world, err = newWorld(dir, listen, newLog(io.Discard), nil); err != nil {
		var net *net.OpError
		if errors.As(err, &net) {
			err = cannotListen("--listen", listen, err)
		}
		return "", err
	}
	d.stop = d.gh.Close
	if config, err = d.install("", appPermissions); err != nil {
		return "", err
	}
	if err := d.orderEnvironments(config); err != nil {
		return "", err
	}
	return config, d.gh.RequireChecks(d.repo, "main",
		[]localgithub.RequiredCheck{{Context: report.PlanCheck, AppID: d.app.ID}, {Context: report.ApplyCheck, AppID: d.app.ID}})
}

// orderEnvironments lets pages show the sample's environments in the order in which changes reach them.
func (d *demo) orderEnvironments(config string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	text = append(text, "repos:\n  - match: \"acme/*\"\n    environments:\n"...)
	for i, env := range sampleEnvironments {
		text = fmt.Appendf(text, "      %s: {order: %d}\n", env, i+1)
	}
	return os.WriteFile(config, text, 0o600)
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
		if err := progress.During(d.out, s.what, s.what, func() error { return s.do(ctx, d) }); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
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
