package terraform

import (
	"archive/zip"
	"bytes"
	"encoding/pem"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/terraformtest"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// packed is the package of hashicorp/time as registries and mirrors hand it out.
func packed(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	if err := w.AddFS(os.DirFS(filepath.Join(terraformtest.Mirror(t), timePackage, platform()))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// asking is what a mirror is asked: how often, and with which token it has to be ("": none).
type asking struct {
	atomic.Int32
	wants atomic.Value
}

// networkMirror speaks the provider network mirror protocol on loopback, with a certificate that
// only certificates, a file, vouches for. asked counts the requests.
func networkMirror(t *testing.T) (address, certificates string, asked *asking) {
	t.Helper()
	archive := packed(t)
	asked = &asking{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		wants, _ := asked.wants.Load().(string)
		switch dir, name := path.Split(r.URL.Path); {
		case wants != "" && name != "time.zip" && r.Header.Get("Authorization") != "Bearer "+wants:
			http.Error(w, "no", http.StatusUnauthorized)
		case dir != "/mirror/"+path.Dir(timePackage)+"/":
			http.NotFound(w, r)
		case name == "index.json":
			_, _ = w.Write([]byte(`{"versions": {"` + terraformtest.TimeVersion + `": {}}}`))
		case name == terraformtest.TimeVersion+".json":
			_, _ = w.Write([]byte(`{"archives": {"` + platform() + `": {"url": "time.zip"}}}`))
		case name == "time.zip":
			w.Header().Set("Content-Type", "application/zip")
			_, _ = w.Write(archive)
		}
	}))
	t.Cleanup(server.Close)
	certificates = filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(certificates, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL + "/mirror/", certificates, asked
}

// TestNetworkMirror: what our mirror lacks comes from the operator's, whose certificate only the
// operator's file vouches for; once, and never from anywhere else.
func TestNetworkMirror(t *testing.T) {
	t.Parallel()
	address, certificates, asked := networkMirror(t)
	w := timeWorlds(t, 1)[0]
	w.order.Tools.Sources = Sources{NetworkMirror: address}
	a := w.plan()
	want := "hashicorp/time is not in the server's provider mirror (`providers` below `data_dir`), and fetching it from the mirror " + address + " failed. " +
		"Its certificate, issued by `O=Acme Co`, is not trusted: name a file with the certificate of that authority in `terraform.providers.ca_file` of the server's configuration."
	if a.Result.Outcome != workflow.OutcomeFailed || !strings.HasSuffix(a.Result.Reason, want) {
		t.Fatalf("without its certificate: got %q %q, want %q\n%s", a.Result.Outcome, a.Result.Reason, want, a.Log)
	}
	w.order.Tools.Sources.CAFile = certificates
	if a = w.plan(); a.Result.Outcome != workflow.OutcomeSucceeded {
		t.Fatalf("got %q %q\n%s", a.Result.Outcome, a.Result.Reason, a.Log)
	}
	for _, want := range []string{"fetching from the mirror " + address, "Fetched " + path.Dir(timePackage) + " " + terraformtest.TimeVersion + ": ", " MB unpacked, verified"} {
		if !strings.Contains(a.Log, want) {
			t.Errorf("the log does not say %q:\n%s", want, a.Log)
		}
	}
	if d := cmp.Diff(map[string]bool{timePackage + "/" + platform(): true}, listPackages(w.order.Tools.Providers)); d != "" {
		t.Errorf("our mirror (-want +got):\n%s", d)
	}
	before := asked.Load()
	if a = w.plan(); a.Result.Outcome != workflow.OutcomeSucceeded || asked.Load() != before {
		t.Errorf("again: got %q, %d requests more", a.Result.Outcome, asked.Load()-before)
	}
	left, err := fs.Glob(os.DirFS(w.order.Files.Tmp), "*")
	if err != nil || len(left) > 0 {
		t.Errorf("left in the run's directory: %v %v", left, err)
	}
}

// TestProvidersNotThere: of several providers those are named that could not be had, and no others.
func TestProvidersNotThere(t *testing.T) {
	t.Parallel()
	const in, not = "registry.terraform.io/", " not in the server's provider mirror (`providers` below `data_dir`), and fetching "
	for name, tt := range map[string]struct{ more, want, ends string }{
		"one": {`a = { source = "acme/a" }`, "The provider " + in + "acme/a is" + not + "it from the directory `",
			"` failed: it is not there. Put it there, or allow its registry with `terraform.providers.direct` in the server's configuration."},
		"two": {`a = { source = "acme/a" }
    b = { source = "acme/b" }`, "The providers " + in + "acme/a and " + in + "acme/b are" + not + "them from the directory `",
			"` failed: they are not there. Put them there, or allow their registries with `terraform.providers.direct` in the server's configuration."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := timeWorlds(t, 1)[0]
			w.files["app/main.tf"] = strings.Replace(w.files["app/main.tf"], "required_providers {", "required_providers {\n    "+tt.more, 1)
			a := w.plan()
			if a.Result.Outcome != workflow.OutcomeFailed || !strings.HasPrefix(a.Result.Reason, tt.want) || !strings.HasSuffix(a.Result.Reason, tt.ends) {
				t.Errorf("got %q %q, want %q ... %q\n%s", a.Result.Outcome, a.Result.Reason, tt.want, tt.ends, a.Log)
			}
		})
	}
}

// TestNetworkMirrorToken: a mirror's token is for the init that fetches, and the one that knows the backend asks it nothing.
func TestNetworkMirrorToken(t *testing.T) {
	t.Parallel()
	address, certificates, asked := networkMirror(t)
	const token = "canary-of-the-mirror"
	host := strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/mirror/")
	w := timeWorlds(t, 1)[0]
	w.order.Tools.Sources = Sources{NetworkMirror: address, CAFile: certificates}
	w.order.Secret, w.order.Host = token, host
	asked.wants.Store("another one")
	if a := w.plan(); !strings.HasSuffix(a.Result.Reason, " failed: it wants a valid token. Name a credential with one under `registries` in the repository's rule.") {
		t.Errorf("with a token that is not good: got %q", a.Result.Reason)
	}
	asked.wants.Store(token)
	if a := w.plan(); a.Result.Outcome != workflow.OutcomeSucceeded {
		t.Fatalf("got %q %q\n%s", a.Result.Outcome, a.Result.Reason, a.Log)
	}
	if d := cmp.Diff(map[string]bool{timePackage + "/" + platform(): true}, listPackages(w.order.Tools.Providers)); d != "" {
		t.Errorf("our mirror (-want +got):\n%s", d)
	}
}

// TestStateProviderToken: a provider that only the state still needs is fetched with the token, by an init that knows neither
// the backend nor the change; the init that does has no token and asks for nothing.
func TestStateProviderToken(t *testing.T) {
	t.Parallel()
	lock := committedLock(t)
	for name, lock := range map[string]string{"without lock file": "", "with lock file": lock, "with one that lacks it": "# nothing is locked\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, certificates, asked := networkMirror(t)
			const token = "canary-of-the-mirror"
			w := timeWorlds(t, 1)[0]
			ours := w.order.Tools.Providers
			w.order.Tools.Providers = terraformtest.Mirror(t)
			w.apply()
			w.order.Tools.Providers = ours
			w.order.Tools.Sources = Sources{NetworkMirror: address, CAFile: certificates}
			delete(w.files, "app/main.tf") // nothing but the state names the provider
			if lock != "" {
				w.files["app/"+tfconfig.LockFile] = lock
			}
			asked.wants.Store(token)
			if a := w.plan(); a.Result.Outcome != workflow.OutcomeFailed {
				t.Errorf("without a token: got %q\n%s", a.Result.Outcome, a.Log)
			}
			w.order.Secret, w.order.Host = token, strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/mirror/")
			a := w.plan()
			if name == "with one that lacks it" { // as for any other provider
				if want := "terraform init would change the committed `app/.terraform.lock.hcl` (registry.terraform.io/hashicorp/time is missing from it)"; !strings.HasPrefix(a.Result.Reason, want) {
					t.Errorf("got %q, want %q\n%s", a.Result.Reason, want, a.Log)
				}
				return
			}
			if a.Result.Plan == nil || a.Result.Plan.Counts != (workflow.Counts{Destroy: 1}) {
				t.Fatalf("got %q %q\n%s", a.Result.Outcome, a.Result.Reason, a.Log)
			}
			if d := cmp.Diff(map[string]bool{timePackage + "/" + platform(): true}, listPackages(ours)); d != "" {
				t.Errorf("our mirror (-want +got):\n%s", d)
			}
			for dir, want := range map[string]int{w.order.Files.Tmp: 0, w.order.Files.Workspace: 1} {
				if left, err := os.ReadDir(dir); err != nil || len(left) != want {
					t.Errorf("left in %s: %v %v", dir, left, err)
				}
			}
			if a.Log, _, _ = strings.Cut(a.Log, "terraform plan"); strings.Contains(a.Log, token) {
				t.Errorf("the token is in the log:\n%s", a.Log)
			}
			before := asked.Load()
			if a = w.plan(); a.Result.Outcome != workflow.OutcomeSucceeded || asked.Load() != before {
				t.Errorf("again: got %q, %d requests more", a.Result.Outcome, asked.Load()-before)
			}
		})
	}
}

// TestUntrusted: what git and registries of modules are not trusted for is said with the variable that helps.
func TestUntrusted(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	host := server.Listener.Addr().String()
	for source, want := range map[string]string{
		`source = "git::https://` + host + `/m.git"`:                  "git met a certificate that is not trusted: let `GIT_SSL_CAINFO` in the credentials of plans and applies name a file with the certificate of its authority.",
		`source = "` + host + "/acme/m/test\"\n  version = \"1.0.0\"": "terraform init met a certificate that is not trusted: let `SSL_CERT_FILE` in the server's environment name a file with the certificate of its authority.",
	} {
		w := newWorld(t, map[string]string{"app/main.tf": backend + "module \"m\" {\n  " + source + "\n}\n"})
		if a := w.plan(); a.Result.Outcome != workflow.OutcomeFailed || a.Result.Reason != want {
			t.Errorf("%s: got %q %q, want %q\n%s", source, a.Result.Outcome, a.Result.Reason, want, a.Log)
		}
	}
	const nobody = "https://127.0.0.1:1/"
	for want, tools := range map[string]Tools{
		"Its certificate is not trusted: let `SSL_CERT_FILE` name a file with the certificate of that authority.":                                                   {Own: true},
		"Its certificate is not trusted: name a file with the certificate of that authority in `terraform.providers.ca_file` of the server's configuration.":        {},
		"Its certificate is not trusted: add the certificate of that authority to the file that `terraform.providers.ca_file` of the server's configuration names.": {Sources: Sources{CAFile: "/ca.pem"}},
	} {
		if got := tools.untrusted(nobody); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestFilesystemMirror: packages may be packed, and what a mirror lacks is asked of nobody else.
func TestFilesystemMirror(t *testing.T) {
	t.Parallel()
	origin := t.TempDir()
	dir := filepath.Join(origin, path.Dir(timePackage))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := "terraform-provider-time_" + terraformtest.TimeVersion + "_" + platform() + ".zip"
	if err := os.WriteFile(filepath.Join(dir, name), packed(t), 0o644); err != nil {
		t.Fatal(err)
	}
	w := timeWorlds(t, 1)[0]
	w.order.Tools.Sources = Sources{FilesystemMirror: origin}
	if a := w.plan(); a.Result.Outcome != workflow.OutcomeSucceeded {
		t.Fatalf("packed: got %q %q\n%s", a.Result.Outcome, a.Result.Reason, a.Log)
	}
	for name, s := range map[string]Sources{
		"an empty mirror":                {FilesystemMirror: t.TempDir()},
		"registries, but not of this":    {FilesystemMirror: t.TempDir(), Direct: &Direct{Include: []string{"registry.terraform.io/acme/*"}}},
		"registries, but not for this":   {Direct: &Direct{Exclude: []string{"hashicorp/*"}}},
		"a directory that is not there ": {FilesystemMirror: filepath.Join(t.TempDir(), "gone")},
	} {
		w := timeWorlds(t, 1)[0]
		w.order.Tools.Sources = s
		a := w.plan()
		want := "fetching it from " + s.words() + " failed"
		if s.FilesystemMirror != "" && name != "a directory that is not there " {
			want += ": it is not there. Put it there, or allow its registry with `terraform.providers.direct` in the server's configuration."
		}
		if a.Result.Outcome != workflow.OutcomeFailed || !strings.Contains(a.Result.Reason, want) {
			t.Errorf("%s: got %q %q, want %q\n%s", name, a.Result.Outcome, a.Result.Reason, want, a.Log)
		}
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sources       Sources
		words, blocks string
	}{
		{Sources{}, "its registry", "direct {}"},
		{Sources{CAFile: "/ca.pem"}, "its registry", "direct {}"},
		{Sources{NetworkMirror: "https://m/"}, "the mirror https://m/", `network_mirror { url = "https://m/" }`},
		{Sources{FilesystemMirror: `/a "${b}"`}, "the directory `/a \"${b}\"`", `filesystem_mirror { path = "/a \"${b}\"" }`},
		{Sources{FilesystemMirror: "/a", NetworkMirror: "https://m/", Direct: &Direct{Include: []string{"a/b", "*/*/*"}, Exclude: []string{"x.y/z/*"}}},
			"the directory `/a` or the mirror https://m/ or its registry",
			`filesystem_mirror { path = "/a" } network_mirror { url = "https://m/" } direct { include = ["a/b", "*/*/*"] exclude = ["x.y/z/*"] }`},
	} {
		if got := tt.sources.words(); got != tt.words {
			t.Errorf("%+v: got %q, want %q", tt.sources, got, tt.words)
		}
		if got := strings.Join(strings.Fields(tt.sources.methods()), " "); got != tt.blocks {
			t.Errorf("%+v: got %q, want %q", tt.sources, got, tt.blocks)
		}
	}
	for pattern, ok := range map[string]bool{"registry.terraform.io/acme/*": true, "*/*": true, "*/*/*": true, "a/b": true, "localhost:8080/a/b": true,
		"": false, "aws": false, "*": false, "https://a/b/c": false, "a/b/c/d": false, "a/b*": false, "a/ b": false} {
		if (PatternFault(pattern) == "") != ok {
			t.Errorf("%q: %s", pattern, PatternFault(pattern))
		}
	}
}
