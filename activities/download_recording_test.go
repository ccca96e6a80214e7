package activities_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// download asks for the first file of the session and downloads it.
type download struct {
	upstream *upstream
	store    *archive.Store
	timing   activities.TransferTiming
	stop     chan struct{} // the worker's
	beat     func(workflows.DownloadProgress)
}

func (d download) run(t *testing.T) (*workflows.Recording, error) {
	t.Helper()
	checked, err := check(t, d.upstream, sealedToken(t))
	require.NoError(t, err)
	return d.fetch(t, checked.Files[0])
}

func (d download) fetch(t *testing.T, file workflows.RemoteFile) (*workflows.Recording, error) {
	t.Helper()
	execute := (&activities.DownloadRecording{Fetcher: d.upstream.fetcher(), Store: d.store, Sealer: sealer, Timing: d.timing}).Execute
	environment := newEnvironment(execute)
	if d.stop != nil {
		environment.SetWorkerStopChannel(d.stop)
	}
	if d.beat != nil {
		environment.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
			var progress workflows.DownloadProgress
			if details.Get(&progress) == nil {
				d.beat(progress)
			}
		})
	}
	value, err := environment.ExecuteActivity("under-test", workflows.DownloadRecordingInput{BotID: botID, SessionID: sessionID, File: file})
	if err != nil {
		return nil, err
	}
	recording := new(workflows.Recording)
	require.NoError(t, value.Get(recording))
	return recording, nil
}

func TestARecordingLandsUnderTheKeyOfTheContract(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Format: simulator.FLAC, Duration: time.Second}}})
	store, fake := newStore(t)
	got, err := download{upstream: u, store: store}.run(t)
	require.NoError(t, err)

	key := "calls/" + botID + "/2024/03/05/" + sessionID + "/a.wav"
	require.Equal(t, []string{key}, fake.keys())
	content := fake.objects[key]
	sum := sha256.Sum256([]byte(content))
	source := got.Source
	require.Regexp(t, "^[0-9a-f]{16}$", source)
	require.Equal(t, &workflows.Recording{
		FileName: "a.wav", Bucket: "recordings", Key: key, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		ContentType: "audio/flac", Format: "flac", // found by its bytes
		DeclaredContentType: "audio/wav", CallTime: time.Date(2024, 3, 5, 12, 42, 34, 0, time.UTC), Source: source,
	}, got)
	require.Equal(t, got.SHA256, fake.labels[key].Get("X-Amz-Meta-Sha256"))
	require.Zero(t, u.Counts().CredentialsAtMedia)
}

func TestAFaultOfTheMediaServerBecomesWhatTheWorkflowActsOn(t *testing.T) {
	long := int64(100_000)
	for _, row := range []struct {
		name, errorType string
		fault           simulator.Fault
		retried         bool
		delay           time.Duration
	}{
		{"cut", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.Cut, After: long}, true, 0},
		{"reset", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.Reset, After: long}, true, 0},
		{"silent before the answer", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.Stall, After: -1}, true, 0},
		{"silent in the middle", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.Stall, After: long}, true, 0},
		{"out of order", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.Answer, Status: 503}, true, 0},
		{"busy, with patience", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.Answer, Status: 429, RetryAfter: "7"}, true, 7 * time.Second},
		{"refused", workflows.ErrorTypeMediaRefused, simulator.Fault{Kind: simulator.Answer, Status: 403}, false, 0},
		{"redirected for ever", workflows.ErrorTypeMediaRefused, simulator.Fault{Kind: simulator.Redirect}, false, 0},
		{"redirected to a forbidden host", workflows.ErrorTypeBlocked, simulator.Fault{Kind: simulator.Redirect, To: "https://evil.example/?s=canary"}, false, 0},
		{"a sign-in page", workflows.ErrorTypeMediaInvalid, simulator.Fault{Kind: simulator.HTML}, false, 0},
		{"an error page called audio", workflows.ErrorTypeMediaInvalid, simulator.Fault{Kind: simulator.JSON, ContentType: "audio/wav"}, false, 0},
		{"empty", workflows.ErrorTypeMediaInvalid, simulator.Fault{Kind: simulator.Empty}, false, 0},
		{"too short", workflows.ErrorTypeMediaInvalid, simulator.Fault{Kind: simulator.Short}, false, 0},
		{"chunked and too short", workflows.ErrorTypeMediaInvalid, simulator.Fault{Kind: simulator.Chunked, After: long}, false, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, simulator.Config{})
			row.fault.Times = -1
			u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Duration: 20 * time.Second, Faults: []simulator.Fault{row.fault}}}})
			store, fake := newStore(t)
			timing := activities.TransferTiming{Stall: 30 * time.Second}
			if row.fault.Kind == simulator.Stall {
				timing.Stall = 400 * time.Millisecond
			}
			_, err := download{upstream: u, store: store, timing: timing}.run(t)
			applicationError := requireType(t, err, row.errorType, row.retried, true)
			require.Equal(t, row.delay, applicationError.NextRetryDelay())
			require.Empty(t, fake.keys(), "nothing came into being")
		})
	}
}

func TestAnExpiredURLNeedsAnotherCheck(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	store, _ := newStore(t)
	elsewhere, err := sealer.Seal(seal.MediaURL, "another-workflow", u.url.String(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	for name, url := range map[string]workflows.SealedText{
		"too old":            sealed(t, seal.MediaURL, u.url.String(), time.Now().Add(-time.Second)),
		"another workflow's": workflows.SealedText(elsewhere),
		"no URL but a token": sealed(t, seal.Token, u.url.String(), time.Now().Add(time.Minute)),
		"in the clear":       workflows.SealedText(u.url.String()),
	} {
		_, err := download{upstream: u, store: store}.fetch(t, workflows.RemoteFile{FileName: "a.wav", ObjectName: "a.wav", URL: url})
		requireType(t, err, workflows.ErrorTypeMediaRefused, false, true)
		require.Zero(t, u.Counts().Media, name)
	}
}

func TestAForbiddenHostBlocksAndIsNotContacted(t *testing.T) {
	victim := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was contacted") }))
	u := &upstream{url: &url.URL{Scheme: "https", Host: "smartassist.kore.ai"}}
	store, _ := newStore(t)
	_, err := download{upstream: u, store: store}.fetch(t, workflows.RemoteFile{
		FileName: "a.wav", ObjectName: "a.wav", URL: sealed(t, seal.MediaURL, victim.String()+"/api/getMediaStream/a?e=1&s=canary", time.Now().Add(time.Minute)),
	})
	requireType(t, err, workflows.ErrorTypeBlocked, false, true)
}

func TestARefusalOfTheStoreBlocksAndAnOutageIsRetried(t *testing.T) {
	for _, row := range []struct {
		code      string
		status    int
		errorType string
		retried   bool
	}{
		{"AccessDenied", 403, workflows.ErrorTypeArchiveBlocked, false},
		{"NoSuchBucket", 404, workflows.ErrorTypeArchiveBlocked, false},
		{"PreconditionFailed", 412, workflows.ErrorTypeArchiveUnavailable, true},
		{"InternalError", 500, workflows.ErrorTypeArchiveUnavailable, true},
	} {
		t.Run(row.code, func(t *testing.T) {
			u := newUpstream(t, simulator.Config{})
			u.add(t, simulator.Session{})
			store, fake := newStore(t)
			fake.refuse, fake.status = row.code, row.status
			_, err := download{upstream: u, store: store}.run(t)
			requireType(t, err, row.errorType, row.retried, !row.retried)
			require.ErrorContains(t, err, "s3://recordings/calls/"+botID+"/2024/03/05/"+sessionID+"/a.wav")
		})
	}
}

func TestATransferReportsBeforeItsFirstByteAndOnItsWay(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Duration: time.Second, Faults: []simulator.Fault{{Kind: simulator.Slow, BytesPerSecond: 40_000}}}}})
	store, _ := newStore(t)
	var mu sync.Mutex
	var beats []workflows.DownloadProgress
	_, err := download{
		upstream: u, store: store, timing: activities.TransferTiming{Heartbeat: 10 * time.Millisecond},
		beat: func(p workflows.DownloadProgress) { mu.Lock(); defer mu.Unlock(); beats = append(beats, p) },
	}.run(t)
	require.NoError(t, err)
	mu.Lock()
	defer mu.Unlock()
	require.NotEmpty(t, beats)
	require.Equal(t, workflows.DownloadProgress{FileName: "a.wav", Bytes: 0, Total: -1}, beats[0], "before the first byte")
	for i, beat := range beats[1:] {
		require.GreaterOrEqual(t, beat.Bytes, beats[i].Bytes)
		requireNothingSecret(t, fmt.Sprint(beat))
	}
}

func TestAStoppingWorkerHandsItsTransferOver(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Duration: 20 * time.Second, Faults: []simulator.Fault{{Kind: simulator.Stall, After: 1000}}}}})
	store, fake := newStore(t)
	stop := make(chan struct{})
	go func() {
		_ = u.Await(within(t), func(c simulator.Counts) bool { return c.MediaServed > 0 })
		close(stop)
	}()
	_, err := download{
		upstream: u, store: store, stop: stop,
		timing: activities.TransferTiming{Stall: time.Hour, Handover: 10 * time.Millisecond},
	}.run(t)
	applicationError := requireType(t, err, workflows.ErrorTypeTransient, true, true)
	require.Contains(t, err.Error(), "the worker is stopping")
	require.Equal(t, time.Second, applicationError.NextRetryDelay(), "another worker takes over at once")
	require.Empty(t, fake.keys())
}

func TestAStoreThatHangsDoesNotKeepAWorkerFromStopping(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	store, fake := newStore(t)
	stop := make(chan struct{})
	fake.hang = sync.OnceFunc(func() { close(stop) })
	_, err := download{upstream: u, store: store, stop: stop, timing: activities.TransferTiming{Handover: 10 * time.Millisecond}}.run(t)
	requireType(t, err, workflows.ErrorTypeTransient, true, true)
	require.Contains(t, err.Error(), "the worker is stopping", "the reason, not what it caused")
}

func TestATransferThatEndsWithinTheGraceIsNotHandedOver(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	store, fake := newStore(t)
	stop := make(chan struct{})
	close(stop)
	_, err := download{upstream: u, store: store, stop: stop, timing: activities.TransferTiming{Handover: time.Minute}}.run(t)
	require.NoError(t, err)
	require.Len(t, fake.keys(), 1)
}

func TestAMalformedSessionIsInvalidInput(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	store, _ := newStore(t)
	execute := (&activities.DownloadRecording{Fetcher: u.fetcher(), Store: store, Sealer: sealer}).Execute
	_, err := run[workflows.Recording](t, execute, workflows.DownloadRecordingInput{
		BotID: botID, SessionID: "nonsense",
		File: workflows.RemoteFile{FileName: "a.wav", ObjectName: "a.wav", URL: sealed(t, seal.MediaURL, "http://127.0.0.1/", time.Now().Add(time.Minute))},
	})
	requireType(t, err, workflows.ErrorTypeInvalidInput, false, false)
	require.True(t, strings.Contains(err.Error(), "nonsense"))
}

func TestWhatAnotherFetchHasArchivedMeanwhileIsNotWrittenAgain(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	store, fake := newStore(t)
	folder := "calls/" + botID + "/2024/03/05/" + sessionID + "/"
	_, err := store.WriteManifest(t.Context(), folder, &archive.Manifest{BotID: botID, SessionID: sessionID, Outcome: "archived"})
	require.NoError(t, err)

	_, err = download{upstream: u, store: store}.run(t)
	requireType(t, err, workflows.ErrorTypeAlreadyArchived, false, true)
	require.Equal(t, []string{folder + archive.ManifestName}, fake.keys())
}
