package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/golden"
)

// repoOfLinks is shell that makes a repository with a project for each place where a path can stand. In the branch
// `change` there is a symlink to $1 at each of these places, and `good` changes in another way.
const repoOfLinks = `cd $WORK/here
rm -rf repo
git init -q -b main repo
cd repo
for p in auto backend_file child code code_dir file json lock module template test tests tofu var_below var_file version watch good; do
  mkdir $p
  printf 'terraform {\n  backend "local" { path = "/states/'$p'" }\n}\n' > $p/main.tf
done
echo 'module "m" { source = "./m" }' >> module/main.tf
echo 'module "m" { source = "./m/n" }' >> child/main.tf
echo 'locals { a = file("${path.module}/f") }' >> code/main.tf
echo 'locals { a = file("${path.module}/d/f.txt") }' >> code_dir/main.tf
echo 'locals { a = templatefile("${path.module}/t.tpl", {}) }' >> template/main.tf
cat > .cardea.yml <<END
projects:
- {dir: var_file, var_files: [v.tfvars]}
- {dir: var_below, var_files: [d/v.tfvars]}
- {dir: backend_file, backend_config: [b.hcl]}
- {dir: watch, watch: [w/*, v]}
END
git add -A
git commit -qm root
git checkout -q -b change
for link in file/x.tf json/x.tf.json tofu/x.tofu module/m child/m code/f code_dir/d template/t.tpl var_file/v.tfvars var_below/d backend_file/b.hcl \
  auto/terraform.tfvars lock/.terraform.lock.hcl version/.terraform-version test/t.tftest.hcl tests/tests watch/w watch/v linked; do
  ln -s $1 $link
done
mkdir alone
ln -s $1 alone/x.tf
echo '# changed' >> good/main.tf
git add -A
git commit -qm change
`

// TestSymlinks: a symlink that leads to nothing that can be read, wherever it stands, refuses the project that reads it in
// one sentence that says what it is, and no other project.
func TestSymlinks(t *testing.T) {
	n := newNewcomer(t)
	if err := os.WriteFile(filepath.Join(n.dir, "links.sh"), []byte(repoOfLinks), 0o600); err != nil {
		t.Fatal(err)
	}
	because := regexp.MustCompile(`(?m)^  because .*\n`)
	all := ""
	for _, target := range []string{"/etc", "/etc/hosts", "../../../out", "x.tf", "gone", "../good", "../good/main.tf"} {
		n.does(t, "set -- "+target+"; . $WORK/links.sh")
		seen, exit := n.types(t, "cd repo && cardea preview --explain")
		if exit != 1 || !strings.Contains(seen, "\ngood\n") || strings.Contains(seen, "cardea: ") {
			t.Errorf("%s: exit %d\n%s", target, exit, seen)
		}
		all += "--- all symlinks lead to " + target + "\n" + because.ReplaceAllString(seen, "")
	}
	golden.Check(t, "testdata/symlinks.txt", all)
	for _, target := range []string{"/etc/hosts", "gone", "good", ".cardea.yml"} {
		n.does(t, "set -- gone; . $WORK/links.sh; rm .cardea.yml; ln -s "+target+" .cardea.yml; git add -A; git commit -qm configuration")
		want := ".cardea.yml:1:1: .cardea.yml is a symlink that does not lead to a file in the repository: commit the file itself\n"
		if seen, exit := n.types(t, "cd repo && cardea preview --explain"); exit != 1 || !strings.Contains(seen, want) {
			t.Errorf(".cardea.yml -> %s: exit %d, want %q in\n%s", target, exit, want, seen)
		}
	}
}
