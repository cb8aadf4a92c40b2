package terraform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-version"

	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// What Cardea decides it decides by its own reading of the files. The tool reads
// them too, and what it makes of them in `init` is compared with that reading before
// anything is planned or applied: a file that the two read differently would be a way
// around inputs, approvals, locks and rules.

// sameTool holds the tool that was found against the one whose files were read.
func (p *planning) sameTool() error {
	x := p.expected
	switch {
	case x.Tool != "" && x.Tool != p.tool.name:
		return differs("%s is running, but Cardea read the files as %s would", tfconfig.ToolTitle(p.tool.name), tfconfig.ToolTitle(x.Tool))
	case x.OfTofu && p.tool.name == tfconfig.Tofu && p.tool.version.Core().LessThan(version.Must(version.NewVersion("1.8.0"))):
		return differs("OpenTofu %s does not read `*.tofu` files; it needs 1.8.0 or newer", p.tool.version)
	}
	return nil
}

func differs(format string, args ...any) error {
	return failed("The tool reads these files differently from Cardea: %s. To be safe, nothing is planned or applied.", fmt.Sprintf(format, args...))
}

// compare holds what init made against what was read.
func (p *planning) compare() error {
	for _, step := range []func() error{p.sameModules, p.sameBackend, p.sameProviders} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// installed is one entry of the tool's list of modules.
type installed struct {
	Key string `json:"Key"` // "a.b": module b, which module a calls; "" the project's directory
	Dir string `json:"Dir"`
}

// modulesLook holds one list of modules against the calls that were read.
type modulesLook struct {
	root, fetched string // absolute, without symlinks
	places        map[string]string
	read          map[string]map[string]tfconfig.ModuleCall // directory -> name -> call
	evaluates     bool                                      // the tool computes sources
	early         map[string]string                         // by key: what computed sources were worked out to be
}

// inFetched stands for the place of a module that is not the repository's.
const inFetched = "\x00fetched"

func (p *planning) sameModules() error {
	list := []installed{{Dir: "."}}
	data, err := readRegular(filepath.Join(p.dataDir(), "modules", "modules.json"))
	if err == nil {
		var file struct{ Modules []installed }
		if err = json.Unmarshal(data, &file); err == nil {
			list = append(list, file.Modules...)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the list of modules: %w", err)
	}
	l := modulesLook{evaluates: p.tool.name == tfconfig.Tofu, early: p.expected.Early, places: map[string]string{}, read: map[string]map[string]tfconfig.ModuleCall{}}
	if l.root, err = filepath.EvalSymlinks(p.job.Files.Workspace); err != nil {
		return err
	}
	project, err := filepath.EvalSymlinks(p.dir)
	if err != nil {
		return err
	}
	l.fetched = filepath.Join(project, dataDir, "modules")
	for _, of := range p.expected.Calls {
		l.read[of.Dir] = map[string]tfconfig.ModuleCall{}
		for _, c := range of.Calls {
			l.read[of.Dir][c.Name] = c
		}
	}
	for _, m := range list {
		if !filepath.IsAbs(m.Dir) {
			m.Dir = filepath.Join(p.dir, m.Dir)
		}
		if l.places[m.Key], err = l.place(m.Dir); err != nil {
			return differs("module `%s` is installed from `%s`, outside of the repository", m.Key, filepath.Base(m.Dir))
		}
	}
	return l.compare()
}

// place is a directory of the workspace relative to it, or inFetched.
func (l modulesLook) place(dir string) (string, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(l.fetched, real); err == nil && filepath.IsLocal(rel) {
		return inFetched, nil
	}
	rel, err := filepath.Rel(l.root, real)
	if err != nil || !filepath.IsLocal(rel) {
		return "", errors.Join(fmt.Errorf("%s is outside of the workspace", real), err)
	}
	return filepath.ToSlash(rel), nil
}

func (l modulesLook) compare() error {
	for _, key := range slices.Sorted(maps.Keys(l.places)) {
		if err := l.installed(key); err != nil {
			return err
		}
		calls := l.read[l.places[key]]
		for _, name := range slices.Sorted(maps.Keys(calls)) {
			if _, ok := l.places[strings.TrimPrefix(key+"."+name, ".")]; !ok {
				return differs("module `%s` of `%s` is not installed", name, l.places[key])
			}
		}
	}
	return nil
}

// installed looks whether a module was called where it was read to be.
func (l modulesLook) installed(key string) error {
	place := l.places[key]
	if key == "" {
		if _, ok := l.read[place]; !ok {
			return differs("it runs in `%s`, which Cardea did not read", place)
		}
		return nil
	}
	caller, name := "", key
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		caller, name = key[:i], key[i+1:]
	}
	from, ok := l.places[caller]
	if !ok { // "test.FILE.RUN": of a test file
		if _, read := l.read[place]; strings.HasPrefix(key, "test.") && (read || place == inFetched) {
			return nil
		}
		return differs("module `%s` is installed, but Cardea found no call to it", key)
	}
	if from == inFetched {
		if place != inFetched {
			return differs("a fetched module calls `%s`, a directory of the repository", place)
		}
		return nil
	}
	calls, ok := l.read[from]
	if !ok {
		return nil // below a call whose source is computed: the whole tree is an input
	}
	c, ok := calls[name]
	switch {
	case !ok:
		return differs("`%s` calls a module `%s`, which Cardea did not find", from, name)
	case c.Computed && !l.evaluates:
		return differs("the source of module `%s` of `%s` is computed, but Terraform takes it literally", name, from)
	case c.Computed:
		want, known := l.early[key]
		if !known || l.leads(want, place) {
			return nil
		}
		return failed("The source of module `%s` of `%s` is computed. From the code and the project's var files it is %s, but in this run it is %s. "+
			"Set the variables it uses in one of the project's var files: Cardea cannot see environment variables (`TF_VAR_…`) when it reads the files.",
			name, from, sourceWords(want), sourceWords(place))
	case c.Dir == "" && place != inFetched:
		return differs("module `%s` of `%s` is `%s`, but Cardea read it as one that is fetched", name, from, place)
	case c.Dir != "" && place == inFetched:
		return differs("module `%s` of `%s` is fetched, but Cardea read it as `%s`", name, from, c.Dir)
	case c.Dir == "":
		return nil
	}
	if !l.leads(c.Dir, place) {
		return differs("module `%s` of `%s` is `%s`, but Cardea read it as `%s`", name, from, place, c.Dir)
	}
	return nil
}

// leads reports whether a directory that was read, "" for a module that is fetched, is the place where one is installed.
func (l modulesLook) leads(dir, place string) bool {
	if dir == "" {
		return place == inFetched
	}
	want, err := l.place(filepath.Join(l.root, filepath.FromSlash(dir)))
	return err == nil && want == place
}

// sourceWords are a place where a module is from.
func sourceWords(place string) string {
	if place == "" || place == inFetched {
		return "a module that is fetched"
	}
	return "`" + place + "`"
}

// sameBackend compares the backend that was configured, by its type and by what
// names the state in it. Credentials may come from elsewhere.
func (p *planning) sameBackend() error {
	var file struct {
		Backend struct {
			Type   string         `json:"type"`
			Config map[string]any `json:"config"`
		} `json:"backend"`
	}
	data, err := readRegular(filepath.Join(p.dataDir(), "terraform.tfstate"))
	if err == nil {
		in := json.NewDecoder(bytes.NewReader(data))
		in.UseNumber()
		err = in.Decode(&file)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading which backend was configured: %w", err)
	}
	x, is := p.expected, file.Backend
	if is.Type != x.Backend {
		return differs("its backend is %s, but Cardea read it as %s", typed(is.Type), typed(x.Backend))
	}
	attributes := map[string]string{}
	for name, value := range is.Config {
		flattenJSON(attributes, name, value)
	}
	now := tfconfig.StateNames(is.Type, attributes)
	names := slices.Concat(slices.Collect(maps.Keys(x.State)), slices.Collect(maps.Keys(now)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		was, read := x.State[name]
		if was == now[name] || !read && x.Partial {
			continue
		}
		if x.Evaluated {
			return failed("The backend's `%s`, which determines where the state is, differs from what the code and the project's var files say. "+
				"Set the variables the backend uses in one of the project's var files: Cardea cannot see environment variables (`TF_VAR_…`) when it reads the files.", name)
		}
		return differs("the backend's `%s`, which determines where the state is, differs", name)
	}
	return nil
}

func typed(backend string) string {
	if backend == "" {
		return "none"
	}
	return "`" + backend + "`"
}

// flattenJSON adds a value of a backend's saved configuration as package tfconfig does a block's.
func flattenJSON(into map[string]string, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			flattenJSON(into, name+"."+key, value)
		}
	case []any:
		for i, value := range v {
			flattenJSON(into, fmt.Sprintf("%s.%d", name, i), value)
		}
	case nil:
	default: // a string, a number, or a bool
		into[name] = fmt.Sprint(v)
	}
}

// sameProviders looks for the required providers in the lock file that init leaves.
func (p *planning) sameProviders() error {
	locked := p.lockedProviders()
	for _, source := range p.expected.Providers {
		address := p.providerAddress(source)
		if _, ok := locked[address]; !ok && !strings.HasPrefix(address, "terraform.io/builtin/") {
			return differs("the provider `%s` is required, but %s init did not select one", source, p.tool.name)
		}
	}
	return nil
}

// providerAddress is a source address as lock files have it.
func (p *planning) providerAddress(source string) string {
	parts := strings.Split(strings.ToLower(source), "/")
	switch len(parts) {
	case 1:
		if parts[0] == "terraform" {
			return "terraform.io/builtin/terraform"
		}
		parts = []string{p.tool.registry(), "hashicorp", parts[0]}
	case 2:
		parts = append([]string{p.tool.registry()}, parts...)
	}
	return strings.Join(parts, "/")
}
