package tfconfig

import (
	"strings"
	"testing"
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
