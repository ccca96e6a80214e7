package activities

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

const (
	// mayBeOpen is how old a call can be and still be going on; older ones are not asked
	// about.
	mayBeOpen = 24 * time.Hour

	// readyAfter is how long after the end of a call its recording is asked for: the vendor
	// pulls the media about 10 minutes after the call for the first time (vendor docs), and
	// two minutes more cost nothing but time.
	readyAfter = 12 * time.Minute

	// openAgain is when a session that is open is asked about again, and unknownAgain one
	// whose state could not be had. A session older than mustBeKnown is asked for then.
	openAgain    = 5 * time.Minute
	unknownAgain = 2 * time.Minute
	mustBeKnown  = time.Hour

	// slotWithin is how long a call of the session list is waited for.
	slotWithin = 15 * time.Second

	// deniedFor is how long the session list is not asked after the vendor has refused
	// the app.
	deniedFor = time.Hour
)

// Readiness finds out by the vendor's session list which calls are over. It is safe for
// concurrent use.
type Readiness struct {
	Slots  CallSlots
	Logger *slog.Logger

	mu     sync.Mutex
	denied map[string]denial // by account
}

type denial struct {
	reason string
	until  time.Time
}

// sessionReadiness says whether a session may be asked for.
type sessionReadiness struct {
	ready bool
	due   time.Time // the next check, if it is not
}

// description says whether an account's sessions are asked for only once they are ready.
func (r *Readiness) description(served *account.Account, now time.Time) string {
	if !served.AskWhenReady {
		return "Recordings of recent calls are asked for at once: askWhenReady is off."
	}
	if reason := r.denial(served.Name, now); reason != "" {
		return "Recordings of recent calls are asked for at once, which may waste calls: the session list cannot be used: " + reason
	}
	return "Recordings of recent calls are asked for once the session list says that the calls are over."
}

func (r *Readiness) denial(account string, now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if denied := r.denied[account]; now.Before(denied.until) {
		return denied.reason
	}
	return ""
}

func (r *Readiness) deny(account, reason string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.denied == nil {
		r.denied = make(map[string]denial)
	}
	if r.denied[account].reason != reason {
		r.Logger.Warn("the session list cannot be used: recordings of recent calls are asked for at once", "account", account, "cause", reason)
	}
	r.denied[account] = denial{reason, now.Add(deniedFor)}
}

// of returns which sessions of one bot are ready, in their order. It asks about those of the
// last day, 50 in a call.
func (r *Readiness) of(ctx context.Context, served *account.Account, botID string, sessionIDs []string) []sessionReadiness {
	now := time.Now()
	all := make([]sessionReadiness, len(sessionIDs))
	var asked []int
	for i, id := range sessionIDs {
		all[i].ready = true
		if served.AskWhenReady && ageOf(botID, id, now) < mayBeOpen {
			asked = append(asked, i)
		}
	}
	var failed error
	for len(asked) > 0 && r.denial(served.Name, now) == "" {
		some := asked[:min(len(asked), smartassist.MaxSessionIDs)]
		asked = asked[len(some):]
		ids := make([]string, 0, len(some))
		for _, i := range some {
			ids = append(ids, sessionIDs[i])
		}
		var states map[string]smartassist.SessionState
		if failed == nil { // Otherwise the others would fail too, and hold the pass.
			states, failed = r.ask(ctx, served, botID, ids)
		}
		for _, i := range some {
			all[i] = judgeReadiness(sessionIDs[i], ageOf(botID, sessionIDs[i], now), states, failed, time.Now())
		}
	}
	return all
}

func ageOf(botID, sessionID string, now time.Time) time.Duration {
	callTime, err := workflows.Session{BotID: botID, SessionID: sessionID}.CallTime()
	if err != nil {
		return mayBeOpen // The plan has valid sessions only.
	}
	return now.Sub(callTime)
}

// judgeReadiness decides about one session by what the vendor said of its page.
func judgeReadiness(id string, age time.Duration, states map[string]smartassist.SessionState, err error, now time.Time) sessionReadiness {
	state, known := states[id]
	switch {
	case failure.KindOf(err) == failure.Blocked:
		return sessionReadiness{ready: true} // Nothing will be known.
	case err != nil && age >= mustBeKnown, err == nil && !known:
		return sessionReadiness{ready: true}
	case err != nil:
		return sessionReadiness{due: now.Add(unknownAgain)}
	case !state.Closed:
		return sessionReadiness{due: now.Add(openAgain)}
	case state.EndedAt.IsZero():
		return sessionReadiness{ready: age >= readyAfter, due: now.Add(readyAfter - age)}
	}
	due := state.EndedAt.Add(readyAfter)
	return sessionReadiness{ready: !due.After(now), due: due}
}

// ask spends one call of the session list's budget.
func (r *Readiness) ask(ctx context.Context, served *account.Account, botID string, ids []string) (map[string]smartassist.SessionState, error) {
	one := slotCall{slots: r.Slots, budget: served.SessionList(), want: callbudget.Want{BotID: botID, Level: callbudget.LastLevel}, within: slotWithin}
	var states []smartassist.SessionState
	err := one.make(ctx, func(token string) (err error) {
		states, err = served.Client.Sessions(ctx, token, botID, ids)
		if failure.KindOf(err) == failure.Blocked {
			r.deny(served.Name, err.Error(), time.Now())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	byID := make(map[string]smartassist.SessionState, len(states))
	for _, state := range states {
		byID[state.SessionID] = state
	}
	return byID, nil
}
