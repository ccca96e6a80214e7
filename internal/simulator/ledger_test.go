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

func TestLedgerRecordsRequests(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{UserID: "u1", Script: []Step{{Status: StatusSuccess, Calls: 1}, {Status: StatusFailed}}})
	resp := h.get(h.recordingsURL("?sessionId="+id+"&userId=u1"), "auth", h.token(nil))
	media := resp.recordings(t).Recording[0]
	require.Equal(t, 206, h.get(media.FileURL, "Range", "bytes=0-9").status)
	require.Equal(t, 401, h.getStatusWith("").status)
	require.Equal(t, 404, h.get(h.server.URL+"/favicon.ico").status)
	h.await(func(c Counts) bool { return c.InFlight == 0 })

	calls := h.Calls()
	require.Len(t, calls, 4)
	require.NotEmpty(t, calls[0].Token)
	calls[0].Token = ""
	apiPath := "/api/public/bot/" + DefaultBotID + "/v2/recordings"
	require.Equal(t, Call{At: noon, Kind: KindAPI, Method: "GET", Path: apiPath, BotID: DefaultBotID, SessionID: id, UserID: "u1",
		RecordingStatus: StatusSuccess, HTTPStatus: 200, Bytes: int64(len(resp.body)), Done: true}, calls[0])
	path, _, _ := strings.Cut(strings.TrimPrefix(media.FileURL, h.server.URL), "?")
	require.Equal(t, Call{At: noon, Kind: KindMedia, Method: "GET", Path: path, BotID: DefaultBotID, SessionID: id, FileName: media.FileName,
		Range: "bytes=0-9", HTTPStatus: 206, Bytes: 10, Done: true}, calls[1])
	require.Equal(t, ReasonNoToken, calls[2].Reason)
	require.Equal(t, ReasonRoute, calls[3].Reason)
	require.Equal(t, SessionCounts{StatusCalls: 1, MediaRequests: 1}, h.SessionCounts(DefaultBotID, id))

	counts := h.Counts()
	require.Equal(t, []int{2, 1, 1, 1, 1, 0}, []int{counts.API, counts.Accepted, counts.Media, counts.MediaServed, counts.Other, counts.InFlight})
	require.Equal(t, map[Reason]int{ReasonNoToken: 1}, counts.Refused)
}

func TestLedgerShowsTokenReuse(t *testing.T) {
	h := newHarness(t, Config{})
	one, two := h.token(nil), h.token(nil)
	for _, token := range []string{one, one, two} {
		require.Equal(t, 200, h.getStatusWith(token).status)
	}
	calls := h.Calls()
	require.Equal(t, calls[0].Token, calls[1].Token)
	require.NotEqual(t, calls[0].Token, calls[2].Token)
	for _, c := range calls {
		require.Len(t, c.Token, 16)
		require.NotContains(t, one+two, c.Token)
	}
}

func TestLedgerIsBoundedAndCountsAreNot(t *testing.T) {
	h := newHarness(t, Config{LedgerSize: 3})
	for range 10 {
		require.Equal(t, 404, h.get(h.server.URL+"/"+strings.Repeat("x", 2000)).status)
	}
	calls := h.Calls()
	require.Len(t, calls, 3)
	require.Len(t, calls[0].Path, 512, "the size of an entry is limited too")
	require.Equal(t, 10, h.Counts().Other)
}

func TestCountsAreCopies(t *testing.T) {
	h := newHarness(t, Config{})
	h.Counts().Refused[ReasonScope] = 7
	require.Zero(t, h.Counts().Refused[ReasonScope])
}

func TestAwaitReturnsTheContextError(t *testing.T) {
	h := newHarness(t, Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, h.Await(ctx, func(Counts) bool { return false }), context.Canceled)
	require.NoError(t, h.Await(ctx, func(Counts) bool { return true }))
}

func TestConcurrentRequests(t *testing.T) {
	h := newHarness(t, Config{EnforceJTI: true, CallsPerMinute: 50, LedgerSize: 20})
	id := h.addSession(Session{Files: []File{{Duration: time.Second}, {Duration: time.Second, Format: FLAC}}})
	first := h.getStatus(id).recordings(t)
	token := h.token(nil)
	const workers = 8
	var wg sync.WaitGroup
	for range workers {
		var requests []*http.Request
		for range 10 {
			requests = append(requests,
				h.request(http.MethodGet, h.recordingsURL("?sessionId="+id), "auth", h.token(nil)),
				h.request(http.MethodGet, h.recordingsURL("?sessionId="+id), "auth", token),
				h.request(http.MethodGet, first.Recording[0].FileURL),
				h.request(http.MethodGet, first.Recording[1].FileURL))
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			for _, req := range requests {
				h.send(req)
				h.Calls()
				h.Sessions()
				h.SetScope(true)
			}
		}()
	}
	wg.Wait()
	h.await(func(c Counts) bool { return c.InFlight == 0 })
	counts := h.Counts()
	require.Equal(t, 1+2*10*workers, counts.API)
	require.Equal(t, 50, counts.Accepted, "the budget is exact under concurrency")
	require.Equal(t, 10*workers-1, counts.Refused[ReasonReplay], "exactly one call used the token first")
	require.Equal(t, 2*10*workers, counts.MediaServed)
}
