package localgithub

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// diffFile is one file of a diff.
type diffFile struct {
	path, previous       string
	status               string // as the REST API names it: added, removed, modified, renamed, changed
	blob                 string
	additions, deletions int
	binary               bool
	patch                string // hunks only, as the API gives it
}

// diff lists what head changes since it left base, with renames found; patches only when asked for.
func (g gitTool) diff(ctx context.Context, dir, base, head string, patches bool) ([]diffFile, error) {
	from, err := g.mergeBase(ctx, dir, base, head)
	if err != nil {
		return nil, err
	}
	if from == "" {
		from = base
	}
	raw, err := g.run(ctx, dir, "diff-tree", "-r", "-z", "-M", "--raw", "--numstat", "--abbrev=40", from, head)
	if err != nil {
		return nil, err
	}
	files, err := parseDiff(raw)
	if err != nil || !patches {
		return files, err
	}
	text, err := g.run(ctx, dir, "diff-tree", "-r", "-M", "-p", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", from, head)
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
			files[i].patch = parts[i][at+1:]
		}
	}
	return files, nil
}

// parseDiff reads the output of diff-tree -z --raw --numstat: all raw records, then all counts.
func parseDiff(raw string) ([]diffFile, error) {
	fields := strings.Split(strings.TrimSuffix(raw, "\x00"), "\x00")
	names := map[byte]string{'A': "added", 'D': "removed", 'M': "modified", 'R': "renamed", 'T': "changed", 'C': "copied"}
	var files []diffFile
	i := 0
	for ; i < len(fields) && strings.HasPrefix(fields[i], ":"); i++ {
		meta := strings.Fields(fields[i])
		if len(meta) != 5 || i+1 >= len(fields) {
			return nil, fmt.Errorf("unexpected diff record %q", fields[i])
		}
		f := diffFile{status: names[meta[4][0]], blob: meta[3]}
		if f.status == "removed" {
			f.blob = meta[2]
		}
		i++
		f.path = fields[i]
		if meta[4][0] == 'R' || meta[4][0] == 'C' {
			i++
			f.previous, f.path = f.path, fields[i]
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
		if files[n].additions, err = strconv.Atoi(counts[0]); err != nil {
			return nil, fmt.Errorf("unexpected diff count %q", fields[i])
		}
		if files[n].deletions, err = strconv.Atoi(counts[1]); err != nil {
			return nil, fmt.Errorf("unexpected diff count %q", fields[i])
		}
	}
	return files, nil
}
