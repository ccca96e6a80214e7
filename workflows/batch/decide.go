package batch

import (
	"fmt"
	"time"

	"github.com/callvault/callvault/workflows"
)

// The decisions of a batch: pure functions from what it knows to what comes next.

const (
	// shortestWait and longestWait bound the time between two passes, while something
	// happens; an idle batch waits up to idleWait.
	shortestWait = 2 * time.Second
	longestWait  = time.Minute
	idleWait     = 10 * time.Minute

	// unseenFor is how long a fetch that was started may not be listed.
	unseenFor = 30 * time.Second

	// looks is into how many passes the rest of a batch is divided, so that a short one
	// is watched closely and a long one costs little.
	looks = 50

	// maxSamples, at least sampleSpan apart, tell the rate.
	maxSamples = 30
	sampleSpan = 20 * time.Second
)

// situation is what a decision depends on.
type situation struct {
	state State
	limit workflows.FailureLimit
	now   time.Time
}

// afterPass takes over what a pass did and found.
func (s *State) afterPass(result LaunchResult) {
	ended := result.Ended.BatchCounts().Ended()
	changed := s.Last == nil || s.counts().Ended() != ended || s.Launched.Started != result.Launched.Started
	if s.Launched.Started != result.Launched.Started {
		s.StartedLastAt = result.At
	}
	s.Quiet++
	if changed {
		s.Quiet = 0
	}
	s.Passes++
	s.Again = result.Interrupted
	s.Launched, s.Settled = result.Launched, result.Settled
	result.Launched, result.Settled = Launched{}, Settled{} // They are known once.
	s.Last = &result
	s.addSample(sample{At: result.At, Ended: ended + s.Launched.Found})
	if s.Resumed {
		s.Resumed = false
		s.forgive()
	}
}

// addSample keeps the samples a span apart; the latest may be nearer.
func (s *State) addSample(latest sample) {
	if n := len(s.Samples); n > 1 && s.Samples[n-1].At.Sub(s.Samples[n-2].At) < sampleSpan {
		s.Samples[n-1] = latest
		return
	}
	s.Samples = append(s.Samples, latest)
	s.Samples = s.Samples[max(0, len(s.Samples)-maxSamples):]
}

// perSecond is how many sessions ended in a second, as of late; 0 while that is not known.
func (s *State) perSecond() float64 {
	if len(s.Samples) < 2 {
		return 0
	}
	first, last := s.Samples[0], s.Samples[len(s.Samples)-1]
	span := last.At.Sub(first.At).Seconds()
	if span <= 0 || last.Ended <= first.Ended {
		return 0
	}
	return float64(last.Ended-first.Ended) / span
}

// nextPass returns how long to wait before the next pass.
func (s situation) nextPass() time.Duration {
	if s.state.Last != nil && s.state.Last.More && !s.state.isHalted() {
		return 0
	}
	rate := s.state.perSecond()
	wait := max(shortestWait, s.queriesPause())
	for range min(s.state.Quiet, 20) {
		wait += wait / 2
	}
	if rate > 0 {
		left := float64(s.state.counts().Left()) / rate / looks
		wait = max(wait, min(seconds(left), longestWait))
	}
	switch {
	case s.state.isLaunched(), s.state.isHalted():
		return min(wait, idleWait)
	case len(s.state.Launched.Deferred) > 0 && s.state.Last != nil && s.state.Last.Waiting == 0:
		return min(wait, max(shortestWait, s.due())) // Only sessions that are not ready may be left.
	}
	return max(shortestWait/4, s.queriesPause(), min(wait, longestWait, s.drain(rate)))
}

// queriesPause leaves half of the visibility queries that a Temporal server answers, 10 a
// second of a namespace by default, to others.
func (s situation) queriesPause() time.Duration {
	if s.state.Last == nil {
		return 0
	}
	return time.Duration(s.state.Last.Queries) * time.Second / 5
}

// unseen are fetches that were started before the last pass counted, and were not listed: the
// server lists them a moment later. What is missing for longer will not come.
func (s situation) unseen() int {
	if s.state.Last == nil || s.now.Sub(s.state.StartedLastAt) > unseenFor {
		return 0
	}
	counts := s.state.counts()
	return max(0, counts.Launched-counts.Attached-counts.Ended()-counts.AllRunning())
}

// due is when the first of the deferred sessions is looked at again, an idle wait from now
// at most.
func (s situation) due() time.Duration {
	due := idleWait
	for _, deferred := range s.state.Launched.Deferred {
		due = min(due, deferred.Due.Sub(s.now))
	}
	return due
}

// drain is when half of the fetches that wait for their first call slot will have got it.
func (s situation) drain(rate float64) time.Duration {
	if s.state.Last == nil || rate == 0 {
		return longestWait
	}
	return seconds(float64(s.state.Last.Waiting) / 2 / rate)
}

func seconds(n float64) time.Duration {
	return time.Duration(min(n, idleWait.Seconds()) * float64(time.Second))
}

// blockedWait is how long to wait before the next attempt of what needs operator action.
func blockedWait(failures int) time.Duration {
	wait := 5 * time.Second
	for range min(failures-1, 10) {
		wait *= 2
	}
	return min(wait, idleWait)
}

// stopReason says why no more fetches may be started; empty if they may.
func (s situation) stopReason() string {
	if s.state.Stopped != nil || s.state.Cancelled {
		return ""
	}
	counts, allowance := s.state.counts(), s.allowance()
	if s.state.isLaunched() || !allowance.IsSpent(counts.Failures(), counts.Ended(), counts.Sessions-counts.Found) {
		return ""
	}
	return fmt.Sprintf("%d of %d sessions were not archived, and maxFailures is %s: look at them, then resume the batch, which counts failures anew, or cancel it",
		counts.Failures()-allowance.ForgivenFailures, counts.Ended()-allowance.ForgivenEnded, s.limit)
}

// allowance is what is left of the limit. After a batch was resumed there is none until a
// pass has counted: what failed since the last count is forgiven too.
func (s situation) allowance() Allowance {
	if s.state.Resumed {
		return Allowance{}
	}
	return Allowance{MaxFailures: s.limit, ForgivenFailures: s.state.ForgivenFailures, ForgivenEnded: s.state.ForgivenEnded}
}

// forgive counts failures anew.
func (s *State) forgive() {
	counts := s.counts()
	s.ForgivenFailures, s.ForgivenEnded = counts.Failures(), counts.Ended()
}

// phase says where the batch is, and why.
func (s situation) phase() (workflows.BatchPhase, string) {
	switch {
	case s.state.Cancelled:
		return workflows.BatchCancelling, ""
	case s.state.Stopped != nil:
		return workflows.BatchStopped, s.state.Stopped.Reason
	case s.state.Paused != nil:
		return workflows.BatchPaused, s.state.Paused.Reason
	case s.state.Plan == nil:
		return workflows.BatchPreparing, ""
	case s.state.isLaunched():
		return workflows.BatchWaiting, s.starved()
	default:
		return workflows.BatchLaunching, s.starved()
	}
}

// starved says why fetches that wait get no call slots.
func (s situation) starved() string {
	if s.state.Last == nil || s.state.Last.Starved == "" {
		return ""
	}
	return s.state.Last.Starved
}
