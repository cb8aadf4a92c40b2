// Package terraformtest gives tests what they need of the outside: the real
// terraform, and a real provider built from the Go module proxy. Where either
// cannot be had the test fails and says what to install; nothing is skipped.
package terraformtest

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// TimeVersion is the version of the hashicorp/time provider that Mirror builds.
const TimeVersion = "0.14.2"

const timeModule = "github.com/hashicorp/terraform-provider-time@v" + TimeVersion

// Terraform returns the path of terraform.
func Terraform(t testing.TB) string {
	t.Helper()
	p, err := exec.LookPath("terraform")
	if err != nil {
		t.Fatal("these tests need terraform on PATH (1.5 or newer; https://developer.hashicorp.com/terraform/install)")
	}
	return p
}

// TofuVersion is the version of OpenTofu that Tofu builds; tofuSum is its source's checksum.
const (
	TofuVersion = "1.10.6"
	tofuSum     = "h1:J57O7HrW7gakftSLFQr+/p7fniZjZ3FQLFyzv4XsSmQ="
)

// Tofu returns the path of the real OpenTofu, built once from the Go module proxy, which takes some
// minutes, and kept as the providers are.
func Tofu(t testing.TB) string {
	t.Helper()
	return built(t, "tofu", TofuVersion, func(aside string) *exec.Cmd {
		source := aside + "-source"
		if err := os.MkdirAll(source, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(source) })
		fetch := exec.Command("go", "mod", "download", "-json", "github.com/opentofu/opentofu@v"+TofuVersion)
		fetch.Env, fetch.Dir = append(os.Environ(), "GOFLAGS="), source
		out, err := fetch.Output()
		var module struct{ Dir, Sum, Error string }
		if jsonErr := json.Unmarshal(out, &module); err != nil || jsonErr != nil {
			t.Fatalf("fetching OpenTofu %s from the module proxy: %v %s", TofuVersion, errors.Join(err, jsonErr), module.Error)
		}
		if module.Sum != tofuSum {
			t.Fatalf("the module proxy's OpenTofu %s has the checksum %s, want %s", TofuVersion, module.Sum, tofuSum)
		}
		if err := os.CopyFS(source, os.DirFS(module.Dir)); err != nil { // it is built in its own module, whose go.sum holds the rest
			t.Fatal(err)
		}
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -X github.com/opentofu/opentofu/version.dev=no",
			"-o", filepath.Join(aside, "tofu"), "./cmd/tofu")
		cmd.Env, cmd.Dir = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0", "GOWORK=off"), source
		return cmd
	})
}

// Mirror returns a new provider mirror in terraform's unpacked layout that holds
// hashicorp/time. The provider is built once and kept below CARDEA_TEST_CACHE,
// or the user's cache directory.
func Mirror(t testing.TB) string {
	t.Helper()
	binary := timeProvider(t)
	mirror := t.TempDir()
	dir := filepath.Join(mirror, "registry.terraform.io", "hashicorp", "time", TimeVersion, runtime.GOOS+"_"+runtime.GOARCH)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "terraform-provider-time_v"+TimeVersion)
	if err := os.Link(binary, name); err != nil { // another device: copy
		data, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return mirror
}

// timeProvider builds hashicorp/time from the module proxy unless the cache has it.
func timeProvider(t testing.TB) string {
	t.Helper()
	return built(t, "terraform-provider-time", TimeVersion, func(aside string) *exec.Cmd {
		cmd := exec.Command("go", "install", "-trimpath", "-ldflags=-s -w", timeModule)
		cmd.Env = append(os.Environ(), "GOBIN="+aside, "GOFLAGS=")
		cmd.Dir = aside
		return cmd
	})
}

//go:embed testdata/reader
var reader embed.FS

// Reader is the binary of acme/reader, a provider of our own that reads files while it is applied.
func Reader(t testing.TB) []byte {
	t.Helper()
	sum := sha256.New()
	source := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		data, err := reader.ReadFile("testdata/reader/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(data)
		if err := os.WriteFile(filepath.Join(source, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := os.ReadFile(built(t, "terraform-provider-reader", hex.EncodeToString(sum.Sum(nil))[:12], func(aside string) *exec.Cmd {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(aside, "terraform-provider-reader"), ".")
		cmd.Env = append(os.Environ(), "GOFLAGS=")
		cmd.Dir = source
		return cmd
	}))
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// built is a program that is built once and kept in the cache. Test binaries of
// several packages may want it at once: one builds, the others wait.
func built(t testing.TB, name, version string, build func(aside string) *exec.Cmd) string {
	t.Helper()
	cache := os.Getenv("CARDEA_TEST_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("no cache directory for a built provider; set CARDEA_TEST_CACHE: %v", err)
		}
		cache = filepath.Join(user, "cardea-test")
	}
	dir := filepath.Join(cache, name+"-"+version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, name)
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	aside := t.TempDir()
	if out, err := build(aside).CombinedOutput(); err != nil {
		t.Fatalf("building %s %s with modules of the module proxy: %v\n%s", name, version, err, out)
	}
	data, err := os.ReadFile(filepath.Join(aside, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary+".incoming", data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(binary+".incoming", binary); err != nil {
		t.Fatal(err)
	}
	return binary
}
