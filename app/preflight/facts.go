// Package preflight says what is wrong with the GitHub App: it compares what GitHub says about it
// with app.yml and the server's configuration, and returns findings, each with a sentence and a way
// out. It asks nobody: package github brings the facts, package app keeps them and tells people.
package preflight

import "time"

// Config is what the configuration says about the App.
type Config struct {
	APIURL, WebURL string
	AppID          int64
	WebhookURL     string // where GitHub has to send deliveries; "" when nobody has said where people reach us
	Merges         bool   // some rule has `automerge`
}

// Facts are what is known about the App.
type Facts struct {
	Answer Answer
	// Since is when GitHub began not to answer; it means something while it does not.
	Since time.Time
	// Met: GitHub has accepted the App since this server started, so the configuration was right.
	Met           bool
	App           App
	Hook          Hook
	Installations []Installation
	Listed        bool // Hook and Installations are known
	Deliveries    Deliveries
}

// Trouble is why there is no answer of GitHub's API.
type Trouble string

// The troubles. The zero value is none: GitHub's API has answered, with a status.
const (
	NoName  Trouble = "name"    // there is no such host
	Refused Trouble = "refused" // nothing listens there
	Proxy   Trouble = "proxy"   // the proxy in between failed
	TLS     Trouble = "tls"     // no encrypted connection that can be trusted
	Silent  Trouble = "silent"  // no answer, for any other reason
	Foreign Trouble = "foreign" // the answer is not one of GitHub's API
	Down    Trouble = "down"    // GitHub says that the fault is its own
)

// Answer is how GitHub answered when it was asked who the App is.
type Answer struct {
	Trouble Trouble
	Status  int
	// Detail is what GitHub or the system said about it, "" for nothing.
	Detail string
	// Ahead is how far our clock is ahead of GitHub's.
	Ahead time.Duration
}

// Good reports whether GitHub has accepted the App's signature.
func (a Answer) Good() bool { return a.Trouble == "" && a.Status == 200 }

// App is the App as GitHub has it.
type App struct {
	ID           int64
	Slug         string
	Owner        string
	Organization bool   // the owner is one
	URL          string // its public page
	Permissions  map[string]string
	Events       []string
}

// Hook is where an App's deliveries go.
type Hook struct {
	URL     string
	JSON    bool // their content type
	Secret  bool // they are signed
	Trusts  bool // no certificate is checked
	Since   time.Time
	Unknown bool // it could not be read
}

// Installation is one place where the App is installed.
type Installation struct {
	ID          int64
	Account     string
	URL         string // its settings
	Suspended   bool
	Permissions map[string]string
}

// Deliveries are what arrived at our webhook, as far as it tells whether the secret is right.
type Deliveries struct {
	// Refused are those with a wrong signature, or none, since the last good one, of the last hour.
	Refused  int
	Unsigned bool      // the last of them had no signature
	Last     time.Time // when the last one was refused, however long ago
	Accepted time.Time // when the last good one arrived
}

// Level is how bad a finding is.
type Level string

// The levels. While there is an error, something does not work.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Error   Level = "error"
)

// The checks, as programs name them.
const (
	CheckGitHub        = "github"      // GitHub can be reached
	CheckClock         = "clock"       // our clock is right
	CheckSignIn        = "sign_in"     // the App's id and key are accepted
	CheckPermissions   = "permissions" // what the App may do
	CheckEvents        = "events"      // what it hears of
	CheckWebhook       = "webhook"     // where its deliveries go
	CheckInstallations = "installations"
	CheckDeliveries    = "deliveries" // whether their signatures are good
)

// Finding is what one check found. What stands between backticks in its sentences is code.
type Finding struct {
	Check string `json:"check"`
	About string `json:"about,omitempty"` // tells findings of one check apart: a permission, an account
	Level Level  `json:"level"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"`
}
