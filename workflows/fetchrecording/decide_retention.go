package fetchrecording

import (
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// The decision between "there is no recording" and "the vendor deleted it before it
// could be had".

// isLost reports whether an answer that there is no recording means that the vendor
// has deleted it before it could be had. The answer alone does not tell: it is the same
// for a call that was never recorded. So what counts is what can be proved:
//
//   - The account's retention is known and has passed since the call's begin. Without
//     that, nobody knows that the vendor deletes anything, and the outcome is unavailable.
//   - The vendor never said that there is none while it should still have had one. If it did,
//     of a call that was old enough for that to be final, retention has taken nothing:
//     the outcome is unavailable, also if the answer is asked for again after the purge.
//     An earlier fetch may have heard it: then its manifest says unavailable. What the vendor
//     says afterwards, such as success, disproves it.
//
// Everything else is counted as a loss: the vendor was never asked in time, never
// answered, said that the recording or its media were still to come, had it and it was not
// downloaded, or said "none" of a call so young that this may mean "not yet". Some of these
// calls may never have been recorded; a loss must not hide among them.
//
// Files that were archived before are not lost: [situation.end] makes the outcome
// damaged or archived. Statuses that give another reason, such as failed and
// recording_disabled, do not come here.
func (s situation) isLost() bool {
	return s.isPurged(s.now) && (s.state.SaidNoneAt.IsZero() || s.isPurged(s.state.SaidNoneAt))
}

// isPurged reports whether the vendor has purged the session at a time, if it keeps to
// the account's retention.
func (s situation) isPurged(at time.Time) bool {
	return s.retention > 0 && !at.Before(s.callTime.Add(s.retention))
}

// isSettled reports whether "no recording" is final. The age of the call decides, but
// one answer never outweighs that the vendor had the recording before. After the purge
// no recording appears any more, so the age need not be waited for.
func (s situation) isSettled(seen status.Evidence) bool {
	isOld := s.now.Sub(s.callTime) >= s.policy.UnavailableSettlesAfter || s.isLost() && s.endsAtPurge
	return isOld && (s.seen(status.Success).Count == 0 || seen.Count > 1)
}

// endWithout is the outcome of a session of which the vendor says for good that it has
// no recording.
func (s situation) endWithout(response *CheckStatusResult) next {
	if !s.isLost() || len(s.state.Damaged) > 0 {
		return s.end(response.Outcome, response.Text)
	}
	return s.end(workflows.OutcomeLostToRetention, fmt.Sprintf("the vendor's retention of %s ended at %s, before the recording could be had; now the vendor says: %s",
		retentionText(s.retention), s.callTime.Add(s.retention).UTC().Format(time.RFC3339), response.Text))
}

// retentionText writes a retention as the configuration does.
func retentionText(retention time.Duration) string {
	if retention%day == 0 {
		return fmt.Sprintf("%dd", retention/day)
	}
	return retention.String()
}

// saysNone records that the vendor said that there is no recording, of a call that was old
// enough for that to be final.
func (s *situation) saysNone(at time.Time) {
	if s.state.SaidNoneAt.IsZero() {
		s.state.SaidNoneAt = at.UTC()
	}
}
