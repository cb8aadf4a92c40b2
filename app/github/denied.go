package github

import (
	"errors"
	"net/http"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/cardea-iac/cardea/app/preflight"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// GitHub's words for a permission that is missing: to a call, and to a token that asks for it.
const (
	saidDenied     = "Resource not accessible by integration"
	saidNotGranted = "permissions requested are not granted"
)

// Denied says that GitHub refuses a call because the App lacks a permission where it was made.
type Denied struct {
	err error
	// Grant is what has to be granted, in words; "" when GitHub does not say.
	Grant string
}

// Error says it to people, and how to get it.
func (d *Denied) Error() string {
	if d.Grant == "" {
		return "GitHub refuses this because the App lacks a permission: compare its permissions with app.yml, " +
			"and accept them where it is installed"
	}
	return "GitHub refuses this because the App lacks a permission: grant " + d.Grant +
		" in the App's settings, and accept it where the App is installed"
}

// Unwrap leads to GitHub's own words.
func (d *Denied) Unwrap() error { return d.err }

// denied returns what a refusal for a missing permission means, nil for other errors.
func denied(err error) *Denied {
	switch text := Message(err); {
	case strings.Contains(text, saidNotGranted): // tokens of ours ask for nothing else
		return &Denied{err, phrase.Capital("contents") + ": read"}
	case !strings.Contains(text, saidDenied):
		return nil
	}
	d := &Denied{err: err}
	if e := new(github.ErrorResponse); errors.As(err, &e) && e.Response != nil {
		d.Grant = grant(e.Response.Header.Get("X-Accepted-GitHub-Permissions"))
	}
	return d
}

// grant puts GitHub's header in words: permissions that are all needed have commas between them,
// choices semicolons.
func grant(header string) string {
	var choices []string
	for choice := range strings.SplitSeq(header, ";") {
		var all []string
		for one := range strings.SplitSeq(choice, ",") {
			if name, level, ok := strings.Cut(strings.TrimSpace(one), "="); ok {
				all = append(all, preflight.Label(name)+": "+level)
			}
		}
		if len(all) > 0 {
			choices = append(choices, phrase.AndList(all))
		}
	}
	return strings.Join(choices, " or ")
}

// AboutTheApp reports whether an error is about the App as a whole: GitHub cannot be reached, is
// not what answers, or does not accept the App's key. What is wrong then is found out and told on its own.
func AboutTheApp(err error) bool {
	switch status := Status(err); {
	case errors.As(err, new(*Limited)):
		return false
	case status == 0:
		return errors.Is(err, workflow.ErrPassing) || isDecoding(err)
	case status == http.StatusNotFound: // GitHub's API always says something
		return Message(err) == "" || strings.Contains(Message(err), "Integration")
	default:
		return status == http.StatusUnauthorized || status/100 == 3
	}
}

// OfGitHub reports whether an error is an answer of GitHub's, or that there was none.
func OfGitHub(err error) bool {
	return !errors.As(err, new(*Limited)) && !errors.As(err, new(*Denied)) &&
		(Status(err) != 0 || errors.Is(err, workflow.ErrPassing) || isDecoding(err))
}
