package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow/secret"
)

func redact(t testing.TB, chunk int, text string, values ...string) string {
	t.Helper()
	var out bytes.Buffer
	r := secret.NewRedactor(&out, values...)
	for rest := text; len(rest) > 0; {
		n := min(chunk, len(rest))
		if m, err := r.Write([]byte(rest[:n])); m != n || err != nil {
			t.Fatalf("write: got %d, %v, want %d", m, err, n)
		}
		rest = rest[n:]
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRedact(t *testing.T) {
	jwt := "ghs_12345_eyJhbGciOiJSUzI1NiJ9." + strings.Repeat("eyJpc3MiOiJ4-_", 30) + ".c2lnbmF0dXJl-_x"
	key := "-----BEGIN RSA PRIVATE KEY-----\n" + strings.Repeat("MIIEpAIBAAKCAQEAwJ8bT7mK5Zt0pUe3vJ1xQfYc9sLq2RnWdHgOaXiVzBkMlNuP\n", 3) + "QfYc9s==\n-----END RSA PRIVATE KEY-----\n"
	for _, tt := range []struct {
		name, in, want string
		values         []string
	}{
		{"nothing", "Plan: 1 to add, 0 to change, 0 to destroy.\n", "", nil},
		{"a value", "password is hunter2-hunter2!\nok\n", "password is ***!\nok\n", []string{"hunter2-hunter2"}},
		{"twice and together", "hunter2hunter2 hunter2\n", "*** ***\n", []string{"hunter2"}},
		{"a value in a value", "abcdefgh abcdefghijkl abcdefghij\n", "*** *** ***ij\n", []string{"abcdefgh", "abcdefghijkl"}},
		{"overlapping values", "xabcdefghix\n", "x***x\n", []string{"abcdef", "defghi"}},
		{"a beginning only", "hunter2-hunter hunter2-\n", "", []string{"hunter2-hunter2"}},
		{"too short", "a cat\n", "", []string{"cat", ""}},
		{"json", `{"v":"a\"b\\c\u003cd\n12"} and {"v":"a\"b\\c<d\n12"}` + "\n", `{"v":"***"} and {"v":"***"}` + "\n", []string{"a\"b\\c<d\n12"}},
		{"json in json", jsonIn(3, "a\"b\\c&d") + jsonIn(4, "a\"b\\c&d") + `\\u0026` + "\n", strings.Replace(jsonIn(3, "aSECRETd")+jsonIn(4, "aSECRETd"), "aSECRETd", "***", 2) + `\\u0026` + "\n", []string{"a\"b\\c&d"}},
		{"json in base64", base64.StdEncoding.EncodeToString([]byte(jsonIn(1, "secret&\"quoted"))) + "\n", "eyJ2Ijoi***QifQ==\n", []string{"secret&\"quoted"}},
		{"hcl", `v = "$${secret} %%{x}"` + "\n", `v = "***"` + "\n", []string{"${secret} %{x}"}},
		{"url", "https://h/?q=p%40ss%2Fw%26rd+1 p%40ss%2fw%26rd+1 p@ss%2Fw&rd%201\n", "https://h/?q=*** *** ***\n", []string{"p@ss/w&rd 1"}},
		{"base64 of the value alone", "c2VzYW1lLW9wZW4=\n", "***\n", []string{"sesame-open"}},
		{"base64 within", base64.StdEncoding.EncodeToString([]byte("u:sesame-open")) + "\n", "dTp***g==\n", []string{"sesame-open"}},
		{"indented lines", "  first-line-of-it\n    second-line-of-it\n", "  ***\n    ***\n", []string{"first-line-of-it\nsecond-line-of-it\n"}},
		{"github, short", "token ghs_" + strings.Repeat("aB3", 12) + ", ghp_" + strings.Repeat("x", 36) + "\n", "token ***, ***\n", nil},
		{"github, with a JWT", "token=" + jwt + " end\n", "token=*** end\n", nil},
		{"github, fine-grained", "github_pat_11ABCDEFG0abcdefghijkl_" + strings.Repeat("Z9", 29) + "\n", "***\n", nil},
		{"access key", `id = "AKIAIOSFODNN7EXAMPLE"` + "\n", `id = "***"` + "\n", nil},
		{"tokens by their beginnings", strings.Join(tokens(), " and\n") + " end\n", strings.Repeat("*** and\n", len(tokens())-1) + "*** end\n", nil},
		{"what only looks like one", strings.Join(harmless, "\n") + "\n", "", nil},
		{"a hook's address", "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/cCcCcCcCcCcCcCcCcCcCcCcC\n", "https://hooks.slack.com/services/***\n", nil},
		{"a storage account", "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=" + strings.Repeat("aB3/", 21) + "aB==;EndpointSuffix=core.windows.net\n",
			"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=***;EndpointSuffix=core.windows.net\n", nil},
		{"a shared access address", "https://acme.blob.core.windows.net/c?sv=2024-01-01&sig=aB3%2FaB3%2BaB3aB3aB3aB3aB3aB3%3D&se=2026\n",
			"https://acme.blob.core.windows.net/c?sv=2024-01-01&sig=***&se=2026\n", nil},
		{"password in a URL", "fetching https://bob:pa:ss@example.com/x and git::ssh://git@github.com/a/b\n", "fetching https://***@example.com/x and git::ssh://git@github.com/a/b\n", nil},
		{"authorization", "> Authorization: Basic dXNlcjpwYXNz\n> authorization: abc\n  authorization = \"NONE\"\n\"Authorization\": \"Bearer x.y\"\n",
			"> Authorization: ***\n> authorization: ***\n  authorization = \"NONE\"\n\"Authorization\": \"***\"\n", nil},
		{"bearer", "got Bearer eyJhbGciOiJSUzI1NiJ9.x.y here; a bearer of news\n", "got Bearer *** here; a bearer of news\n", nil},
		{"private key", "k:\n" + key + "after\n", "k:\n-----BEGIN RSA PRIVATE KEY-----\n" + strings.Repeat("***\n", 4) + "***-----END RSA PRIVATE KEY-----\nafter\n", nil},
		{"private key in a string", `k = "` + strings.ReplaceAll(key, "\n", `\n`) + `" after` + "\n", `k = "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----\n" after` + "\n", nil},
		{"a key that never ends", "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nthis is not of the key\n", "-----BEGIN PRIVATE KEY-----\n***\nthis is not of the key\n", nil},
		{"bytes that are no text", "\xff\xfe\x00 hunter2 \x1b[31m\r\n", "\xff\xfe\x00 *** \x1b[31m\r\n", []string{"hunter2"}},
		{"no newline at the end", "the end: hunter2", "the end: ***", []string{"hunter2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.in
			}
			for _, chunk := range []int{1, 2, 3, 7, 64, 1 << 20} {
				if got := redact(t, chunk, tt.in, tt.values...); got != want {
					t.Errorf("in writes of %d:\ngot  %q\nwant %q", chunk, got, want)
				}
			}
			if got := secret.NewRedactor(nil, tt.values...).Redact(tt.in); got != want {
				t.Errorf("Redact:\ngot  %q\nwant %q", got, want)
			}
		})
	}
}

// jsonIn is an object in JSON, as a text in another one, and so on.
func jsonIn(depth int, value string) string {
	for range depth {
		data, err := json.Marshal(map[string]string{"v": value})
		if err != nil {
			panic(err) // texts always encode
		}
		value = string(data)
	}
	return value
}

// tokens are one of each kind that says by its beginning what it is, put together here so that
// nobody's scanner takes this file for a leak.
func tokens() []string {
	few, many := strings.Repeat("aB3", 8), strings.Repeat("aB3", 18)
	return []string{
		"AIza" + many[:35], "GOCSPX-" + few, "ya29." + many, "xoxb-" + "123456789012-" + few, "xapp-" + "1-" + few,
		"glpat-" + few, "gldt-" + few, "glrt-" + "t1_" + few, "npm_" + many[:36], "pypi-" + many, "dckr_pat_" + few,
		"hvs." + few, "hvb." + many, few[:14] + ".atlasv1." + many, "sk_live_" + few, "rk_test_" + few,
		"dop_v1_" + strings.Repeat("0af1", 16), "SG." + few + "." + many, "AGE-SECRET-KEY-1" + strings.Repeat("QZ0", 18),
		"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJjYXJkZWEifQ." + few,
	}
}

// harmless are words of everyday plans that begin like secrets.
var harmless = []string{
	"glue-job-for-the-orders-of-the-shop", "glacier-vault-access-policies", "npm_config_registry", "a foxy-thing", "xox-1",
	"sig=on", "https://example.com/?sig=short", "sk_test", "risk_test_environment_for_everybody", "hvac.example.com.and-more-words",
	"SG.small", "AccountKey=", "eyJhIjoxfQ", "arn:aws:iam::123456789012:role/pypi-mirror", "dop_v1_not-one",
}

// Lines longer than any buffer are redacted too, also where a secret is longer than the buffer.
func TestRedactLongLines(t *testing.T) {
	token := "ghs_" + strings.Repeat("Ab1", 20)
	long := strings.Repeat("x y ", 50_000)
	for _, chunk := range []int{999, 32 << 10, 1 << 20} {
		if got, want := redact(t, chunk, long+token+" "+long), long+"*** "+long; got != want {
			t.Errorf("writes of %d: a token inside a long line: got %d bytes, want %d", chunk, len(got), len(want))
		}
		if got, want := redact(t, chunk, "a ghs_"+strings.Repeat("y", 200_000)+" b\nnext\n"), "a *** b\nnext\n"; got != want {
			t.Errorf("writes of %d: a giant token: got %d bytes %.60q, want %q", chunk, len(got), got, want)
		}
		for at := 32<<10 - 100; at < 32<<10+10; at += 7 { // across the cut
			if got, want := redact(t, chunk, strings.Repeat(".", at)+" "+token+" "+strings.Repeat(".", 20_000)), strings.Repeat(".", at)+" *** "+strings.Repeat(".", 20_000); got != want {
				t.Errorf("writes of %d: a token at %d: got %d bytes, want %d", chunk, at, len(got), len(want))
			}
		}
	}
}

// encodings are the forms in which a secret may come.
func encodings(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		panic(err) // a string always encodes
	}
	out := []string{secret, string(quoted[1 : len(quoted)-1]), url.QueryEscape(secret), url.PathEscape(secret)}
	for shift := range 3 {
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			// What surely is there of it, whatever stands around it.
			full := e.EncodeToString([]byte(strings.Repeat("u", shift) + secret + "tail"))
			out = append(out, full[(shift*8+5)/6:(shift+len(secret))*8/6])
		}
	}
	return out
}

// A line is seen as soon as it is complete, whatever secrets begin with and whatever is in it.
func TestRedactorShowsAWholeLine(t *testing.T) {
	key := strings.Repeat("MIIEpAIBAAKCAQEAwJ8bT7mK5Zt0pUe3vJ1xQfYc9sLq2RnWdHgOaXiVzBkMlNuP\n", 2)
	long := strings.Repeat("0123456789abcde ", 8<<10)
	for _, tt := range []struct {
		name   string
		values []string
		steps  []string // what is written, and what is seen after it
	}{
		{"ends of lines", []string{"\nabcdefgh", "\r\n\nsesame-open"}, []string{"up\n", "up\n", "abcdefgh\n", "***\n", "x\r\n\nsesame-open\n", "x\r\n\n***\n"}},
		{"blanks before them", []string{" \nabcdefgh", "\t\r\n \nsesame-open"}, []string{"up \n", "up \n", "up\t\r\n", "up\t\r\n", " abcdefgh\n", " ***\n"}},
		{"nothing else", []string{"\n\n\n\n\n\n\n", "\r\n\r\n\r\n\r\n", "\n\nabcd"}, []string{"up\n", "up\n", "\n\n\n\n\n\n\n\n", "\n\n\n\n\n\n\n\n", "x\r\n", "x\r\n"}},
		{"a beginning with the end of a line in it", []string{"d\nabcdefgh"}, []string{"first\nsecond\n", "first\n", "third one\n", "second\nthird one\n", "d\nabcdefgh\n", "***\n"}},
		{"a key's first line, and no key", []string{"-----BEGIN RSA PRIVATE KEY-----\n" + key}, []string{"up\n", "up\n", "it begins with -----BEGIN\n", "it begins with -----BEGIN\n"}},
		{"in a key", nil, []string{"-----BEGIN RSA PRIVATE KEY-----\n", "-----BEGIN RSA PRIVATE KEY-----\n", key, "***\n***\n", "up with it\n", "up with it\n"}},
		{"a progress bar", []string{"sesame-open"}, []string{"10%\r", "", "20%\r", "10%\r", "30%\r40% sesame-open\r", "20%\r30%\r", "done\n", "40% ***\rdone\n", "more\n", "more\n"}},
		{"an end of two bytes", nil, []string{"a\r", "", "\nb", "a\r\n", "\r\n", "b\r\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			r := secret.NewRedactor(&out, tt.values...)
			want := ""
			for i := 0; i < len(tt.steps); i += 2 {
				want += tt.steps[i+1]
				if _, err := r.Write([]byte(tt.steps[i])); err != nil || out.String() != want {
					t.Errorf("after %q: got %q, %v, want %q", tt.steps[i], out.String(), err, want)
				}
			}
		})
	}
	t.Run("a line without end", func(t *testing.T) {
		var out bytes.Buffer
		r := secret.NewRedactor(&out, "sesame-open")
		written := 0
		for range 40 {
			if _, err := r.Write([]byte(long[:3000])); err != nil {
				t.Fatal(err)
			}
			if written += 3000; written-out.Len() > 40<<10 {
				t.Fatalf("of %d bytes %d are seen", written, out.Len())
			}
		}
	})
}

// However output is cut into writes, neither a secret nor a form of it appears, and nothing else is lost.
func FuzzRedact(f *testing.F) {
	f.Add("correct-horse", "before ", " after\n", uint8(3), uint8(0))
	f.Add("a\"b\\c<d>&\n12", "{\"v\":\"", "\"}", uint8(1), uint8(1))
	f.Add("aaaaaaaa", "aaaa", "aaa\n", uint8(5), uint8(4))
	f.Add("p@ss/w&rd 1", "https://x:", "@h/", uint8(2), uint8(2))
	f.Add("abcabcabd", "abcabc", "abc", uint8(4), uint8(6))
	f.Fuzz(func(t *testing.T, secret, before, after string, chunk, form uint8) {
		if len(secret) < 6 || strings.Contains(secret, "*") {
			return // not hidden, or not to be told from the mask
		}
		all := encodings(secret)
		in := before + all[int(form)%len(all)] + after
		got := redact(t, int(chunk)+1, in, secret)
		for _, s := range all {
			if len(s) >= 6 && strings.Contains(got, s) {
				t.Errorf("%q is in the output of %q: %q", s, in, got)
			}
		}
		plain := strings.NewReplacer("-", ".", "_", ".", ":", ".", "AKIA", "", "ASIA", "", "earer", "", "EARER", "").Replace(before + after)
		if got := redact(t, int(chunk)+1, plain, "\x00never there\x00"); got != plain {
			t.Errorf("%q was changed to %q", plain, got)
		}
	})
}

// What passes the redactor costs no memory.
func TestRedactorMemory(t *testing.T) {
	r := secret.NewRedactor(io.Discard, "correct-horse")
	line := []byte(strings.Repeat(strings.Repeat("y", 99)+"\n", 300))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20_000_000 / len(line) {
		if _, err := r.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("20 MB of output allocated %d bytes, want less than 1 MiB", got)
	}
}

// A broken disk never fails a write; Close tells.
func TestRedactorNeverFails(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	r := secret.NewRedactor(full)
	for range 3 {
		if n, err := r.Write([]byte("line\n")); n != 5 || err != nil {
			t.Fatalf("write: got %d, %v", n, err)
		}
	}
	if err := r.Close(); err == nil {
		t.Error("close: got nil, want the disk's error")
	}
}

func BenchmarkRedactor(b *testing.B) {
	values := make([]string, 20)
	for i := range values {
		values[i] = fmt.Sprintf("Secret-%d-%s", i, strings.Repeat("k", i))
	}
	r := secret.NewRedactor(io.Discard, values...)
	text := []byte(strings.Repeat("  + resource \"terraform_data\" \"a\" {\n      + id     = (known after apply)\n      + input  = \"https://example.com/Some/thing\"\n", 250))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := r.Write(text); err != nil {
			b.Fatal(err)
		}
	}
}
