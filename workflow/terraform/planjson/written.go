package planjson

import "github.com/cardea-iac/cardea/workflow"

// Written is what is found in the files of a plan's modules, fetched ones
// included, because the plan's JSON does not say it.
type Written struct {
	// Dynamic are the names of the blocks that `dynamic` blocks make, which the
	// configuration in the JSON lacks; "provider.NAME" of those in provider blocks, and of
	// functions called there. "*" is any: not all could be read.
	Dynamic []string
	// Find says what a word names in the workspace; nil: nobody can tell.
	Find func(word string) []workflow.Place
	// Literals are the strings written in the files, parts of templates too, for what is made of them only while applying.
	Literals []string
	// Says returns those of some texts that stand in files of the repository; nil: nobody can tell.
	Says    func(texts []string) map[string]bool
	Removed []Removed
}

// Removed is a `removed` block with provisioners, which run when the resource is destroyed.
type Removed struct {
	From         string // the resource's address in the configuration, with the module's path
	Provisioners []string
}
