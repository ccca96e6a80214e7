package s3test

import "net/http"

// Rule changes what happens to a request. Its functions may use the server, and
// send requests to it.
type Rule struct {
	// Operation and Key select the requests; empty ones select all.
	Operation Operation
	Key       string
	// Skip is how many of them pass first. Defaults to none.
	Skip int
	// Always applies the rule to every request, not only to one.
	Always bool

	// Before is called when the request has arrived, and After when it is done.
	Before, After func()
	// Damage changes the body that arrives.
	Damage func(body []byte)
	// Status and Code are the response in place of doing what is asked for: an error,
	// or a success if Code is empty. Early sends it before the body has arrived.
	Status int
	Code   string
	Early  bool
	// LoseResponse breaks the connection once the request is done.
	LoseResponse bool
	// Header changes the header of the response, and Body its body.
	Header func(http.Header)
	Body   func([]byte) []byte
}

// Add adds a rule. The first one that selects a request is applied to it.
func (s *Server) Add(rule Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, &rule)
}

// ruleFor returns the rule for a request; an empty one if there is none.
func (s *Server) ruleFor(request *Request) *Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, rule := range s.rules {
		switch {
		case rule.Operation != "" && rule.Operation != request.Operation, rule.Key != "" && rule.Key != request.Key:
		case rule.Skip > 0:
			rule.Skip--
		case rule.Always:
			return rule
		default:
			s.rules = append(s.rules[:i:i], s.rules[i+1:]...)
			return rule
		}
	}
	return &Rule{}
}

func (rule *Rule) reply() *reply {
	if rule.Code != "" {
		return refuse(rule.Status, rule.Code, "as the test wants it")
	}
	return &reply{status: rule.Status, header: http.Header{"Etag": {`"1"`}}}
}
