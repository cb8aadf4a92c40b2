package tfconfig

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// localPlace is a file. Terraform keeps the state of other Terraform workspaces
// below workspace_dir, whatever path says.
func localPlace(c *composing) []workflow.PlacePart {
	name, below := c.localFile()
	v, instead := c.or(name, localDefaults[name])
	if instead != nil {
		return []workflow.PlacePart{*instead}
	}
	v += below
	if !filepath.IsAbs(v) { // among the run's own files: refused
		return []workflow.PlacePart{{Sort: workflow.PartKnown, Value: path.Clean(v)}}
	}
	file, ok := onDisk(v)
	if shorter, _ := onDisk(path.Clean(v)); !ok || shorter != file { // ".." after a symlink: who opens it decides what it leaves
		c.doubt("the `%s` of its backend contains names that Cardea cannot resolve", name)
		return []workflow.PlacePart{*c.unknown()}
	}
	return []workflow.PlacePart{{Sort: workflow.PartKnown, Value: file}}
}

var localDefaults = map[string]string{"path": "terraform.tfstate", "workspace_dir": "terraform.tfstate.d"}

// localFile is the attribute that says where the state is, and what follows it.
func (c *composing) localFile() (attribute, below string) {
	if c.other() {
		return "workspace_dir", "/" + c.workspace + "/terraform.tfstate"
	}
	return "path", ""
}

// procRoot are names of the root directory itself, procWay the ways to them.
var (
	procRoot = regexp.MustCompile(`^/proc/(self|thread-self|[0-9]+)(/task/[0-9]+)?/root$`)
	procWay  = regexp.MustCompile(`^/proc/(self|thread-self|[0-9]+)(/task(/[0-9]+)?)?$`)
)

// onDisk is an absolute path with the symlinks of this machine followed as far as
// they exist; false where one leads nowhere surely: in circles, or into what /proc
// shows of a process.
func onDisk(name string) (string, bool) {
	const maxLinks = 40
	links, at, todo := 0, "/", strings.Split(name, "/")
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if next == "" || next == "." {
			continue
		}
		if next == ".." {
			if strings.HasPrefix(at, "/proc/") {
				return "", false // of a link's end, which is not ours
			}
			at = path.Dir(at)
			continue
		}
		at = path.Join(at, next)
		if procRoot.MatchString(at) {
			at = "/"
			continue
		}
		if strings.HasPrefix(at, "/proc/") {
			if !procWay.MatchString(at) {
				return "", false
			}
			continue // its links are another process's as soon as that one looks
		}
		info, err := os.Lstat(at)
		if err != nil || info.Mode()&os.ModeSymlink == 0 {
			continue
		}
		to, err := os.Readlink(at)
		if links++; err != nil || links > maxLinks {
			return "", false
		}
		if todo = append(strings.Split(to, "/"), todo...); path.IsAbs(to) {
			at = "/"
		} else {
			at = path.Dir(at)
		}
	}
	return at, at != "/proc" && !strings.HasPrefix(at, "/proc/")
}
