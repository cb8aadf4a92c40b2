package main

import (
	"io"
	"strings"

	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow/run"
)

// downloading is the last line of a run's log if that tells of a download that goes on.
func downloading(dir, id string) string {
	log, err := run.OpenLog(dir, id)
	if err != nil {
		return "" // nothing is written yet
	}
	defer log.Close()
	const most = 4 << 10
	if end, err := log.Seek(0, io.SeekEnd); err != nil || end > most {
		if _, err := log.Seek(-most, io.SeekEnd); err != nil {
			return ""
		}
	} else if _, err := log.Seek(0, io.SeekStart); err != nil {
		return ""
	}
	tail, err := io.ReadAll(log)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(tail)), "\n")
	last := markdown.CleanLine(lines[len(lines)-1])
	if !strings.HasPrefix(last, "Downloading ") {
		return ""
	}
	return strings.ToLower(last[:1]) + strings.TrimSuffix(last[1:], ".")
}
