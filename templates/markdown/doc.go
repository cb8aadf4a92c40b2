// Package markdown makes words safe to read. What other people's code says (names,
// addresses, values, error texts) goes through here before it stands in Markdown or
// HTML of ours: in code spans and fences that nothing in it can close, or escaped so
// that it means nothing, mentions nobody and links nowhere. What cannot be seen is
// made visible. Beside that: counts, lists cut to a length, and spans of time.
//
// A sentence of ours has code between single backticks; [Prose] writes it.
package markdown
