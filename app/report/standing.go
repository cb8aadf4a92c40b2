package report

import "github.com/cardea-iac/cardea/workflow"

// StandingOfHead is the worst standing of the open pulls with one head: checks belong to a commit.
func StandingOfHead(recs []workflow.PullRecord) Standing {
	worst := Done
	for _, r := range recs {
		worst = min(worst, StandingOf(r))
	}
	return worst
}

// Checks are the status and, once completed, the conclusion of cardea/plan and cardea/apply.
func (s Standing) Checks() (plan, apply [2]string) {
	return statusOf(verdicts[s][0]), statusOf(verdicts[s][1])
}

func statusOf(verdict string) [2]string {
	if verdict == queued || verdict == inProgress {
		return [2]string{verdict, ""}
	}
	return [2]string{completed, verdict}
}
