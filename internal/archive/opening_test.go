package archive_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

var opened = workflows.Session{BotID: botID, SessionID: "65e7133a3242653c58d7aaaa"}

func opening(minute int) archive.Opening {
	at := time.Date(2026, 3, 5, 12, minute, 0, 0, time.UTC)
	return archive.Opening{Session: opened, At: at, ExpiresAt: at.Add(time.Minute), Key: "calls/a.wav", SHA256: strings.Repeat("a", 64), User: "ops", Host: "machine", Reason: "complaint 12"}
}

func TestWhoOpenedARecordingIsRecordedBesideOthers(t *testing.T) {
	store, server := openStore(t)
	for minute := range 5 {
		key, err := store.RecordOpening(t.Context(), opening(minute))
		require.NoError(t, err)
		require.Regexp(t, `^calls/opened/`+botID+`/65e7133a3242653c58d7aaaa/20260305T120\d00Z-[0-9a-f]{16}\.json$`, key)
	}
	for _, header := range sent(server, s3test.PutObject) {
		requireConditions(t, header, "", "*")
	}
	same, err := store.RecordOpening(t.Context(), opening(4))
	require.NoError(t, err)
	again, err := store.RecordOpening(t.Context(), opening(4))
	require.NoError(t, err)
	require.NotEqual(t, same, again, "two of one second are two records")

	last, total, err := store.Openings(t.Context(), opened, 3)
	require.NoError(t, err)
	require.Equal(t, 7, total)
	require.Len(t, last, 3)
	want := opening(4)
	want.Version = 1
	require.Equal(t, want, last[2])

	other := opened
	other.SessionID = "65e7133a3242653c58d7aaab"
	last, total, err = store.Openings(t.Context(), other, 3)
	require.NoError(t, err)
	require.Empty(t, last)
	require.Zero(t, total)
}

func TestRecordThatCannotBeWrittenIsAnError(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusForbidden, Code: "AccessDenied"})
	_, err := store.RecordOpening(t.Context(), opening(0))
	require.Equal(t, failure.ArchiveBlocked, failure.KindOf(err))
	require.ErrorContains(t, err, "/opened/")
}

func TestRecordOfAnotherSessionIsRefused(t *testing.T) {
	store, server := openStore(t)
	server.Set(bucket, "calls/opened/"+botID+"/65e7133a3242653c58d7aaaa/20260305T120000Z-0.json", s3test.Object{Body: []byte(`{"version": 1, "botId": "st-2"}`)})
	_, _, err := store.Openings(t.Context(), opened, 3)
	require.ErrorIs(t, err, archive.ErrBlocked)
	require.ErrorContains(t, err, "no record of who opened the session")
}
