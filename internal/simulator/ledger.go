package simulator

import (
	"context"
	"maps"
	"sync"
	"time"
)

// CallKind tells what a request was for.
type CallKind string

// The kinds of requests.
const (
	KindAPI   CallKind = "api"
	KindMedia CallKind = "media"
	KindOther CallKind = "other" // no such route
)

// Call is one request as the simulator saw it. It holds no token, no signature and no query.
type Call struct {
	// At is when the request came, by Config.Now.
	At time.Time
	// Kind, Method and Path (without query) say what was asked for.
	Kind   CallKind
	Method string
	Path   string
	// BotID and SessionID are those of the path and the query of an API call, or of the file of a media request.
	BotID     string
	SessionID string
	// UserID is the userId of an API call.
	UserID string
	// FileName is the name of the file of a media request.
	FileName string
	// Range is the request's Range header.
	Range string
	// Token is a fingerprint of the auth header, empty when there was none: two calls with the same one used the same token.
	Token string
	// Credential tells whether a media request brought an auth or Authorization header, which must never happen.
	Credential bool
	// Reason is why the call was refused; empty when it was not.
	Reason Reason
	// Fault is the kind of fault that the call met; empty when it met none.
	Fault FaultKind
	// RecordingStatus is the status that an accepted API call was told.
	RecordingStatus string
	// HTTPStatus is what was answered; 0 when no answer began.
	HTTPStatus int
	// Bytes is how much of the body was written.
	Bytes int64
	// Done tells that the request is over, well or not.
	Done bool
}

// Counts are totals since the start. Unlike Calls they forget nothing.
type Counts struct {
	// API is all calls of the recordings endpoint, Accepted those that reached a session's script (or an unknown
	// session), Refused the others by reason, Outages those that met SetOutage.
	API      int
	Accepted int
	Refused  map[Reason]int
	Outages  int
	// Media is all media requests, MediaServed those whose URL was good (faults included), MediaRefused the others by reason.
	Media        int
	MediaServed  int
	MediaRefused map[Reason]int
	// CredentialsAtMedia is how many media requests brought an auth or Authorization header. Anything but 0 is a leak.
	CredentialsAtMedia int
	// Faults is how often each kind of fault was met.
	Faults map[FaultKind]int
	// Other is requests that no route matched.
	Other int
	// InFlight is requests that are not over.
	InFlight int
	// Bytes is all that was written in bodies.
	Bytes int64
}

// SessionCounts are the totals of one session.
type SessionCounts struct {
	// StatusCalls is accepted status calls, faults included.
	StatusCalls int
	// MediaRequests is requests for the session's files whose URL was good.
	MediaRequests int
}

// ledger remembers the last calls and counts all of them.
type ledger struct {
	mu      sync.Mutex
	size    int
	calls   []*Call
	counts  Counts
	changed chan struct{} // closed and replaced whenever something is written
}

func newLedger(size int) *ledger {
	return &ledger{size: size, changed: make(chan struct{}), counts: Counts{
		Refused: map[Reason]int{}, MediaRefused: map[Reason]int{}, Faults: map[FaultKind]int{},
	}}
}

// open enters a call that just came.
func (l *ledger) open(c Call) *Call {
	entry := &c
	l.write(func() {
		if len(l.calls) >= l.size {
			l.calls[0] = nil // the backing array moves on, the entry must not be kept by it
			l.calls = l.calls[1:]
		}
		l.calls = append(l.calls, entry)
		l.counts.InFlight++
		switch c.Kind {
		case KindAPI:
			l.counts.API++
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

// refuse enters why the call is refused.
func (l *ledger) refuse(c *Call, reason Reason) {
	l.write(func() {
		c.Reason = reason
		switch c.Kind {
		case KindMedia:
			l.counts.MediaRefused[reason]++
		case KindAPI:
			l.counts.Refused[reason]++
		}
	})
}

// accept enters that the call goes on, and what it meets.
func (l *ledger) accept(c *Call, fault FaultKind, fill func(c *Call)) {
	l.write(func() {
		fill(c)
		if fault != None {
			c.Fault = fault
			l.counts.Faults[fault]++
		}
		if c.Kind == KindMedia {
			l.counts.MediaServed++
		} else {
			l.counts.Accepted++
		}
	})
}

// outage enters that the call met SetOutage.
func (l *ledger) outage(c *Call, fault FaultKind) {
	l.write(func() {
		c.Fault = fault
		l.counts.Outages++
		l.counts.Faults[fault]++
	})
}

// finish enters that the call is over.
func (l *ledger) finish(c *Call, httpStatus int, bytes int64) {
	l.write(func() {
		c.HTTPStatus, c.Bytes, c.Done = httpStatus, bytes, true
		l.counts.InFlight--
		l.counts.Bytes += bytes
	})
}

func (l *ledger) write(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	close(l.changed)
	l.changed = make(chan struct{})
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
	c.Refused, c.MediaRefused, c.Faults = maps.Clone(c.Refused), maps.Clone(c.MediaRefused), maps.Clone(c.Faults)
	return c, l.changed
}

// Calls returns the last Config.LedgerSize requests, oldest first, those that are still under way included.
func (s *Simulator) Calls() []Call { return s.ledger.list() }

// Counts returns the totals since the start.
func (s *Simulator) Counts() Counts {
	c, _ := s.ledger.read()
	return c
}

// Await returns once until is true of the totals, looking again at every change, or with the context's error. It is how a
// test waits for a request to arrive without sleeping.
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
