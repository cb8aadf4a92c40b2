package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// person acts on the demo's GitHub as people do: over HTTP and git, with a token.
type person struct {
	login, token string
	web, api     string // base URLs
	repo         string // owner/name
	fork         string // where pushes go, if not to repo
	clone        string // the person's clone, made at the first push
}

// call sends one API request and decodes the answer into out (nil: not wanted).
func (p *person) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.api+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Accept", "application/vnd.github+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(data))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// openPull opens a pull from branch into main and returns its number.
func (p *person) openPull(ctx context.Context, branch, title, body string) (int, error) {
	var pull struct{ Number int }
	err := p.call(ctx, http.MethodPost, "/repos/"+p.repo+"/pulls",
		map[string]any{"title": title, "body": body, "head": branch, "base": "main"}, &pull)
	return pull.Number, err
}

// comment writes on a pull.
func (p *person) comment(ctx context.Context, pull int, text string) error {
	return p.call(ctx, http.MethodPost, fmt.Sprintf("/repos/%s/issues/%d/comments", p.repo, pull),
		map[string]any{"body": text}, nil)
}

// push commits files (path to content; "" deletes) on branch, which starts at
// main when it is new, and returns the commit's id.
func (p *person) push(ctx context.Context, branch, message string, files map[string]string) (string, error) {
	if _, err := os.Stat(p.clone); err != nil {
		if _, err := p.git(ctx, "", "clone", "--quiet", p.web+"/"+cmp.Or(p.fork, p.repo)+".git", p.clone); err != nil {
			return "", err
		}
	}
	if _, err := p.git(ctx, p.clone, "fetch", "--quiet", "origin"); err != nil {
		return "", err
	}
	start := []string{"checkout", "--quiet", "-B", branch}
	for _, from := range []string{"origin/" + branch, "origin/main"} {
		if _, err := p.git(ctx, p.clone, "rev-parse", "--verify", "--quiet", from); err == nil {
			start = append(start, "--no-track", from)
			break
		}
	}
	if _, err := p.git(ctx, p.clone, start...); err != nil {
		return "", err
	}
	if err := writeFiles(p.clone, files); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"add", "--all", "--force"},
		{"commit", "--quiet", "--allow-empty", "--message", message},
		{"push", "--quiet", "--force", "origin", branch}} {
		if _, err := p.git(ctx, p.clone, args...); err != nil {
			return "", err
		}
	}
	return p.git(ctx, p.clone, "rev-parse", "HEAD")
}

func writeFiles(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // no symlink of the tree leads a write out of it
	if err != nil {
		return err
	}
	defer root.Close()
	for name, text := range files {
		file := filepath.FromSlash(name)
		if info, err := root.Lstat(file); text == "" || err == nil && !info.Mode().IsRegular() { // a symlink is replaced, not followed
			if err := root.RemoveAll(file); err != nil {
				return err
			}
		}
		if text == "" {
			continue
		}
		if err := root.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// git runs git as this person, without the machine's configuration.
func (p *person) git(ctx context.Context, dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=" + p.login, "GIT_AUTHOR_EMAIL=" + p.login + "@example.com", "GIT_COMMITTER_NAME=" + p.login,
		"GIT_COMMITTER_EMAIL=" + p.login + "@example.com",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http." + p.web + "/.extraHeader",
		"GIT_CONFIG_VALUE_0=Authorization: Basic " + p.basic()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return strings.TrimSpace(string(out)), nil
}

// basic is the person's HTTP Basic credential.
func (p *person) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(p.login + ":" + p.token))
}
