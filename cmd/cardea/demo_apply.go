package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The second half of the demo's story: approve, apply, merge.

// demoProject is a project in a pull's JSON.
type demoProject struct {
	Name, State string
	Approvals   []struct{ User string }
	Lock        *struct{ Pull int }
}

func (d *demo) projects(ctx context.Context, pull int) ([]demoProject, error) {
	text, err := d.get(ctx, fmt.Sprintf("/%s/pull/%d.json", d.repo, pull))
	if err != nil {
		return nil, err
	}
	var page struct{ Projects []demoProject }
	return page.Projects, json.Unmarshal([]byte(text), &page)
}

// untilProjects waits until ok holds for every project of a pull; its error names those for
// which it does not.
func (d *demo) untilProjects(ctx context.Context, pull int, ok func(demoProject) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		list, err := d.projects(ctx, pull)
		if err != nil {
			return err
		}
		var not []string
		for _, p := range list {
			if !ok(p) {
				not = append(not, p.Name+" is "+p.State)
			}
		}
		if len(not) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New(strings.Join(not, ", "))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// upgrades counts what the applies themselves wrote: a line for each node of the stage
// cluster.
func (d *demo) upgrades() (int, error) {
	data, err := os.ReadFile(filepath.Join(d.stateDir(), "upgrades"))
	return strings.Count(string(data), "stage-node-"), err
}

func (d *demo) upgradesAre(want int) error {
	got, err := d.upgrades()
	if err == nil && got != want {
		err = fmt.Errorf("%d nodes of the stage cluster were upgraded, want %d", got, want)
	}
	return err
}

// saysTo writes a comment as somebody and waits for a reply of ours that contains a text and
// was not there before.
func (d *demo) saysTo(ctx context.Context, who *person, pull int, comment, answer string) error {
	before, err := d.author.look(ctx, pull)
	if err != nil {
		return err
	}
	seen := strings.Count(replies(before), answer)
	if err := who.comment(ctx, pull, comment); err != nil {
		return err
	}
	_, err = d.author.until(ctx, pull, "the answer says "+answer, func(now pullNow) bool { return strings.Count(replies(now), answer) > seen })
	return err
}

func authorApproves(ctx context.Context, d *demo) error {
	if err := d.saysTo(ctx, d.author, d.pull, "cardea approve", "author"); err != nil {
		return err
	}
	return d.untilProjects(ctx, d.pull, func(p demoProject) bool { return len(p.Approvals) == 0 })
}

func reviewerApproves(ctx context.Context, d *demo) error {
	if err := d.reviewer.comment(ctx, d.pull, "cardea approve"); err != nil {
		return err
	}
	return d.untilProjects(ctx, d.pull, func(p demoProject) bool {
		return p.State == "no_changes" || (len(p.Approvals) == 1 && p.Approvals[0].User == "rex")
	})
}

// The seed made three nodes in the stage cluster; the change asks for five.
const seededNodes, changedNodes = 3, 5

func authorApplies(ctx context.Context, d *demo) error {
	if err := d.upgradesAre(seededNodes); err != nil {
		return err
	}
	if err := d.author.comment(ctx, d.pull, "cardea apply"); err != nil {
		return err
	}
	err := d.untilProjects(ctx, d.pull, func(p demoProject) bool { return p.State == "no_changes" || p.State == "applied" })
	if err != nil {
		return err
	}
	now, err := d.author.until(ctx, d.pull, "cardea/apply is green", func(now pullNow) bool { return now.Checks["cardea/apply"].Conclusion == "success" })
	if err != nil {
		return err
	}
	text, err := now.summary()
	if err == nil && strings.Contains(text, "correct-horse") {
		err = errors.New("the comment shows the password")
	}
	return errors.Join(err, d.upgradesAre(changedNodes))
}

func applyAgain(ctx context.Context, d *demo) error {
	if err := d.author.comment(ctx, d.pull, "cardea apply"); err != nil {
		return err
	}
	// A status that is asked for afterwards is answered after it too.
	if err := d.saysTo(ctx, d.reviewer, d.pull, "cardea status", "prod/database"); err != nil {
		return err
	}
	return d.upgradesAre(changedNodes)
}

func otherWaits(ctx context.Context, d *demo) error {
	if err := d.reviewer.comment(ctx, d.broken, "cardea approve"); err != nil {
		return err
	}
	return d.saysTo(ctx, d.author, d.broken, "cardea apply -p stage/network", "has held the lock")
}

func reviewerMerges(ctx context.Context, d *demo) error {
	if err := d.reviewer.call(ctx, http.MethodPut, fmt.Sprintf("/repos/%s/pulls/%d/merge", d.repo, d.pull),
		map[string]any{}, nil); err != nil {
		return err
	}
	return d.untilProjects(ctx, d.broken, func(p demoProject) bool { return p.Lock == nil || p.Lock.Pull != d.pull })
}
