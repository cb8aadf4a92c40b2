// Package planjson reads what `terraform show -json` prints of a saved plan: it
// masks what is sensitive, finds the leaves that differ, the effects that no
// change shows and what is left for the apply to decide, and hashes what the plan
// would do into its fingerprint. It is pure: JSON in, a workflow.Plan out. The
// format is Terraform's (format_version 1.x), which OpenTofu shares.
package planjson
