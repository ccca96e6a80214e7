package simulator

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRecordingIsPurgedWhenItsRetentionHasPassed(t *testing.T) {
	const day = 24 * time.Hour
	for name, row := range map[string]struct {
		config, session time.Duration
		age             time.Duration // at which it is purged; 0 for never
	}{
		"the configured one":       {20 * day, 0, 20 * day},
		"the session's own":        {20 * day, 30 * day, 30 * day},
		"the session's, a shorter": {0, day, day},
		"none":                     {0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, Config{Retention: row.config, URLLifetime: 100 * day})
			id := h.addSession(Session{SessionID: NewSessionID(noon, serials.Add(1)), Retention: row.session})
			media := h.mediaURL(id)
			if row.age == 0 {
				h.clock.Advance(99 * day)
				require.Contains(t, h.getStatus(id).body, `"success"`)
				require.Equal(t, http.StatusOK, h.get(media).status)
				return
			}
			h.clock.Advance(row.age - time.Second)
			require.Contains(t, h.getStatus(id).body, `"success"`)
			require.Equal(t, http.StatusOK, h.get(media).status)
			h.clock.Advance(time.Second)
			require.JSONEq(t, `{"status":"media_unavailable","recording":[]}`, h.getStatus(id).body)
			require.Equal(t, http.StatusNotFound, h.get(media).status)
			require.Equal(t, 3, h.SessionCounts(DefaultBotID, id).StatusCalls, "a call for it counts as any other")
		})
	}
}

func TestSessionIsPurgedOnDemand(t *testing.T) {
	h := newHarness(t, Config{})
	early, other := h.addSession(Session{}), h.addSession(Session{})
	media := h.mediaURL(early)
	require.NoError(t, h.Purge(DefaultBotID, early))
	require.JSONEq(t, `{"status":"media_unavailable","recording":[]}`, h.getStatus(early).body)
	require.Equal(t, http.StatusNotFound, h.get(media).status)
	require.Contains(t, h.getStatus(other).body, `"success"`)
	require.Len(t, h.Sessions(), 2, "only the recording is deleted")
	require.ErrorContains(t, h.Purge(DefaultBotID, "65e7133a3242653c58d7aaaa"), "does not exist")

	require.NoError(t, h.AddSession(Session{BotID: DefaultBotID, SessionID: early}))
	require.Contains(t, h.getStatus(early).body, `"success"`, "a session that replaces it is not purged")
}

func TestNegativeRetentionIsRefused(t *testing.T) {
	_, err := New(Config{Retention: -time.Hour})
	require.ErrorContains(t, err, "Retention")
	h := newHarness(t, Config{})
	require.ErrorContains(t, h.AddSession(Session{BotID: DefaultBotID, SessionID: NewSessionID(noon, 1), Retention: -1}), "Retention")
}
