package localgithub

import "github.com/cardea-iac/cardea/internal/localgithub/model"

// RequiredCheck is a check that a branch's protection asks for. AppID 0: from any source.
type RequiredCheck = model.RequiredCheck

// Protection is what a branch asks for before a pull may be merged into it.
type Protection = model.Protection

// Protect sets a branch's protection; the zero Protection removes it.
func (s *Server) Protect(full, branch string, p Protection) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.Find(full)
	if err != nil {
		return err
	}
	r.Protection[branch] = p
	return nil
}

// RequireChecks sets only the checks that a branch requires.
func (s *Server) RequireChecks(full, branch string, checks []RequiredCheck) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.Find(full)
	if err != nil {
		return err
	}
	p := r.Protection[branch]
	p.Checks = checks
	r.Protection[branch] = p
	return nil
}

// RequireByRuleset sets the checks that an active ruleset requires on a branch; none removes it. Nobody may bypass it.
func (s *Server) RequireByRuleset(full, branch string, checks []RequiredCheck) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.Find(full)
	if err != nil {
		return err
	}
	r.Rulesets[branch] = checks
	return nil
}

// AllowMergeCommits sets whether pulls of a repository may be merged with a merge commit;
// squashing is always allowed.
func (s *Server) AllowMergeCommits(full string, allowed bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.Find(full)
	if err != nil {
		return err
	}
	r.NoMergeCommits = !allowed
	return nil
}
