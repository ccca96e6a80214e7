package simulator

import (
	"net/http"
	"slices"
	"time"
)

// serveAPI handles a call of one of the API's endpoints. The package documentation gives the order of the checks.
func (s *Simulator) serveAPI(w http.ResponseWriter, r *http.Request, to route, call *Call) {
	if outage := s.currentOutage(); outage != nil {
		s.ledger.outage(call, outage.Kind)
		s.serveFault(w, r, *outage, func(http.ResponseWriter) {})
		return
	}
	now := s.now()
	if to.kind == KindInteractions && (to.botID == "" || r.Header.Get("accountId") == "") {
		s.ledger.refuse(call, ReasonArguments)
		invalidArguments().write(w)
		return
	}
	refused := s.admit(r.Header, to, now)
	switch {
	case refused != nil:
	case to.kind == KindSessions:
		refused = s.serveSessions(w, r, to.botID, call, now)
	case to.kind == KindInteractions:
		refused = s.serveInteractions(w, r, to.botID, call, now)
	case slices.Contains(attachmentKinds, to.kind):
		refused = s.serveAttachment(w, r, to, call, now)
	default:
		refused = s.serveRecordings(w, r, to.botID, call, now)
	}
	if refused != nil {
		s.ledger.refuse(call, refused.reason)
		refused.write(w)
	}
}

func (s *Simulator) currentOutage() *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outage
}

// admit checks token and budget.
func (s *Simulator) admit(header http.Header, to route, now time.Time) *refusal {
	if refused := s.authenticate(header, to, now); refused != nil {
		return refused
	}
	return s.spend(to, now)
}
