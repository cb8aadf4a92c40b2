package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newcomer is a directory with the product on PATH, in which somebody makes mistakes.
type newcomer struct {
	dir string // also $WORK, and WORK in what is seen
	env []string
}

func newNewcomer(t *testing.T) newcomer {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bin", "home", "tmp", "here"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(self, filepath.Join(dir, "bin", "cardea")); err != nil {
		t.Fatal(err)
	}
	return newcomer{dir: dir, env: []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "WORK=" + dir,
		"HOME=" + filepath.Join(dir, "home"), "TMPDIR=" + filepath.Join(dir, "tmp"), "UNPRIVILEGED=" + unprivileged(), "CHECKPOINT_DISABLE=1",
		"GIT_AUTHOR_NAME=ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=ada", "GIT_COMMITTER_EMAIL=ada@example.com"}}
}

// unprivileged is what takes root's right to every file away from a command.
func unprivileged() string {
	if os.Getuid() != 0 {
		return ""
	}
	return "setpriv --bounding-set=-dac_override,-dac_read_search"
}

var (
	aCommit   = regexp.MustCompile(`\b[0-9a-f]{7}\b`)
	aDuration = regexp.MustCompile(`\(\d[0-9.hm]*s\)`)
)

// types runs a line of shell in the directory `here` and returns everything that is seen, and the exit status.
func (n newcomer) types(t *testing.T, line string) (seen string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = filepath.Join(n.dir, "here"), n.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) || ctx.Err() != nil {
		t.Fatalf("%s: %v, %v\n%s", line, err, ctx.Err(), out.String())
	}
	seen = strings.ReplaceAll(out.String(), n.dir, "WORK")
	return aDuration.ReplaceAllString(aCommit.ReplaceAllString(seen, "COMMIT"), "(TIME)"), cmd.ProcessState.ExitCode()
}

// does runs a line of shell that must succeed.
func (n newcomer) does(t *testing.T, line string) {
	t.Helper()
	if seen, exit := n.types(t, "set -e\n"+line); exit != 0 {
		t.Fatalf("%s: exit %d\n%s", line, exit, seen)
	}
}

// sees types a line and compares every word that is seen.
func (n newcomer) sees(t *testing.T, line string, exit int, want string) {
	t.Helper()
	if seen, got := n.types(t, line); seen != want || got != exit {
		t.Errorf("%s\nexit %d, want %d; seen:\n%s\nwant:\n%s", line, got, exit, seen, want)
	}
}

const newcomersConfig = `listen: 127.0.0.1:0
data_dir: data
metrics: {listen: ""}
github:
  web_url: http://127.0.0.1:1
  api_url: http://127.0.0.1:1
  app_id: 12345
  private_key_file: app.pem
  webhook_secrets: [a-long-random-secret-of-mine]
`

// writeKeys writes the App's key, and what people take for it.
func (n newcomer) writeKeys(t *testing.T) {
	t.Helper()
	pkcs1, _, notRSA := testKeys(t)
	block := func(kind string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("canary")}))
	}
	for name, text := range map[string]string{
		"app.pem": pkcs1, "crlf.pem": strings.ReplaceAll(pkcs1, "\n", "\r\n"), "ed25519.pem": notRSA,
		"base64.pem": base64.StdEncoding.EncodeToString([]byte(pkcs1)), "empty.pem": "", "half.pem": pkcs1[:len(pkcs1)/2],
		"public.pem": block("PUBLIC KEY"), "encrypted.pem": block("ENCRYPTED PRIVATE KEY"), "ssh.pem": block("OPENSSH PRIVATE KEY"),
		"secret.txt": "a-long-random-secret-of-mine", "base.yml": newcomersConfig,
	} {
		if err := os.WriteFile(filepath.Join(n.dir, "here", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestConfigMistakes: whatever a newcomer gets wrong in cardea.yml, the check and the start say the same sentence, with its
// place and what to do, and nothing that is not so.
func TestConfigMistakes(t *testing.T) {
	const own = "the .pem file that GitHub gave you when you generated a private key on the App's settings page\n"
	n := newNewcomer(t)
	n.writeKeys(t)
	n.does(t, "mkdir keys")
	for _, tt := range []struct {
		name string
		edit string // of sed, or a line of shell that ends with cardea.yml
		says string
		one  int // errors; 0: one
	}{
		{name: "no key file", edit: "s/app.pem/none.pem/", says: "cardea.yml:8:21: `github.private_key_file`: WORK/here/none.pem does not exist. It must be " + own},
		{name: "a directory as key", edit: "s/app.pem/keys/", says: "cardea.yml:8:21: `github.private_key_file`: WORK/here/keys is a directory, not a file. It must be " + own},
		{name: "a key of somebody else", edit: "chmod 000 app.pem; cp base.yml cardea.yml",
			says: "cardea.yml:8:21: `github.private_key_file`: WORK/here/app.pem may not be read by this user: change its owner or its permissions. It must be " + own},
		{name: "a key of another kind", edit: "s/app.pem/ed25519.pem/", says: "cardea.yml:8:21: `github.private_key_file`: this private key is not an RSA key, and GitHub Apps have only RSA keys. Use " + own},
		{name: "a key in base64", edit: "s/app.pem/base64.pem/", says: "cardea.yml:8:21: `github.private_key_file`: this key is encoded with base64. Use " + own},
		{name: "an empty key", edit: "s/app.pem/empty.pem/", says: "cardea.yml:8:21: `github.private_key_file`: this is empty, not a key. Use " + own},
		{name: "half a key", edit: "s/app.pem/half.pem/", says: "cardea.yml:8:21: `github.private_key_file`: this key is damaged: it begins like a key in PEM, but its lines or its end are not right. Use " + own},
		{name: "no key at all", edit: "s/app.pem/secret.txt/", says: "cardea.yml:8:21: `github.private_key_file`: this is not a key in PEM, which begins with -----BEGIN RSA PRIVATE KEY-----. Use " + own},
		{name: "a public key", edit: "s/app.pem/public.pem/", says: "cardea.yml:8:21: `github.private_key_file`: this PEM block (\"PUBLIC KEY\") is not an RSA private key without a passphrase. Use " + own},
		{name: "a key with a passphrase", edit: "s/app.pem/encrypted.pem/", says: "cardea.yml:8:21: `github.private_key_file`: this PEM block (\"ENCRYPTED PRIVATE KEY\") is not an RSA private key without a passphrase. Use " + own},
		{name: "a key of ssh", edit: "s/app.pem/ssh.pem/", says: "cardea.yml:8:21: `github.private_key_file`: this PEM block (\"OPENSSH PRIVATE KEY\") is not an RSA private key without a passphrase. Use " + own},
		{name: "a short secret", edit: "s/a-long-.*mine/short/", says: "cardea.yml:9:21: `github.webhook_secrets[0]` has 5 bytes; a secret needs at least 16. `openssl rand -hex 32` makes one\n"},
		{name: "an id in quotes", edit: `s/12345/"12345"/`, says: "cardea.yml:7:11: `github.app_id` must be a whole number, not a string\n"},
		{name: "the client's id", edit: "s/12345/Iv23liABCdef/", says: "cardea.yml:7:11: `github.app_id` is the App's client ID: use its App ID, the number on the same settings page\n"},
		{name: "an unknown key", edit: "s/app_id/appid/", says: "cardea.yml:7:3: unknown key `github.appid`: did you mean `app_id`?\n"},
		{name: "plain http", edit: "$ a public_url: http://cardea.example.com", says: "cardea.yml:10:13: `public_url` must begin with https://: plain http is for loopback addresses only\n"},
		{name: "no scheme", edit: "$ a public_url: cardea.example.com", says: "cardea.yml:10:13: `public_url` must be an address like https://cardea.example.com\n"},
		{name: "the webhook's address", edit: "$ a public_url: https://cardea.example.com/webhook", says: "cardea.yml:10:13: `public_url` must not have a path: the pages are served at the root\n"},
		{name: "no port", edit: "s/127.0.0.1:0/127.0.0.1/", says: "cardea.yml:1:9: `listen` must be host:port with a port up to 65535, like \"127.0.0.1:4141\" or \":4141\", not \"127.0.0.1\"\n"},
		{name: "only a port", edit: "s/127.0.0.1:0/4141/", says: "cardea.yml:1:9: `listen` must be host:port with a port up to 65535, like \"127.0.0.1:4141\" or \":4141\", not \"4141\"\n"},
		{name: "a port too high", edit: `s/127.0.0.1:0/":70000"/`, says: "cardea.yml:1:9: `listen` must be host:port with a port up to 65535, like \"127.0.0.1:4141\" or \":4141\", not \":70000\"\n"},
		{name: "a port of metrics", edit: `s/listen: ""/listen: 4142/`, says: "cardea.yml:3:19: `metrics.listen` must be host:port with a port up to 65535, like \"127.0.0.1:4141\" or \":4141\", not \"4142\"\n"},
		{name: "a tab", edit: `s/^  app_id/\tapp_id/`, says: "cardea.yml:7:1: not valid YAML: there is a tab, but YAML is indented with spaces\n"},
		{name: "a quote too few", edit: `s/12345/"12345/`, says: "cardea.yml:7:11: not valid YAML: the double quote that begins here is never closed\n"},
		{name: "a list", edit: "echo '[a]' > cardea.yml", says: "cardea.yml:1:1: the file must be a mapping, not a list\n"},
		{name: "a key twice", edit: "$ a data_dir: other", says: "cardea.yml:10:1: `data_dir` is given twice; the first is on line 2\n"},
		{name: "a key without a value", edit: "s/12345//", says: "cardea.yml:7:3: `github.app_id` has no value\n"},
		{name: "nothing", edit: ": > cardea.yml", one: 5, says: "cardea.yml: `github.private_key` (or CARDEA_GITHUB_PRIVATE_KEY) is missing: the App's private key, or github.private_key_file\n" +
			"cardea.yml: `github.app_id` (or CARDEA_GITHUB_APP_ID) is missing: the App's ID, shown on its GitHub settings page\n" +
			"cardea.yml: `github.webhook_secrets` (or CARDEA_GITHUB_WEBHOOK_SECRETS) is missing: without one anyone could send events to this server. Give one secret, or two while rotating\n" +
			"cardea.yml: `public_url` (or CARDEA_PUBLIC_URL) is missing: the address at which people and GitHub reach this server\n" +
			"cardea.yml: `pages.access` (or CARDEA_PAGES_ACCESS) is missing: use proxy (your own sign-in proxy is in front of this server) or open (anyone who can reach it can read every plan); it defaults to open on loopback only\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.HasSuffix(tt.edit, "cardea.yml") {
				tt.edit = "sed '" + tt.edit + "' base.yml > cardea.yml"
			}
			n.does(t, tt.edit)
			defer n.does(t, "chmod 600 app.pem")
			errors := counted(max(tt.one, 1), "error")
			n.sees(t, "$UNPRIVILEGED cardea config check cardea.yml", 1, tt.says+"cardea.yml: "+errors+"\n")
			n.sees(t, "$UNPRIVILEGED cardea serve", 1, tt.says+"cardea: the configuration has "+errors+"\n")
		})
	}
}

// TestConfigNoMistakes: what looks odd and is right is taken, as editors of other systems write it.
func TestConfigNoMistakes(t *testing.T) {
	n := newNewcomer(t)
	n.writeKeys(t)
	for _, tt := range []struct{ name, edit, env string }{
		{"a key with CRLF", "sed s/app.pem/crlf.pem/ base.yml > cardea.yml", ""},
		{"a file with CRLF", `sed 's/$/\r/' base.yml > cardea.yml`, ""},
		{"a file with a byte order mark", `(printf '\357\273\277'; cat base.yml) > cardea.yml`, ""},
		{"variables that are empty", "cp base.yml cardea.yml", "CARDEA_DATA_DIR= CARDEA_LISTEN= CARDEA_GITHUB_APP_ID="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n.does(t, tt.edit)
			if seen, exit := n.types(t, tt.env+" cardea config check cardea.yml"); exit != 0 || !strings.HasSuffix(seen, "\ncardea.yml: OK\n") {
				t.Errorf("exit %d: %s", exit, seen)
			}
		})
	}
}

// TestStartMistakes: what a newcomer sees who starts the server in the wrong place, twice, or where it cannot be.
func TestStartMistakes(t *testing.T) {
	n := newNewcomer(t)
	n.writeKeys(t)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	taken := other.Addr().String()
	missing := "`github.private_key` (or CARDEA_GITHUB_PRIVATE_KEY) is missing: the App's private key, or github.private_key_file\n" +
		"`github.app_id` (or CARDEA_GITHUB_APP_ID) is missing: the App's ID, shown on its GitHub settings page\n" +
		"`github.webhook_secrets` (or CARDEA_GITHUB_WEBHOOK_SECRETS) is missing: without one anyone could send events to this server. Give one secret, or two while rotating\n" +
		"`public_url` (or CARDEA_PUBLIC_URL) is missing: the address at which people and GitHub reach this server\n" +
		"`pages.access` (or CARDEA_PAGES_ACCESS) is missing: use proxy (your own sign-in proxy is in front of this server) or open (anyone who can reach it can read every plan); it defaults to open on loopback only\n"
	for _, tt := range []struct{ name, prepare, line, says string }{
		{"no configuration", "", "cardea serve", missing + "cardea: the configuration has 5 errors; there is no cardea.yml here: name one with --config FILE\n"},
		{"a repository's configuration", "echo 'version: 1' > .cardea.yml", "cardea serve",
			missing + "cardea: the configuration has 5 errors; .cardea.yml is the configuration of a repository: name the server's with --config FILE\n"},
		{"a file that is not there", "", "cardea serve --config none.yml", "none.yml does not exist\ncardea: the configuration has 1 error\n"},
		{"a directory as configuration", "mkdir dir", "cardea serve --config dir", "dir is a directory, not a file\ncardea: the configuration has 1 error\n"},
		{"a configuration of somebody else", "cp base.yml c.yml; chmod 000 c.yml", "$UNPRIVILEGED cardea serve --config c.yml",
			"c.yml may not be read by this user: change its owner or its permissions\ncardea: the configuration has 1 error\n"},
		{"a check of nothing", "", "cardea config check none.yml", "none.yml does not exist: name the file to check, as in `cardea config check cardea.yml`\n"},
		{"a check of a directory", "mkdir dir", "cardea config check dir", "dir is a directory, not a file\n"},
		{"a file as data directory", "sed 's/: data/: app.pem/' base.yml > cardea.yml", "cardea serve",
			"cardea: `data_dir`: cannot make the directory WORK/here/app.pem: not a directory. Name one that this user may write to\n"},
		{"a data directory that cannot be made", "mkdir -m 500 ro; sed 's/: data/: ro\\/x/' base.yml > cardea.yml", "$UNPRIVILEGED cardea serve",
			"cardea: `data_dir`: cannot make the directory WORK/here/ro/x: permission denied. Name one that this user may write to\n"},
		{"a data directory of somebody else", "mkdir -m 500 ro; sed 's/: data/: ro/' base.yml > cardea.yml", "$UNPRIVILEGED cardea serve",
			"cardea: `data_dir`: this user may not write to WORK/here/ro: change its owner, or name another directory\n"},
		{"a disk that is full", "mkdir data; ln -s /dev/full data/cardea.db; cp base.yml cardea.yml", "cardea serve", "cardea: `data_dir`: the disk of WORK/here/data is full: make room, or name a directory on another disk\n"},
		{"a port in use", "sed 's/127.0.0.1:0/" + taken + "/' base.yml > cardea.yml", "cardea serve",
			"cardea: `listen`: cannot listen on " + taken + ": address already in use. Another program is listening there: stop it, or choose another port\n"},
		{"a port of metrics in use", "sed 's/listen: \"\"/listen: " + taken + "/' base.yml > cardea.yml", "cardea serve",
			"cardea: `metrics.listen`: cannot listen on " + taken + ": address already in use. Another program is listening there: stop it, or choose another port\n"},
		{"an address of another machine", "sed 's/127.0.0.1:0/203.0.113.7:4141/; $ a public_url: https://c.example.com\\npages: {access: open}' base.yml > cardea.yml", "cardea serve",
			"cardea: `listen`: cannot listen on 203.0.113.7:4141: cannot assign requested address. This machine does not have that address: choose one of its own\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n.does(t, tt.prepare)
			defer n.does(t, "rm -rf .cardea.yml cardea.yml c.yml dir ro data")
			n.sees(t, tt.line, 1, tt.says)
		})
	}
	t.Run("a second server", func(t *testing.T) {
		n.does(t, "cp base.yml cardea.yml")
		first, err := startServer(filepath.Join(n.dir, "here", "cardea.yml"), filepath.Join(n.dir, "server.log"), n.env)
		if err != nil {
			t.Fatal(err)
		}
		defer first.stop(syscall.SIGTERM)
		n.sees(t, "cardea serve", 1, "cardea: another cardea process uses the data directory WORK/here/data: stop it, or give this one a data_dir of its own\n")
		n.sees(t, "cardea history", 1, "cardea: another cardea process uses the data directory WORK/here/data: ask that server, which serves the same at http://HOST:PORT/OWNER/NAME/history.jsonl\n")
	})
}

// TestConfigWarnings: what stops no start is said by the check, and in the server's log.
func TestConfigWarnings(t *testing.T) {
	n := newNewcomer(t)
	n.writeKeys(t)
	for _, tt := range []struct {
		name, add, env, check string
		exit                  int
		log                   string
	}{
		{name: "a variable that is misspelt", env: "CARDEA_GITHUB_WEBHOOK_SECRET=x",
			check: "warning: the environment has CARDEA_GITHUB_WEBHOOK_SECRET, which is not a Cardea setting: did you mean CARDEA_GITHUB_WEBHOOK_SECRETS?\n",
			log:   "the environment has CARDEA_GITHUB_WEBHOOK_SECRET, which is not a Cardea setting: did you mean CARDEA_GITHUB_WEBHOOK_SECRETS?"},
		{name: "a file of credentials that is not there", add: "credentials: {a: {env_from_file: none.env}}", exit: 1,
			check: "cardea.yml:10:34: `credentials.a.env_from_file`: WORK/here/none.env does not exist\ncardea.yml: 1 error\n",
			log:   "runs that need it will fail: WORK/here/cardea.yml:10:34: `credentials.a.env_from_file`: WORK/here/none.env does not exist"},
		{name: "a directory of credentials", add: "credentials: {a: {env_from_file: .}}", exit: 1,
			check: "cardea.yml:10:34: `credentials.a.env_from_file`: WORK/here is a directory, not a file\ncardea.yml: 1 error\n",
			log:   "runs that need it will fail: WORK/here/cardea.yml:10:34: `credentials.a.env_from_file`: WORK/here is a directory, not a file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n.does(t, "(cat base.yml; echo '"+tt.add+"') > cardea.yml")
			if seen, exit := n.types(t, tt.env+" cardea config check cardea.yml"); exit != tt.exit || !strings.Contains("\n"+seen, "\n"+tt.check) {
				t.Errorf("exit %d: %s\nwant %d: %s", exit, seen, tt.exit, tt.check)
			}
			log := filepath.Join(t.TempDir(), "server.log")
			server, err := startServer(filepath.Join(n.dir, "here", "cardea.yml"), log, append(slices.Clone(n.env), cmp.Or(tt.env, "A=")))
			if err != nil {
				t.Fatal(err)
			}
			defer server.stop(syscall.SIGTERM)
			if text, err := os.ReadFile(log); err != nil || !strings.Contains(strings.ReplaceAll(string(text), n.dir, "WORK"), tt.log) {
				t.Errorf("%v, the log has\n%s\nwant %s", err, text, tt.log)
			}
		})
	}
}

// TestServerHangUp: a server whose terminal is closed stops in order; one that was started with nohup goes on.
func TestServerHangUp(t *testing.T) {
	n := newNewcomer(t)
	n.writeKeys(t)
	n.does(t, "cp base.yml cardea.yml")
	server, err := startServer(filepath.Join(n.dir, "here", "cardea.yml"), filepath.Join(n.dir, "server.log"), n.env)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.stop(syscall.SIGHUP); err != nil {
		t.Errorf("got %v, want an end in order", err)
	}
	out, err := os.Create(filepath.Join(n.dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command("nohup", filepath.Join(n.dir, "bin", "cardea"), "serve")
	cmd.Dir, cmd.Env, cmd.Stdout = filepath.Join(n.dir, "here"), n.env, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	url := ""
	for end := time.Now().Add(patience); url == "" && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		text, _ := os.ReadFile(out.Name())
		_, url, _ = strings.Cut(strings.TrimSpace(string(text)), "listening on ")
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // a signal that were not ignored would have ended it
	answer, err := http.Get(url + "/healthz")
	if err != nil {
		t.Fatalf("it does not go on: %v", err)
	}
	_ = answer.Body.Close()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("got %v, want an end in order", err)
	}
}
