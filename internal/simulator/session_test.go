package simulator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAStepLastsForCalls(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{Script: []Step{{Status: StatusCallInProgress, Calls: 2}, {Status: "surprising_new_status", Calls: 1}, {Status: StatusFailed}}})
	for _, want := range []string{StatusCallInProgress, StatusCallInProgress, "surprising_new_status", StatusFailed, StatusFailed} {
		require.Equal(t, want, w.ask(id).statusText(t))
	}
	require.Equal(t, 5, w.SessionCounts(DefaultBotID, id).StatusCalls)
}

func TestAStepLastsForATimeEvenIfNobodyLooks(t *testing.T) {
	w := newWorld(t, Config{})
	script := []Step{
		{Status: StatusMediaInProgress, For: 10 * time.Minute}, {Status: StatusPartialDownloadFailed, For: 24 * time.Hour}, {Status: StatusSuccess},
	}
	id, unwatched, glanced := w.call(Session{Script: script}), w.call(Session{Script: script}), w.call(Session{Script: script})
	require.Equal(t, StatusMediaInProgress, w.ask(id).statusText(t))
	w.clock.Move(10*time.Minute - time.Second)
	require.Equal(t, StatusMediaInProgress, w.ask(id).statusText(t))
	w.clock.Move(time.Second)
	require.Equal(t, StatusPartialDownloadFailed, w.ask(id).statusText(t))
	w.clock.Move(24*time.Hour - time.Second)
	require.Equal(t, StatusPartialDownloadFailed, w.ask(glanced).statusText(t))
	require.Equal(t, StatusPartialDownloadFailed, w.ask(id).statusText(t), "the second step began when the first ended")
	w.clock.Move(time.Second)
	for _, id := range []string{id, glanced, unwatched} {
		require.Equal(t, StatusSuccess, w.ask(id).statusText(t))
	}
}

func TestAStepEndsByWhateverComesFirst(t *testing.T) {
	script := []Step{{Status: "a", Calls: 2, For: time.Minute}, {Status: "b"}}
	w := newWorld(t, Config{})
	byCalls, byTime := w.call(Session{Script: script}), w.call(Session{Script: script})
	require.Equal(t, "a", w.ask(byCalls).statusText(t))
	require.Equal(t, "a", w.ask(byCalls).statusText(t))
	require.Equal(t, "b", w.ask(byCalls).statusText(t))
	w.clock.Move(time.Minute)
	require.Equal(t, "b", w.ask(byTime).statusText(t))
}

func TestSessionsThatCannotBe(t *testing.T) {
	good := func() Session { return Session{BotID: DefaultBotID, SessionID: "65e7133a3242653c58d7aaaa"} }
	for name, c := range map[string]struct {
		change func(*Session)
		says   string
	}{
		"short id":            {func(s *Session) { s.SessionID = "65e7" }, "24 lower-case hex digits"},
		"upper case id":       {func(s *Session) { s.SessionID = "65E7133a3242653c58d7aaaa" }, "24 lower-case hex digits"},
		"unknown bot":         {func(s *Session) { s.BotID = "st-other" }, "Config.BotIDs does not name"},
		"step without end":    {func(s *Session) { s.Script = []Step{{Status: "a"}, {Status: "b"}} }, "step 0 never ends"},
		"negative end":        {func(s *Session) { s.Script = []Step{{Calls: -1}} }, "negative end"},
		"bad host":            {func(s *Session) { s.Script = []Step{{MediaURL: "http://a/b?c"}} }, "bare scheme and host"},
		"unknown fault":       {func(s *Session) { s.Script = []Step{{Fault: &Fault{Kind: "odd"}}} }, `kind "odd", which does not exist`},
		"audio fault in call": {func(s *Session) { s.Script = []Step{{Fault: &Fault{Kind: Short}}} }, "File.Faults"},
		"three channels":      {func(s *Session) { s.Files = []File{{Channels: 3}} }, "3 channels"},
		"unknown format":      {func(s *Session) { s.Files = []File{{Format: "mp3"}} }, `"mp3"`},
		"long FLAC":           {func(s *Session) { s.Files = []File{{Format: FLAC, Duration: time.Hour}} }, "at most 10m0s"},
		"WAV over 4 GiB":      {func(s *Session) { s.Files = []File{{Size: 5 << 30}} }, "RF64"},
		"media fault":         {func(s *Session) { s.Files = []File{{Faults: []Fault{{Kind: Cut, After: -1}}}} }, "After -1"},
		"fault status":        {func(s *Session) { s.Files = []File{{Faults: []Fault{{Kind: Answer, Status: 99}}}} }, "status 99"},
		"too many files":      {func(s *Session) { s.Files = make([]File, 65) }, "65 files"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{})
			session := good()
			c.change(&session)
			require.ErrorContains(t, w.AddSession(session), c.says)
			require.Empty(t, w.Sessions())
		})
	}
}

func TestReplacingAndRemovingASession(t *testing.T) {
	w := newWorld(t, Config{MaxSessions: 1})
	id := w.call(Session{})
	media := w.mediaURL(id)
	require.Equal(t, 200, w.get(media).status)

	w.call(Session{SessionID: id, Script: []Step{{Status: StatusFailed}}, Files: []File{}})
	require.Equal(t, StatusFailed, w.ask(id).statusText(t))
	require.Equal(t, SessionCounts{StatusCalls: 1}, w.SessionCounts(DefaultBotID, id))
	require.ErrorContains(t, w.AddSession(Session{BotID: DefaultBotID, SessionID: "65e7133a3242653c58d7aaaa"}), "Config.MaxSessions")

	requireError(t, w.get(media), 404, 404, "File not found")

	w.call(Session{SessionID: id})
	require.Equal(t, 200, w.get(media).status, "the same file has the same path")
	w.RemoveSession(DefaultBotID, id)
	w.RemoveSession(DefaultBotID, id)
	require.Equal(t, StatusMediaUnavailable, w.ask(id).statusText(t))
	requireError(t, w.get(media), 404, 404, "File not found")
}

func TestSessionsListsCopies(t *testing.T) {
	w := newWorld(t, Config{})
	second := w.call(Session{SessionID: "65e7133a3242653c58d7bbbb"})
	first := w.call(Session{SessionID: "65e7133a3242653c58d7aaaa"})
	list := w.Sessions()
	require.Equal(t, []string{first, second}, []string{list[0].SessionID, list[1].SessionID})
	list[0].Script[0].Status, list[0].Files[0].Name = "changed", "changed"
	require.Equal(t, StatusSuccess, w.Sessions()[0].Script[0].Status)
	require.Regexp(t, `^[0-9a-f]{32}-merged\.wav$`, w.Sessions()[0].Files[0].Name)
}

func TestSessionIDsTellTheTimeOfTheCall(t *testing.T) {
	id := NewSessionID(time.Date(2024, 3, 5, 12, 42, 34, 0, time.UTC), 0x3242653c58d7aaaa)
	require.Equal(t, "65e7133a3242653c58d7aaaa", id, "the vendor's sample")
	begin, err := callBegin(id)
	require.NoError(t, err)
	require.Equal(t, "2024-03-05T12:42:34Z", begin.Format(time.RFC3339))
}
