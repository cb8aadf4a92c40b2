package main

import "fmt"

// correction is a place where the description is known to be wrong.
type correction struct {
	pointer string
	edit    func(object) bool // false: the description no longer says what is corrected
	why     string
}

// corrections are few, and each says how we know. One that no longer applies is an error, so
// that it gets deleted.
var corrections = []correction{
	{
		"/paths/~1app~1installations/get/responses/200/content/application~1json/schema/items/properties/account",
		func(o object) bool {
			o["anyOf"] = o["allOf"]
			delete(o, "allOf")
			return o["anyOf"] != nil
		}, "no account is a user and an enterprise at once; components/schemas/installation says anyOf",
	},
	{
		"/components/schemas/pull-request/properties/head/properties", func(o object) bool {
			_, plain := asObject(o["repo"])["$ref"]
			o["repo"] = object{"nullable": true, "allOf": []any{o["repo"]}}
			return plain
		}, "the fork may be deleted; the pull_request of every webhook says that its head's repo may be null",
	},
}

// correct applies the corrections to a description as it was read.
func (d *description) correct(fixes []correction) error {
	for _, c := range fixes {
		if o := asObject(d.at(c.pointer)); o == nil || !c.edit(o) {
			return fmt.Errorf("correcting %s (%s): it is not there any more", c.pointer, c.why)
		}
	}
	return nil
}
