package localgithub

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestGitAccess is the matrix of tokens and what they may clone and push.
func TestGitAccess(t *testing.T) {
	w := newWorld(t)
	open := must1(w.CreateRepo("acme", "open", RepoOptions{}))(t)
	other := must1(w.CreateRepo("acme", "other", RepoOptions{Private: true}))(t)
	must(t, w.SetPermission("acme/open", "ada", "write"))
	expired := w.installationToken(`{}`)
	w.later(2 * time.Hour)
	_, body := w.doApp("POST", "/app/installations/"+itoa(w.inst)+"/access_tokens", `{"permissions":{"contents":"read"}}`)
	reader := body["token"].(string)
	_, body = w.doApp("POST", "/app/installations/"+itoa(w.inst)+"/access_tokens", `{"permissions":{"checks":"write"}}`)
	blind := body["token"].(string)
	_, body = w.doApp("POST", "/app/installations/"+itoa(w.inst)+"/access_tokens", `{}`)
	full := body["token"].(string)
	for _, tt := range []struct {
		name, token, url string
		push             bool
		want             string // part of git's complaint, "" when it works
	}{
		{"nobody, private", "", w.repo.CloneURL, false, "Authentication failed"},
		{"nobody, public", "", open.CloneURL, false, ""},
		{"nobody pushes", "", open.CloneURL, true, "Authentication failed"},
		{"writer", w.tokens["ada"], w.repo.CloneURL, false, ""},
		{"writer pushes", w.tokens["ada"], w.repo.CloneURL, true, ""},
		{"outsider, private", w.tokens["joe"], w.repo.CloneURL, false, "not found"},
		{"outsider pushes to public", w.tokens["joe"], open.CloneURL, true, "403"},
		{"installation", reader, w.repo.CloneURL, false, ""},
		{"installation without .git", reader, strings.TrimSuffix(w.repo.CloneURL, ".git"), false, ""},
		{"installation with contents: read pushes", reader, w.repo.CloneURL, true, "403"},
		{"installation with contents: write pushes", full, w.repo.CloneURL, true, ""},
		{"installation without contents", blind, w.repo.CloneURL, false, "not found"},
		{"repository outside the installation", reader, other.CloneURL, false, "not found"},
		{"expired token", expired, w.repo.CloneURL, false, "Authentication failed"},
		{"no such repository", reader, w.URL() + "/acme/nosuch.git", false, "not found"},
	} {
		args := []string{"ls-remote", tt.url}
		if tt.push {
			args = []string{"push", tt.url, "HEAD:refs/heads/pushed"}
			w.commit("pushed", map[string]string{"n": tt.name})
		}
		out, err := w.gitRun(w.dir, tt.token, args...)
		if (err == nil) != (tt.want == "") || !strings.Contains(out, tt.want) {
			t.Errorf("%s: got %v %q, want %q", tt.name, err, out, tt.want)
		}
	}
}

func itoa(n int64) string { return string(mustJSON(n)) }

// TestGitProtocol: any commit by its SHA, partial clones, and pushes that are too large to have a Content-Length.
func TestGitProtocol(t *testing.T) {
	w := newWorld(t)
	n, first := w.openPull("x", map[string]string{"a": "1"})
	w.sh("commit", "-q", "--amend", "-m", "other")
	w.push("+x")
	dir := filepath.Join(t.TempDir(), "fresh")
	run := func(args ...string) string {
		t.Helper()
		out, err := w.gitRun(dir, w.installationToken(`{}`), args...)
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return out
	}
	must(t, os.Mkdir(dir, 0o755))
	run("init", "-q")
	run("remote", "add", "origin", w.repo.CloneURL)
	run("fetch", "-q", "origin", first) // no branch has it any more
	run("fetch", "-q", "origin", "refs/pull/1/head")
	if got, want := run("rev-parse", "FETCH_HEAD"), must1(w.Pull("acme/infra", n))(t).HeadSHA; got != want {
		t.Errorf("refs/pull/1/head: got %s, want %s", got, want)
	}
	must(t, w.SetPullRef("acme/infra", 1, first))
	run("fetch", "-q", "origin", "refs/pull/1/head")
	if got := run("rev-parse", "FETCH_HEAD"); got != first {
		t.Errorf("refs/pull/1/head while GitHub lags: got %s, want %s", got, first)
	}
	partial := filepath.Join(t.TempDir(), "partial")
	run("clone", "-q", "--filter=blob:none", "--no-checkout", w.repo.CloneURL, partial)
	if got, err := w.gitRun(partial, "", "rev-list", "--objects", "--all", "--missing=print"); err != nil ||
		!strings.Contains(got, "?") {
		t.Errorf("partial clone: got %v %q, want missing objects", err, got)
	}
	noise := make([]byte, 300_000)
	_, _ = rand.Read(noise) // never fails
	big := w.commit("big", map[string]string{"noise": string(noise)})
	w.sh("-c", "http.postBuffer=65536", "push", "-q", "origin", "big")
	if got := w.sh("ls-remote", "origin", "big"); !strings.HasPrefix(got, big) {
		t.Errorf("big push: got %q, want %s", got, big)
	}
}

func TestContentsAndCommits(t *testing.T) {
	w := newWorld(t)
	w.openPull("topic/x", map[string]string{"prod/main.tf": "a\nX\nc\n"})
	gh := w.client("cardea")
	file, _, _, err := gh.Repositories.GetContents(w.ctx, "acme", "infra", "prod/main.tf", nil)
	must(t, err)
	if got, err := file.GetContent(); err != nil || got != "a\nb\nc\n" {
		t.Errorf("contents: got %q %v", got, err)
	}
	_, dir, _, err := gh.Repositories.GetContents(w.ctx, "acme", "infra", "prod", nil)
	must(t, err)
	if len(dir) != 1 || dir[0].GetPath() != "prod/main.tf" || dir[0].GetType() != "file" {
		t.Errorf("directory: got %v", dir)
	}
	if _, _, res, err := gh.Repositories.GetContents(w.ctx, "acme", "infra", "nosuch", nil); err == nil ||
		res.StatusCode != 404 {
		t.Errorf("no file: got %v", err)
	}
	cmp, _, err := gh.Repositories.CompareCommits(w.ctx, "acme", "infra", "main", "topic/x", nil)
	must(t, err)
	if cmp.GetStatus() != "ahead" || cmp.GetAheadBy() != 1 || len(cmp.Files) != 1 {
		t.Errorf("compare: got %s, %d ahead, %d files", cmp.GetStatus(), cmp.GetAheadBy(), len(cmp.Files))
	}
	b, _, err := gh.Repositories.GetBranch(w.ctx, "acme", "infra", "topic/x", 0)
	must(t, err)
	c, _, err := gh.Repositories.GetCommit(w.ctx, "acme", "infra", b.GetCommit().GetSHA(), nil)
	must(t, err)
	if c.GetCommit().GetMessage() != "change" || len(c.Parents) != 1 {
		t.Errorf("commit: got %v", c)
	}
}
