// Command cardea plans, gates and applies infrastructure from pull requests.
//
// This directory only wires: each subcommand has a short file that reads its
// flags and configuration, puts the rooms together, and turns the outcome into
// an exit code. What the rooms are is in docs/architecture.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/cardea-iac/cardea/templates/markdown"
)

// cli has every subcommand with its flags; the texts are what --help shows.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run the server: it receives webhooks, plans, applies and reports."`
	Demo    demoCmd    `cmd:"" help:"Try everything on this machine with a local GitHub: no account, no network."`
	Preview previewCmd `cmd:"" help:"In any git clone, show which projects a change affects, why, and their plans."`
	Config  struct {
		Check configCheckCmd `cmd:"" help:"Check cardea.yml or .cardea.yml: every error at once, with line and column."`
	} `cmd:"" help:"Check configuration files."`
	History historyCmd       `cmd:"" help:"Export who requested, approved, applied or was refused what, as JSON lines."`
	Version versionCmd       `cmd:"" help:"Print the version, commit, Go version and the tools found."`
	Git     gitCredentialCmd `cmd:"" name:"git-credential" hidden:"" help:"Log in for a module (started by git)."`
	Runner  runnerCmd        `cmd:"" hidden:"" help:"Carry out one run (started by the server and by preview)."`

	Shown versionFlag `name:"version" help:"Print the version and the tools found."`
}

// console is where a subcommand reads and writes; tests give their own.
type console struct {
	out, err io.Writer
}

// cleaned writes words of others, such as names of files, without the codes that a terminal obeys. Each write is whole.
type cleaned struct{ io.Writer }

func (c cleaned) Write(text []byte) (int, error) {
	if _, err := c.Writer.Write([]byte(markdown.Clean(string(text)))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// exitCode is an error that asks for an exit status without a message of its own.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() { os.Exit(execute(os.Args[1:], console{out: os.Stdout, err: os.Stderr})) }

// execute carries out one command line and returns the exit status: 0, 1 for any
// fault, or what the subcommand defines (preview: 2 for changes).
func execute(args []string, c console) int {
	var flags cli
	status := -1
	usage := c.out
	if len(args) == 0 {
		usage = c.err // nothing was asked for, so nothing is done
	}
	parser, err := kong.New(&flags, kong.Name("cardea"), kong.Description(about), kong.Bind(&c),
		kong.Writers(usage, c.err), kong.Exit(func(code int) { status = code }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(c.err, "cardea:", err)
		return 1
	}
	parser.Model.HelpFlag.Help = "Show this help."
	switch asked, fault := commandOf(args, parser.Model.Node); {
	case fault != "":
		fmt.Fprintf(c.err, "cardea: %s\n", fault)
		return 1
	default:
		args = asked
	}
	parsed, err := parser.Parse(args)
	if status >= 0 { // --help, --version
		if usage == c.err {
			return 1
		}
		return status
	}
	if err != nil {
		fmt.Fprintf(c.err, "cardea: %s\n", usageFault(commandIn(args, parser.Model.Node), err))
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends us at once, as it does any program
	ctx, letGo := untilHungUp(ctx)
	defer letGo()
	out := watch(&c)
	if parsed.Command() != "serve" { // which nobody reads but for its first line
		out.outliveReader()
	}
	err = out.fault(parsed.Run(&c, &flags, bind{ctx}))
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err = errors.New("interrupted")
	}
	fmt.Fprintln(cleaned{c.err}, "cardea:", err)
	return 1
}

// bind carries the context through kong, which binds by concrete type.
type bind struct{ context.Context }
