// Package cardea is the root of the module. It holds what the program carries with it and people read here.
package cardea

import _ "embed"

// AppManifest is app.yml: the permissions and events of the GitHub App, each with its reason.
//
//go:embed app.yml
var AppManifest []byte
