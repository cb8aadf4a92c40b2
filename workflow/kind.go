package workflow

// Kind is what the rest of the house may know of an engine.
type Kind struct {
	Name  string // as configuration and records have it: "terraform"
	Title string // as sentences have it: "Terraform"
}
