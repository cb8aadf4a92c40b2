package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// exchange is one line of a file that localgithub writes. Bodies are the JSON they were, others a JSON string.
type exchange struct {
	Kind            string          `json:"kind"`   // rest, graphql or delivery
	Source          string          `json:"source"` // the test binary, and where its GitHub kept its repositories
	Time            time.Time       `json:"time"`
	Method          string          `json:"method"`
	Path            string          `json:"path"` // as it was sent, with its escapes; of a delivery: EVENT or EVENT/ACTION
	Query           string          `json:"query"`
	RequestHeaders  http.Header     `json:"request_headers"`
	RequestBody     json.RawMessage `json:"request_body"`
	Actor           string          `json:"actor"` // app, installation, user or anonymous
	Status          int             `json:"status"`
	ResponseHeaders http.Header     `json:"response_headers"`
	ResponseBody    json.RawMessage `json:"response_body"`
	Faulted         bool            `json:"faulted"`
}

// product reports whether our product made the request: in the tests of localgithub nobody is the product, and people
// elsewhere are played by tests.
func (x *exchange) product() bool {
	return (x.Actor == "app" || x.Actor == "installation") && !strings.HasPrefix(x.Source, "localgithub.test")
}

func (x *exchange) accepted() bool { return x.Status >= 200 && x.Status < 400 && !x.Faulted }

// readExchanges calls do for every line of a file, in order.
func readExchanges(file string, do func(*exchange)) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("reading exchanges: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	r := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading exchanges: line %d of %s: %w", n, file, err)
		}
		var x exchange
		if err := json.Unmarshal(line, &x); err != nil {
			return fmt.Errorf("reading exchanges: line %d of %s: %w", n, file, err)
		}
		do(&x)
	}
}
