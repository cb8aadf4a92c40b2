// Package model is what people are told about a pull, before it is put into any form.
// [Read] turns a pull's view into a [Model]: which rows, in which order, in which
// groups, with which sentences, and which commands may come next. Comment, checks and
// pages say the same because they are written from it.
//
// Sentences in it are ours, with code between backticks, for [markdown.Prose]; they name
// commands by the word that starts them here, and [Links] says what they may point to.
// Everything is a pure function of its arguments.
package model
