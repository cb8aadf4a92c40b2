package credential

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/run"
	"github.com/cardea-iac/cardea/workflow/secret"
)

// execTimeout is how long a program of `exec` may take when the entry does not say.
const execTimeout = 30 * time.Second

// What a program may print.
const (
	maxPrinted = 1 << 20
	maxSaid    = 16 << 10
)

// command reads a program and its arguments. No shell sees them.
func (r Reader) command(y *config.Value) []string {
	var argv []string
	before := len(r.Faults.List())
	y.List(func(v *config.Value) {
		var s string
		if v.Number(&s); strings.ContainsRune(s, 0) {
			v.Fault("`%s` has a NUL character, which is not allowed in an argument", v.Path())
			return
		}
		argv = append(argv, s)
	})
	switch {
	case len(r.Faults.List()) > before:
		return nil
	case len(argv) == 0 || argv[0] == "":
		y.Fault("`%s` must be a program and its arguments: [vault, read, ...]", y.Path())
		return nil
	}
	if strings.Contains(argv[0], "/") {
		argv[0] = r.abs(argv[0])
	}
	return argv
}

// fromServer are the variables of the server that a program gets besides those of pass_env.
func fromServer(name string) bool {
	switch strings.ToUpper(name) {
	case "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY":
		return true
	}
	return slices.Contains([]string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"}, name) || strings.HasPrefix(name, "LC_")
}

// repeats reports whether a program only prints its own environment with this: what it was given, and
// what it or its shell changed of that and a run would not take.
func (c Entry) repeats(name, value string, given map[string]string) bool {
	was, had := given[name]
	return had && (was == value || c.nameFault(name) != "") || slices.Contains([]string{"PWD", "OLDPWD", "SHLVL", "_"}, name)
}

// execute runs the entry's program and reads the variables that it prints.
func (c Entry) execute(ctx context.Context, environ []string, passed, known map[string]string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.ExecTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Exec[0], c.Exec[1:]...)
	given := map[string]string{"HOME": HomeIn(environ)}
	for _, kv := range environ {
		if name, value, _ := strings.Cut(kv, "="); fromServer(name) && value != "" {
			given[name] = value
		}
	}
	maps.Copy(given, passed)
	cmd.Dir, cmd.Env = c.dir, []string{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		cmd.Env = append(cmd.Env, name+"="+given[name])
	}
	out, said := &bounded{most: maxPrinted}, &bounded{most: maxSaid}
	cmd.Stdout, cmd.Stderr = out, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it starts ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // nobody is left, as a rule
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("it did not end within %s", phrase.InWords(c.ExecTime))
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case out.cut:
		err = errors.New("it printed more than 1 MB")
	case errors.Is(err, exec.ErrWaitDelay):
		err = nil // it ended well, and left something behind that holds its output
	}
	env := map[string]string{}
	if err == nil {
		if err = c.readPrinted(string(out.kept), given, env); err == nil {
			return env, nil
		}
	}
	sentence := fmt.Sprintf("`%s` failed: %v.", c.Exec[0], err)
	if words := redacted(string(said.kept), string(out.kept), known); words != "" {
		sentence += " It said: " + words
	}
	return nil, told{sentence, errors.New(sentence)}
}

// readPrinted reads what a program printed: lines as in a file of variables, or what `env -0` prints,
// where a value may have several lines. What repeats the program's own environment is left out.
func (c Entry) readPrinted(text string, given, into map[string]string) error {
	if strings.ContainsRune(text, 0) {
		for i, item := range strings.Split(strings.TrimRight(text, "\x00\n"), "\x00") {
			name, value, ok := strings.Cut(item, "=")
			switch {
			case !ok || !variablePattern.MatchString(name):
				return fmt.Errorf("item %d of its output is not NAME=value", i+1)
			case c.repeats(name, value, given):
			case NameFault(c.kinds, name) != "":
				return errors.New("its output has " + NameFault(c.kinds, name))
			default:
				into[name] = value
			}
		}
		return nil
	}
	kept := []string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok && c.repeats(name, value, given) {
			line = "\n" // the numbers of the other lines stay
		}
		kept = append(kept, line)
	}
	if err := ReadVariables(c.kinds, strings.Join(kept, ""), into); err != nil {
		return fmt.Errorf("its output: %w", err)
	}
	return nil
}

// redacted is the end of what a program said on stderr, without what it printed and what else its entry gives.
func redacted(said, printed string, known map[string]string) string {
	values, _ := secret.InFile([]byte(printed), false)
	for line := range strings.FieldsFuncSeq(printed, func(r rune) bool { return r == '\n' || r == 0 }) {
		_, value, _ := strings.Cut(line, "=")
		values = append(values, line, value, secret.Unquoted(strings.TrimSpace(value)))
	}
	words := strings.Join(strings.Fields(phrase.OnlyText(run.Secrets{Env: known, Redact: values}.Hide(said))), " ")
	if most := 300; len(words) > most {
		words = "… " + strings.ToValidUTF8(words[len(words)-most:], "")
	}
	return words
}

// bounded keeps the beginning of what is written.
type bounded struct {
	kept []byte
	most int
	cut  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	keep := p[:min(len(p), b.most-len(b.kept))]
	b.cut = b.cut || len(keep) < len(p)
	b.kept = append(b.kept, keep...)
	return len(p), nil
}
