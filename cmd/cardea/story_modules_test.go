package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cardea-iac/cardea/internal/localgithub"
)

// modules DIR [NAME [public] [submodule=URL]]: a private repository acme/NAME, "modules" without it, with these files
// at v1, and with another repository at sub, which only mia, and not the App's plans, may read. $MODULES_TOKEN is her token, $MODULES_BASIC
// what git sends of it, $MODULES_DIR where it lies, $MODULES_COMMIT its commit.
func (s *story) cmdModules(ts *testscript.TestScript, args []string) error {
	name := "modules"
	if len(args) > 1 {
		name = args[1]
	}
	full := "acme/" + name
	var clone [][]string // further steps in mia's clone
	for _, arg := range args {
		if url, ok := strings.CutPrefix(arg, "submodule="); ok {
			clone = append(clone, []string{"submodule", "--quiet", "add", url, "sub"}, []string{"commit", "-qm", "a submodule"}, []string{"push", "--quiet", "origin", "main"})
		}
	}
	repo, err := s.gh.CreateRepo("acme", name, localgithub.RepoOptions{Private: !slices.Contains(args, "public")})
	if err != nil {
		return err
	}
	mia, err := s.newcomer("mia")
	if err != nil {
		return err
	}
	if err := s.gh.SetPermission(full, "mia", "write"); err != nil {
		return err
	}
	mia.repo, mia.clone = full, filepath.Join(s.dir, "clones", "mia-"+name)
	ts.Setenv("GITHUB_HOST", strings.TrimPrefix(s.gh.URL(), "http://"))
	if err := s.cmdPush(ts, []string{"mia", "main", args[0]}); err != nil {
		return err
	}
	for _, do := range append(clone, []string{"tag", "v1"}, []string{"push", "--quiet", "origin", "v1"}) {
		if _, err := mia.git(context.Background(), mia.clone, do...); err != nil {
			return err
		}
	}
	if err := s.gh.SetPermission(full, "mia", "read"); err != nil {
		return err
	}
	commit, err := mia.git(context.Background(), mia.clone, "rev-parse", "v1^{commit}")
	if err != nil {
		return err
	}
	ts.Setenv("MODULES_COMMIT", strings.TrimSpace(commit))
	ts.Setenv("MODULES_DIR", repo.Dir)
	ts.Setenv("MODULES_TOKEN", mia.token)
	ts.Setenv("MODULES_BASIC", mia.basic())
	return nil
}

// newcomer is somebody besides those of the world, who is made when first named.
func (s *story) newcomer(login string) (*person, error) {
	for _, p := range s.others {
		if p.login == login {
			return p, nil
		}
	}
	user, err := s.gh.CreateUser(login)
	if err != nil {
		return nil, err
	}
	p := &person{login: login, token: user.Token, web: s.gh.URL(), api: s.gh.APIURL()}
	s.others = append(s.others, p)
	return p, nil
}

// renamed OWNER/NAME TO: a repository gets another name. GitHub leads from the old one to it.
func (s *story) cmdRenamed(_ *testscript.TestScript, args []string) error {
	return s.gh.RenameRepo(args[0], args[1], "ada")
}

// registry TOKEN: starts a private registry of modules with a certificate of its own, which the server that is started next
// trusts, and sets $REGISTRY in the files of later pushes. Its module acme/m/test 1.0.0 is what acme/modules holds below m.
func (s *story) cmdRegistry(ts *testscript.TestScript, args []string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/terraform.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"modules.v1": "/modules/"}`)
	})
	mux.HandleFunc("GET /modules/acme/m/test/versions", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"modules": [{"versions": [{"version": "1.0.0"}]}]}`)
	})
	mux.HandleFunc("GET /modules/acme/m/test/1.0.0/download", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Terraform-Get", "git::"+s.gh.URL()+"/acme/modules.git//m?ref=v1")
		w.WriteHeader(http.StatusNoContent)
	})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/modules/") && r.Header.Get("Authorization") != "Bearer "+args[0] {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	ts.Defer(server.Close)
	certificate := ts.MkAbs("registry.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	ts.Setenv("SSL_CERT_FILE", certificate)
	ts.Setenv("REGISTRY", server.Listener.Addr().String())
	return os.WriteFile(certificate, data, 0o600)
}

// tokenWatch looks for the tokens of modules while git uses them.
type tokenWatch struct {
	mu    sync.Mutex
	looks int
	found []string
}

// moduleToken is a token that GitHub made for one repository with modules.
type moduleToken struct {
	Token        string            `json:"token"`
	Permissions  map[string]string `json:"permissions"`
	Repositories []struct {
		Name string `json:"full_name"`
	} `json:"repositories"`
}

// moduleTokens are those that the App asked GitHub for so far, and that are not for the repository of the pull.
func (s *story) moduleTokens() (all []moduleToken, err error) {
	for _, x := range s.gh.Exchanges() {
		if !strings.HasSuffix(x.Path, "/access_tokens") || x.Status != http.StatusCreated {
			continue
		}
		var t moduleToken
		if err := json.Unmarshal(x.ResponseBody, &t); err != nil {
			return nil, err
		}
		if len(t.Repositories) == 1 && t.Repositories[0].Name != "acme/infra" {
			all = append(all, t)
		}
	}
	return all, nil
}

// tokens watch: from now on everything that another process, or who reads the disk, can see is looked
// through while git fetches a module.
//
// tokens REPO...: the App had tokens for exactly these repositories, one each for every run that needed it,
// which may only read, are nowhere to be seen, and do not work any more.
func (s *story) cmdTokens(ts *testscript.TestScript, args []string) error {
	if len(args) == 1 && args[0] == "watch" {
		s.gh.Faults.Add(localgithub.FaultRule{Method: http.MethodPost, Path: regexp.MustCompile(`\.git/git-upload-pack$`), Times: -1, Do: s.lookForTokens})
		return nil
	}
	s.tokens.mu.Lock()
	looks, found := s.tokens.looks, s.tokens.found
	s.tokens.mu.Unlock()
	if looks == 0 || len(found) > 0 {
		return fmt.Errorf("in %d looks tokens were found in %q", looks, found)
	}
	all, err := s.moduleTokens()
	if err != nil {
		return err
	}
	had := map[string]bool{}
	for _, t := range all {
		had[t.Repositories[0].Name] = true
		if len(t.Permissions) != 2 || t.Permissions["contents"] != "read" || t.Permissions["metadata"] != "read" {
			return fmt.Errorf("a token for %s may %v", t.Repositories[0].Name, t.Permissions)
		}
		if err := s.cmdNowhere(ts, []string{t.Token}); err != nil {
			return err
		}
		if err := s.dead(t.Token); err != nil {
			return fmt.Errorf("the token for %s: %w", t.Repositories[0].Name, err)
		}
	}
	for _, name := range args {
		if !had[name] {
			return fmt.Errorf("there was no token for %s, only for %v", name, had)
		}
		delete(had, name)
	}
	if len(had) > 0 {
		return fmt.Errorf("there were tokens for %v, too", had)
	}
	return nil
}

// dead asks GitHub for something with a token.
func (s *story) dead(token string) error {
	req, err := http.NewRequest(http.MethodGet, s.gh.APIURL()+"/installation/repositories", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("GitHub answers %d", resp.StatusCode)
	}
	return nil
}

// lookForTokens looks into every process and every file of a run, while git is about to get what it asked for.
func (s *story) lookForTokens() {
	all, err := s.moduleTokens()
	look := func(name string) {
		data, e := os.ReadFile(name)
		if e != nil {
			return // the process or the file is gone, or it is a socket
		}
		for _, t := range all {
			if bytes.Contains(data, []byte(t.Token)) {
				s.tokens.mu.Lock()
				s.tokens.found = append(s.tokens.found, name)
				s.tokens.mu.Unlock()
			}
		}
	}
	for _, pattern := range []string{"/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ"} {
		names, e := filepath.Glob(pattern)
		err = cmp.Or(err, e)
		for _, name := range names {
			look(name)
		}
	}
	err = cmp.Or(err, filepath.WalkDir(filepath.Join(s.dir, "data"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			look(name)
		}
		return nil // what ends meanwhile cannot be looked at
	}))
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	if err != nil {
		s.tokens.found = append(s.tokens.found, err.Error())
	}
	if len(all) > 0 {
		s.tokens.looks++
	}
}
