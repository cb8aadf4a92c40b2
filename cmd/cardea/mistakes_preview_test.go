package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// repoOfNewcomer is shell that makes a repository with one project, in which the branch `change` changes it.
const repoOfNewcomer = `cd $WORK/here
rm -rf repo other tree
git init -q -b ${1:-main} repo
cd repo
printf 'terraform {\n  backend "local" { path = "'$WORK'/a" }\n}\n' > main.tf
git add -A
git commit -qm root
git checkout -q -b change
printf 'resource "terraform_data" "a" {}\n' >> main.tf
git commit -qam change
commit() { git add -A; git commit -qm more; }
`

// TestPreviewMistakes: what a newcomer sees of a preview, wherever they start it and whatever is wrong there.
func TestPreviewMistakes(t *testing.T) {
	n := newNewcomer(t)
	if err := os.WriteFile(filepath.Join(n.dir, "repo.sh"), []byte(repoOfNewcomer), 0o600); err != nil {
		t.Fatal(err)
	}
	const found = ".\n  because `main.tf` changed\n"
	notHere := "cardea: this directory is not inside a git repository: run `cardea preview` in a clone of the repository that you are changing\n"
	nothing := "cardea: nothing is committed on the branch that is checked out: commit your files first, then run `cardea preview` again\n"
	faulty := "cardea: .cardea.yml has an error. Nothing is planned until the file is fixed. Every error is listed with its line.\n"
	fakeGit := func(version string) string {
		return "printf '#!/bin/sh\\necho \"git version " + version + "\"\\n' > $WORK/few/git"
	}
	for _, tt := range []struct {
		name, prepare string
		line          string // in the repository; "": cardea preview --explain
		exit          int
		says          string
	}{
		{name: "all is well", exit: 2, says: found},
		{name: "below the top", prepare: "mkdir below", line: "cd below && cardea preview --explain", exit: 2, says: found},
		{name: "a detached head", prepare: "git checkout -q --detach", exit: 2, says: found},
		{name: "a linked work tree", prepare: "git worktree add -q ../tree --detach", line: "cd ../tree && cardea preview --explain", exit: 2, says: found},
		{name: "a clone with only origin/main", prepare: "git checkout -q main; git clone -q . ../other; cd ../other; git checkout -q -b x origin/change; git branch -q -D main",
			line: "cd ../other && cardea preview --explain", exit: 2, says: found},
		{name: "master", prepare: ". $WORK/repo.sh master", exit: 2, says: found},
		{name: "another default branch", prepare: "git branch -qm main trunk; git checkout -q trunk; git clone -q . ../other; cd ../other; git checkout -q -b x origin/change",
			line: "cd ../other && cardea preview --explain", exit: 2, says: found},
		{name: "on main itself", prepare: "git checkout -q main", line: "cardea preview", says: "No projects affected.\nCOMMIT into main (COMMIT)\n"},
		{name: "a bare repository", prepare: "git clone -q --bare . ../other", line: "cd ../other && cardea preview --explain", exit: 2, says: found},
		{name: "no branch to merge into", prepare: "git branch -qm main trunk", exit: 1,
			says: "cardea: this clone has no origin/HEAD, main or master: name the branch to merge into, with --base BRANCH, or fetch it: `git fetch origin BRANCH:refs/remotes/origin/BRANCH`\n"},
		{name: "a shallow clone", prepare: "git clone -q --depth 1 -b change file://$PWD ../other", line: "cd ../other && cardea preview --base main", exit: 1,
			says: "cardea: --base: \"main\" does not name a commit in this clone: name the branch to merge into, or fetch it: `git fetch --unshallow origin main:refs/remotes/origin/main`\n"},
		{name: "a shallow clone with both", prepare: "git clone -q --depth 1 --no-single-branch -b change file://$PWD ../other", line: "cd ../other && cardea preview --base main", exit: 1,
			says: "cardea: head and base have no commit in common, so they cannot be merged; this clone is shallow: `git fetch --unshallow` fetches the rest\n"},
		{name: "uncommitted files", prepare: "touch new.tf; echo '# x' >> main.tf", exit: 2,
			says: "cardea: the preview does not include 2 files that are changed or new but not committed; --worktree includes them.\n" + found},
		{name: "a conflict", prepare: "git checkout -q main; echo '# x' >> main.tf; commit; git checkout -q change", exit: 1,
			says: "cardea: The head conflicts with main. COMMIT and `main` both changed `main.tf`. Merge `main` into this branch, or rebase it, and push.\n"},
		{name: "a base without a common commit", prepare: "git checkout -q --orphan x; commit", exit: 1,
			says: "cardea: head and base have no commit in common, so they cannot be merged: name the branch that this one was started from, with --base BRANCH\n"},
		{name: "a base that is not there", line: "cardea preview --base mian", exit: 1,
			says: "cardea: --base: \"mian\" does not name a commit in this clone: name the branch to merge into, or fetch it: `git fetch origin mian:refs/remotes/origin/mian`\n"},
		{name: "a head that is not there", line: "cardea preview --head chnage", exit: 1, says: "cardea: --head: \"chnage\" does not name a commit in this clone: name a branch, a tag or a commit\n"},
		{name: "a project that is not there", line: "cardea preview -p prod", exit: 1, says: "cardea: There is no project `prod`.\n"},
		{name: "outside of a repository", line: "cd $WORK && cardea preview", exit: 1, says: notHere},
		{name: "in .git", line: "cd .git && cardea preview", exit: 1, says: "cardea: . is inside a .git directory: change to the clone's working directory\n"},
		{name: "an empty repository", prepare: "git init -q -b main ../other", line: "cd ../other && cardea preview", exit: 1, says: nothing},
		{name: "an empty repository's files", prepare: "git init -q -b main ../other; cp main.tf ../other", line: "cd ../other && cardea preview --worktree", exit: 1, says: nothing},
		{name: "a branch without a commit", prepare: "git checkout -q --orphan x", exit: 1, says: nothing},
		{name: "broken HCL", prepare: "printf 'resource \"terraform_data\" \"b\" {\\n  input =\\n}\\n' >> main.tf; commit", exit: 1,
			says: ". (refused)\n  refused: `main.tf` line 6 (`input =`) cannot be read: Invalid expression. Expected the start of an expression, but found an invalid expression token.\n  because `main.tf` changed\n"},
		{name: "no backend", prepare: "echo 'version: 1\nprojects: [{dir: .}]' > .cardea.yml; echo 'resource \"terraform_data\" \"a\" {}' > main.tf; commit", exit: 1,
			says: ". (refused)\n  refused: `.` has no backend, so its state would be lost when the run ends. Add a `backend` or `cloud` block.\n  because `main.tf` changed\n"},
		{name: "a submodule", prepare: "git init -q ../other; (cd ../other; touch a.tf; commit); git -c protocol.file.allow=always submodule -q add ../other m 2>&1; echo 'module \"m\" { source = \"./m\" }' >> main.tf; commit", exit: 1,
			says: ". (refused)\n  refused: It calls a module at `m`, in the git submodule `m`. Cardea does not fetch submodules: commit its files to this repository, or use a git source.\n  because `.gitmodules` changed, and 2 more files\n"},
		{name: "an unknown key", prepare: "printf 'version: 1\\nprojcts: []\\n' > .cardea.yml; commit", exit: 1, says: ".cardea.yml:2:1: unknown key `projcts`: did you mean `projects`?\n" + faulty},
		{name: "a tab", prepare: "printf 'version: 1\\nprojects:\\n\\t- dir: .\\n' > .cardea.yml; commit", exit: 1, says: ".cardea.yml:3:1: not valid YAML: there is a tab, but YAML is indented with spaces\n" + faulty},
		{name: "a key twice", prepare: "printf 'version: 1\\nversion: 1\\n' > .cardea.yml; commit", exit: 1, says: ".cardea.yml:2:1: `version` is given twice; the first is on line 1\n" + faulty},
		{name: "a file as editors of other systems write it", prepare: "printf '\\357\\273\\277version: 1\\r\\nprojects:\\r\\n  - dir: .\\r\\n' > .cardea.yml; commit", exit: 2, says: found},
		{name: "the configuration under another name", prepare: "echo 'version: 1' | tee .cardea.yaml > cardea.yml; commit", exit: 2,
			says: "`.cardea.yaml` is not read: rename it to `.cardea.yml`.\n`cardea.yml` is not read: rename it to `.cardea.yml`.\n.\n  because `.cardea.yaml` changed, and 2 more files\n"},
		{name: "the server's configuration", prepare: "echo 'data_dir: /x' > cardea.yml; commit", exit: 2, says: ".\n  because `cardea.yml` changed, and 1 more file\n"},
		{name: "a check under another name", prepare: "echo 'version: 1' > .cardea.yaml", line: "cardea config check .cardea.yaml",
			says: "warning: .cardea.yaml is not read under this name: rename it to .cardea.yml\n.cardea.yaml: OK\n1 project\n"},
		{name: "a directory as configuration", prepare: "mkdir .cardea.yml; touch .cardea.yml/x; commit", exit: 1, says: ".cardea.yml:1:1: .cardea.yml is not a file\n" + faulty},
		{name: "a configuration that is no text", prepare: "printf '\\377\\376x' > .cardea.yml; commit", exit: 1, says: ".cardea.yml:1:1: the file is not UTF-8 text\n" + faulty},
		{name: "broken HCL in a new directory", prepare: "mkdir new; echo 'terraform { backend \"local\" { path = \"/x\" } }' > new/main.tf; commit", exit: 1,
			says: "`new/main.tf` line 1 cannot be read: Argument definition required. Until that is fixed, Cardea does not know whether `new` is a project.\n" +
				"`new` changed, but Cardea cannot read all of its files, so nothing plans it. Fix the files, or list it in `autodiscover.ignore` if it is no project.\n.\n  because `main.tf` changed, and 1 more file\n"},
		{name: "codes that a terminal obeys", prepare: "printf 'x = \\033[31m\\033]0;x\\007 \"\n' >> main.tf; touch \"$(printf 'a\\033[32mx')\"; commit", exit: 1,
			says: ". (refused)\n  refused: `main.tf` line 5 (`x =  \"`) cannot be read: Invalid character. This character is not used within the language.\n  because `ax` changed, and 1 more file\n"},
		{name: "codes that a terminal obeys, in the configuration", prepare: "printf 'projects: [{dir: ., \"k\\\\e[31my\": 1}]' > .cardea.yml", line: "cardea config check", exit: 1,
			says: ".cardea.yml:1:21: unknown key `projects[0].ky`; known ones are autoplan, backend_config, component, depends_on, dir, environment, environments, name, terraform_workspace, tool, var_files, version, watch, workflow, workspace\n.cardea.yml: 1 error\n"},
		{name: "a clone of somebody else", prepare: "chmod 000 .git/HEAD", line: "$UNPRIVILEGED cardea preview", exit: 1,
			says: "cardea: WORK/here/repo/.git is damaged, or this user may not read it: `git status` says what git makes of it\n"},
		{name: "a clone of a newer git", prepare: "git config core.repositoryformatversion 99", exit: 1, says: "cardea: git cannot read this repository: git rev-parse: exit 128: fatal: Expected git repo version <= 1, found 99\n"},
		{name: "SHA-256", prepare: "rm -rf .git; git init -q -b main --object-format=sha256 .; commit; git checkout -q -b x; git commit -q --allow-empty -m x", exit: 1,
			says: "cardea: this repository uses SHA-256 for its commits, which neither GitHub nor Cardea supports\n"},
		{name: "files that nobody may read", prepare: "chmod 000 main.tf", line: "$UNPRIVILEGED cardea preview --worktree", exit: 1,
			says: "cardea: --worktree: reading the uncommitted files: git add: exit 128: error: open(\"main.tf\"): Permission denied\nerror: unable to index file 'main.tf'\nfatal: updating files failed\n"},
		{name: "in a merge", prepare: "git checkout -q main; echo '# x' >> main.tf; commit; git checkout -q change; git merge -q main || true", line: "cardea preview --worktree", exit: 1,
			says: "cardea: --worktree: 1 file has conflicts: resolve them first\n"},
		{name: "no HOME", line: "env -u HOME cardea preview", exit: 1,
			says: "cardea: there is no place for downloaded tools and providers (neither $XDG_CACHE_HOME nor $HOME are defined): set HOME, or XDG_CACHE_HOME to a directory\n"},
		{name: "no HOME, and no plan", line: "env -u HOME cardea preview --explain", exit: 2, says: found},
		{name: "a cache that cannot be written", prepare: "mkdir -m 500 $WORK/ro", line: "XDG_CACHE_HOME=$WORK/ro $UNPRIVILEGED cardea preview", exit: 1,
			says: "cardea: cannot write to the directory for downloaded tools and providers, WORK/ro/cardea: permission denied. Set XDG_CACHE_HOME to a directory of yours\n"},
		{name: "a cache of somebody else", prepare: "mkdir -p $WORK/cache; mkdir -m 500 $WORK/cache/cardea", line: "XDG_CACHE_HOME=$WORK/cache $UNPRIVILEGED cardea preview", exit: 1,
			says: "cardea: cannot write to the directory for downloaded tools and providers, WORK/cache/cardea: permission denied. Set XDG_CACHE_HOME to a directory of yours\n"},
		{name: "no place for temporary files", line: "TMPDIR=$WORK/nowhere cardea preview", exit: 1,
			says: "cardea: cannot write to the directory for temporary files, WORK/nowhere: no such file or directory. Set TMPDIR to a directory of yours\n"},
		{name: "no git", prepare: "rm $WORK/few/git", line: "PATH=$WORK/few cardea preview", exit: 1, says: "cardea: git is not on PATH: install git 2.38 or newer (https://git-scm.com/downloads)\n"},
		{name: "an old git", prepare: "rm $WORK/few/git; " + fakeGit("2.34.1"), line: "PATH=$WORK/few cardea preview", exit: 1, says: "cardea: git 2.34.1 is too old: install git 2.38 or newer (https://git-scm.com/downloads)\n"},
		{name: "an old git of Apple", prepare: "rm $WORK/few/git; " + fakeGit("2.37.1 (Apple Git-137.1)"), line: "PATH=$WORK/few cardea preview", exit: 1, says: "cardea: git 2.37.1 is too old: install git 2.38 or newer (https://git-scm.com/downloads)\n"},
		{name: "no terraform", line: "PATH=$WORK/few HTTPS_PROXY=http://127.0.0.1:1 cardea preview", exit: 1,
			says: "cardea: neither terraform nor tofu is on PATH. What the projects need is downloaded first, to WORK/home/.cache/cardea/tools.\n1 of 1: .: plan failed (TIME)\n.: plan failed\n" +
				"  Terraform >= 1.5 is needed, but there is no terraform on PATH: install it so that it is on your PATH (https://developer.hashicorp.com/terraform/install). Downloading it failed: " +
				"Cardea could not reach the proxy `127.0.0.1:1` (the connection was refused). Check `HTTPS_PROXY` and that the proxy is running, then try again.\n\nProject  State\n.        plan failed\n\n1 of 1 plan failed: `.`.\nCOMMIT into main (COMMIT)\n"},
		{name: "a terraform that does not run", prepare: "printf '#!/bin/sh\\necho cannot open libc >&2\\nexit 3\\n' > $WORK/few/terraform", line: "PATH=$WORK/few cardea preview", exit: 1,
			says: "1 of 1: .: plan failed (TIME)\n.: plan failed\n  `WORK/few/terraform version` failed (exit status 3). It said: cannot open libc. Reinstall it, or put one that works first on PATH.\n\n" +
				"Project  State\n.        plan failed\n\n1 of 1 plan failed: `.`.\nCOMMIT into main (COMMIT)\n"},
		{name: "a reader that leaves", line: "(cardea preview --explain; echo $? > $WORK/status) | true; cat $WORK/status; ls $WORK/tmp", says: "1\n"},
		{name: "a disk that is full", line: "cardea preview --explain > /dev/full", exit: 1, says: "cardea: the output could not be written: no space left on device\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n.does(t, ". $WORK/repo.sh\nrm -rf $WORK/few; mkdir $WORK/few; chmod 700 $WORK/few\nfor p in git sh; do ln -s \"$(command -v $p)\" $WORK/few/$p; done\nln -s $WORK/bin/cardea $WORK/few/cardea\n"+
				tt.prepare+"\nchmod 700 $WORK/few/*")
			if tt.line == "" {
				tt.line = "cardea preview --explain"
			}
			n.sees(t, "cd repo && "+tt.line, tt.exit, tt.says)
		})
	}
	if left, err := os.ReadDir(filepath.Join(n.dir, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("previews left %v behind, %v", left, err)
	}
}

// TestHangUp: who closes the terminal while a preview plans leaves no files, no lock and no terraform behind.
func TestHangUp(t *testing.T) {
	n := newNewcomer(t)
	if err := os.WriteFile(filepath.Join(n.dir, "repo.sh"), []byte(repoOfNewcomer), 0o600); err != nil {
		t.Fatal(err)
	}
	real, err := exec.LookPath("terraform")
	if err != nil {
		t.Fatal(err)
	}
	fake := "#!/bin/sh\ncase \"$1\" in plan)\n  trap 'touch $WORK/interrupted; exit 1' INT\n  touch $WORK/planning\n  while :; do sleep 0.1; done ;;\nesac\nexec " + real + " \"$@\"\n"
	fake = strings.ReplaceAll(fake, "$WORK", n.dir)
	if err := os.WriteFile(filepath.Join(n.dir, "bin", "terraform"), []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	n.does(t, ". $WORK/repo.sh")
	cmd := exec.Command(filepath.Join(n.dir, "bin", "cardea"), "preview")
	cmd.Dir, cmd.Env = filepath.Join(n.dir, "here", "repo"), n.env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	appears := func(name string) {
		for end := time.Now().Add(patience); !exists(filepath.Join(n.dir, name)); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				_ = cmd.Process.Kill()
				t.Fatalf("%s does not appear", name)
			}
		}
	}
	appears("planning")
	for range 2 { // the shell says it, and then the system
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want exit 1", err)
	}
	appears("interrupted")
	if left, err := os.ReadDir(filepath.Join(n.dir, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
