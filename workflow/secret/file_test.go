package secret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestInFile: of each kind of file that people have, what is secret is found by itself, in the form in which tools
// use it, and nothing that plans are about.
func TestInFile(t *testing.T) {
	key, body := testKey(t)
	cert := base64.StdEncoding.EncodeToString([]byte("-----BEGIN CERTIFICATE-----\nMIIB0zCCAXmgAwIBAgIUQ2FyZGVhVGVzdDEyMzQ1Njc4OTAw\n-----END CERTIFICATE-----\n"))
	for _, tt := range []struct {
		name, text  string
		among       bool
		want, plain []string
	}{
		{name: "aws config", text: "[profile prod-ro]\nregion = eu-central-1\nrole_arn = arn:aws:iam::123456789012:role/PlanReadOnly1234567890Abc\nsource_profile = base\nsso_session = corp-login\n" +
			"credential_process = /usr/local/bin/vend --role prod --token canary-argument\ncredential_source = Ec2InstanceMetadata\n[profile keys]\naws_access_key_id = AKIDCANARY\naws_secret_access_key = /canary+slash/ab # of base\naws_session_token=canary==\n",
			want:  []string{"/canary+slash/ab", "canary==", "AKIDCANARY", "canary-argument"},
			plain: []string{"eu-central-1", "prod-ro", "base", "corp-login", "PlanReadOnly1234567890Abc", "arn:aws:iam::123456789012:role/PlanReadOnly1234567890Abc", "Ec2InstanceMetadata", "region", "/usr/local/bin/vend"}},
		{name: "kubeconfig", text: "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters:\n- name: prod\n  cluster:\n    server: https://ABCDEF0123456789ABCDEF0123456789.gr7.eu-central-1.eks.amazonaws.com\n" +
			"    certificate-authority-data: " + cert + "\nusers:\n- name: prod\n  user:\n    client-certificate-data: " + cert + "\n    client-key-data: " + base64.StdEncoding.EncodeToString([]byte(key)) + "\n    token: canary-token\n" +
			"- name: flow\n  user: {token: canary-flow, password: \"canary-quoted\"}\n- name: block\n  user:\n    token: |\n      canary-block\n- name: runs\n  user:\n    exec:\n      command: aws\n      args: [eks, get-token, --cluster-name, prod]\n      env:\n      - name: AWS_SECRET_ACCESS_KEY\n        value: canary-env\n      - name: AWS_PROFILE\n        value: prod-profile\n",
			want:  append([]string{"canary-token", "canary-flow", "canary-quoted", "canary-block", "canary-env"}, body...),
			plain: []string{"https://ABCDEF0123456789ABCDEF0123456789.gr7.eu-central-1.eks.amazonaws.com", "ABCDEF0123456789ABCDEF0123456789", "prod", "prod-profile", "current-context", "get-token", cert}},
		{name: "netrc", text: "machine dl.example login bot password canary-netrc\nmachine git.example\n  login canary-token-of-twenty-letters\n  password x-oauth-basic\ndefault\n",
			want: []string{"canary-netrc", "canary-token-of-twenty-letters", "x-oauth-basic"}, plain: []string{"dl.example", "git.example", "machine"}},
		{name: "service account", text: `{"type": "service_account", "project_id": "acme-prod", "private_key_id": "0123456789abcdef0123456789abcdef01234567", "private_key": "` + strings.ReplaceAll(key, "\n", `\n`) + `",
  "client_email": "plan@acme-prod.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token"}`,
			want: body, plain: []string{"acme-prod", "plan@acme-prod.iam.gserviceaccount.com", "https://oauth2.googleapis.com/token", "service_account"}},
		{name: "application default", text: `{"client_id": "764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com", "client_secret": "canary-client", "refresh_token": "1//canary-refresh", "type": "authorized_user"}`,
			want: []string{"canary-client", "1//canary-refresh"}, plain: []string{"764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com", "authorized_user"}},
		{name: "azure", text: `{"AccessToken": {"x-login.microsoftonline.com-y": {"credential_type": "AccessToken", "secret": "canary-azure", "environment": "login.microsoftonline.com", "realm": "8a1f7b0c-1111-2222-3333-444455556666"}}}`,
			want: []string{"canary-azure"}, plain: []string{"login.microsoftonline.com", "8a1f7b0c-1111-2222-3333-444455556666", "AccessToken"}},
		{name: "docker", text: `{"auths": {"ghcr.io": {"auth": "` + base64.StdEncoding.EncodeToString([]byte("bot:canary-docker")) + `"}}, "credsStore": "ecr-login"}`,
			want: []string{"canary-docker", base64.StdEncoding.EncodeToString([]byte("bot:canary-docker"))}, plain: []string{"ghcr.io", "ecr-login"}},
		{name: "numbers and lists", text: `{"password": 20261130, "tokens": ["canary-one", "canary-two"], "api_tokens": {"host.example": "canary-three"}}`,
			want: []string{"20261130", "canary-one", "canary-two", "canary-three"}, plain: []string{"host.example"}},
		{name: "xml", text: "<server>\n  <id>corp-mirror</id>\n  <password>canary-xml</password>\n</server>\n", want: []string{"canary-xml"}, plain: []string{"corp-mirror"}},
		{name: "pypirc", text: "[pypi]\nusername = __token__\npassword = canary-pypi\nrepository: https://pypi.example/simple\n", want: []string{"canary-pypi"}, plain: []string{"__token__", "https://pypi.example/simple"}},
		{name: "keys of age", text: "# created: 2026-11-30T12:00:00Z\n# public key: age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\nAGE-SECRET-KEY-1CANARY\n", want: []string{"AGE-SECRET-KEY-1CANARY"}, plain: []string{"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"}},
		{name: "just a key", text: `{"key": "canary-0123456789", "client-key": "/etc/keys/prod-0123.pem", "map": {"key": "name-of-it"}}`, want: []string{"canary-0123456789"}, plain: []string{"/etc/keys/prod-0123.pem", "name-of-it"}},
		{name: "lines of another system", text: "[default]\r\nregion = eu-central-1\r\npassword = canary-cr\r\n", want: []string{"canary-cr"}, plain: []string{"eu-central-1"}},
		{name: "git", text: "[user]\n  name = bot\n[credential]\n  helper = store\n[url \"https://x-access-token:canary-git@github.com/acme/\"]\n  insteadOf = https://github.com/acme/\n[http \"https://git.example/\"]\n  extraHeader = Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("bot:canary-basic")) + "\n",
			want: []string{"canary-git", "canary-basic"}, plain: []string{"https://github.com/acme/", "helper", "store"}},
		{name: "git-credentials", text: "https://bot:canary%2Fpw@git.example\nhttps://other:canary-second@git.example\n", want: []string{"canary/pw", "canary%2Fpw", "canary-second"}, plain: []string{"git.example"}},
		{name: "npmrc", text: "//registry.npmjs.org/:_authToken=canary-npm\nregistry=https://registry.npmjs.org/\n", want: []string{"canary-npm"}, plain: []string{"https://registry.npmjs.org/"}},
		{name: "pgpass", text: "db.example:5432:app:bot:canary-pg\n*:*:*:*:canary-pg-two\n", want: []string{"canary-pg", "canary-pg-two"}, plain: []string{"db.example"}},
		{name: "hcl", text: "credentials \"app.terraform.io\" {\n  token = \"canary.atlasv1.hcl\"\n}\n", want: []string{"canary.atlasv1.hcl"}, plain: []string{"app.terraform.io"}},
		{name: "a key", text: key, want: body, plain: []string{"-----BEGIN EC PRIVATE KEY-----"}},
		{name: "a certificate", text: "-----BEGIN CERTIFICATE-----\nMIIB0zCCAXmgAwIBAgIUQ2FyZGVhVGVzdDEyMzQ1Njc4OTAw\n-----END CERTIFICATE-----\n", plain: []string{"MIIB0zCCAXmgAwIBAgIUQ2FyZGVhVGVzdDEyMzQ1Njc4OTAw"}},
		{name: "a token", text: "canary\n", want: []string{"canary"}},
		{name: "a word among others", text: "default\n", among: true, plain: []string{"default"}},
		{name: "a token among others", text: "hvs.CAESIcanary9\n", among: true, want: []string{"hvs.CAESIcanary9"}},
		{name: "lines of no shape", text: "canary one\ncanary-two\n", want: []string{"canary one", "canary-two"}},
		{name: "comments", text: "# the token should be rotated, bearer of it is platform\n# password: canary-old\nregion = x\n", want: []string{"canary-old"}, plain: []string{"should", "rotated", "platform"}},
		{name: "known hosts", text: "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n", plain: []string{"AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"}},
		{name: "a database", text: "SQLite format 3\x00\x10 eyJhbGciOiJSUzI1NiJ9Canary0 \x01 acme-production-account \xff", want: []string{"eyJhbGciOiJSUzI1NiJ9Canary0"}, plain: []string{"acme-production-account"}},
		{name: "git-credentials of one line", text: "https://bot:canary-one@git.example\n", among: true, want: []string{"canary-one"}, plain: []string{"git.example", "bot"}},
		{name: "pgpass of one line", text: "db.example:5432:app:bot:canary-pg\n", among: true, want: []string{"canary-pg"}, plain: []string{"db.example"}},
		{name: "pgpass with a colon", text: "db.example:5432:app:bot:canary\\:pg\n", want: []string{`canary\:pg`, "canary:pg"}},
		{name: "xml of one line", text: "<server><id>corp-mirror</id><password>canary-xml</password></server>", among: true, want: []string{"canary-xml"}, plain: []string{"corp-mirror"}},
		{name: "an image in one line", text: "registry.example/team/image:latest", among: true, plain: []string{"latest"}},
		{name: "marked as Unicode", text: "\ufeff{\"a\": 1, \"client_secret\": \"canary-json\"}", want: []string{"canary-json"}},
		{name: "marked as Unicode, lines", text: "\ufeffpassword = canary-ini\nregion = eu-central-1\n", want: []string{"canary-ini"}, plain: []string{"eu-central-1"}},
		{name: "JSON line by line", text: "{\"token\": \"canary-one\"}\n{\"token\": \"canary-two\"}\n", want: []string{"canary-one", "canary-two"}},
		{name: "a block in one line", text: "credentials \"app.example\" { token = \"canary-block\" }\n", want: []string{"canary-block"}, plain: []string{"app.example"}},
		{name: "oci", text: "[DEFAULT]\nuser = ocid1.user.oc1..bot\npass_phrase = canary-phrase\nkey_file = ~/.oci/key.pem\n", want: []string{"canary-phrase"}, plain: []string{"ocid1.user.oc1..bot", "~/.oci/key.pem"}},
		{name: "arguments of a plugin", text: "users:\n- name: a\n  user:\n    exec:\n      command: kubelogin\n      args: [get-token, --client-secret, canary-argument, --token-file, /run/token-file]\n",
			want: []string{"canary-argument"}, plain: []string{"get-token", "kubelogin", "/run/token-file"}},
		{name: "arguments of a process", text: "[profile a]\ncredential_process = /usr/local/bin/vend --client-secret canary-argument --region eu-central-1\n", want: []string{"canary-argument"}, plain: []string{"eu-central-1"}},
		{name: "a word in quotes", text: "machine git.example login bot password \"canary of two words\"\n", want: []string{"canary of two words"}, plain: []string{"git.example"}},
		{name: "comments about flags", text: "# give it with --password instead\nregion = x\n", plain: []string{"instead"}},
		{name: "nothing", text: "\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := InFile([]byte(tt.text), tt.among)
			for _, want := range tt.want {
				if !slices.ContainsFunc(got, func(s string) bool { return s == want || slices.Contains(strings.Split(s, "\n"), want) }) {
					t.Errorf("%q is not found: %q", want, got)
				}
			}
			for _, plain := range tt.plain {
				for _, s := range got {
					if len(s) >= 6 && (s == plain || strings.Contains(plain, s)) {
						t.Errorf("%q is taken for a secret, which hides %q", s, plain)
					}
				}
			}
		})
	}
}

// TestInFileIsBounded: no file takes much, whoever wrote it, and what it takes grows no faster than the file does.
// What it asks for is counted, not the time it takes: a machine may be busy. Of one size nothing could be said that holds for
// the race detector too, whose pools throw away a part of what they are given.
func TestInFileIsBounded(t *testing.T) {
	for name, file := range map[string]func(n int) string{
		"keys": func(n int) string {
			var many strings.Builder
			for i := range 20 * n {
				fmt.Fprintf(&many, "key%d: value %d\n", i, i)
			}
			return many.String()
		},
		"lists":  func(n int) string { return "x: " + strings.Repeat("[", 50*n) },
		"items":  func(n int) string { return strings.Repeat("- ", 50*n) + "a" },
		"levels": func(n int) string { return "x: " + strings.Repeat("{a: ", 2*n) + strings.Repeat("}", 2*n) },
		"aliases": func(n int) string {
			return "a: &a [" + strings.Repeat("x,", n/100) + "x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d]\n"
		},
	} {
		took := map[int]uint64{}
		for _, n := range []int{500, 2000} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, _ := InFile([]byte("password: canary-first\n"+file(n)), false)
			runtime.ReadMemStats(&after)
			took[n] = after.TotalAlloc - before.TotalAlloc
			if !slices.Contains(got, "canary-first") || len(got) > 1000 {
				t.Errorf("%s: %d found in %d", name, len(got), n)
			}
		}
		t.Logf("%s: %d kB, and %d kB of four times as much", name, took[500]>>10, took[2000]>>10)
		if took[2000] > 8*max(took[500], 1<<20) {
			t.Errorf("%s: four times as much takes %d times as much", name, took[2000]/took[500])
		}
	}
}

// FuzzInFile: nothing that a file holds makes us fail.
func FuzzInFile(f *testing.F) {
	for _, text := range []string{"a: [b, {c: d}]", "[x]\na = b", "{\"a\": 1}", "- a\n- b: |\n  c", "machine a login b password c", "-----BEGIN X PRIVATE KEY-----\na", "a:b:c", "<a>b</a>"} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		InFile([]byte(text), true)
		InFile([]byte(text), false)
	})
}

// testKey is a private key in PEM, and the lines of its body.
func testKey(t *testing.T) (text string, body []string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	text = string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	all := strings.Split(strings.TrimSpace(text), "\n")
	return text, append(all[1:len(all)-1:len(all)-1], strings.Join(all[1:len(all)-1], ""))
}
