// Package diff writes a planned change as lines with a mark in column 0, as GitHub
// colours a diff: a heading, then the attributes that differ, of long texts the lines
// that do. Values arrive masked and leave clean, each on one line, cut to [Limits].
package diff
