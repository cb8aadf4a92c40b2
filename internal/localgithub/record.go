package localgithub

import (
	"net/http"

	"github.com/cardea-iac/cardea/internal/localgithub/record"
)

// Exchange is one REST or GraphQL request and its answer.
type Exchange = record.Exchange

func (s *Server) record(x *Exchange, out answer) {
	x.Status, x.ResponseHeader, x.ResponseBody = out.status, record.Pick(out.header, record.ResponseHeaders), out.body
	s.rec.Add(*x)
}

// recordDelivery keeps an attempt to deliver a webhook.
func (s *Server) recordDelivery(d *delivery) {
	path := d.event
	if d.action != "" {
		path += "/" + d.action
	}
	s.rec.Delivered(Exchange{Time: d.at, Method: http.MethodPost, Path: path, Escaped: path, RequestHeader: d.headers, RequestBody: d.payload, Status: d.code})
}

// Exchanges are all REST and GraphQL requests so far, oldest first.
func (s *Server) Exchanges() []Exchange { return s.rec.All() }

// Count is the number of exchanges for which keep holds; nil counts all.
func (s *Server) Count(keep func(Exchange) bool) int { return s.rec.Count(keep) }
