package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// helped are the commands that take a permission, in the order of a pull's life,
// with those who have it. Whoever may plan or apply may cancel that.
var helped = []struct {
	verb workflow.Verb
	who  func(workflow.Rules) []workflow.Who
}{
	{workflow.VerbPlan, func(r workflow.Rules) []workflow.Who { return []workflow.Who{r.Plan} }},
	{workflow.VerbApprove, func(r workflow.Rules) []workflow.Who { return []workflow.Who{r.Approve} }},
	{workflow.VerbUnapprove, func(r workflow.Rules) []workflow.Who { return []workflow.Who{r.Approve} }},
	{workflow.VerbApply, func(r workflow.Rules) []workflow.Who { return []workflow.Who{r.Apply} }},
	{workflow.VerbLock, func(r workflow.Rules) []workflow.Who { return []workflow.Who{r.Apply} }},
	{workflow.VerbUnlock, func(r workflow.Rules) []workflow.Who { return []workflow.Who{r.Unlock, r.Apply} }}, // one's own claims
	{workflow.VerbCancel, func(r workflow.Rules) []workflow.Who { return []workflow.Who{r.Plan, r.Apply} }},
	{workflow.VerbResolve, func(r workflow.Rules) []workflow.Who { return []workflow.Who{r.Admin} }},
}

// Help names the commands that the sender may use here, in at least one
// environment, by the role that was read now; and what the others take.
func Help(rules workflow.Rules, who workflow.Actor, role workflow.Role, roleErr error) *workflow.Reply {
	reply := &workflow.Reply{Kind: workflow.ReplyHelp, To: who}
	switch {
	case who.Bot && !rules.ListsBot(who):
		reply.May = []workflow.Verb{workflow.VerbStatus, workflow.VerbHelp}
		reply.Text = []phrase.Text{phrase.Say("`%s` is not in the server's `bots`, so it cannot use the other commands.",
			phrase.Shown(who.Slug()))}
		return reply
	case roleErr != nil:
		reply.Text = phrase.Texts("GitHub did not report what access you have, so these are all commands; " +
			"you may not be allowed to use some of them.")
		return reply
	}
	everywhere := []workflow.Rules{rules}
	for name := range rules.Environments {
		everywhere = append(everywhere, rules.InEnvironment(name))
	}
	takes := map[string][]string{}
	var order []string
	for _, h := range helped {
		if slices.ContainsFunc(everywhere, func(r workflow.Rules) bool {
			return slices.ContainsFunc(h.who(r), func(w workflow.Who) bool { return w.Includes(who, role) })
		}) {
			reply.May = append(reply.May, h.verb)
			continue
		}
		words := h.who(rules)[0].Describe()
		if len(takes[words]) == 0 {
			order = append(order, words)
		}
		takes[words] = append(takes[words], "`"+string(h.verb)+"`")
	}
	reply.May = append(reply.May, workflow.VerbStatus, workflow.VerbHelp)
	var lacks []string
	for _, words := range order {
		take := phrase.OneMany(len(takes[words]) == 1, "is", "are")
		lacks = append(lacks, fmt.Sprintf("%s %s for %s", phrase.AndList(takes[words]), take, words))
	}
	if len(lacks) > 0 {
		reply.Text = []phrase.Text{phrase.Say("%s. You have %s.",
			strings.Join(lacks, "; "), role.Access())}
	}
	if slices.Contains(reply.May, workflow.VerbApprove) && slices.ContainsFunc(everywhere, func(r workflow.Rules) bool {
		return approvalCount{rules: r}.reviewsCount()
	}) {
		reply.Text = append(reply.Text, phrase.Say("An approving review on GitHub also approves what the summary showed; where it does not, the summary says why."))
	}
	if flags := allowedFlags(rules); len(flags) > 0 && slices.Contains(reply.May, workflow.VerbPlan) {
		reply.Text = append(reply.Text, phrase.Say("`plan` also takes %s here.", phrase.AndList(flags)))
	}
	return reply
}

// allowedFlags are the options of plan that the server allows, as they are written.
func allowedFlags(rules workflow.Rules) []string {
	var out []string
	for _, o := range PlanFlags {
		if rules.Allows(o.Name) {
			out = append(out, "`"+strings.TrimSpace(o.Flag+" "+o.Value)+"`")
		}
	}
	return out
}

// PlanFlags are the options of plan that the server has to allow, by their names in `allow`.
var PlanFlags = []struct {
	Name, Flag, Value string
	Used              func(workflow.PlanOptions) bool
}{
	{"target", "--target", "ADDRESS", func(o workflow.PlanOptions) bool { return len(o.Targets) > 0 }},
	{"replace", "--replace", "ADDRESS", func(o workflow.PlanOptions) bool { return len(o.Replaces) > 0 }},
	{"destroy", "--destroy", "", func(o workflow.PlanOptions) bool { return o.Destroy }},
	{"refresh_only", "--refresh-only", "", func(o workflow.PlanOptions) bool { return o.RefreshOnly }},
}
