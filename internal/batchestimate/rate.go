package batchestimate

import (
	"time"

	"github.com/callvault/callvault/workflows"
)

// Pace is how many calls of the vendor's API a budget hands out in the long run.
type Pace struct {
	// Window is the one that lets the fewest calls through; 60/1m and 1800/1h mean
	// 1800/1h.
	Window workflows.CallWindow
}

// PaceOf returns the pace under call windows that hold all at once. There is at least one,
// and each is within its bounds.
func PaceOf(windows []workflows.CallWindow) Pace {
	tightest := windows[0]
	for _, window := range windows[1:] {
		if perSecond(window) < perSecond(tightest) {
			tightest = window
		}
	}
	return Pace{Window: tightest}
}

func perSecond(w workflows.CallWindow) float64 { return float64(w.Calls) / w.Span.Seconds() }

// PerHour is how many calls there are in an hour.
func (p Pace) PerHour() float64 { return perSecond(p.Window) * time.Hour.Seconds() }

// Time is how long so many calls take.
func (p Pace) Time(calls int) time.Duration {
	return time.Duration(float64(calls) / perSecond(p.Window) * float64(time.Second))
}

// LimitsOf returns the windows that a budget keeps, as its status says: those that were
// learned from the vendor's refusals in place of higher ones. learned reports whether there
// are any.
func LimitsOf(status workflows.BudgetStatus) (windows []workflows.CallWindow, learned bool) {
	for _, window := range status.Windows {
		limit := window.Limit
		if window.Learned > 0 && (limit.Calls == 0 || window.Learned < limit.Calls) {
			limit.Calls, learned = window.Learned, true
		}
		if limit.Calls > 0 && limit.Span > 0 {
			windows = append(windows, limit)
		}
	}
	return windows, learned
}
