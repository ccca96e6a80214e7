package simulator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requireActive requires that the list says the call is in progress.
func (h *harness) requireActive(sessionID string) {
	h.t.Helper()
	list := h.getSessionList(byID(sessionID)).sessionList(h.t)
	require.Len(h.t, list.Sessions, 1)
	require.Equal(h.t, "active", list.Sessions[0]["sessionStatus"])
	require.NotContains(h.t, list.Sessions[0], "end_time")
}

// requireEnded requires that the list says the call ended at that time.
func (h *harness) requireEnded(sessionID string, at time.Time) {
	h.t.Helper()
	list := h.getSessionList(byID(sessionID)).sessionList(h.t)
	require.Len(h.t, list.Sessions, 1)
	require.Equal(h.t, "closed", list.Sessions[0]["sessionStatus"])
	require.Equal(h.t, jsTime(at), list.Sessions[0]["end_time"])
}

func TestCallEndsAfterItsLengthWhateverTheScriptSays(t *testing.T) {
	h := newHarness(t, Config{})
	begin := noon.Add(-time.Minute)
	for i, script := range [][]Step{nil, {{Status: StatusCallInProgress}}, {{Status: StatusCallInProgress, For: time.Second}, {Status: StatusSuccess}}} {
		id := h.addSession(Session{SessionID: NewSessionID(begin, uint64(i)), Length: time.Hour, Script: script})
		h.requireActive(id)
	}
	h.clock.Advance(59*time.Minute - time.Nanosecond)
	for i := range uint64(3) {
		h.requireActive(NewSessionID(begin, i))
	}
	h.clock.Advance(time.Nanosecond)
	for i := range uint64(3) {
		h.requireEnded(NewSessionID(begin, i), begin.Add(time.Hour))
	}
}

func TestCallEndsWhenTheScriptLeavesCallInProgress(t *testing.T) {
	h := newHarness(t, Config{})
	later := []Step{{Status: StatusMediaInProgress, For: time.Minute}, {Status: StatusCallInProgress, For: time.Minute}, {Status: StatusSuccess}}
	byTime := h.addSession(Session{Script: append([]Step{{Status: StatusCallInProgress, For: 2 * time.Minute}, {Status: StatusCallInProgress, For: time.Minute}}, later...)})
	byCalls := h.addSession(Session{Script: append([]Step{{Status: StatusCallInProgress, Calls: 2}}, later...)})
	never := h.addSession(Session{Script: []Step{{Status: StatusCallInProgress, For: time.Minute}}})

	h.clock.Advance(3*time.Minute - time.Nanosecond)
	require.Equal(t, StatusCallInProgress, h.getStatus(byTime).recordingStatus(t))
	require.Equal(t, StatusCallInProgress, h.getStatus(byCalls).recordingStatus(t))
	for _, id := range []string{byTime, byCalls, never} {
		h.requireActive(id)
	}

	h.clock.Advance(time.Nanosecond)
	h.requireEnded(byTime, noon.Add(3*time.Minute))
	require.Equal(t, StatusMediaInProgress, h.getStatus(byTime).recordingStatus(t), "both endpoints agree")
	h.requireActive(byCalls)
	require.Equal(t, StatusCallInProgress, h.getStatus(byCalls).recordingStatus(t))
	h.requireEnded(byCalls, noon.Add(3*time.Minute))

	h.clock.Advance(time.Hour)
	h.requireEnded(byTime, noon.Add(3*time.Minute))
	require.Equal(t, StatusSuccess, h.getStatus(byCalls).recordingStatus(t))
	h.requireEnded(byCalls, noon.Add(3*time.Minute))
	h.requireActive(never)
	require.Equal(t, StatusCallInProgress, h.getStatus(never).recordingStatus(t), "the last step of a script never ends")
}

func TestCallThatTheScriptDoesNotTellOfEndedSoonAfterItsBegin(t *testing.T) {
	h := newHarness(t, Config{})
	added := func(begin time.Time) string {
		return h.addSession(Session{SessionID: NewSessionID(begin, serials.Add(1)), Script: []Step{{Status: StatusMediaInProgress}}})
	}
	h.requireEnded(added(noon.Add(-time.Hour)), noon.Add(-59*time.Minute))
	h.requireEnded(added(noon.Add(-time.Second)), noon)
	h.requireEnded(added(noon), noon)

	ahead := added(noon.Add(time.Minute))
	h.requireActive(ahead)
	h.clock.Advance(time.Minute)
	h.requireEnded(ahead, noon.Add(time.Minute))
}

// A clock behind the id's must not make a call end before it began.
func TestCallEndsAfterItsBegin(t *testing.T) {
	h := newHarness(t, Config{})
	begin := noon.Add(time.Hour)
	id := h.addSession(Session{SessionID: NewSessionID(begin, 1), Script: []Step{{Status: StatusCallInProgress, For: time.Minute}, {Status: StatusSuccess}}})
	h.clock.Advance(time.Hour - time.Second)
	h.requireActive(id)
	h.clock.Advance(time.Second)
	h.requireEnded(id, begin)
}
