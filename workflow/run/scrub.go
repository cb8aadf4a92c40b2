package run

import "github.com/cardea-iac/cardea/workflow"

// scrub hides secrets in what others wrote into a result. The plan came masked
// (plan.Make), and what is structure stays: addresses, files, digests and
// sentences of ours, behind which nothing that a plan calls sensitive may hide.
func (r *runner) scrub(res *workflow.Result) {
	res.Reason = r.given.Redact(res.Reason)
	r.scrubAll(res.Diagnostics)
	for i := range res.Progress {
		s := &res.Progress[i]
		s.Text, s.Address = r.redact.Redact(s.Text), workflow.WithKeys(s.Address, r.given.Redact)
	}
	if res.Plan != nil {
		r.scrubAll(res.Plan.Warnings)
	}
}

func (r *runner) scrubAll(list []workflow.Diagnostic) {
	for i := range list {
		d := &list[i]
		d.Summary, d.Detail = r.redact.Redact(d.Summary), r.redact.Redact(d.Detail)
		d.Snippet.Code, d.Snippet.Values = r.redact.Redact(d.Snippet.Code), r.redact.Redact(d.Snippet.Values)
		d.Snippet.Context = r.redact.Redact(d.Snippet.Context)
		d.Address = workflow.WithKeys(d.Address, r.given.Redact)
	}
}
