package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cardea-iac/cardea/internal/localgithub"
)

// What people and GitHub do in the stories.

func (s *story) person(login string) (*person, error) {
	switch login {
	case "ada":
		return s.author, nil
	case "rex":
		return s.reviewer, nil
	case "olga":
		return s.outsider, nil
	}
	for _, p := range s.others {
		if p.login == login {
			return p, nil
		}
	}
	return nil, fmt.Errorf("nobody is called %q", login)
}

// push WHO BRANCH DIR [MESSAGE]: commits what DIR holds over the branch. "$STATE" in
// files is the directory of states; a file with the one line "DELETE" is
// deleted; "LINK target" makes a symlink.
func (s *story) cmdPush(ts *testscript.TestScript, args []string) error {
	who, err := s.person(args[0])
	if err != nil {
		return err
	}
	files := map[string]string{}
	root := ts.MkAbs(args[2])
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		text := strings.NewReplacer("$ARCHIVES", ts.Getenv("ARCHIVES"), "$STATESERVER", ts.Getenv("STATESERVER"),
			"$LOCALHOST", ts.Getenv("LOCALHOST"), "$REGISTRY", ts.Getenv("REGISTRY"),
			"$STATE", ts.Getenv("STATE"), "$GITHUB_HOST", ts.Getenv("GITHUB_HOST"), "$MODULES_COMMIT", ts.Getenv("MODULES_COMMIT"),
			"$SSHD", ts.Getenv("SSHD"), "$SSH_COMMIT", ts.Getenv("SSH_COMMIT")).Replace(string(data))
		text = strings.NewReplacer(`\u001b`, "\x1b", `\u0007`, "\a", `\u202e`, "\u202e").Replace(text)
		if strings.TrimSpace(text) == "DELETE" {
			text = ""
		}
		if target, ok := strings.CutPrefix(strings.TrimSpace(text), "LINK "); ok {
			return who.link(rel, target)
		}
		files[rel] = text
		return nil
	})
	if err != nil {
		return err
	}
	message := "Change " + args[1]
	if len(args) > 3 {
		message = args[3]
	}
	sha, err := who.push(context.Background(), args[1], message, files)
	ts.Setenv("SHA", sha)
	return err
}

// link makes a symlink in the person's clone, for the next push on the branch that is checked out.
func (p *person) link(name, target string) error {
	file := filepath.Join(p.clone, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	_ = os.Remove(file)
	return os.Symlink(target, file)
}

// TestWriteFilesFollowsNoLink: a file that takes the place of a symlink is written there, and what that led to stays as it was.
func TestWriteFilesFollowsNoLink(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	for name, text := range map[string]string{"written": "new", "deleted": ""} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(outside, []byte("old"), 0o600), os.Symlink(outside, file), writeFiles(dir, map[string]string{name: text})); err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(file)
		if kept, err := os.ReadFile(outside); string(kept) != "old" || string(got) != text {
			t.Errorf("%s: got %q, and what the symlink led to is %q, %v", name, got, kept, err)
		}
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	err := writeFiles(dir, map[string]string{"away/outside": "new"})
	if kept, e := os.ReadFile(outside); err == nil || string(kept) != "old" {
		t.Errorf("below a symlink: error %v, and what it led to is %q, %v", err, kept, e)
	}
}

// applied DIR...: what somebody applied by hand, in ada's clone of what was pushed last.
func (s *story) cmdApplied(_ *testscript.TestScript, args []string) error {
	for _, dir := range args {
		if err := s.apply(context.Background(), "terraform", filepath.Join(s.author.clone, dir)); err != nil {
			return err
		}
	}
	return nil
}

// open WHO BRANCH TITLE: opens a pull and sets $PULL.
func (s *story) cmdOpen(ts *testscript.TestScript, args []string) error {
	who, err := s.person(args[0])
	if err != nil {
		return err
	}
	s.pull, err = who.openPull(context.Background(), args[1], args[2], "")
	ts.Setenv("PULL", strconv.Itoa(s.pull))
	return err
}

// comment WHO TEXT [PULL]: "\n" in TEXT is a new line.
func (s *story) cmdComment(_ *testscript.TestScript, args []string) error {
	who, err := s.person(args[0])
	if err != nil {
		return err
	}
	pull := s.pull
	if len(args) > 2 {
		if pull, err = strconv.Atoi(args[2]); err != nil {
			return err
		}
	}
	return who.comment(context.Background(), pull, strings.ReplaceAll(args[1], `\n`, "\n"))
}

// gh WORD ...: what only GitHub itself or an admin can do.
func (s *story) cmdGH(ts *testscript.TestScript, args []string) error {
	if known, err := s.ghApply(ts, args); known {
		return err
	}
	switch args[0] {
	case "role": // gh role WHO ROLE
		return s.gh.SetPermission(s.repo, args[1], args[2])
	case "draft": // gh draft WHO true|false
		return s.gh.SetDraft(s.repo, s.pull, args[1], args[2] == "true")
	case "state": // gh state WHO closed|open
		return s.gh.SetPullState(s.repo, s.pull, args[1], args[2])
	case "base": // gh base WHO BRANCH
		return s.gh.SetBase(s.repo, s.pull, args[1], args[2])
	case "require": // gh require CHECK...: required checks of main, ours from the App, others from anybody
		var checks []localgithub.RequiredCheck
		for _, name := range args[1:] {
			check := localgithub.RequiredCheck{Context: name}
			if strings.HasPrefix(name, "cardea/") {
				check.AppID = s.app.ID
			}
			checks = append(checks, check)
		}
		return s.gh.RequireChecks(s.repo, "main", checks)
	case "merge": // gh merge WHO
		_, err := s.gh.Merge(s.repo, s.pull, args[1], "")
		return err
	case "hold":
		s.gh.HoldDeliveries()
	case "release":
		s.gh.ReleaseDeliveries(len(args) > 1 && args[1] == "backwards")
	case "lose":
		s.gh.LoseDeliveries()
	case "duplicate":
		s.gh.SetDelivery(localgithub.DeliveryOptions{Duplicate: true})
	case "press", "rerun": // gh press WHO CHECK IDENTIFIER, gh rerun WHO CHECK
		return s.press(args)
	case "fork": // gh fork WHO: their pushes go to the fork from now on
		who, err := s.person(args[1])
		if err != nil {
			return err
		}
		fork, err := s.gh.Fork(s.repo, args[1])
		who.fork = fork.FullName
		return err
	default:
		return fmt.Errorf("unknown: gh %s", args[0])
	}
	return nil
}

// press waits until the button is there, or the check can be run again: until the
// server has shown the end of what it does, GitHub refuses.
func (s *story) press(args []string) error {
	return s.poll(strings.Join(args, " "), func() (string, bool) {
		run, err := s.checkRun(args[2])
		switch {
		case err != nil:
		case args[0] == "press":
			err = s.gh.PressButton(args[1], run.ID, args[3])
		default:
			err = s.gh.Rerequest(args[1], run.ID)
		}
		return fmt.Sprint(err), err == nil
	})
}

// ended CODE: waits until the server ends by itself with that exit code; the log is the standard output.
func (s *story) cmdEnded(ts *testscript.TestScript, args []string) error {
	select {
	case <-s.server.done:
	case <-time.After(patience):
		return errors.New("the server did not end")
	}
	if code := strconv.Itoa(s.server.cmd.ProcessState.ExitCode()); code != args[0] {
		return fmt.Errorf("the server ended with %s\n%s", code, s.serverLog())
	}
	s.server = nil
	fmt.Fprintln(ts.Stdout(), s.serverLog())
	return nil
}
