package service_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// help names the commands of the person who asks, and what the others take.
func TestHelp(t *testing.T) {
	reviews := "An approving review on GitHub also approves what the summary showed; where it does not, the summary says why."
	all := "plan approve unapprove apply lock unlock cancel resolve status help"
	cases := map[string]struct {
		role  workflow.Role
		err   error
		rules func(*workflow.Rules)
		may   string // "" for all, unsaid
		text  string
	}{
		"reads": {role: workflow.RoleRead, may: "status help",
			text: "`plan`, `approve`, `unapprove`, `apply`, `lock`, `unlock` and `cancel` are for anyone with write access; `resolve` is for anyone with admin access. You have read access."},
		"writes":           {role: workflow.RoleWrite, may: "plan approve unapprove apply lock unlock cancel status help", text: "`resolve` is for anyone with admin access. You have write access. " + reviews},
		"admin":            {role: workflow.RoleAdmin, may: all, text: reviews},
		"no review counts": {role: workflow.RoleAdmin, may: all, rules: func(r *workflow.Rules) { r.Approvals.Review = workflow.ReviewNever }},
		"may apply in one environment only": {role: workflow.RoleRead, may: "apply lock unlock cancel status help", rules: func(r *workflow.Rules) {
			r.Environments = map[string]workflow.EnvironmentRules{"dev": {Apply: &workflow.Who{Users: []string{"ada"}}}}
		}, text: "`plan`, `approve` and `unapprove` are for anyone with write access; `resolve` is for anyone with admin access. You have read access."},
		"options": {role: workflow.RoleAdmin, may: all, rules: func(r *workflow.Rules) { r.Allow = []string{"refresh_only", "target"} },
			text: reviews + " `plan` also takes `--target ADDRESS` and `--refresh-only` here."},
		"GitHub does not say": {err: errors.New("502"), text: "GitHub did not report what access you have, so these are all commands; you may not be allowed to use some of them."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.open(1, "head1", files{"README.md": "2"})
			w.rules.Admin = workflow.Who{Role: workflow.RoleAdmin}
			if c.rules != nil {
				c.rules(&w.rules)
			}
			req := w.say(1, "ada", workflow.Command{Verb: workflow.VerbHelp})
			err := w.expandWith(service.Expansion{Request: req, Pull: w.pulls[1], ActorRole: c.role, RoleError: c.err})
			if err != nil {
				t.Fatal(err)
			}
			r := w.view(1).Replies
			if len(r) != 1 || r[0].Kind != workflow.ReplyHelp {
				t.Fatalf("got replies %+v, want one of kind help", r)
			}
			var may []string
			for _, v := range r[0].May {
				may = append(may, string(v))
			}
			if got := strings.Join(may, " "); got != c.may {
				t.Errorf("may %q, want %q", got, c.may)
			}
			if got := phrase.All(r[0].Text).String(); got != c.text {
				t.Errorf("said\n%s\nwant\n%s", got, c.text)
			}
		})
	}
}
