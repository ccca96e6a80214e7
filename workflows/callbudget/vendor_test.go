package callbudget

import (
	"sort"
	"time"

	"github.com/callvault/callvault/workflows"
)

// vendor counts calls as the vendor's API does: a call is refused while as many calls as
// a window's limit are within the span before it. A call made exactly one span ago is
// not. Longer windows are looked at first, as internal/simulator does.
type vendor struct {
	limits []workflows.CallWindow // longest first

	// refusedCount: refused calls count as well.
	refusedCount bool

	// calls are those that count, oldest first.
	calls []time.Time

	// retryAfter turns the true wait into what the vendor asks for. Nil: nothing.
	retryAfter func(time.Duration) time.Duration

	// down: the vendor refuses everything.
	down bool

	// mute: the vendor does not say which window refused a call.
	mute bool
}

// refusal is what a refused call is told; span is 0 if the call was accepted.
type refusal struct {
	span, told, retryAfter time.Duration
}

func newVendor(limits ...string) *vendor {
	v := &vendor{}
	v.limit(limits...)
	return v
}

// limit replaces the limits.
func (v *vendor) limit(limits ...string) {
	v.limits = windows(limits...)
	sort.Slice(v.limits, func(i, j int) bool { return v.limits[i].Span > v.limits[j].Span })
}

func windows(texts ...string) []workflows.CallWindow {
	var parsed []workflows.CallWindow
	for _, text := range texts {
		w, err := workflows.ParseCallWindow(text)
		if err != nil {
			panic(err)
		}
		parsed = append(parsed, w)
	}
	return parsed
}

// take is one call. Calls come in the order of their times.
func (v *vendor) take(now time.Time) refusal {
	if v.down {
		return refusal{span: v.limits[0].Span, told: v.limits[0].Span}
	}
	for _, limit := range v.limits {
		if len(v.calls) < limit.Calls {
			continue
		}
		wait := v.calls[len(v.calls)-limit.Calls].Add(limit.Span).Sub(now)
		if wait <= 0 {
			continue
		}
		if v.refusedCount {
			v.calls = append(v.calls, now)
		}
		refused := refusal{span: limit.Span, told: limit.Span}
		if v.mute {
			refused.told = 0
		}
		if v.retryAfter != nil {
			refused.retryAfter = v.retryAfter(wait)
		}
		return refused
	}
	v.calls = append(v.calls, now)
	return refusal{}
}

// most returns the most times within any span. A time exactly one span after another
// is not within it.
func most(times []time.Time, span time.Duration) int {
	var highest, first int
	for i, at := range times {
		for at.Sub(times[first]) >= span {
			first++
		}
		highest = max(highest, i-first+1)
	}
	return highest
}
