package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// demoStory is what `cardea demo --script` plays: what people do, and what they must see.
var demoStory = []step{
	{"ada opened a pull request: one comment, two checks, within seconds", seeOpened},
	{"its page and its JSON say the same", seePage},
	{"a pull request that does not plan has a red check with the error's line", seeBroken},
	{"olga, an outsider, may not plan, and is told so once", outsiderRefused},
	{"rex plans one project again", reviewerPlans},
	{"ada pushes: the same comment shows the new head", authorPushes},
	{"ada fixes the other pull request: its check turns green", authorMends},
	{"it cannot be merged while cardea/apply requires action", mergeBlocked},
	{"`cardea status` is answered with a comment of its own", askStatus},
	{"ada's approval of her own change does not count", authorApproves},
	{"rex approves what the comment shows", reviewerApproves},
	{"ada applies: every project once, exactly the plan that rex approved, verified by a fresh plan", authorApplies},
	{"applying again applies nothing", applyAgain},
	{"the other pull request waits: stage/network is locked until the first is merged", otherWaits},
	{"rex merges: cardea/apply is green, and the lock is free", reviewerMerges},
}

func (d *demo) seeOpenedNow(ctx context.Context) (pullNow, string, error) {
	now, err := d.author.settled(ctx, d.pull)
	if err != nil {
		return now, "", err
	}
	text, err := now.summary()
	return now, text, err
}

func checkIs(now pullNow, name, conclusion string) error {
	if c := now.Checks[name]; c.Conclusion != conclusion {
		return fmt.Errorf("%s is %q (%s), want %q", name, c.Conclusion, c.Output.Title, conclusion)
	}
	return nil
}

func seeOpened(ctx context.Context, d *demo) error {
	now, text, err := d.seeOpenedNow(ctx)
	if err != nil {
		return err
	}
	if err := must("the comment", text, "5 of 12 projects change", "in prod", "prod/network", "stage/cluster",
		"(sensitive value)", "runs local-exec"); err != nil {
		return err
	}
	if strings.Contains(text, "correct-horse") {
		return errors.New("the comment shows the password")
	}
	return errors.Join(checkIs(now, "cardea/plan", "success"), checkIs(now, "cardea/apply", "action_required"))
}

// get reads a page of the server.
func (d *demo) get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return string(data), err
}

func seePage(ctx context.Context, d *demo) error {
	path := fmt.Sprintf("/%s/pull/%d", d.repo, d.pull)
	html, err := d.get(ctx, path)
	if err != nil {
		return err
	}
	text, err := d.get(ctx, path+".json")
	if err != nil {
		return err
	}
	var page struct {
		Projects []struct{ Name, State string }
		Plan     struct{ Conclusion string }
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		return err
	}
	if len(page.Projects) != 5 || page.Plan.Conclusion != "success" {
		return fmt.Errorf("the page's JSON has %d projects and conclusion %q, want 5 and success",
			len(page.Projects), page.Plan.Conclusion)
	}
	return must("the page", html, "prod/network", "prod/database")
}

func seeBroken(ctx context.Context, d *demo) error {
	now, err := d.author.settled(ctx, d.broken)
	if err != nil {
		return err
	}
	if now.Checks["cardea/plan"].Output.AnnotationsCount == 0 {
		return errors.New("cardea/plan has no annotation")
	}
	text, err := now.summary()
	if err != nil {
		return err
	}
	return errors.Join(checkIs(now, "cardea/plan", "failure"),
		must("the comment", text, "dev/dns", "Reference to undeclared input variable", "stage/network"))
}

func outsiderRefused(ctx context.Context, d *demo) error {
	if err := d.outsider.comment(ctx, d.pull, "cardea plan"); err != nil {
		return err
	}
	_, err := d.author.until(ctx, d.pull, "the outsider is refused", func(now pullNow) bool {
		return strings.Contains(strings.Join(now.Comments, "\n"), "may not plan")
	})
	return err
}

func reviewerPlans(ctx context.Context, d *demo) error {
	before, err := d.get(ctx, fmt.Sprintf("/%s/pull/%d.json", d.repo, d.pull))
	if err != nil {
		return err
	}
	if err := d.reviewer.comment(ctx, d.pull, "cardea plan -p prod/dns"); err != nil {
		return err
	}
	if strings.Contains(before, `"prod/dns"`) {
		return errors.New("prod/dns belonged to the pull before anybody asked for it")
	}
	_, err = d.author.until(ctx, d.pull, "the comment shows prod/dns", func(now pullNow) bool {
		text, _ := now.summary()
		return strings.Contains(text, "prod/dns") && now.Checks["cardea/plan"].Status == "completed"
	})
	return err
}

func authorPushes(ctx context.Context, d *demo) error {
	files := sampleChange(d.stateDir())
	sha, err := d.author.push(ctx, "postgres-16", "Keep the subnet", map[string]string{
		"prod/network/main.tf": strings.Replace(files["prod/network/main.tf"], "subnets     = 3", "subnets     = 4", 1)})
	if err != nil {
		return err
	}
	now, err := d.author.until(ctx, d.pull, "the comment shows the new head", func(now pullNow) bool {
		text, _ := now.summary()
		return now.Head == sha && strings.Contains(text, sha[:7]) && now.Checks["cardea/plan"].Conclusion == "success"
	})
	if err != nil {
		return err
	}
	text, err := now.summary()
	if strings.Contains(text, "to destroy") {
		return errors.New("the comment still shows what the old head would have destroyed")
	}
	return err
}

func authorMends(ctx context.Context, d *demo) error {
	file := sampleMistake(d.stateDir())["dev/dns/main.tf"] +
		"\nvariable \"ttl\" {\n  type    = number\n  default = 600\n}\n"
	if _, err := d.author.push(ctx, "dns-ttl", "Declare the variable",
		map[string]string{"dev/dns/main.tf": file}); err != nil {
		return err
	}
	_, err := d.author.until(ctx, d.broken, "cardea/plan is green", func(now pullNow) bool { return now.Checks["cardea/plan"].Conclusion == "success" })
	return err
}

func mergeBlocked(ctx context.Context, d *demo) error {
	err := d.reviewer.call(ctx, http.MethodPut, fmt.Sprintf("/repos/%s/pulls/%d/merge", d.repo, d.pull),
		map[string]any{}, nil)
	if err == nil {
		return errors.New("it was merged")
	}
	return must("GitHub's answer", err.Error(), "cardea/apply")
}

func askStatus(ctx context.Context, d *demo) error {
	if err := d.reviewer.comment(ctx, d.pull, "cardea status"); err != nil {
		return err
	}
	_, err := d.author.until(ctx, d.pull, "the status is there", func(now pullNow) bool {
		return strings.Contains(replies(now), "prod/database")
	})
	return err
}

// replies are our comments other than the summary, as one text.
func replies(now pullNow) string {
	var b strings.Builder
	for _, c := range now.Comments {
		if strings.HasPrefix(c, "<!-- cardea:reply -->") {
			b.WriteString(c + "\n----\n")
		}
	}
	return b.String()
}
