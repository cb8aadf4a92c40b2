package tfconfig

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cardea-iac/cardea/workflow"
)

// unexported leaves out what has no meaning of its own.
var unexported = cmpopts.IgnoreUnexported(Backend{})

func discover(t testing.TB, e *Reader, files fs.FS) workflow.Discovery {
	t.Helper()
	d, err := e.Discover(context.Background(), workflow.Tree{FS: files})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mapFS(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return out
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files map[string]string
		want  map[string]workflow.Module
	}{
		{name: "modules, versions, backend", files: map[string]string{
			"README.md":                  "no configuration",
			"prod/main.tf":               "terraform {\n  required_version = \">= 1.5\"\n  backend \"s3\" {\n    bucket = \"b\"\n    assume_role = { role_arn = \"r\" }\n  }\n}\nmodule \"a\" { source = \"../modules/a\" }\nmodule \"r\" { source = \"hashicorp/x/aws\" }\n",
			"modules/a/a.tf":             "module \"b\" { source = \"./../b\" }",
			"modules/b/b.tf.json":        `{"module": {"up": {"source": "../../../outside"}}}`,
			"prod/.terraform/x/main.tf":  "nonsense {",
			"terraform.d/plugins/x.tf":   "nonsense {",
			"prod/tests/x.tftest.hcl":    "run \"x\" {\n module {\n  source = \"../t\"\n }\n}\n",
			"prod/.hidden.tf":            "nonsense {",
			"prod/main.tf~":              "nonsense {",
			"prod/files/deep/notes.text": "x",
		}, want: map[string]workflow.Module{
			"prod": {Dir: "prod", Calls: []string{"modules/a"}, Tests: []string{"t"}, KeepsState: true, SaysWhich: true, Private: &Own{Named: []ModuleCall{{Name: "a", Dir: "modules/a"}, {Name: "r"}},
				Backend: &Backend{Type: "s3", Attributes: map[string]string{"bucket": "b", "assume_role.role_arn": "r"}, Position: workflow.Position{File: "prod/main.tf", Line: 3, Column: 3}},
				Wanted:  []Wanted{{Version: ">= 1.5", File: "prod/main.tf", Line: 2}}}},
			"modules/a": {Dir: "modules/a", Calls: []string{"modules/b"}, Private: &Own{Named: []ModuleCall{{Name: "b", Dir: "modules/b"}}}},
			"modules/b": {Dir: "modules/b", Calls: []string{"../outside"}, Private: &Own{Named: []ModuleCall{{Name: "up", Dir: "../outside"}}}},
		}},
		{name: "each tool reads its own files", files: map[string]string{
			"a.tf": "module \"x\" { source = \"./x\" }", "a.tofu": "module \"y\" { source = \"./y\" }", "b.tf.json": `{"module":{"z":{"source":"./z"}}}`, "b.tofu.json": `{}`,
			"c.tofu":      "terraform {\n encryption {\n method \"aes_gcm\" \"m\" { keys = x.y }\n }\n}\nprovider \"aws\" {\n for_each = var.regions\n alias = \"by\"\n}\n",
			"only/x.tofu": "",
		}, want: map[string]workflow.Module{".": {Dir: ".", Calls: []string{"x", "y", "z"},
			Private: &Own{Named: []ModuleCall{{Name: "y", Dir: "y"}, {Name: "x", Dir: "x"}, {Name: "z", Dir: "z"}}, ProviderConfig: "set", Readings: map[string]workflow.Module{
				"terraform": {Dir: ".", Calls: []string{"x", "z"}, Private: &Own{Named: []ModuleCall{{Name: "x", Dir: "x"}, {Name: "z", Dir: "z"}}}},
				"tofu":      {Dir: ".", Calls: []string{"y"}, Private: &Own{Named: []ModuleCall{{Name: "y", Dir: "y"}}, ProviderConfig: "set"}},
			}}}, "only": {Dir: "only", Private: &Own{Readings: map[string]workflow.Module{"tofu": {Dir: "only"}}}}}},
		{name: "an override's backend holds", files: map[string]string{
			"a.tf": "terraform {\n backend \"s3\" {}\n}\n", "a_override.tf": "terraform {\n backend \"local\" {\n path = var.x\n }\n}\n",
		}, want: map[string]workflow.Module{".": {Dir: ".", KeepsState: true, SaysWhich: true, Private: &Own{Backend: &Backend{Type: "local", Computed: []string{"path"}, Attributes: map[string]string{}, Position: workflow.Position{File: "a_override.tf", Line: 2, Column: 2}}}}}},
		{name: "literal files", files: map[string]string{
			"app/a.tf": `
locals {
  a = file("${path.module}/../shared/a.json")
  b = templatefile("../shared/b.tpl", { x = file("c.txt") })
  d = file("${path.root}/d.txt")
  e = file(var.e)
  f = file("/etc/passwd")
}
resource "terraform_data" "x" {
  provisioner "local-exec" {
    command = "bash ../scripts/run.sh --flag '${path.module}/x.sh'"
  }
}`,
			"app/b.tf.json": `{"locals": {"j": "${file(\"j.txt\")}"}}`,
		}, want: map[string]workflow.Module{"app": {Dir: "app", Files: []string{"app/x.sh", "scripts/run.sh", "shared/a.json"}, InputPaths: []string{"app/a.tf"}, Commands: []string{"app/a.tf"},
			RootFiles: []string{"../scripts/run.sh", "../shared/b.tpl", "c.txt", "d.txt", "j.txt"}}}},
		{name: "faults are reported, what parses counts", files: map[string]string{
			"x/bad.tf": "module \"m\" { source = \"./m\" }\nresource \"a\" {\n", "x/good.tf": "module \"n\" { source = \"./n\" }",
		}, want: map[string]workflow.Module{"x": {Dir: "x", Calls: []string{"x/m", "x/n"}, Private: &Own{Named: []ModuleCall{{Name: "m", Dir: "x/m"}, {Name: "n", Dir: "x/n"}}}, Diagnostics: []workflow.Diagnostic{{
			Severity: workflow.SeverityError, Summary: "Unclosed configuration block", Position: workflow.Position{File: "x/bad.tf", Line: 2, Column: 14}}}}}},
		{name: "a source that is not literal", files: map[string]string{"x.tf": "module \"m\" { source = \"./${var.x}\" }", "y.tf.json": `{"module":{"n":{"source":"./${var.x}"}}}`},
			want: map[string]workflow.Module{".": {Dir: ".", AnySource: []string{"x.tf", "y.tf.json"}, Private: &Own{Named: []ModuleCall{{Name: "m", Computed: true}, {Name: "n", Computed: true}}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := discover(t, New(""), mapFS(tt.files)).Modules
			for dir, m := range got { // hashes and explanations are not the point here
				hide := func(o *Own) {
					if o.ProviderConfig != "" {
						o.ProviderConfig = "set"
					}
					if o.Backend != nil {
						o.Backend.Hash = ""
					}
				}
				hide(ownOf(m))
				for _, r := range ownOf(m).Readings {
					hide(ownOf(r))
				}
				for i := range m.Diagnostics {
					m.Diagnostics[i].Detail = ""
				}
				got[dir] = m
			}
			if diff := cmp.Diff(tt.want, got, unexported, cmpopts.IgnoreFields(workflow.Module{}, "Ends")); diff != "" {
				t.Errorf("modules (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnsafeSource(t *testing.T) {
	t.Parallel()
	for source, safe := range map[string]bool{
		"./x": true, "../x": true, "hashicorp/consul/aws": true, "app.terraform.io/x/y/z": true, "github.com/x/y?ref=v1": true,
		"git::https://example.com/x.git?ref=v1.2": true, "git::ssh://git@example.com/x.git": true, "git@github.com:x/y.git": true, "https://example.com/x.zip": true, "s3::https://s3.amazonaws.com/b/x.zip": true,
		"/etc": false, "file:///etc": false, "FILE:///etc": false, "git::file:///srv/x": false, "git::/srv/x": false, "git::git::file:///x": false, "~/x": false, `C:\x`: false, "C:/x": false, " /etc": false,
		"git::https://example.com/x.git?ref=--upload-pack=x": false, "git::https://example.com/x.git?ref=%2D-x": false, "hg::/srv/x": false,
		"git::http://127.0.0.1:8080/x.git?ref=v1": true, "git::http://[::1]/x.git": true, "git::http://localhost/x.git": true, "git::http://example.com/x.git": false, "GIT::HTTP://example.com/x.git": false,
		"git::http://u:p@127.0.0.1.example.com/x": false, "git::http://%zz": false,
		"git::https://example.com/x.git?re%66=--pathspec-from-file=x": false, "git::https://example.com/x.git?a=b&ref=%2d-x": false, "git::https://example.com/x.git?ref=%zz": false,
		"git::https://example.com/x.git?depth=1&ref=v1#-x": true, "git::ssh://-oProxyCommand=x/y": false, "git::ssh://git@%2doProxyCommand=x/y": false,
		"ext::sh -c x": false, "git::ext::sh -c x": false, "fd::7": false, "file::./x": false, "ftp://example.com/x.zip": false, "git+ssh://git@example.com/x.git": true, "git::example.com/x": true,
		`\\host\share\x`: false, `c:\x`: false, `modules\x`: false, ".": false, "..": false, " ./x": false, `.\x`: true, "oci://example.com/x": true,
	} {
		if _, why := moduleSource(source); (why == "") != safe {
			t.Errorf("%q: got %q, want safe %v", source, why, safe)
		}
	}
}

// TestLocalSource: the tools take a backslash for a slash, on every system.
func TestLocalSource(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"./x": "x", "../x/": "../x", `.\x`: "x", `..\x`: "../x", `..\..\etc`: "../../etc", `./a\b//c`: "a/b/c", `.\..\x`: "../x", "./": ".", "../": "..", "hashicorp/x/aws": "",
	} {
		if got, why := moduleSource(source); got != want || why != "" {
			t.Errorf("%q: got %q %q, want %q", source, got, why, want)
		}
	}
}

// idFS gives a MapFS git's object ids: of files and, recursively, of
// directories. It keeps its listings: a MapFS makes each from all of its files.
type idFS struct {
	fstest.MapFS
	ids  map[string]workflow.ObjectID
	dirs map[string]map[string]bool // directory -> name -> is a directory
}

func withIDs(m fstest.MapFS) idFS {
	f := idFS{MapFS: m, ids: map[string]workflow.ObjectID{}, dirs: map[string]map[string]bool{}}
	for name := range m {
		for isDir := false; name != "."; name, isDir = path.Dir(name), true {
			dir := path.Dir(name)
			if f.dirs[dir] == nil {
				f.dirs[dir] = map[string]bool{}
			}
			f.dirs[dir][path.Base(name)] = isDir
		}
	}
	f.identify(".")
	return f
}

func (f idFS) identify(dir string) workflow.ObjectID {
	h := sha1.New()
	for _, name := range slices.Sorted(maps.Keys(f.dirs[dir])) {
		full := path.Join(dir, name)
		if f.dirs[dir][name] {
			fmt.Fprintf(h, "tree %s %s\n", name, f.identify(full))
			continue
		}
		sum := sha1.Sum(f.MapFS[full].Data)
		f.ids[full] = workflow.ObjectID(hex.EncodeToString(sum[:]))
		fmt.Fprintf(h, "blob %s %s\n", name, f.ids[full])
	}
	f.ids[dir] = workflow.ObjectID(hex.EncodeToString(h.Sum(nil)))
	return f.ids[dir]
}

type idInfo struct {
	name string
	dir  bool
	id   workflow.ObjectID
}

func (i idInfo) Name() string       { return i.name }
func (i idInfo) Size() int64        { return 0 }
func (i idInfo) ModTime() time.Time { return time.Time{} }
func (i idInfo) IsDir() bool        { return i.dir }
func (i idInfo) Sys() any           { return i.id }
func (i idInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

func (f idFS) Stat(name string) (fs.FileInfo, error) {
	id, ok := f.ids[name]
	if !ok {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return idInfo{path.Base(name), f.dirs[name] != nil, id}, nil
}

func (f idFS) Lstat(name string) (fs.FileInfo, error) { return f.Stat(name) }

func (f idFS) ReadFile(name string) ([]byte, error) {
	if file := f.MapFS[name]; file != nil {
		return file.Data, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (f idFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if f.dirs[name] == nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var out []fs.DirEntry
	for _, n := range slices.Sorted(maps.Keys(f.dirs[name])) {
		out = append(out, fs.FileInfoToDirEntry(idInfo{n, f.dirs[name][n], f.ids[path.Join(name, n)]}))
	}
	return out, nil
}

// TestDiscoverCache: what did not change is not parsed again, wherever it is.
func TestDiscoverCache(t *testing.T) {
	t.Parallel()
	files := monorepo(50)
	e := New("")
	first := discover(t, e, withIDs(files))
	if got := e.parsed.Load(); got != 51 { // the 50 projects differ in their names
		t.Errorf("parsed %d directories at first, want 51", got)
	}
	files["p07/main.tf"] = &fstest.MapFile{Data: []byte("module \"m\" { source = \"../modules/other\" }")}
	for _, name := range []string{"main.tf", "vars.tf", "outputs.tf"} {
		files["moved/p08/"+name] = files["p08/"+name]
	}
	second := discover(t, e, withIDs(files))
	if got := e.parsed.Load(); got != 52 {
		t.Errorf("parsed %d directories after one change, want 52", got)
	}
	plain := discover(t, New(""), files)
	if diff := cmp.Diff(plain, second, cmp.AllowUnexported(workflow.Discovery{}), unexported); diff != "" {
		t.Errorf("with and without cache (-without +with):\n%s", diff)
	}
	if got := second.Modules["moved/p08"].Calls; len(got) != 1 || got[0] != "moved/modules/m" {
		t.Errorf("a moved directory calls %v", got)
	}
	if len(first.Modules) != 51 || first.Modules["p07"].Calls[0] != "modules/m" {
		t.Errorf("the first discovery changed")
	}
}

// monorepo has n projects that call one module, five files each.
func monorepo(n int) fstest.MapFS {
	files := map[string]string{"modules/m/main.tf": "variable \"x\" {}\n"}
	for i := range n {
		dir := fmt.Sprintf("p%02d", i)
		files[dir+"/main.tf"] = fmt.Sprintf("terraform {\n  backend \"s3\" {\n    key = %q\n  }\n}\nmodule \"m\" {\n  source = \"../modules/m\"\n  x = 1\n}\n", dir) +
			strings.Repeat("resource \"terraform_data\" \"r\" {\n  input = { a = 1, b = [\"x\", \"y\"] }\n}\n", 5)
		files[dir+"/vars.tf"] = strings.Repeat("variable \"v\" {\n  type = string\n  default = \"x\"\n}\n", 5)
		files[dir+"/outputs.tf"] = "output \"o\" { value = 1 }\n"
		files[dir+"/README.md"], files[dir+"/x.json"] = "text", "{}"
	}
	return mapFS(files)
}

// TestDiscoverSymlink: a linked file is read where it leads, counts as an
// input, and a directory that has one is not taken for the same elsewhere.
func TestDiscoverSymlink(t *testing.T) {
	t.Parallel()
	files := mapFS(map[string]string{"shared/backend.tf": "terraform {\n backend \"s3\" {}\n}\n", "a/main.tf": ""})
	files["a/backend.tf"] = &fstest.MapFile{Data: []byte("../shared/backend.tf"), Mode: fs.ModeSymlink | 0o777}
	files["a/out.tf"] = &fstest.MapFile{Data: []byte("../../outside.tf"), Mode: fs.ModeSymlink | 0o777}
	got := discover(t, New(""), files).Modules["a"]
	if b := ownOf(got).Backend; b == nil || b.Type != "s3" {
		t.Errorf("got backend %+v, want that of the linked file", b)
	}
	if diff := cmp.Diff([]string{"shared/backend.tf"}, got.Links, unexported); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
}

// TestDiscoverFollowsSymlinks: a module called through a symlink is the directory that it is, and a
// module knows where the symlinks of its directory lead, also below it, and those on the way to what it names.
func TestDiscoverFollowsSymlinks(t *testing.T) {
	t.Parallel()
	files := mapFS(map[string]string{
		"own/main.tf":    "module \"m\" { source = \"./m\" }\n",
		"far/main.tf":    "module \"m\" { source = \"../links/m/sub\" }\nlocals {\n  f = file(\"${path.module}/../links/data/x.json\")\n}\n",
		"data/main.tf":   "",
		"data/t/y.txt":   "",
		"circle/main.tf": "module \"m\" { source = \"./m\" }\n",
		"real/main.tf":   "", "real/sub/main.tf": "", "json/x.json": "{}", "vars/a.tfvars": "",
	})
	for name, target := range map[string]string{
		"own/m": "../links/m", "links/m": "../real", "links/data": "../json", "data/a.auto.tfvars": "../vars/a.tfvars", "data/t/more": "../../json",
		"circle/m": "m", "data/absolute": "/etc", "data/out": "../../x",
	} {
		files[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
	}
	got := discover(t, New(""), files)
	for dir, want := range map[string]struct{ calls, links []string }{
		"own":    {[]string{"real"}, []string{"links/m", "own/m", "real"}},
		"far":    {[]string{"real/sub"}, []string{"json/x.json", "links/data", "links/m"}},
		"data":   {nil, []string{"json", "vars/a.tfvars"}},
		"circle": {[]string{"circle/m"}, nil},
	} {
		if diff := cmp.Diff(want.calls, got.Modules[dir].Calls, unexported); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", dir, diff)
		}
		if diff := cmp.Diff(want.links, got.Modules[dir].Links, unexported); diff != "" {
			t.Errorf("%s: links (-want +got):\n%s", dir, diff)
		}
	}
	if diff := cmp.Diff([]string{"circle", "data", "far", "own"}, got.Roots(nil), unexported); diff != "" {
		t.Errorf("roots (-want +got):\n%s", diff)
	}
}

// BenchmarkDiscover measures 2,000 directories, cold and with one changed.
func BenchmarkDiscover(b *testing.B) {
	files := withIDs(monorepo(2000))
	b.Run("cold", func(b *testing.B) {
		for range b.N {
			discover(b, New(""), files)
		}
	})
	b.Run("one changed", func(b *testing.B) {
		e := New("")
		discover(b, e, files)
		b.ResetTimer()
		for i := range b.N {
			b.StopTimer()
			files.MapFS["p07/main.tf"] = &fstest.MapFile{Data: fmt.Appendf(nil, "# %d %v\n", i, time.Now().UnixNano())}
			changed := withIDs(files.MapFS)
			b.StartTimer()
			discover(b, e, changed)
		}
	})
}
