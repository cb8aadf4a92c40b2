// Package steps decides about the server's workflows: which one a project has, what its words
// become, what of it people must be told and what it does to the digest of a plan's inputs. It
// starts nothing; package run does.
package steps
