package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// queryTries is how often a query is sent that fails through GitHub's fault. That is safe: it
// changes nothing.
const queryTries = 3

// query asks GitHub's GraphQL for out. Data that comes with an error is not an answer: we
// cannot know what is missing from it.
func (c *Client) query(ctx context.Context, installation int64, text string, vars map[string]any, out any) error {
	for try := 1; ; try++ {
		err := c.queryOnce(ctx, installation, text, vars, out)
		if err == nil || !errors.Is(err, workflow.ErrPassing) || errors.As(err, new(*Limited)) || try == queryTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(try*try) * 150 * time.Millisecond):
		}
	}
}

func (c *Client) queryOnce(ctx context.Context, installation int64, text string, vars map[string]any, out any) error {
	in := c.of(installation)
	req, err := in.queries.NewRequest(http.MethodPost, c.graphQL(), map[string]any{"query": text, "variables": vars})
	if err != nil {
		return fmt.Errorf("making a query: %w", err)
	}
	answer := struct {
		Data   any `json:"data"`
		Errors []struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"errors"`
	}{Data: out}
	resp, err := in.queries.Do(ctx, req, &answer)
	if err != nil {
		return classify(ctx, fmt.Errorf("graphql: %w", err))
	}
	if len(answer.Errors) == 0 {
		return nil
	}
	e := answer.Errors[0]
	if strings.HasPrefix(e.Type, "RATE_LIMIT") || strings.Contains(strings.ToLower(e.Message), "rate limit") {
		return in.guard.queriesLimited(resp.Response)
	}
	fault := &queryError{Type: e.Type, Message: e.Message}
	// GitHub's words for them
	ownFault := strings.HasPrefix(e.Message, "Something went wrong") || strings.HasPrefix(e.Message, "timedout")
	if slices.Contains([]string{"INTERNAL", "SERVICE_UNAVAILABLE"}, e.Type) || e.Type == "" && ownFault {
		return passing(fault, time.Time{})
	}
	if d := denied(fault); d != nil {
		return d
	}
	return fault
}

// queriesLimited is the fault of a query that GitHub refused because of its rate, which it
// may do with a 200. Queries have a budget of their own: when it is used up, nothing else has
// to stop until the reset. Any other limit stops everything.
func (g *guard) queriesLimited(resp *http.Response) error {
	now := g.config.Now()
	if wait, named := limitWait(resp.Header, now); named && resp.Header.Get("Retry-After") == "" {
		return &Limited{Until: now.Add(wait)}
	}
	return &Limited{Until: g.rest(resp)}
}

// graphQL is the address of GraphQL, relative to the API's: an Enterprise Server has it
// beside v3.
func (c *Client) graphQL() string {
	if strings.HasSuffix(c.base.Path, "/api/v3/") {
		return "../graphql"
	}
	return "graphql"
}

// queryError is an error that GitHub puts beside the data.
type queryError struct{ Type, Message string }

func (e *queryError) Error() string { return "graphql: " + e.Message }

// actorJS is an account as GraphQL shows it; nil: the account is gone.
type actorJS struct {
	Type  string `json:"__typename"`
	Login string `json:"login"`
	ID    int64  `json:"databaseId"`
}

// actor is the account as we know it from everywhere else: only in GraphQL does a bot's login
// lack its suffix.
func (a *actorJS) actor() workflow.Actor {
	switch {
	case a == nil:
		return workflow.Actor{}
	case a.Type == "Bot":
		return workflow.Actor{ID: a.ID, Login: strings.TrimSuffix(a.Login, "[bot]") + "[bot]", Bot: true}
	}
	return workflow.Actor{ID: a.ID, Login: a.Login}
}
