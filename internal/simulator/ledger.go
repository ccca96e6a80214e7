package simulator

import (
	"context"
	"maps"
	"sync"
	"time"
)

// CallKind is the kind of a request.
type CallKind string

// The kinds of requests.
const (
	KindAPI          CallKind = "api"          // the recordings endpoint
	KindSessions     CallKind = "sessions"     // the session list
	KindInteractions CallKind = "interactions" // the account's list of interactions
	KindVoicemail    CallKind = "voicemail"    // the voicemail of a session
	KindMessages     CallKind = "messages"     // the conversation history, version 2
	KindMedia        CallKind = "media"
	KindOther        CallKind = "other" // no such route
)

// Call is one request as the simulator received it. It contains no token, signature or query.
type Call struct {
	// At is when the request arrived, by Config.Now.
	At time.Time
	// Kind, Method and Path (without query) identify what was requested.
	Kind   CallKind
	Method string
	Path   string
	// BotID and SessionID come from the path and the query of a recordings call, or from the file of a media request; the
	// SessionID of the endpoints of a call's attachments from what an accepted call asked for. A call
	// of the session list has only the BotID.
	BotID     string
	SessionID string
	// UserID is the userId of a recordings call.
	UserID string
	// SessionIDs are the ids that an accepted call of the session list asked for, at most 50; nil if it asked for none.
	SessionIDs []string
	// List is what an accepted call of either session list asked for by time; nil for any other call.
	List *ListCall
	// FileName is the name of the file of a media request.
	FileName string
	// Range and IfRange are these headers of the request.
	Range   string
	IfRange string
	// Token is a fingerprint of the auth header, empty without one: calls with the same fingerprint used the same token.
	Token string
	// Credential reports whether a media request had an auth or Authorization header, which must never happen.
	Credential bool
	// Reason is why the call was refused; empty if it was not.
	Reason Reason
	// Fault is the kind of fault in the response; empty if there was none.
	Fault FaultKind
	// RecordingStatus is the status returned to an accepted recordings call.
	RecordingStatus string
	// HTTPStatus is the status of the response; 0 if none began.
	HTTPStatus int
	// Bytes is how much of the body was written. The client may have received less of a response that was cut.
	Bytes int64
	// Done reports whether the request has ended, successfully or not.
	Done bool
}

// ListCall is what a call of a session list asked for by time, and how much it got.
type ListCall struct {
	From, To time.Time
	// Page is that of the interactions, Skip what the session list was to leave out.
	Page, Skip int
	// Direction is the filter of the interactions; empty for none.
	Direction string
	// Rows is how many were sent.
	Rows int
}

// Counts are totals since the start. Unlike Calls they are not limited by Config.LedgerSize.
type Counts struct {
	// API is all calls of the recordings endpoint, Accepted those that reached a session's script (or an unknown
	// session), Refused the others by reason, Outages those that failed because of SetOutage.
	API      int
	Accepted int
	Refused  map[Reason]int
	Outages  int
	// Sessions is all calls of the session list, SessionsAccepted those that were answered, SessionsRefused the others by
	// reason, SessionsOutages those that failed because of SetOutage.
	Sessions         int
	SessionsAccepted int
	SessionsRefused  map[Reason]int
	SessionsOutages  int
	// Interactions is all calls of the interactions, InteractionsAccepted those that were answered, InteractionsRefused the
	// others by reason, InteractionsOutages those that failed because of SetOutage.
	Interactions         int
	InteractionsAccepted int
	InteractionsRefused  map[Reason]int
	InteractionsOutages  int
	// Attachments are the calls of KindVoicemail and of KindMessages.
	Attachments map[CallKind]KindCounts
	// Media is all media requests, MediaServed those with a valid URL (faults included), MediaRefused the others by reason.
	Media        int
	MediaServed  int
	MediaRefused map[Reason]int
	// CredentialsAtMedia is how many media requests had an auth or Authorization header. Anything but 0 is a leak.
	CredentialsAtMedia int
	// Faults is how often each kind of fault was injected.
	Faults map[FaultKind]int
	// Other is requests that no route matched.
	Other int
	// InFlight is requests that have not ended.
	InFlight int
	// Bytes is the total size of all bodies written, MediaBytes that of media requests.
	Bytes      int64
	MediaBytes int64
}

// KindCounts are the totals of one endpoint.
type KindCounts struct {
	// Calls is all calls, Accepted those that were answered, a fault of SetOutageOf included, Outages those that failed because
	// of SetOutage, Refused the others by reason.
	Calls    int
	Accepted int
	Outages  int
	Refused  map[Reason]int
}

// SessionCounts are the totals of one session.
type SessionCounts struct {
	// StatusCalls is accepted status calls, faults included.
	StatusCalls int
	// MediaRequests is requests for the session's files with a valid URL.
	MediaRequests int
}

// ledger stores the last calls and counts all of them.
type ledger struct {
	mu      sync.Mutex
	size    int
	calls   []*Call
	counts  Counts
	changed chan struct{} // closed and replaced at every update
}

func newLedger(size int) *ledger {
	return &ledger{size: size, changed: make(chan struct{}), counts: Counts{
		Attachments: map[CallKind]KindCounts{}, Refused: map[Reason]int{}, SessionsRefused: map[Reason]int{}, InteractionsRefused: map[Reason]int{}, MediaRefused: map[Reason]int{}, Faults: map[FaultKind]int{},
	}}
}

// add stores a call that has just arrived.
func (l *ledger) add(c Call) *Call {
	entry := &c
	l.update(func() {
		if len(l.calls) >= l.size {
			l.calls[0] = nil // otherwise the backing array keeps the entry in memory
			l.calls = l.calls[1:]
		}
		l.calls = append(l.calls, entry)
		l.counts.InFlight++
		switch c.Kind {
		case KindAPI:
			l.counts.API++
		case KindSessions:
			l.counts.Sessions++
		case KindInteractions:
			l.counts.Interactions++
		case KindVoicemail, KindMessages:
			l.ofKind(c.Kind, func(k *KindCounts) { k.Calls++ })
		case KindMedia:
			l.counts.Media++
		default:
			l.counts.Other++
		}
		if c.Credential {
			l.counts.CredentialsAtMedia++
		}
	})
	return entry
}

// refuse records why the call is refused.
func (l *ledger) refuse(c *Call, reason Reason) {
	l.update(func() {
		c.Reason = reason
		switch c.Kind {
		case KindMedia:
			l.counts.MediaRefused[reason]++
		case KindAPI:
			l.counts.Refused[reason]++
		case KindSessions:
			l.counts.SessionsRefused[reason]++
		case KindInteractions:
			l.counts.InteractionsRefused[reason]++
		case KindVoicemail, KindMessages:
			l.ofKind(c.Kind, func(k *KindCounts) { k.Refused[reason]++ })
		}
	})
}

// accept records that the call passed all checks, and its fault.
func (l *ledger) accept(c *Call, fault FaultKind, fill func(c *Call)) {
	l.update(func() {
		fill(c)
		if fault != None {
			c.Fault = fault
			l.counts.Faults[fault]++
		}
		switch c.Kind {
		case KindMedia:
			l.counts.MediaServed++
		case KindSessions:
			l.counts.SessionsAccepted++
		case KindInteractions:
			l.counts.InteractionsAccepted++
		case KindVoicemail, KindMessages:
			l.ofKind(c.Kind, func(k *KindCounts) { k.Accepted++ })
		default:
			l.counts.Accepted++
		}
	})
}

// outage records that the call failed because of SetOutage.
func (l *ledger) outage(c *Call, fault FaultKind) {
	l.update(func() {
		c.Fault = fault
		switch c.Kind {
		case KindSessions:
			l.counts.SessionsOutages++
		case KindInteractions:
			l.counts.InteractionsOutages++
		case KindVoicemail, KindMessages:
			l.ofKind(c.Kind, func(k *KindCounts) { k.Outages++ })
		default:
			l.counts.Outages++
		}
		l.counts.Faults[fault]++
	})
}

// finish records that the call has ended.
func (l *ledger) finish(c *Call, httpStatus int, bytes int64) {
	l.update(func() {
		c.HTTPStatus, c.Bytes, c.Done = httpStatus, bytes, true
		l.counts.InFlight--
		l.counts.Bytes += bytes
		if c.Kind == KindMedia {
			l.counts.MediaBytes += bytes
		}
	})
}

func (l *ledger) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	close(l.changed)
	l.changed = make(chan struct{})
}

// ofKind changes the totals of an endpoint. The caller holds l.mu.
func (l *ledger) ofKind(kind CallKind, change func(*KindCounts)) {
	counts := l.counts.Attachments[kind]
	counts.Refused = maps.Clone(counts.Refused) // those that were read before must not change
	if counts.Refused == nil {
		counts.Refused = map[Reason]int{}
	}
	change(&counts)
	l.counts.Attachments[kind] = counts
}

func (l *ledger) list() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Call, len(l.calls))
	for i, c := range l.calls {
		out[i] = *c
	}
	return out
}

// read returns the totals and a channel that is closed at the next change.
func (l *ledger) read() (Counts, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	c.Refused, c.SessionsRefused, c.MediaRefused = maps.Clone(c.Refused), maps.Clone(c.SessionsRefused), maps.Clone(c.MediaRefused)
	c.InteractionsRefused, c.Faults = maps.Clone(c.InteractionsRefused), maps.Clone(c.Faults)
	c.Attachments = maps.Clone(c.Attachments)
	return c, l.changed
}

// Calls returns the last Config.LedgerSize requests, oldest first, including those in flight.
func (s *Simulator) Calls() []Call { return s.ledger.list() }

// Counts returns the totals since the start.
func (s *Simulator) Counts() Counts {
	c, _ := s.ledger.read()
	return c
}

// Await blocks until the predicate returns true for the totals, checking it at every change, or returns the context's
// error. Tests use it to wait for a request without sleeping.
func (s *Simulator) Await(ctx context.Context, until func(Counts) bool) error {
	for {
		counts, changed := s.ledger.read()
		if until(counts) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
