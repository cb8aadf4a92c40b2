package credential

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/run"
)

// HomeSource is one file that a run gets in its HOME, and where its content comes from.
type HomeSource struct {
	Path string // below HOME
	File string // absolute
	Env  string // a variable of the server's environment
	Text string // the content itself
	at   workflow.Position
	path string // of the setting
}

// homeSources reads `files`: targets below `~/`, each with its source.
func (r Reader) homeSources(y *config.Value) (list []HomeSource) {
	y.MapOf(func(target string, v *config.Value) {
		s := HomeSource{at: v.Position(), path: v.Path()}
		name, ok := strings.CutPrefix(target, "~/")
		switch why := homePathFault(name); {
		case !ok:
			v.Fault("`%s`: %q must begin with `~/`: credentials are written to the run's own HOME", y.Path(), target)
			return
		case why != "":
			v.Fault("`%s`: %q %s", y.Path(), target, why)
			return
		}
		for _, other := range list {
			if below(name, other.Path) || below(other.Path, name) {
				v.Fault("`%s`: \"~/%s\" and \"~/%s\" cannot both be files: one is a directory that contains the other", y.Path(), other.Path, name)
				return
			}
		}
		if s.Path = name; r.homeSource(v, &s) {
			list = append(list, s)
		}
	})
	return list
}

// homeSource reads where the content of one file comes from.
func (r Reader) homeSource(v *config.Value, s *HomeSource) bool {
	if !v.IsMap() {
		v.String(&s.File)
	} else {
		v.Map(config.Keys{
			"from_file": func(y *config.Value) { y.String(&s.File) },
			"from_env": func(y *config.Value) {
				switch y.String(&s.Env); {
				case s.Env == "":
				case !variablePattern.MatchString(s.Env):
					y.Fault("`%s` must be the name of an environment variable, not %q", y.Path(), s.Env)
				case matchesAny(neverPassed, s.Env):
					y.Fault("`%s`: %s is never passed from the server's environment", y.Path(), s.Env)
				}
			},
			"text": func(y *config.Value) { y.String(&s.Text) },
		}, nil)
		given := 0
		for _, key := range []string{"from_file", "from_env", "text"} {
			if v.Has(key) {
				given++
			}
		}
		if given != 1 {
			v.Fault("`%s` needs exactly one of from_file, from_env and text", v.Path())
			return false
		}
	}
	if s.File != "" {
		s.File = r.abs(s.File)
	}
	return s.File != "" || s.Env != "" || s.Text != ""
}

// ownHome are paths below HOME that a run does not take from credentials, with the reason.
var ownHome = map[string]string{
	"cardea.tfrc":      "is Cardea's own",
	".terraformrc":     "is not read in a run, which uses Cardea's own CLI configuration: give tokens as `TF_TOKEN_…` variables",
	".tofurc":          "is not read in a run, which uses Cardea's own CLI configuration: give tokens as `TF_TOKEN_…` variables",
	".terraform.d":     "is not read in a run, which uses Cardea's own CLI configuration: give tokens as `TF_TOKEN_…` variables",
	".config/opentofu": "is not read in a run, which uses Cardea's own CLI configuration: give tokens as `TF_TOKEN_…` variables",
}

// homePathFault says why a path below HOME is refused.
func homePathFault(name string) string {
	switch {
	case name == "" || name == "." || path.Clean(name) != name || !filepath.IsLocal(name):
		return "must be a clean path below the home directory, without `..`"
	case strings.ContainsFunc(name, unicode.IsControl) || strings.Contains(name, `\`) || len(name) > 1000:
		return "has characters that some tools cannot handle in a path"
	}
	for own, why := range ownHome {
		if name == own || below(name, own) {
			return why
		}
	}
	return ""
}

func below(name, dir string) bool { return strings.HasPrefix(name, dir+"/") }

// homePaths reads `pass_home`.
func homePaths(y *config.Value, items map[string][]*config.Value) (list []string) {
	y.List(func(v *config.Value) {
		s, ok := v.Text()
		if !ok {
			return
		}
		s = strings.TrimPrefix(s, "~/")
		if why := homePathFault(s); why != "" {
			v.Fault("`%s`: %q %s", v.Path(), s, why)
			return
		}
		list = append(list, s)
		items["pass_home"] = append(items["pass_home"], v)
	})
	return list
}

// homeFiles are the entry's files for a run's HOME. Where `files` and `pass_home` have the same, `files` has it.
func (c Entry) homeFiles(environ []string) (list []run.HomeFile, err error) {
	all := map[string]run.HomeFile{}
	for _, name := range c.PassHome {
		if _, err := copyHome(HomeIn(environ), name, all); err != nil {
			return nil, unreadable("`~/"+name+"` in `pass_home`", fmt.Errorf("pass_home: %w", err))
		}
	}
	for _, s := range c.Files {
		data, err := s.read(environ)
		if err != nil {
			return nil, unreadable("the source of `~/"+s.Path+"` in `files`", fmt.Errorf("~/%s: %w", s.Path, err))
		}
		all[s.Path] = run.HomeFile{Path: s.Path, Data: data}
	}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[name])
		total += len(all[name].Data)
	}
	if len(list) > run.MaxHomeFiles || total > run.MaxHomeBytes {
		return nil, fmt.Errorf("%s with %d bytes; %d files and %d bytes are allowed: name files, or directories further down",
			phrase.CountOf(len(list), "file", "files"), total, run.MaxHomeFiles, run.MaxHomeBytes)
	}
	return list, nil
}

func (s HomeSource) read(environ []string) ([]byte, error) {
	switch {
	case s.File != "":
		return ReadFile(s.File)
	case s.Env == "":
		return []byte(s.Text), nil
	}
	value := variable(environ, s.Env)
	if value == "" {
		return nil, fmt.Errorf("%s is not set in the server's environment", s.Env)
	}
	return []byte(value), nil
}

func variable(environ []string, name string) (value string) {
	for _, kv := range environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// HomeIn is the home directory of the server's user. Some service managers do not say it.
func HomeIn(environ []string) string {
	if home := variable(environ, "HOME"); home != "" {
		return home
	}
	if me, err := user.Current(); err == nil {
		return me.HomeDir
	}
	return ""
}

// ReadFile reads a file that may be replaced meanwhile, by a pipe too.
func ReadFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, Unread(name, err)
	}
	return readBounded(f, name)
}

// readBounded reads a regular file of a bounded size, and closes it.
func readBounded(f *os.File, name string) ([]byte, error) {
	defer f.Close()
	switch info, err := f.Stat(); {
	case err != nil:
		return nil, Unread(name, err)
	case info.IsDir():
		return nil, Unread(name, syscall.EISDIR)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, run.MaxHomeFile+1))
	if err == nil && len(data) > run.MaxHomeFile {
		err = fmt.Errorf("%s has more than %d bytes", name, run.MaxHomeFile)
	}
	return data, err
}

// noise are directories in which tools log and cache: they are large, and no run needs them.
var noise = []string{".config/gcloud/logs", ".config/gcloud/virtenv", ".kube/cache", ".kube/http-cache",
	".azure/commands", ".azure/logs", ".azure/telemetry", ".azure/cliextensions"}

// leftOut is what copyHome does not copy of a directory: symlinks that cannot be followed, and what
// `files` refuses too; empty says that this is all that there is.
type leftOut struct {
	symlinks, refused []string
	empty             bool
}

// copyHome reads a file, or the files of a directory, below a home directory. A symlink is followed
// to a file that is there too; anything but files is left out.
func copyHome(home, name string, into map[string]run.HomeFile) (out leftOut, err error) {
	if home == "" {
		return out, errors.New("the server's user has no home directory")
	}
	root, err := os.OpenRoot(home)
	if err != nil {
		return out, err
	}
	out.empty = true
	defer root.Close()
	err = fs.WalkDir(root.FS(), name, func(file string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return unfollowed(root, home, file, err)
		case file != name && homePathFault(file) != "":
			out.refused = append(out.refused, filepath.Join(home, file))
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case e.IsDir() && slices.Contains(noise, file) && file != name:
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		if info, err := root.Stat(file); err != nil || !info.Mode().IsRegular() {
			if file == name {
				return fmt.Errorf("%s is neither a file nor a directory in the home directory", filepath.Join(home, file))
			}
			if e.Type()&fs.ModeSymlink != 0 && err != nil {
				out.symlinks = append(out.symlinks, filepath.Join(home, file))
			}
			return nil
		}
		if len(into) > run.MaxHomeFiles {
			return fmt.Errorf("%s has more than %d files: name files, or directories further down", filepath.Join(home, name), run.MaxHomeFiles)
		}
		f, err := root.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return Unread(filepath.Join(home, file), bare(err))
		}
		data, err := readBounded(f, filepath.Join(home, file))
		out.empty = false
		into[file] = run.HomeFile{Path: file, Data: data, Among: true}
		return err
	})
	return out, err
}

// unfollowed says why something below a home directory cannot be read: symlinks on the way to it may be the reason.
func unfollowed(root *os.Root, home, file string, err error) error {
	for at := file; at != "."; at = path.Dir(at) {
		info, lost := root.Lstat(at)
		switch {
		case lost != nil || info.Mode()&fs.ModeSymlink == 0:
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s is a symlink to something that does not exist", filepath.Join(home, at))
		default:
			return fmt.Errorf("%s is a symlink that leads out of the home directory, or in a circle: only files in it are copied", filepath.Join(home, at))
		}
	}
	return Unread(filepath.Join(home, file), bare(err))
}

// bare is an error without the path that it names in its own way.
func bare(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
