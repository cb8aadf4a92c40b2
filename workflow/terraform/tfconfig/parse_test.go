package tfconfig

import (
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// FuzzModule: whatever a pull holds, reading it ends, without a panic, the same way twice.
func FuzzModule(f *testing.F) {
	for _, seed := range []string{
		s3, "resource \"terraform_data\" \"a\" { input = \"one\" }\nresource \"terraform_data\" \"b\" { input = \"two\" }\n",
		"terraform {\n  backend \"local\" {\n    path          = \"STATE/terraform.tfstate\"\n    workspace_dir = \"STATE/others\"\n  }\n}\n", "module \"m\" { source = \"../${x}\" }", "x = file(\"${path.module}/a\")", "terraform {\n cloud {}\n required_providers {\n a = {}\n }\n}\n",
		"resource \"a\" \"b\" {\n provisioner \"local-exec\" {\n command = \"./x\"\n }\n}\n", `{"terraform":{"backend":{"s3":{"key":"${x}"}}},"module":{"m":{"source":"./m"}}}`, "%{ if", "<<E\n${", "\x00\xff",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, asJSON bool) {
		name := "x.tf"
		if asJSON {
			name = "x.tf.json"
		}
		read := func() *module { p := newParser(); p.file(name, []byte(text)); return p.finish() }
		one, two := read().at("d"), read().at("d")
		if ownOf(one).ProviderConfig != ownOf(two).ProviderConfig || strings.Join(one.Calls, " ") != strings.Join(two.Calls, " ") || strings.Join(one.Files, " ") != strings.Join(two.Files, " ") {
			t.Errorf("got %+v, then %+v", one, two)
		}
		for _, c := range append(one.Calls, one.Files...) {
			if strings.Contains(c, "\x00") {
				t.Errorf("a placeholder is left in %q", c)
			}
		}
	})
}

// TestEncryptionIsConfiguration: OpenTofu's encryption block can run programs, so it is none that changes silently.
func TestEncryptionIsConfiguration(t *testing.T) {
	t.Parallel()
	config := func(command string) string {
		p := newParser()
		p.file("main.tf", []byte("terraform {\n encryption {\n key_provider \"external\" \"x\" {\n command = [\""+command+"\"]\n }\n }\n}"))
		return p.finish().providers
	}
	if one, two := config("a"), config("b"); one == "" || one == two {
		t.Errorf("got %q and %q", one, two)
	}
}

// TestEndlessLoops: what a few words would compute for days is computed nowhere, and stays unknown.
func TestEndlessLoops(t *testing.T) {
	t.Parallel()
	loop := `"x"`
	for range 8 {
		loop = "[for x in [" + strings.Repeat("1, ", 100) + "] : " + loop + "]"
	}
	for name, text := range map[string]string{ // each would take longer than any test may
		"a/source.tf":           "module \"m\" {\n source = " + loop + "[0]\n}\n",
		"a/text.tf":             "module \"m\" {\n source = \"./${length(" + loop + ")}${" + loop + "[0]}\"\n}\n",
		"a/backend.tf":          "terraform {\n backend \"local\" {\n path = " + loop + "[0]\n }\n}\n",
		"a/file.tf":             "locals {\n a = file({ (" + loop + ") = \"x\" }[" + loop + "])\n b = " + loop + "\n}\n",
		"a/version.tf":          "terraform {\n required_version = " + loop + "\n required_providers {\n  a = { source = " + loop + ", (" + loop + ") = 1 }\n }\n}\n",
		"a/early.tofu":          "variable \"x\" {\n type = " + loop + "\n default = " + loop + "\n}\nmodule \"m\" {\n source = var.x\n y = " + loop + "\n}\n",
		"a/v.auto.tfvars":       "x = " + loop + "\n",
		"a/t.tftest.hcl":        "run \"r\" {\n module {\n  source = " + loop + "\n }\n}\n",
		"a/.terraform.lock.hcl": "provider \"x\" {\n version = " + loop + "\n hashes = " + loop + "\n}\n",
		"u/terragrunt.hcl":      "terraform {\n source = " + loop + "\n}\ninputs = { a = \"x${" + loop + "}\" }\n",
		"a/removed.tf":          "resource \"a\" \"b\" {\n count = " + loop + "\n provisioner \"local-exec\" {\n  command = " + loop + "\n }\n}\ndata \"terraform_remote_state\" \"x\" {\n backend = " + loop + "\n config = { path = " + loop + " }\n}\n",
	} {
		files := mapFS(map[string]string{name: text, "a/x.tf": "terraform {\n required_version = \"1.0\"\n}\n"})
		for _, tool := range []string{"terraform", Tofu} {
			inputs(t, files, workflow.Project{Name: "a", Dir: "a", Variant: "default", Settings: Settings{Tool: tool}.JSON()})
		}
		ParseLockFile([]byte(text))
	}
}
