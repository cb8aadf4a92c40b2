package model

import (
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Links says what the texts may point to.
type Links struct {
	// PublicURL is the server's address without a slash at its end. "" in
	// `cardea preview`: then there are no links and no commands.
	PublicURL string
	// Fingerprints shows the plans' fingerprints.
	Fingerprints bool
	// Prefix is the word that commands start with, "cardea" when empty.
	Prefix string
}

// Command is a command as it is written here, with the word that starts it.
func (l Links) Command(rest string) string {
	return phrase.OrWord(l.Prefix, "cardea") + " " + rest
}

// Say is a text with commands as they are written here.
func (l Links) Say(t phrase.Text) string { return t.With(l.Prefix) }

// SayAll is Say for each of some texts.
func (l Links) SayAll(all []phrase.Text) []string {
	var out []string
	for _, t := range all {
		out = append(out, l.Say(t))
	}
	return out
}

// Reason is why a run ended as it did, with commands as they are written here.
func (l Links) Reason(run workflow.Run) string {
	if run.Apply == nil || len(run.Apply.Missing) == 0 {
		return run.Reason
	}
	return l.Say(workflow.SayMissing(run.Apply.Missing))
}

// Pull is the address of the pull's page, "" without pages.
func (l Links) Pull(p workflow.Pull) string {
	if l.PublicURL == "" || p.Subject().IsZero() {
		return ""
	}
	return l.PublicURL + PullPath(p)
}

// Run is the address of a run's page, "" without pages.
func (l Links) Run(id string) string {
	if l.PublicURL == "" || id == "" {
		return ""
	}
	return l.PublicURL + RunPath(id)
}
