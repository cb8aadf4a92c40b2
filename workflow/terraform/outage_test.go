package terraform

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestOutages: what could not be used is named by its host and nothing more, with the reason, whatever the
// library that says it.
func TestOutages(t *testing.T) {
	t.Parallel()
	const get = `could not connect to registry.terraform.io: failed to request discovery document: Get "https://registry.terraform.io/.well-known/terraform.json": `
	for said, want := range map[string]string{
		get + "dial tcp: lookup registry.terraform.io on 10.0.0.1:53: no such host":                                                  "X could not reach `registry.terraform.io` (its name could not be looked up).",
		get + "dial tcp: lookup registry.terraform.io: no such host":                                                                 "X could not reach `registry.terraform.io` (its name could not be looked up).",
		get + "dial tcp: lookup registry.terraform.io on 10.0.0.1:53: read udp 10.0.0.9:53->10.0.0.1:53: i/o timeout":                "X could not reach `registry.terraform.io` (its name could not be looked up).",
		get + "dial tcp 1.2.3.4:443: connect: network is unreachable":                                                                "X could not reach `registry.terraform.io` (the network is unreachable).",
		get + "dial tcp 1.2.3.4:443: connect: no route to host":                                                                      "X could not reach `registry.terraform.io` (there is no route to it).",
		get + "net/http: TLS handshake\ntimeout":                                                                                     "X got no answer from `registry.terraform.io` in time.",
		get + "dial tcp 1.2.3.4:443: i/o timeout":                                                                                    "X got no answer from `registry.terraform.io` in time.",
		get + "context deadline exceeded (Client.Timeout exceeded while awaiting headers)":                                           "X got no answer from `registry.terraform.io` in time.",
		get + "proxyconnect tcp: dial tcp 10.0.0.2:3128: connect: connection refused":                                                "X could not reach the proxy `10.0.0.2:3128` (the connection was refused).",
		get + "proxyconnect tcp: dial tcp: lookup proxy.corp on 10.0.0.1:53: server misbehaving":                                     "X could not reach the proxy `proxy.corp` (its name could not be looked up).",
		"could not connect to registry.example.com:8443: failed to request discovery document: 403 Forbidden":                        "X could not reach `registry.example.com:8443`.",
		"failed to request discovery document: 401 Unauthorized":                                                                     "X could not reach a service that it needs.",
		`see https://docs.example for more. Post "https://u:canary@sts.amazonaws.com/?token=canary": read: connection reset by peer`: "X lost its connection to `sts.amazonaws.com`.",
		`Get "https://r.example/v1": unexpected EOF. See https://docs.example for more.`:                                             "X lost its connection to `r.example`.",
		"read tcp 10.0.0.9:1234->52.1.1.1:443: read: connection reset by peer":                                                       "X lost its connection to `52.1.1.1:443`.",
		"dial tcp [2001:db8::1]:443: connect: connection refused":                                                                    "X could not reach `[2001:db8::1]:443` (the connection was refused).",
		"ssh: connect to host git.example port 22: Connection refused":                                                               "X could not reach `git.example` (the connection was refused).",
		"ssh: Could not resolve hostname git.example: Temporary failure in name resolution":                                          "X could not reach `git.example` (its name could not be looked up).",
		"fatal: unable to access 'https://canary:canary@git.example/a.git/': Could not resolve host: git.example":                    "X could not reach `git.example` (its name could not be looked up).",
		"https response error StatusCode: 503, Service Unavailable: 503 Service Unavailable":                                         "X got an error from a service that it needs (503 Service Unavailable).",
		`Get "https://m.example/a": 502 Bad Gateway`:                                                                                 "X got an error from `m.example` (502 Bad Gateway).",
		`Get "https://m.example/a": 504 Gateway Timeout`:                                                                             "X got an error from `m.example` (504 Gateway Timeout).",
		`Get "https://m.example/a": 429 Too Many Requests`:                                                                           "X made too many requests to `m.example`.",
		"SlowDown: Please reduce your request rate":                                                                                  "X made too many requests to a service that it needs.",
		"api error ThrottlingException: Rate exceeded":                                                                               "X made too many requests to a service that it needs.",
		"api error RequestLimitExceeded":                                                                                             "X made too many requests to a service that it needs.",
		`Get "https://` + strings.Repeat("canary", 100) + `/": connection refused`:                                                   "X could not reach a service that it needs (the connection was refused).",
		`Get "https://can*ry` + "`" + `/": connection refused`:                                                                       "X could not reach a service that it needs (the connection was refused).",
		"İİ Get \"https://m.example\": connection refused":                                                                           "X could not reach `m.example` (the connection was refused).",
		`Get "https://u:canary/x@git.example": unexpected EOF`:                                                                       "X lost its connection to a service that it needs.",
		`Get "https://canary:canary@m.example/a/x@y": unexpected EOF`:                                                                "X lost its connection to `m.example`.",
		get + "proxyconnect tcp: dial tcp [2001:db8::1]:3128: connect: connection refused":                                           "X could not reach the proxy `[2001:db8::1]:3128` (the connection was refused).",
		"proxyconnect tcp: dial tcp can*ry:3128: connection refused":                                                                 "X could not reach a service that it needs (the connection was refused).",
		"Reference to undeclared resource":                                                                                           "",
		`Call to function "jsondecode" failed: unexpected EOF.`:                                                                      "",
		`Call to function "base64gunzip" failed: failed to read gunzip raw data: unexpected EOF.`:                                    "",
		"fatal: unable to access 'https://canary:can'ary@git.example/a.git/': Could not resolve host: git.example":                   "X could not reach `git.example` (its name could not be looked up).",
		`Get "https://1234:12"34@git.example/canary": connection reset by peer`:                                                      "X lost its connection to `git.example`.",
		`Get "https://[2001:db8::1]:8443/a": connection reset by peer`:                                                               "X lost its connection to `[2001:db8::1]:8443`.",
		`"git::ssh://git@git.example/a.git?ref=v1": unexpected EOF`:                                                                  "X lost its connection to `git.example`.",
		`Get "https://m.example": tls: failed to verify certificate: x509: unknown; connection refused`:                              "",
	} {
		for _, d := range []workflow.Diagnostic{{Summary: said}, {Summary: "It failed", Detail: said}} {
			got := ""
			if o := outageOf([]workflow.Diagnostic{{Summary: "Another error"}, d}); o != nil {
				got = o.sentence("X")
			}
			if got != want {
				t.Errorf("%s:\n got %q\nwant %q", said, got, want)
			}
		}
	}
	if o := outageOf([]workflow.Diagnostic{{Summary: "dial tcp: lookup nope.example.com: no such host"}}); o == nil || !o.misspelt {
		t.Errorf("a name that may be misspelt: got %+v", o)
	}
}

// TestUnreached: what init and plan could not reach is named, with what its reader can do: at a server another thing than
// at one's own machine. What may be misspelt is not tried again.
func TestUnreached(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	const (
		local   = "terraform {\n  backend \"local\" { path = \"STATE/s\" }\n}\n"
		servers = " Check that it is running, and that the server can reach it; behind a proxy it needs `HTTPS_PROXY` in its environment."
		own     = " Check that it is running, and that this machine can reach it, then try again."
	)
	reached := "terraform init could not reach `" + nobody + "` (the connection was refused)."
	tests := []struct {
		name, text         string
		sources            Sources
		said, of, ofServer string
		lasts              bool
	}{
		{name: "a registry of modules", text: local + "module \"m\" {\n  source = \"" + nobody + "/acme/m/test\"\n}\n", said: reached, of: own, ofServer: servers},
		{name: "a backend", text: "terraform {\n  backend \"http\" {\n    address = \"http://canary:canary@" + nobody + "/s?canary\"\n    retry_max = 0\n  }\n}\n",
			said: reached, of: own, ofServer: servers},
		{name: "a registry of providers", text: "terraform {\n  required_providers {\n    a = { source = \"" + nobody + "/acme/a\" }\n  }\n}\n" + local,
			said:     " from its registry failed: " + reached,
			of:       own + " If this machine never has access to it, run `terraform providers mirror` on one that has, and copy the result into that directory.",
			ofServer: servers + " Or name a mirror of your own in `terraform.providers` of the server's configuration."},
		{name: "a mirror", text: "terraform {\n  required_providers {\n    a = { source = \"acme/a\" }\n  }\n}\n" + local, sources: Sources{NetworkMirror: "https://" + nobody + "/m/"},
			said: " from the mirror https://" + nobody + "/m/ failed: " + reached, of: own, ofServer: servers},
		{name: "a name of nobody", text: local + "module \"m\" {\n  source = \"git::https://canary:canary@git.invalid/m.git\"\n}\n",
			said: "terraform init could not reach `git.invalid` (its name could not be looked up).", lasts: true,
			of:       " Is the name right? Check your network connection and try again.",
			ofServer: " Is the name right? Check that the server can reach it; behind a proxy it needs `HTTPS_PROXY` in its environment."},
	}
	for _, tt := range tests {
		for name, wayOut := range map[string]string{"own": tt.of, "server": tt.ofServer} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, map[string]string{"app/main.tf": tt.text})
				w.order.Tools.Providers, w.order.Tools.Sources, w.order.Tools.Own = t.TempDir(), tt.sources, name == "own"
				a := w.plan()
				if a.Result.Outcome != workflow.OutcomeFailed || !strings.HasSuffix(a.Result.Reason, tt.said+wayOut) || a.Result.Passing == tt.lasts {
					t.Errorf("got %q %q, passing %t\nwant %q\n%s", a.Result.Outcome, a.Result.Reason, a.Result.Passing, tt.said+wayOut, a.Log)
				}
				if strings.Contains(a.Result.Reason, "canary") {
					t.Errorf("more than the host is said: %q", a.Result.Reason)
				}
			})
		}
	}
}

// TestLockRefused: who may not take the state lock is not told that it is held, and does not try again.
func TestLockRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == "LOCK" && r.URL.Path == "/forbidden":
			w.WriteHeader(http.StatusForbidden)
		case r.Method == "LOCK":
			w.WriteHeader(http.StatusLocked)
			_, _ = w.Write([]byte(`{"ID": "1", "Who": "ada@build"}`))
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(server.Close)
	for path, want := range map[string]string{"forbidden": "terraform plan: Error acquiring the state lock.", "locked": "The state lock is held by "} {
		w := newWorld(t, map[string]string{"app/main.tf": "terraform {\n  backend \"http\" {\n    address = \"" + server.URL + "/" + path + "\"\n    lock_address = \"" +
			server.URL + "/" + path + "\"\n    unlock_address = \"" + server.URL + "/" + path + "\"\n  }\n}\nresource \"terraform_data\" \"a\" {}\n"})
		if a := w.plan(); !strings.HasPrefix(a.Result.Reason, want) || a.Result.Passing != (path == "locked") {
			t.Errorf("%s: got %q, passing %t, want %q\n%s", path, a.Result.Reason, a.Result.Passing, want, a.Log)
		}
	}
}
