package localgithub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
)

func TestFaultAtTheNthCall(t *testing.T) {
	w := newWorld(t)
	f := w.Faults.Add(FaultRule{Method: "GET", Path: regexp.MustCompile(`^/repos/acme/infra$`), From: 2, Times: 2,
		Status: 503, Header: map[string]string{"Retry-After": "1"}})
	var got []int
	for range 4 {
		code, _ := w.as("ada", "GET", "/repos/acme/infra", "")
		got = append(got, code)
	}
	if diff := cmp.Diff([]int{200, 503, 503, 200}, got); diff != "" || f.Hits() != 2 {
		t.Errorf("answers (-want +got), %d hits:\n%s", f.Hits(), diff)
	}
}

// The world changes just before the second matching request is answered, which sees it.
func TestFaultDo(t *testing.T) {
	w := newWorld(t)
	w.openPull("x", map[string]string{"a": "1"})
	w.Faults.Add(FaultRule{
		Match: func(r *http.Request, _ []byte) bool {
			return r.Header.Get("Authorization") == "token "+w.tokens["ada"] && r.Method == "GET"
		}, From: 2,
		Do: func() { must(t, w.SetPermission("acme/infra", "ada", "none")) },
	})
	var got []int
	for range 3 {
		code, _ := w.as("ada", "GET", "/repos/acme/infra", "")
		got = append(got, code)
	}
	if diff := cmp.Diff([]int{200, 404, 404}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if n := w.Count(func(x Exchange) bool { return x.Faulted }); n != 0 {
		t.Errorf("%d requests count as gone wrong, want none", n)
	}
}

func TestFaultAfterEffect(t *testing.T) {
	w := newWorld(t)
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	post := func(ctx context.Context) error {
		req := must1(http.NewRequestWithContext(ctx, "POST", fmt.Sprintf("%s/repos/acme/infra/issues/%d/comments", w.APIURL(), n),
			strings.NewReader(`{"body":"hello"}`)))(t)
		req.Header.Set("Authorization", "token "+w.tokens["ada"])
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		return err
	}
	comments := regexp.MustCompile(`/comments$`)
	for _, tt := range []struct {
		name string
		rule FaultRule
		want int // comments that are there afterwards
	}{
		{"dropped before", FaultRule{Method: "POST", Path: comments, Drop: true}, 0},
		{"dropped after", FaultRule{Method: "POST", Path: comments, Drop: true, AfterEffect: true}, 1},
		{"silence after", FaultRule{Method: "POST", Path: comments, Hang: true, AfterEffect: true}, 2},
	} {
		w.Faults.Add(tt.rule)
		ctx, giveUp := context.WithCancel(t.Context())
		if tt.rule.Hang { // once it is there
			go func() {
				defer giveUp()
				for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
					if all, err := w.Comments("acme/infra", n); err != nil || len(all) >= tt.want {
						return
					}
				}
			}()
		}
		err := post(ctx)
		if giveUp(); err == nil {
			t.Errorf("%s: got an answer", tt.name)
		}
		if got := len(must1(w.Comments("acme/infra", n))(t)); got != tt.want {
			t.Errorf("%s: got %d comments, want %d", tt.name, got, tt.want)
		}
		w.Faults.Clear()
	}
}

// TestRateLimitShapes has the six shapes and what go-github v60 makes of each.
func TestRateLimitShapes(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		limit  Limit
		status int
		want   string
		wait   bool // Retry-After or reset is told
	}{
		{LimitPrimary403, 403, "*github.RateLimitError", true},
		{LimitPrimary429, 429, "*github.ErrorResponse", true},
		{LimitSecondary403, 403, "*github.AbuseRateLimitError", true},
		{LimitSecondary429, 429, "*github.ErrorResponse", true},
		{LimitSecondaryMessage, 403, "*github.ErrorResponse", true},
		{LimitSecondaryNoWait, 403, "*github.AbuseRateLimitError", false},
	} {
		w.Faults.Clear()
		w.Faults.Add(FaultRule{Path: regexp.MustCompile(`^/repos/acme/infra$`), Limit: tt.limit, Retry: 2 * time.Second})
		_, res, err := w.client("ada").Repositories.Get(w.ctx, "acme", "infra")
		if got := fmt.Sprintf("%T", err); got != tt.want || res.StatusCode != tt.status {
			t.Errorf("%s: got %d %s, want %d %s", tt.limit, res.StatusCode, got, tt.status, tt.want)
		}
		if told := res.Header.Get("Retry-After") != "" || res.Header.Get("X-RateLimit-Remaining") == "0"; told != tt.wait {
			t.Errorf("%s: tells when to come back: %v, want %v", tt.limit, told, tt.wait)
		}
		var abuse *github.AbuseRateLimitError
		if tt.limit == LimitSecondary403 && (!errors.As(err, &abuse) || abuse.GetRetryAfter() != 2*time.Second) {
			t.Errorf("%s: got wait %v", tt.limit, abuse.GetRetryAfter())
		}
	}
}

func TestGitFault(t *testing.T) {
	w := newWorld(t)
	f := w.Faults.Add(FaultRule{Path: regexp.MustCompile(`\.git/info/refs$`), Status: 500})
	if out, err := w.gitRun(w.dir, w.tokens["ada"], "fetch"); err == nil || f.Hits() != 1 {
		t.Errorf("fetch through a fault: got %v %s", err, out)
	}
	w.sh("fetch")
	w.commit("lost", map[string]string{"a": "1"})
	w.Faults.Add(FaultRule{Path: regexp.MustCompile(`/git-receive-pack$`), Drop: true, AfterEffect: true})
	if _, err := w.gitRun(w.dir, w.tokens["ada"], "push", "origin", "lost"); err == nil {
		t.Error("push without an answer succeeded")
	}
	if got := w.sh("ls-remote", "origin", "lost"); got == "" {
		t.Error("the push whose answer was lost had no effect")
	}
}

func TestExchanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "exchanges")
	t.Setenv("CARDEA_EXCHANGES", file)
	gh := must1(Start(Options{Dir: t.TempDir()}))(t)
	w := &world{Server: gh, t: t, tokens: map[string]string{"ada": must1(gh.CreateUser("ada"))(t).Token}}
	must1(gh.CreateRepo("acme", "open", RepoOptions{}))(t)
	w.as("ada", "GET", "/repos/acme/open/pulls?state=all", "")
	w.as("ada", "POST", "/repos/acme/open/issues/1/comments", `{"body":"x"}`)
	must(t, gh.Close())
	all := gh.Exchanges()
	got := []any{len(all), all[0].Path, all[0].Query, all[0].Actor, all[0].ActorKind, all[0].Status,
		string(all[0].ResponseBody), all[1].Status, string(all[1].RequestBody)}
	want := []any{2, "/repos/acme/open/pulls", "state=all", "ada", "user", 200, "[]\n", 404, `{"body":"x"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exchanges (-want +got):\n%s", diff)
	}
	if n := gh.Count(func(x Exchange) bool { return x.Method == "POST" }); n != 1 {
		t.Errorf("counted POSTs: got %d, want 1", n)
	}
	raw := must1(os.ReadFile(file))(t)
	if strings.Contains(string(raw), w.tokens["ada"]) {
		t.Error("the file holds a token")
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	var first map[string]any
	must(t, json.Unmarshal([]byte(lines[0]), &first))
	if len(lines) != 2 || first["path"] != "/repos/acme/open/pulls" || first["status"] != 200.0 {
		t.Errorf("file: got %d lines, first %v", len(lines), first)
	}
}
