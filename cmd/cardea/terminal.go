package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// printDiagnostics prints a line for each fault: file:line:column: what is wrong.
func printDiagnostics(w io.Writer, faults []workflow.Diagnostic) {
	for _, d := range faults {
		where := d.Position.File
		if d.Position.Line > 0 {
			where = fmt.Sprintf("%s:%d:%d", where, d.Position.Line, max(d.Position.Column, 1))
		}
		if where != "" {
			where += ": "
		}
		fmt.Fprintf(w, "%s%s\n", where, d.Summary)
		if d.Detail != "" {
			fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(d.Detail, "\n", "\n    "))
		}
	}
}
