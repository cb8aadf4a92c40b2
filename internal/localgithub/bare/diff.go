package bare

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// File is one file of a diff.
type File struct {
	Path, Previous       string
	Status               string // as the REST API names it: added, removed, modified, renamed, changed
	Blob                 string
	Additions, Deletions int
	binary               bool
	Patch                string // hunks only, as the API gives it
}

// Diff lists what head changes since it left base, with renames found; patches only when asked for.
func (g Git) Diff(ctx context.Context, dir, base, head string, patches bool) ([]File, error) {
	from, err := g.MergeBase(ctx, dir, base, head)
	if err != nil {
		return nil, err
	}
	if from == "" {
		from = base
	}
	raw, err := g.Run(ctx, dir, "diff-tree", "-r", "-z", "-M", "--raw", "--numstat", "--abbrev=40", from, head)
	if err != nil {
		return nil, err
	}
	files, err := parseDiff(raw)
	if err != nil || !patches {
		return files, err
	}
	text, err := g.Run(ctx, dir, "diff-tree", "-r", "-M", "-p", "--no-color",
		"--src-prefix=a/", "--dst-prefix=b/", from, head)
	if err != nil {
		return nil, err
	}
	// git writes a patch for each file in the order of --raw.
	parts := strings.Split("\n"+text, "\ndiff --git ")[1:]
	for i := range files {
		if i >= len(parts) {
			break
		}
		if at := strings.Index(parts[i], "\n@@ "); at >= 0 {
			files[i].Patch = parts[i][at+1:]
		}
	}
	return files, nil
}

// parseDiff reads the output of diff-tree -z --raw --numstat: all raw records, then all counts.
func parseDiff(raw string) ([]File, error) {
	fields := strings.Split(strings.TrimSuffix(raw, "\x00"), "\x00")
	names := map[byte]string{'A': "added", 'D': "removed", 'M': "modified", 'R': "renamed", 'T': "changed", 'C': "copied"}
	var files []File
	i := 0
	for ; i < len(fields) && strings.HasPrefix(fields[i], ":"); i++ {
		meta := strings.Fields(fields[i])
		if len(meta) != 5 || i+1 >= len(fields) {
			return nil, fmt.Errorf("unexpected diff record %q", fields[i])
		}
		f := File{Status: names[meta[4][0]], Blob: meta[3]}
		if f.Status == "removed" {
			f.Blob = meta[2]
		}
		i++
		f.Path = fields[i]
		if meta[4][0] == 'R' || meta[4][0] == 'C' {
			i++
			f.Previous, f.Path = f.Path, fields[i]
		}
		files = append(files, f)
	}
	for n := 0; i < len(fields) && fields[i] != ""; i, n = i+1, n+1 {
		counts := strings.SplitN(fields[i], "\t", 3)
		if len(counts) != 3 || n >= len(files) {
			return nil, fmt.Errorf("unexpected diff count %q", fields[i])
		}
		if counts[2] == "" { // a rename names both files in the next two fields
			i += 2
		}
		if counts[0] == "-" {
			files[n].binary = true
			continue
		}
		var err error
		if files[n].Additions, err = strconv.Atoi(counts[0]); err != nil {
			return nil, fmt.Errorf("unexpected diff count %q", fields[i])
		}
		if files[n].Deletions, err = strconv.Atoi(counts[1]); err != nil {
			return nil, fmt.Errorf("unexpected diff count %q", fields[i])
		}
	}
	return files, nil
}
