package localgithub

import (
	"net/http"

	"github.com/cardea-iac/cardea/internal/localgithub/hooks"
	"github.com/cardea-iac/cardea/internal/localgithub/record"
)

// Exchange is one REST or GraphQL request and its answer.
type Exchange = record.Exchange

func (s *Server) record(x *Exchange, out answer) {
	x.Status, x.ResponseHeader, x.ResponseBody = out.status, record.Pick(out.header, record.ResponseHeaders), out.body
	s.rec.Add(*x)
}

// recordDelivery keeps an attempt to deliver a webhook.
func (s *Server) recordDelivery(d *hooks.Delivery) {
	path := d.Event
	if d.Action != "" {
		path += "/" + d.Action
	}
	s.rec.Delivered(Exchange{Time: d.At, Method: http.MethodPost, Path: path, Escaped: path, RequestHeader: d.Headers,
		RequestBody: d.Payload, Status: d.Code})
}

// Exchanges are all REST and GraphQL requests so far, oldest first.
func (s *Server) Exchanges() []Exchange { return s.rec.All() }

// Count is the number of exchanges for which keep holds; nil counts all.
func (s *Server) Count(keep func(Exchange) bool) int { return s.rec.Count(keep) }
