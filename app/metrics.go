package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cardea-iac/cardea/app/event"
	"github.com/cardea-iac/cardea/workflow"
)

// metrics are what the App counts. Labels come from small, closed sets: no names of people or
// repositories.
type metrics struct {
	deliveries *prometheus.CounterVec
	requests   *prometheus.CounterVec
	calls      *prometheus.CounterVec
	rate       *prometheus.GaugeVec
	runs       *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cardea_webhook_deliveries_total",
			Help: "Webhook deliveries by event and the status they were answered with."}, []string{"event", "status"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cardea_requests_total",
			Help: "What deliveries became: requests by kind, duplicates, ignored ones."}, []string{"kind"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cardea_github_calls_total",
			Help: "Calls to GitHub by kind and status (0: no answer)."}, []string{"kind", "status"}),
		rate: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cardea_github_rate_remaining",
			Help: "Calls that an installation may still make before the reset."}, []string{"installation"}),
		runs: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cardea_runs",
			Help: "Runs that are queued or running."}, []string{"state"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.deliveries, m.requests, m.calls, m.rate, m.runs} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

// delivered counts a webhook answer. The name of an event that we do not know is text that
// anybody may have sent.
func (m *metrics) delivered(name string, status int) {
	known := "other"
	for _, e := range event.Known {
		if e == name {
			known = e
		}
	}
	m.deliveries.WithLabelValues(known, strconv.Itoa(status)).Inc()
}

func (m *metrics) settled(d event.Decision, created bool) {
	kind := "ignored"
	if d.Request != nil {
		kind = "duplicate"
		if created {
			kind = string(d.Request.Kind)
		}
	}
	m.requests.WithLabelValues(kind).Inc()
}

func (m *metrics) called(kind string, status int, installation int64, remaining int) {
	m.calls.WithLabelValues(kind, strconv.Itoa(status)).Inc()
	if remaining >= 0 {
		m.rate.WithLabelValues(strconv.FormatInt(installation, 10)).Set(float64(remaining))
	}
}

// measure keeps the gauges of the queue.
func (a *App) measure(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		live, err := a.config.Service.LiveRuns(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, workflow.ErrClosed) {
			a.config.Log.WarnContext(ctx, "the queue could not be measured", "error", err)
		}
		count := map[workflow.RunState]int{}
		for _, r := range live {
			count[r.State]++
		}
		for _, s := range []workflow.RunState{workflow.RunQueued, workflow.RunRunning} {
			a.metrics.runs.WithLabelValues(string(s)).Set(float64(count[s]))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
