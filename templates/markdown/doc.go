// Package markdown makes words safe to read. What other people's code says (names, addresses,
// values, error texts) goes through here before it stands in Markdown or HTML of ours: in
// code spans and fences that nothing in it can close, or escaped so that it means nothing,
// mentions nobody and links nowhere. What cannot be seen is made visible. The package also
// has counts, lists cut to a length, and spans of time.
//
// Our own sentences have code between single backticks; [Prose] writes them.
package markdown
