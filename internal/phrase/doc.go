// Package phrase has the words that sentences for people are put together from:
// lists, counts, code spans, times, names that are close to a mistyped one, and
// arguments quoted as people type them. A [Text] is such a sentence that still
// knows which project, plan and command it names.
package phrase
