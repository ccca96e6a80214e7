package simulator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStepEndsAfterCalls(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Script: []Step{{Status: StatusCallInProgress, Calls: 2}, {Status: "surprising_new_status", Calls: 1}, {Status: StatusFailed}}})
	for _, want := range []string{StatusCallInProgress, StatusCallInProgress, "surprising_new_status", StatusFailed, StatusFailed} {
		require.Equal(t, want, h.getStatus(id).recordingStatus(t))
	}
	require.Equal(t, 5, h.SessionCounts(DefaultBotID, id).StatusCalls)
}

func TestStepEndsAfterItsTimeWithoutCalls(t *testing.T) {
	h := newHarness(t, Config{})
	script := []Step{
		{Status: StatusMediaInProgress, For: 10 * time.Minute}, {Status: StatusPartialDownloadFailed, For: 24 * time.Hour}, {Status: StatusSuccess},
	}
	id, neverCalled, calledOnce := h.addSession(Session{Script: script}), h.addSession(Session{Script: script}), h.addSession(Session{Script: script})
	require.Equal(t, StatusMediaInProgress, h.getStatus(id).recordingStatus(t))
	h.clock.Advance(10*time.Minute - time.Second)
	require.Equal(t, StatusMediaInProgress, h.getStatus(id).recordingStatus(t))
	h.clock.Advance(time.Second)
	require.Equal(t, StatusPartialDownloadFailed, h.getStatus(id).recordingStatus(t))
	h.clock.Advance(24*time.Hour - time.Second)
	require.Equal(t, StatusPartialDownloadFailed, h.getStatus(calledOnce).recordingStatus(t))
	require.Equal(t, StatusPartialDownloadFailed, h.getStatus(id).recordingStatus(t), "the second step began when the first ended")
	h.clock.Advance(time.Second)
	for _, id := range []string{id, calledOnce, neverCalled} {
		require.Equal(t, StatusSuccess, h.getStatus(id).recordingStatus(t))
	}
}

func TestStepEndsAtTheFirstLimit(t *testing.T) {
	script := []Step{{Status: "a", Calls: 2, For: time.Minute}, {Status: "b"}}
	h := newHarness(t, Config{})
	byCalls, byTime := h.addSession(Session{Script: script}), h.addSession(Session{Script: script})
	require.Equal(t, "a", h.getStatus(byCalls).recordingStatus(t))
	require.Equal(t, "a", h.getStatus(byCalls).recordingStatus(t))
	require.Equal(t, "b", h.getStatus(byCalls).recordingStatus(t))
	h.clock.Advance(time.Minute)
	require.Equal(t, "b", h.getStatus(byTime).recordingStatus(t))
}

func TestInvalidSessionIsRefused(t *testing.T) {
	valid := func() Session { return Session{BotID: DefaultBotID, SessionID: "65e7133a3242653c58d7aaaa"} }
	for name, c := range map[string]struct {
		change func(*Session)
		want   string
	}{
		"short id":            {func(s *Session) { s.SessionID = "65e7" }, "24 lower-case hex digits"},
		"upper case id":       {func(s *Session) { s.SessionID = "65E7133a3242653c58d7aaaa" }, "24 lower-case hex digits"},
		"unknown bot":         {func(s *Session) { s.BotID = "st-other" }, "which is not in Config.BotIDs"},
		"endless first step":  {func(s *Session) { s.Script = []Step{{Status: "a"}, {Status: "b"}} }, "step 0 never ends"},
		"negative limit":      {func(s *Session) { s.Script = []Step{{Calls: -1}} }, "negative limit"},
		"negative length":     {func(s *Session) { s.Length = -1 }, "Length -1ns"},
		"bad host":            {func(s *Session) { s.Script = []Step{{MediaURL: "http://a/b?c"}} }, "bare scheme and host"},
		"unknown fault":       {func(s *Session) { s.Script = []Step{{Fault: &Fault{Kind: "odd"}}} }, `kind "odd", which does not exist`},
		"audio fault in call": {func(s *Session) { s.Script = []Step{{Fault: &Fault{Kind: Short}}} }, "File.Faults"},
		"three channels":      {func(s *Session) { s.Files = []File{{Channels: 3}} }, "3 channels"},
		"unknown format":      {func(s *Session) { s.Files = []File{{Format: "mp3"}} }, `"mp3"`},
		"long FLAC":           {func(s *Session) { s.Files = []File{{Format: FLAC, Duration: time.Hour}} }, "at most 10m0s"},
		"WAV over 4 GiB":      {func(s *Session) { s.Files = []File{{Size: 5 << 30}} }, "RF64"},
		"media fault":         {func(s *Session) { s.Files = []File{{Faults: []Fault{{Kind: Cut, After: -1}}}} }, "After -1"},
		"fault status":        {func(s *Session) { s.Files = []File{{Faults: []Fault{{Kind: Respond, Status: 99}}}} }, "status 99"},
		"too many files":      {func(s *Session) { s.Files = make([]File, 65) }, "65 files"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, Config{})
			session := valid()
			c.change(&session)
			require.ErrorContains(t, h.AddSession(session), c.want)
			require.Empty(t, h.Sessions())
		})
	}
}

func TestReplaceAndRemoveSession(t *testing.T) {
	h := newHarness(t, Config{MaxSessions: 1})
	id := h.addSession(Session{})
	media := h.mediaURL(id)
	require.Equal(t, 200, h.get(media).status)

	h.addSession(Session{SessionID: id, Script: []Step{{Status: StatusFailed}}, Files: []File{}})
	require.Equal(t, StatusFailed, h.getStatus(id).recordingStatus(t))
	require.Equal(t, SessionCounts{StatusCalls: 1}, h.SessionCounts(DefaultBotID, id))
	require.ErrorContains(t, h.AddSession(Session{BotID: DefaultBotID, SessionID: "65e7133a3242653c58d7aaaa"}), "Config.MaxSessions")

	requireError(t, h.get(media), 404, 404, "File not found")

	h.addSession(Session{SessionID: id})
	require.Equal(t, 200, h.get(media).status, "the same file has the same path")
	h.RemoveSession(DefaultBotID, id)
	h.RemoveSession(DefaultBotID, id)
	require.Equal(t, StatusMediaUnavailable, h.getStatus(id).recordingStatus(t))
	requireError(t, h.get(media), 404, 404, "File not found")
}

func TestSessionsReturnsCopies(t *testing.T) {
	h := newHarness(t, Config{})
	second := h.addSession(Session{SessionID: "65e7133a3242653c58d7bbbb"})
	first := h.addSession(Session{SessionID: "65e7133a3242653c58d7aaaa"})
	list := h.Sessions()
	require.Equal(t, []string{first, second}, []string{list[0].SessionID, list[1].SessionID})
	list[0].Script[0].Status, list[0].Files[0].Name = "changed", "changed"
	require.Equal(t, StatusSuccess, h.Sessions()[0].Script[0].Status)
	require.Regexp(t, `^[0-9a-f]{32}-merged\.wav$`, h.Sessions()[0].Files[0].Name)
}

func TestSessionIDContainsTheCallTime(t *testing.T) {
	id := NewSessionID(time.Date(2024, 3, 5, 12, 42, 34, 0, time.UTC), 0x3242653c58d7aaaa)
	require.Equal(t, "65e7133a3242653c58d7aaaa", id, "the vendor's sample")
	begin, err := callBegin(id)
	require.NoError(t, err)
	require.Equal(t, "2024-03-05T12:42:34Z", begin.Format(time.RFC3339))
}
