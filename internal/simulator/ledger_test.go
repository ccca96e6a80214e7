package simulator

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheLedgerTellsWhatHappened(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{UserID: "u1", Script: []Step{{Status: StatusSuccess, Calls: 1}, {Status: StatusFailed}}})
	a := w.get(w.recordingsURL("?sessionId="+id+"&userId=u1"), "auth", w.token(nil))
	media := a.recordings(t).Recording[0]
	require.Equal(t, 206, w.get(media.FileURL, "Range", "bytes=0-9").status)
	require.Equal(t, 401, w.askWith("").status)
	require.Equal(t, 404, w.get(w.server.URL+"/favicon.ico").status)
	w.await(func(c Counts) bool { return c.InFlight == 0 })

	calls := w.Calls()
	require.Len(t, calls, 4)
	require.NotEmpty(t, calls[0].Token)
	calls[0].Token = ""
	apiPath := "/api/public/bot/" + DefaultBotID + "/v2/recordings"
	require.Equal(t, Call{At: noon, Kind: KindAPI, Method: "GET", Path: apiPath, BotID: DefaultBotID, SessionID: id, UserID: "u1",
		RecordingStatus: StatusSuccess, HTTPStatus: 200, Bytes: int64(len(a.body)), Done: true}, calls[0])
	path, _, _ := strings.Cut(strings.TrimPrefix(media.FileURL, w.server.URL), "?")
	require.Equal(t, Call{At: noon, Kind: KindMedia, Method: "GET", Path: path, BotID: DefaultBotID, SessionID: id, FileName: media.FileName,
		Range: "bytes=0-9", HTTPStatus: 206, Bytes: 10, Done: true}, calls[1])
	require.Equal(t, ReasonNoToken, calls[2].Reason)
	require.Equal(t, ReasonRoute, calls[3].Reason)
	require.Equal(t, SessionCounts{StatusCalls: 1, MediaRequests: 1}, w.SessionCounts(DefaultBotID, id))

	counts := w.Counts()
	require.Equal(t, []int{2, 1, 1, 1, 1, 0}, []int{counts.API, counts.Accepted, counts.Media, counts.MediaServed, counts.Other, counts.InFlight})
	require.Equal(t, map[Reason]int{ReasonNoToken: 1}, counts.Refused)
}

func TestTheLedgerShowsWhoUsedATokenTwice(t *testing.T) {
	w := newWorld(t, Config{})
	one, two := w.token(nil), w.token(nil)
	for _, token := range []string{one, one, two} {
		require.Equal(t, 200, w.askWith(token).status)
	}
	calls := w.Calls()
	require.Equal(t, calls[0].Token, calls[1].Token)
	require.NotEqual(t, calls[0].Token, calls[2].Token)
	for _, c := range calls {
		require.Len(t, c.Token, 16)
		require.NotContains(t, one+two, c.Token)
	}
}

func TestTheLedgerIsBoundedTheCountsAreNot(t *testing.T) {
	w := newWorld(t, Config{LedgerSize: 3})
	for range 10 {
		require.Equal(t, 404, w.get(w.server.URL+"/"+strings.Repeat("x", 2000)).status)
	}
	calls := w.Calls()
	require.Len(t, calls, 3)
	require.Len(t, calls[0].Path, 512, "nor can a client make an entry large")
	require.Equal(t, 10, w.Counts().Other)
}

func TestCountsAreCopies(t *testing.T) {
	w := newWorld(t, Config{})
	w.Counts().Refused[ReasonScope] = 7
	require.Zero(t, w.Counts().Refused[ReasonScope])
}

func TestAwaitGivesUpWithItsContext(t *testing.T) {
	w := newWorld(t, Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, w.Await(ctx, func(Counts) bool { return false }), context.Canceled)
	require.NoError(t, w.Await(ctx, func(Counts) bool { return true }))
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, Config{EnforceJTI: true, CallsPerMinute: 50, LedgerSize: 20})
	id := w.call(Session{Files: []File{{Duration: time.Second}, {Duration: time.Second, Format: FLAC}}})
	first := w.ask(id).recordings(t)
	token := w.token(nil)
	const workers = 8
	var wg sync.WaitGroup
	for range workers {
		var requests []*http.Request
		for range 10 {
			requests = append(requests,
				w.request(http.MethodGet, w.recordingsURL("?sessionId="+id), "auth", w.token(nil)),
				w.request(http.MethodGet, w.recordingsURL("?sessionId="+id), "auth", token),
				w.request(http.MethodGet, first.Recording[0].FileURL),
				w.request(http.MethodGet, first.Recording[1].FileURL))
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			for _, req := range requests {
				w.send(req)
				w.Calls()
				w.Sessions()
				w.SetScope(true)
			}
		}()
	}
	wg.Wait()
	w.await(func(c Counts) bool { return c.InFlight == 0 })
	counts := w.Counts()
	require.Equal(t, 1+2*10*workers, counts.API)
	require.Equal(t, 50, counts.Accepted, "the budget is exact whatever comes at once")
	require.Equal(t, 10*workers-1, counts.Refused[ReasonReplay], "one of all had the token first")
	require.Equal(t, 2*10*workers, counts.MediaServed)
}
