package activities

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"github.com/callvault/callvault/internal/media"
)

const unproved = "ID3\x04\x00\x00 audio"

// unprovedServer serves a file whose end nothing proves. before is called when a
// request has arrived.
func unprovedServer(t *testing.T, before func()) (mediaURL string, fetcher *media.Fetcher) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		before()
		w.Header().Set("Transfer-Encoding", "identity")
		_, _ = io.WriteString(w, unproved)
	}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	return server.URL, media.NewFetcher(media.NewHostPolicy(address, nil))
}

func TestFirstOfTwoDownloadsIsBounded(t *testing.T) {
	requests := 0
	mediaURL, fetcher := unprovedServer(t, func() { requests++ })
	size := int64(len(unproved))

	fetcher.MaxBytes = size - 1
	_, err := new(transfer).openWhole(t.Context(), fetcher, mediaURL)
	require.ErrorIs(t, err, media.ErrTooLarge)
	require.Equal(t, 1, requests, "the second one would be as long")

	fetcher.MaxBytes = size
	stream, err := new(transfer).openWhole(t.Context(), fetcher, mediaURL)
	require.NoError(t, err)
	require.NoError(t, stream.Close())
}

// The stall watchdog compares the bytes of two moments: they must not begin again
// with the second download. And the first one's end is not the transfer's.
func TestWatchdogSeesTwoDownloadsAsOneTransfer(t *testing.T) {
	transfer := &transfer{resume: new(resume)}
	size := int64(len(unproved))
	var arrivals []int64
	mediaURL, fetcher := unprovedServer(t, func() {
		moved := transfer.moved()
		arrivals = append(arrivals, moved.Bytes)
		assert.False(t, moved.Over)
	})
	stream, err := transfer.openWhole(t.Context(), fetcher, mediaURL)
	require.NoError(t, err)
	defer stream.Close()
	require.Equal(t, []int64{0, size}, arrivals)

	require.Equal(t, media.Moved{Bytes: size}, transfer.moved())
	var copied strings.Builder
	_, err = io.Copy(&copied, stream)
	require.NoError(t, err)
	require.Equal(t, unproved, copied.String())
	require.Equal(t, media.Moved{Bytes: 2 * size, Over: true}, transfer.moved())
	require.Equal(t, size, transfer.progress().Bytes, "an operator sees the file's own bytes")
}

// After an earlier attempt, what the server shows is the progress of that one.
func TestOnlyAnotherAttemptHasAHeartbeatAtOnce(t *testing.T) {
	for _, again := range []bool{false, true} {
		var suite testsuite.WorkflowTestSuite
		environment := suite.NewTestActivityEnvironment()
		beats := make(chan struct{}, 10)
		environment.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) { beats <- struct{}{} })
		environment.RegisterActivityWithOptions(func(ctx context.Context) error {
			transfer := &transfer{again: again, resume: new(resume), timing: TransferTiming{Heartbeat: time.Hour, Stall: time.Hour, Handover: time.Hour}}
			_, end := transfer.begin(ctx)
			if again {
				<-beats
			}
			end()
			return nil
		}, activity.RegisterOptions{Name: "transfer"})
		_, err := environment.ExecuteActivity("transfer")
		require.NoError(t, err)
		require.Empty(t, beats)
	}
}

// A part of unknown length is read at once, and may take minutes to be sent.
func TestWatchdogSeesWhatIsSentToTheStore(t *testing.T) {
	transfer := &transfer{resume: new(resume)}
	transfer.sent.Add(7)
	require.Equal(t, media.Moved{}, transfer.moved(), "nothing was opened")
	mediaURL, fetcher := unprovedServer(t, func() {})
	stream, err := transfer.openWhole(t.Context(), fetcher, mediaURL)
	require.NoError(t, err)
	defer stream.Close()
	require.Equal(t, media.Moved{Bytes: int64(len(unproved)) + 7}, transfer.moved())
	transfer.atStore.Store(true)
	require.True(t, transfer.moved().Over, "the store has to respond")
}
