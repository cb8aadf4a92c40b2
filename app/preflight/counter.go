package preflight

import "time"

// Counter counts the deliveries that were refused since the last good one, by the minute, for an
// hour. It never holds more than an hour's minutes, whatever is sent.
type Counter struct {
	minutes  []minute // oldest first
	unsigned bool
	refused  time.Time // when the last one was
	accepted time.Time
}

type minute struct {
	at time.Time
	n  int
}

// Refused counts a delivery whose signature is wrong, or that has none, and returns how many there are.
func (c *Counter) Refused(now time.Time, unsigned bool) int {
	c.unsigned, c.refused = unsigned, now
	at := now.Truncate(time.Minute)
	if last := len(c.minutes) - 1; last < 0 || at.After(c.minutes[last].at) {
		c.minutes = append(c.minutes, minute{at: at})
	}
	c.minutes[len(c.minutes)-1].n++
	return c.Deliveries(now).Refused
}

// Accepted notes a delivery with a good signature.
func (c *Counter) Accepted(now time.Time) { c.minutes, c.accepted = nil, now }

// Deliveries is what was counted.
func (c *Counter) Deliveries(now time.Time) Deliveries {
	c.forget(now)
	d := Deliveries{Unsigned: c.unsigned, Last: c.refused, Accepted: c.accepted}
	for _, m := range c.minutes {
		d.Refused += m.n
	}
	return d
}

func (c *Counter) forget(now time.Time) {
	for len(c.minutes) > 0 && now.Sub(c.minutes[0].at) > time.Hour {
		c.minutes = c.minutes[1:]
	}
}
