package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestDataDirTrouble: a data directory that cannot be used is a fault, one that somebody else has to make perhaps none.
func TestDataDirTrouble(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	denied := func(errno error) func(string) error { return func(string) error { return errno } }
	for name, tt := range map[string]struct {
		dir       string
		may       func(string) error
		want      string
		elsewhere bool
	}{
		"there":               {"", mayKeep, "", false},
		"can be made":         {"/a/b/c", mayKeep, "", false},
		"a file":              {"/file", mayKeep, "`data_dir`: DIR/file is not a directory: remove it, or name another directory", false},
		"below a file":        {"/file/a/b", mayKeep, "`data_dir`: the directory DIR/file/a/b cannot be made, since DIR/file is not a directory: name another one", false},
		"somebody else's":     {"", denied(syscall.EACCES), "`data_dir`: this user may not write to DIR: change its owner, or name another directory", false},
		"on a read-only disk": {"", denied(syscall.EROFS), "`data_dir`: this user may not write to DIR: change its owner, or name another directory", false},
		"not to be looked at": {"/" + strings.Repeat("a", 300), mayKeep, "`data_dir`: DIR/" + strings.Repeat("a", 300) +
			" cannot be looked at (file name too long): run this as the user that the server runs as, or name another directory", true},
		"in somebody else's": {"/a/b", denied(syscall.EACCES), "`data_dir`: DIR/a/b does not exist, and this user may not make it in DIR: " +
			"if the server will run here as this user, make it first, or name another directory", true},
	} {
		got, elsewhere := dataDirTrouble(dir+tt.dir, tt.may)
		if got = strings.ReplaceAll(got, dir, "DIR"); got != tt.want || elsewhere != tt.elsewhere {
			t.Errorf("%s: got %q, elsewhere %v, want %q, %v", name, got, elsewhere, tt.want, tt.elsewhere)
		}
	}
}

// TestConfigCheckDataDir: the place stands before it, and nothing is left behind.
func TestConfigCheckDataDir(t *testing.T) {
	dir := t.TempDir()
	pkcs1, _, _ := testKeys(t)
	check := func(data string) (int, string) {
		text := "listen: 127.0.0.1:0\ndata_dir: " + data + "\ngithub: {app_id: 7, private_key: " + strconv.Quote(pkcs1) + ", webhook_secrets: [" + testSecret + "]}\n"
		if err := os.WriteFile(filepath.Join(dir, "cardea.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		exit := CheckConfig(t.Context(), ConfigCheck{File: filepath.Join(dir, "cardea.yml")}, &out)
		return exit, strings.ReplaceAll(out.String(), dir+"/", "")
	}
	if exit, out := check("cardea.yml"); exit != 1 || !strings.Contains(out, "cardea.yml:2:11: `data_dir`: cardea.yml is not a directory: ") {
		t.Errorf("a file: exit %d: %s", exit, out)
	}
	if exit, out := check("data/of/server"); exit != 0 || !strings.Contains(out, "cardea.yml: OK") || strings.Contains(out, "`data_dir`") {
		t.Errorf("one that can be made: exit %d: %s", exit, out)
	}
	if err := os.Mkdir(filepath.Join(dir, "there"), 0o700); err != nil {
		t.Fatal(err)
	}
	if exit, out := check("there"); exit != 0 || strings.Contains(out, "`data_dir`") {
		t.Errorf("one that is there: exit %d: %s", exit, out)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	inside, _ := filepath.Glob(filepath.Join(dir, "there", "*"))
	if err != nil || len(left) != 2 || len(inside) != 0 {
		t.Errorf("left are %q and %q, %v", left, inside, err)
	}
}
