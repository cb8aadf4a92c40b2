package localgithub

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
)

func TestDeliveryHeaders(t *testing.T) {
	w := newWorld(t)
	w.openPull("x", map[string]string{"a": "1"})
	got := w.events("pull_request")[0]
	sign := func(f func() hash.Hash) string {
		m := hmac.New(f, []byte("secret"))
		m.Write(got.raw)
		return hex.EncodeToString(m.Sum(nil))
	}
	want := map[string]string{
		"Content-Type": "application/json", "X-Github-Event": "pull_request", "X-Github-Delivery": got.guid, "X-Github-Hook-Installation-Target-Id": fmt.Sprint(w.app.ID),
		"X-Github-Hook-Installation-Target-Type": "integration", "X-Hub-Signature": "sha1=" + sign(sha1.New), "X-Hub-Signature-256": "sha256=" + sign(sha256.New),
	}
	for k, v := range want {
		if got.header.Get(k) != v {
			t.Errorf("%s: got %q, want %q", k, got.header.Get(k), v)
		}
	}
	if in := got.body["installation"].(map[string]any); in["id"] != float64(w.inst) {
		t.Errorf("installation: got %v", in)
	}
}

func TestFailedDeliveriesAreNotRetried(t *testing.T) {
	w := newWorld(t)
	w.events("ping") // all before are answered
	w.hook.status = 500
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	w.events("")
	w.hook.status = 202
	must1(w.Comment("acme/infra", n, "ada", "hello"))(t)
	if got := len(w.events("pull_request")); got != 1 {
		t.Errorf("attempts of a failed delivery: got %d, want 1", got)
	}
	gh := w.client("app")
	list, _, err := gh.Apps.ListHookDeliveries(w.ctx, nil)
	must(t, err)
	var failed []*github.HookDelivery
	for _, d := range list {
		if d.GetStatusCode() != 202 {
			failed = append(failed, d)
		}
	}
	i := slices.IndexFunc(failed, func(d *github.HookDelivery) bool { return d.GetEvent() == "pull_request" })
	if i < 0 || failed[i].GetStatusCode() != 500 || failed[i].GetAction() != "opened" ||
		failed[i].GetRepositoryID() != w.repo.ID {
		t.Fatalf("log: got %v", failed)
	}
	d, _, err := gh.Apps.GetHookDelivery(w.ctx, failed[i].GetID())
	must(t, err)
	if sent := w.events("pull_request")[0]; d.GetGUID() != sent.guid ||
		string(d.Request.GetRawPayload()) != string(sent.raw) {
		t.Errorf("logged delivery: got GUID %s and %d bytes, want %s and %d", d.GetGUID(),
			len(d.Request.GetRawPayload()), sent.guid, len(sent.raw))
	}
	if _, _, err := gh.Apps.RedeliverHookDelivery(w.ctx, d.GetID()); err == nil ||
		!strings.Contains(err.Error(), "scheduled on GitHub side") {
		t.Errorf("redelivery: got %v, want go-github's AcceptedError of a 202", err)
	}
	all := w.events("pull_request")
	if len(all) != 2 || all[0].guid != all[1].guid ||
		all[0].header.Get("X-Hub-Signature-256") != all[1].header.Get("X-Hub-Signature-256") {
		t.Errorf("redelivered: got %d attempts, GUIDs %v", len(all), all)
	}
	list, _, err = gh.Apps.ListHookDeliveries(w.ctx, &github.ListCursorOptions{PerPage: 1})
	must(t, err)
	if !list[0].GetRedelivery() || list[0].GetID() == d.GetID() || list[0].GetGUID() != d.GetGUID() {
		t.Errorf("newest of the log: got %v, want the redelivery under a new id", list[0])
	}
}

func TestDeliveryLogPages(t *testing.T) {
	w := newWorld(t)
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	for i := range 7 {
		must1(w.Comment("acme/infra", n, "ada", fmt.Sprint(i)))(t)
	}
	w.events("")
	gh := w.client("app")
	var ids []int64
	opts := &github.ListCursorOptions{PerPage: 4}
	for {
		list, res, err := gh.Apps.ListHookDeliveries(w.ctx, opts)
		must(t, err)
		for _, d := range list {
			ids = append(ids, d.GetID())
		}
		if res.Cursor == "" {
			break
		}
		opts.Cursor = res.Cursor
	}
	if want := len(w.Deliveries()); len(ids) != want || !slices.IsSortedFunc(ids, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("paged log: got %d %v, want %d, newest first", len(ids), ids, want)
	}
}

func TestDeliveryOrderAndLoss(t *testing.T) {
	w := newWorld(t)
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	say := func(texts ...string) {
		for _, x := range texts {
			must1(w.Comment("acme/infra", n, "ada", x))(t)
		}
	}
	heard := func() string {
		var out []string
		for _, x := range w.events("issue_comment") {
			out = append(out, x.body["comment"].(map[string]any)["body"].(string))
		}
		return strings.Join(out, " ")
	}
	w.events("")
	w.HoldDeliveries()
	say("1", "2", "3")
	if got := heard(); got != "" {
		t.Errorf("while held: got %q", got)
	}
	w.ReleaseDeliveries(true)
	if got := heard(); got != "3 2 1" {
		t.Errorf("released backwards: got %q", got)
	}
	w.HoldDeliveries()
	say("lost")
	w.LoseDeliveries()
	w.ReleaseDeliveries(false)
	say("4")
	if got := heard(); got != "3 2 1 4" {
		t.Errorf("after a loss: got %q", got)
	}
	w.SetDelivery(DeliveryOptions{Duplicate: true})
	say("5")
	if got := heard(); got != "3 2 1 4 5 5" {
		t.Errorf("duplicated: got %q", got)
	}
	w.SetDelivery(DeliveryOptions{Parallel: 8, Shuffle: true})
	w.HoldDeliveries()
	for range 50 {
		say("x")
	}
	w.ReleaseDeliveries(false)
	if got := strings.Count(heard(), "x"); got != 50 {
		t.Errorf("shuffled: got %d of 50", got)
	}
}

func TestDeliveryTimeout(t *testing.T) {
	gone := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-gone }))
	defer slow.Close()
	defer close(gone)
	for url, want := range map[string]struct {
		limit  time.Duration
		status string
	}{slow.URL: {50 * time.Millisecond, "504 timed out"}, "http://127.0.0.1:1/": {time.Minute, "502 failed to connect to host"}} {
		gh := must1(Start(Options{Dir: t.TempDir(), HookTimeout: want.limit}))(t)
		defer func() { must(t, gh.Close()) }()
		must1(gh.CreateApp(App{Slug: "slow", WebhookURL: url, WebhookSecret: "s"}))(t)
		must(t, gh.Idle(t.Context()))
		must(t, gh.Redeliver(gh.Deliveries()[0].ID))
		must(t, gh.Idle(t.Context()))
		var got []string
		for _, d := range gh.Deliveries() {
			got = append(got, fmt.Sprint(d.StatusCode, " ", d.Status))
		}
		if diff := cmp.Diff([]string{want.status, want.status}, got); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
	}
}

func TestSendRaw(t *testing.T) {
	w := newWorld(t)
	code, err := w.SendRaw(RawDelivery{AppID: w.app.ID, Event: "zzz", GUID: "g", Payload: []byte(`{}`),
		Headers: map[string]string{"X-Hub-Signature-256": ""}})
	must(t, err)
	got := w.events("zzz")
	if code != 202 || len(got) != 1 || got[0].guid != "g" || got[0].header.Get("X-Hub-Signature-256") != "" ||
		got[0].header.Get("X-Hub-Signature") == "" {
		t.Errorf("raw delivery: got %d %v", code, got)
	}
}

// TestManyWebhooks shows that 600 events are made and delivered once each.
func TestManyWebhooks(t *testing.T) {
	w := newWorld(t)
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	w.SetDelivery(DeliveryOptions{Parallel: 8})
	start := time.Now()
	for i := range 600 {
		must1(w.Comment("acme/infra", n, "ada", fmt.Sprint(i)))(t)
	}
	seen := map[string]bool{}
	for _, x := range w.events("issue_comment") {
		seen[x.guid] = true
	}
	if len(seen) != 600 {
		t.Errorf("got %d, want 600", len(seen))
	}
	t.Logf("%.0f webhooks a second", 600/time.Since(start).Seconds())
}

func TestIssueEventsNeedSubscription(t *testing.T) {
	w := newWorld(t)
	other := newReceiver(t)
	deaf := must1(w.CreateApp(App{Slug: "deaf", WebhookURL: other.URL, WebhookSecret: "s",
		Permissions: map[string]string{"checks": "write"}}))(t)
	must1(w.Install(deaf.ID, "acme"))(t)
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	must1(w.Comment("acme/infra", n, "ada", "hello"))(t)
	w.events("")
	other.mu.Lock()
	defer other.mu.Unlock()
	var got []string
	for _, x := range other.got {
		got = append(got, x.event)
	}
	if diff := cmp.Diff([]string{"ping", "installation", "check_suite"}, got); diff != "" {
		t.Errorf("events of an App that subscribes to none (-want +got):\n%s", diff)
	}
}
