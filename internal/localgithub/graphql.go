package localgithub

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/cardea-iac/cardea/internal/localgithub/graphql"
)

// serveGraphQL answers a POST. Errors of the query come with status 200, as at GitHub.
func (s *Server) serveGraphQL(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(callKey{}).(*call)
	switch {
	case r.Method != http.MethodPost:
		writeReply(w, notFound())
		return
	case c.who.account() == nil:
		writeReply(w, fail(http.StatusUnauthorized, "This endpoint requires you to be authenticated."))
		return
	}
	var in graphql.Query
	dec := json.NewDecoder(strings.NewReader(string(c.body)))
	dec.UseNumber()
	if err := dec.Decode(&in); err != nil || in.Query == "" {
		writeReply(w, fail(http.StatusBadRequest, "A query attribute must be specified and must be a string."))
		return
	}
	op, wrong := s.gql.Prepare(in)
	if wrong != nil {
		writeReply(w, ok(wrong))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	root := s.queryRoot(c.who)
	if op.Mutation() {
		root = s.mutationRoot(c.who)
	}
	writeReply(w, ok(op.Run(root)))
}
