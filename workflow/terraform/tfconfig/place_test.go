package tfconfig

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cardea-iac/cardea/workflow"
)

// spelling is one way to say where a state is.
type spelling struct {
	backend    string
	attributes map[string]string
	workspace  string
	computed   []string
}

func (s spelling) identity() string {
	return placeOf(s.backend, s.attributes, s.computed, workflow.Project{Variant: s.workspace}.VariantOrDefault()).Identity()
}

// said makes attributes of "name=value" words.
func said(backend string, words ...string) spelling {
	s := spelling{backend: backend, attributes: map[string]string{}}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		s.attributes[name] = value
	}
	return s
}

func (s spelling) in(workspace string) spelling { s.workspace = workspace; return s }

func (s spelling) computing(names ...string) spelling { s.computed = names; return s }

// places are pairs of spellings: same ones have one identity, doubtful ones cannot be
// told apart, all others are two states.
var places = []struct {
	name, is string // same, doubtful, different
	a, b     spelling
}{
	{"local: cleaned", "same", said("local", "path=/s/a.tfstate"), said("local", "path=/s//./x/../a.tfstate")},
	{"local: the root by another name", "same", said("local", "path=/s/a.tfstate"), said("local", "path=/proc/self/root/s/a.tfstate")},
	{"local: the root of a process", "same", said("local", "path=/s/a.tfstate"), said("local", "path=/proc/1/root/proc/thread-self/root/s/a.tfstate")},
	{"local: above the root of a process", "doubtful", said("local", "path=/s/a.tfstate"), said("local", "path=/proc/1/root/../s/a.tfstate")},
	{"local: the root of a thread", "same", said("local", "path=/s/a.tfstate"), said("local", "path=/proc/self/task/7/root/s/a.tfstate")},
	{"local: a directory of a process", "doubtful", said("local", "path=/s/a.tfstate"), said("local", "path=/proc/self/cwd/../s/a.tfstate")},
	{"local: above the directory of a process", "doubtful", said("local", "path=/data/s/a.tfstate"), said("local", "path=/proc/self/cwd/../../../../s/a.tfstate")},
	{"local: above a thread", "doubtful", said("local", "path=/s/a.tfstate"), said("local", "path=/proc/thread-self/../../root/s/a.tfstate")},
	{"local: a file of a process", "doubtful", said("local", "path=/s/a.tfstate"), said("local", "path=/proc/self/fd/7")},
	{"local: another file", "different", said("local", "path=/s/a.tfstate"), said("local", "path=/s/b.tfstate")},
	{"local: of a Terraform workspace", "same", said("local", "path=/s/blue/terraform.tfstate"), said("local", "path=/s/a", "workspace_dir=/s").in("blue")},
	{"remote and cloud", "same", said("remote", "organization=o", "workspaces.name=w"), said("cloud", "organization=O", "workspaces.name=w", "hostname=app.terraform.io")},
	{"remote: prefix and name", "same", said("remote", "organization=o", "workspaces.name=app-prod"), said("remote", "organization=o", "workspaces.prefix=app-").in("prod")},
	{"remote: as JSON", "same", said("remote", "organization=o", "workspaces.name=w"), said("remote", "organization=o", "workspaces.0.name=w", "token=x")},
	{"cloud: tags", "same", said("cloud", "organization=o", "workspaces.name=prod"), said("cloud", "organization=o", "workspaces.tags.0=app", "workspaces.tags.1=x").in("prod")},
	{"cloud: another host", "doubtful", said("cloud", "organization=o", "workspaces.name=w"), said("cloud", "organization=o", "workspaces.name=w", "hostname=tfe.example.com")},
	{"cloud: organization by the environment", "doubtful", said("cloud", "organization=o", "workspaces.name=w"), said("cloud", "workspaces.name=w")},
	{"cloud: no workspace", "doubtful", said("cloud", "organization=o", "workspaces.name=w"), said("cloud", "organization=o")},
	{"cloud: another workspace", "different", said("cloud", "organization=o", "workspaces.name=w"), said("cloud", "workspaces.name=v")},
	{"cloud: another organization", "different", said("cloud", "organization=o", "workspaces.name=w"), said("remote", "organization=p", "workspaces.name=w")},
	{"azurerm: how it is reached", "same", said("azurerm", "storage_account_name=s", "container_name=c", "key=k"),
		said("azurerm", "storage_account_name=S", "container_name=c", "key=k", "resource_group_name=r", "use_oidc=true", "snapshot=true", "environment=public")},
	{"azurerm: of a Terraform workspace", "same", said("azurerm", "storage_account_name=s", "container_name=c", "key=kenv:blue"),
		said("azurerm", "storage_account_name=s", "container_name=c", "key=k").in("blue")},
	{"azurerm: another container", "different", said("azurerm", "storage_account_name=s", "container_name=c", "key=k"), said("azurerm", "storage_account_name=s", "container_name=d", "key=k")},
	{"consul: gzip", "same", said("consul", "path=p"), said("consul", "path=/p/", "gzip=true", "lock=false", "scheme=https")},
	{"consul: of a Terraform workspace", "same", said("consul", "path=p-env:blue"), said("consul", "path=p").in("blue")},
	{"consul: another agent", "doubtful", said("consul", "path=p"), said("consul", "path=p", "address=10.0.0.1:8500")},
	{"consul: another path", "different", said("consul", "path=p"), said("consul", "path=q", "address=10.0.0.1:8500")},
	{"cos: defaults", "same", said("cos", "bucket=b-1"), said("cos", "bucket=b-1", "prefix=", "key=terraform.tfstate", "region=r", "acl=private", "encrypt=true")},
	{"cos: prefix or key", "same", said("cos", "bucket=b", "key=p/k"), said("cos", "bucket=b", "prefix=p", "key=k")},
	{"cos: of a Terraform workspace", "same", said("cos", "bucket=b", "key=p/blue/k"), said("cos", "bucket=b", "prefix=p", "key=k").in("blue")},
	{"cos: another key", "different", said("cos", "bucket=b", "key=k"), said("cos", "bucket=b", "key=l")},
	{"gcs: credentials", "same", said("gcs", "bucket=b", "prefix=p"), said("gcs", "bucket=b", "prefix=/p/", "credentials=x", "kms_encryption_key=y")},
	{"gcs: no prefix", "same", said("gcs", "bucket=b"), said("gcs", "bucket=b", "prefix=")},
	{"gcs: another Terraform workspace", "different", said("gcs", "bucket=b", "prefix=p"), said("gcs", "bucket=b", "prefix=p").in("blue")},
	{"gcs and s3", "same", said("gcs", "bucket=b", "prefix=p"), said("s3", "bucket=b", "key=p/default.tfstate", "endpoints.s3=https://storage.googleapis.com", "region=auto")},
	{"gcs and s3, the old word", "same", said("gcs", "bucket=b", "prefix=p").in("blue"), said("s3", "bucket=b", "key=p/blue.tfstate", "endpoint=storage.googleapis.com")},
	{"gcs and s3 by a host", "doubtful", said("gcs", "bucket=b", "prefix=p"), said("s3", "bucket=b", "key=p/default.tfstate", "endpoints.s3=https://objects.example.com")},
	{"http: a query", "same", said("http", "address=http://states/a"), said("http", "address=http://states/a?x=1")},
	{"http: a person, a fragment", "same", said("http", "address=https://states/a"), said("http", "address=HTTPS://ada:x@States.:443/./a/#x", "skip_cert_verification=true")},
	{"http: encoded", "same", said("http", "address=http://states/a/b"), said("http", "address=http://states/%61%2fb;x=1")},
	{"http: this machine", "same", said("http", "address=http://127.0.0.1:8080/a"), said("http", "address=http://localhost:8080/a")},
	{"http: this machine again", "same", said("http", "address=http://[::1]:8080/a"), said("http", "address=http://127.8.9.1:8080//a/")},
	{"http: another name of a host", "doubtful", said("http", "address=http://127.0.0.1:8080/a"), said("http", "address=http://states.example.com/a")},
	{"http: given by the environment", "doubtful", said("http", "address=http://states/a"), said("http", "lock_method=POST")},
	{"http: another path", "different", said("http", "address=https://states/a"), said("http", "address=https://states/b")},
	{"kubernetes: labels and namespace", "same", said("kubernetes", "secret_suffix=s"), said("kubernetes", "secret_suffix=s", "namespace=default", "labels.app=x", "config_path=~/.kube/config")},
	{"kubernetes: of a Terraform workspace", "same", said("kubernetes", "secret_suffix=b-s").in("a"), said("kubernetes", "secret_suffix=s").in("a-b")},
	{"kubernetes: namespace by the environment", "doubtful", said("kubernetes", "secret_suffix=s"), said("kubernetes", "secret_suffix=s", "namespace=prod")},
	{"kubernetes: another namespace", "different", said("kubernetes", "secret_suffix=s", "namespace=dev"), said("kubernetes", "secret_suffix=s", "namespace=prod")},
	{"kubernetes: another secret", "different", said("kubernetes", "secret_suffix=s"), said("kubernetes", "secret_suffix=t")},
	{"oss: defaults", "same", said("oss", "bucket=b"), said("oss", "bucket=b", "prefix=env:", "key=terraform.tfstate", "tablestore_table=t", "region=r", "endpoint=oss-r.aliyuncs.com")},
	{"oss: of a Terraform workspace", "same", said("oss", "bucket=b", "prefix=p", "key=blue/k"), said("oss", "bucket=b", "prefix=/p/", "key=k").in("blue")},
	{"oss: another prefix", "different", said("oss", "bucket=b"), said("oss", "bucket=b", "prefix=p")},
	{"oci: defaults", "same", said("oci", "bucket=b", "namespace=n"), said("oci", "bucket=b", "namespace=n", "key=terraform.tfstate", "region=r", "auth=APIKey")},
	{"oci: of a Terraform workspace", "same", said("oci", "bucket=b", "namespace=n", "key=env:/blue/k"), said("oci", "bucket=b", "namespace=n", "key=k", "workspace_key_prefix=env:").in("blue")},
	{"oci: another key", "different", said("oci", "bucket=b", "namespace=n"), said("oci", "bucket=b", "namespace=n", "key=k")},
	{"pg: the default schema", "same", said("pg", "conn_str=postgres://h/d"), said("pg", "conn_str=postgres://u:p@H:/d?sslmode=require", "schema_name=terraform_remote_state", "skip_schema_creation=true")},
	{"pg: all by the environment", "doubtful", said("pg", "conn_str=postgres://h/d", "schema_name=x"), said("pg")},
	{"pg: another name of a host", "doubtful", said("pg", "conn_str=postgres://h/d"), said("pg", "conn_str=postgres://10.0.0.1:6432/d")},
	{"pg: not an address", "doubtful", said("pg", "conn_str=postgres://h/d"), said("pg", "conn_str=host=h dbname=d")},
	{"pg: a database in the query", "doubtful", said("pg", "conn_str=postgres://h/d"), said("pg", "conn_str=postgres://h/e?dbname=d")},
	{"pg: another database", "different", said("pg", "conn_str=postgres://h/d"), said("pg", "conn_str=postgres://h/e")},
	{"pg: another schema", "different", said("pg", "conn_str=postgres://h/d", "schema_name=x"), said("pg", "schema_name=y")},
	{"pg: another Terraform workspace", "different", said("pg", "conn_str=postgres://h/d"), said("pg", "conn_str=postgres://h/d").in("blue")},
	{"s3: how it is kept", "same", said("s3", "bucket=b", "key=k"), said("s3", "bucket=b", "key=/k", "encrypt=true", "use_lockfile=true", "dynamodb_table=t", "region=r",
		"assume_role.role_arn=x", "assume_role.tags.a=b", "profile=p", "endpoints.sts=https://sts.example.com", "allowed_account_ids.0=1", "allowed_account_ids.1=2")},
	{"s3: of a Terraform workspace", "same", said("s3", "bucket=b", "key=p/blue/k"), said("s3", "bucket=b", "key=k", "workspace_key_prefix=p").in("blue")},
	{"s3: no prefix", "same", said("s3", "bucket=b", "key=blue/k"), said("s3", "bucket=b", "key=k", "workspace_key_prefix=").in("blue")},
	{"s3: its own hosts", "same", said("s3", "bucket=b", "key=k"), said("s3", "bucket=b", "key=k", "endpoints.s3=https://bucket.vpce-1a-b.s3.eu-west-1.vpce.amazonaws.com")},
	{"s3: a bucket with a slash", "doubtful", said("s3", "bucket=b", "key=x/k"), said("s3", "bucket=b/x", "key=k", "use_path_style=true")},
	{"s3: an access point", "doubtful", said("s3", "bucket=b", "key=k"), said("s3", "bucket=arn:aws:s3:eu-west-1:1:accesspoint/b", "key=k")},
	{"s3: an access point's alias", "doubtful", said("s3", "bucket=b", "key=k"), said("s3", "bucket=ap-xyz-s3alias", "key=k")},
	{"s3: an endpoint within a bucket", "doubtful", said("s3", "bucket=b", "key=x/k"), said("s3", "bucket=x", "key=k", "endpoints.s3=https://b.s3.eu-west-1.amazonaws.com")},
	{"s3: an endpoint with a path", "doubtful", said("s3", "bucket=b", "key=x/k"), said("s3", "bucket=x", "key=k", "endpoints.s3=http://minio:9000/b")},
	{"s3: another host", "doubtful", said("s3", "bucket=b", "key=k", "endpoints.s3=http://minio:9000"), said("s3", "bucket=b", "key=k", "endpoints.s3=http://10.0.0.1:9000")},
	{"s3: dots in the key", "doubtful", said("s3", "bucket=b", "key=k"), said("s3", "bucket=b", "key=x/../k")},
	{"s3: computed bucket", "doubtful", said("s3", "bucket=b", "key=k"), said("s3", "key=k").computing("bucket")},
	{"s3: computed, but not what names it", "same", said("s3", "bucket=b", "key=k"), said("s3", "bucket=b", "key=k").computing("profile", "assume_role.role_arn")},
	{"s3: an syntax.Unreadable file", "doubtful", said("s3", "bucket=b", "key=k"), said("s3", "bucket=x", "key=x").computing("*")},
	{"s3: an attribute that nobody knows", "doubtful", said("s3", "bucket=b", "key=k"), said("s3", "bucket=x", "key=x", "mirror_of=b/k")},
	{"s3: computed bucket at a host of one's own", "doubtful", said("s3", "bucket=b", "key=x/k"), said("s3", "key=k", "endpoints.s3=http://minio").computing("bucket")},
	{"s3: computed bucket, another key", "different", said("s3", "bucket=b", "key=k"), said("s3", "key=l").computing("bucket")},
	{"s3: another bucket", "different", said("s3", "bucket=b", "key=k"), said("s3", "bucket=c", "key=k")},
	{"a backend that nobody knows", "doubtful", said("s3", "bucket=b", "key=k"), said("swift", "container=b", "state_name=k")},
	{"two kinds of place", "different", said("s3", "bucket=b", "key=k"), said("local", "path=/b/k")},
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	covered := map[string]map[string]bool{}
	for _, tt := range places {
		a, b := tt.a.identity(), tt.b.identity()
		got := "different"
		if workflow.MayBeOneState(a, b) {
			got = "doubtful"
		}
		if a == b {
			got = "same"
		}
		if got != tt.is {
			t.Errorf("%s: got %s, want %s:\n%s\n%s", tt.name, got, tt.is, a, b)
		}
		if covered[tt.a.backend] == nil {
			covered[tt.a.backend] = map[string]bool{}
		}
		covered[tt.a.backend][tt.is] = true
	}
	for name := range backends {
		like := map[string]string{"remote": "cloud"}
		for _, is := range []string{"same", "different"} {
			if !covered[name][is] && !covered[like[name]][is] {
				t.Errorf("no pair of %s says what is %s", name, is)
			}
		}
	}
}

// TestPlaceOnDisk: symlinks of the machine are followed in their order, as far as they exist.
func TestPlaceOnDisk(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "states", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"s": "states", "d": filepath.Join(dir, "states", "deep"), "loop": "loop", "fd": "/proc/self/fd"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, is := range map[string]bool{"states/deep/../a": true, "d/../a": false} {
		if got := workflow.MayBeOneState(said("local", "path="+dir+"/"+name).identity(), said("local", "path="+dir+"/b").identity()); got == is {
			t.Errorf("%s: got %v that it may be any file", name, got)
		}
	}
	for name, want := range map[string]string{
		"states/a": "states/a", "s/a": "states/a", "d/../a": "states/a", "d/a": "states/deep/a", "s/new/x": "states/new/x", "loop/a": "", "fd/7": "",
	} {
		got, ok := onDisk(dir + "/" + name)
		if ok != (want != "") || ok && got != filepath.Join(dir, want) {
			t.Errorf("%s: got %s, %v, want %s", name, got, ok, want)
		}
	}
}

// TestPlaceProperty: what does not name a state never changes its name, and what is
// not known is never told apart from what it may be.
func TestPlaceProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pair := rapid.SampledFrom(places).Draw(t, "pair")
		s := rapid.SampledFrom([]spelling{pair.a, pair.b}).Draw(t, "spelling")
		before := s.identity()
		kind := backends[s.backend]
		more := s
		more.attributes = maps.Clone(s.attributes)
		if others := strings.Fields(kind.others); len(others) > 0 {
			for _, name := range rapid.SliceOf(rapid.SampledFrom(others)).Draw(t, "more") {
				if rapid.Bool().Draw(t, "computed") {
					more.computed = append(more.computed, name)
				} else {
					more.attributes[name] = rapid.StringMatching(`[a-z:/.]{1,8}`).Draw(t, "value")
				}
			}
		}
		if got := more.identity(); got != before && !placeIsUnknown(before) {
			t.Errorf("%v: got %s, want %s as without %v", more, got, before, more)
		} else if !workflow.MayBeOneState(got, before) {
			t.Errorf("%v is told apart from itself", more)
		}
		for _, name := range strings.Fields(kind.naming) {
			hidden := s
			hidden.attributes = maps.Clone(s.attributes)
			delete(hidden.attributes, name)
			hidden.computed = append([]string{name}, s.computed...)
			if !workflow.MayBeOneState(hidden.identity(), before) {
				t.Errorf("%v with %s computed is told apart from itself", s, name)
			}
		}
	})
}

func placeIsUnknown(identity string) bool { return strings.Contains(identity, "?") }
