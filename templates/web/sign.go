package web

import (
	"strconv"

	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// sign is how a page's subject stands, as its icon says it in a row of tabs. The worst of several counts.
type sign int

const (
	signNone sign = iota
	signOK
	signWaits // for somebody
	signBusy
	signFailed
)

var icons = map[sign]string{signNone: "icon", signOK: "icon-ok", signWaits: "icon-waits", signBusy: "icon-busy",
	signFailed: "icon-failed"}

// Icon is the path of the page's icon.
func (h Head) Icon() string { return "/static/" + icons[h.state] + ".svg" }

// Tab is the title of the page, led by how many of its subjects wait for somebody.
func (h Head) Tab() string {
	if h.waits == 0 {
		return h.Title
	}
	return "(" + strconv.Itoa(h.waits) + ") " + h.Title
}

func signOfStatus(s model.Status) sign {
	switch s {
	case model.StatusFailed, model.StatusTrouble, model.StatusApplyFailed:
		return signFailed
	case model.StatusPlanning, model.StatusApplying, model.StatusUnknown:
		return signBusy
	case model.StatusChanges:
		return signWaits
	}
	return signOK
}

// signOfPulls is the worst of several pulls, and how many of them wait for somebody.
func signOfPulls(pulls []PullLine) (worst sign, waits int) {
	for _, p := range pulls {
		s := signOfStatus(p.Model.Status)
		worst = max(worst, s)
		if s == signWaits || s == signFailed {
			waits++
		}
	}
	return worst, waits
}

// waiting is how many projects wait for somebody: to approve or apply their plan, or to look at what failed.
func waiting(rows []model.Row) (n int) {
	for _, r := range rows {
		switch r.State {
		case workflow.StatePlanFailed, workflow.StateRefused, workflow.StateApplyFailed, workflow.StateUnknown,
			workflow.StateErrored:
			n++
		case workflow.StatePlanned:
			if r.Open {
				n++
			}
		}
	}
	return n
}

func signOfRun(r workflow.Run) sign {
	switch runClass(r) {
	case "failed":
		return signFailed
	case "stopped", "":
		return signNone
	case "applied", "no_changes", "planned":
		return signOK
	}
	return signBusy
}
