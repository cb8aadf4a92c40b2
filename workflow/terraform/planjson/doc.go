// Package planjson reads what `terraform show -json` prints of a saved plan into a
// plan.Proposal: what changes, where secrets come from, the effects that no change
// shows, the files that its strings name and what is left for the apply to decide.
// It is pure: JSON in, a workflow.Plan out. The format is Terraform's
// (format_version 1.x), which OpenTofu shares.
package planjson
