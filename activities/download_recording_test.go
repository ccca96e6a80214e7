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
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// download runs DownloadRecording.
type download struct {
	account *account.Account
	timing  activities.TransferTiming
	stop    chan struct{} // the worker's stop channel
	beat    func(fetchrecording.DownloadProgress)
}

// run checks the status of the session and downloads its first file.
func (d download) run(t *testing.T) (*workflows.Recording, error) {
	t.Helper()
	checked, err := check(t, d.account, sealedToken(t))
	require.NoError(t, err)
	return d.fetch(t, checked.Files[0])
}

func (d download) fetch(t *testing.T, file fetchrecording.RemoteFile) (*workflows.Recording, error) {
	t.Helper()
	execute := (&activities.DownloadRecording{Account: d.account, Timing: d.timing}).Execute
	environment := newEnvironment(execute)
	if d.stop != nil {
		environment.SetWorkerStopChannel(d.stop)
	}
	if d.beat != nil {
		environment.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
			var progress fetchrecording.DownloadProgress
			if details.Get(&progress) == nil {
				d.beat(progress)
			}
		})
	}
	value, err := environment.ExecuteActivity("under-test", fetchrecording.DownloadRecordingInput{Session: session, File: file})
	if err != nil {
		return nil, err
	}
	recording := new(workflows.Recording)
	require.NoError(t, value.Get(recording))
	return recording, nil
}

func TestRecordingIsStoredUnderTheDocumentedKey(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Format: simulator.FLAC, Duration: time.Second}}})
	a, fake := openAccount(t, u.url)
	got, err := download{account: a}.run(t)
	require.NoError(t, err)

	key := folder + "a.wav"
	require.Equal(t, []string{key}, fake.keys())
	content := fake.objects[key]
	sum := sha256.Sum256([]byte(content))
	source := got.Source
	require.Regexp(t, "^[0-9a-f]{16}$", source)
	require.Equal(t, &workflows.Recording{
		FileName: "a.wav", Bucket: "recordings", Key: key, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		ContentType: "audio/flac", Format: "flac", // detected from its first bytes
		DeclaredContentType: "audio/wav", CallTime: time.Date(2024, 3, 5, 12, 42, 34, 0, time.UTC), Source: source,
	}, got)
	require.Equal(t, got.SHA256, fake.labels[key].Get("X-Amz-Meta-Sha256"))
	require.Zero(t, u.Counts().CredentialsAtMedia)
}

func TestMediaServerFaultsAreMappedToFailureKinds(t *testing.T) {
	long := int64(100_000)
	for _, row := range []struct {
		name    string
		kind    failure.Kind
		fault   simulator.Fault
		retried bool
		delay   time.Duration
	}{
		{"cut", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Cut, After: long}, true, 0},
		{"reset", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Reset, After: long}, true, 0},
		{"stalled before the response", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Stall, After: -1}, true, 0},
		{"stalled in the middle", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Stall, After: long}, true, 0},
		{"unavailable", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Respond, Status: 503}, true, 0},
		{"busy, with Retry-After", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Respond, Status: 429, RetryAfter: "7"}, true, 7 * time.Second},
		{"refused", failure.MediaRefused, simulator.Fault{Kind: simulator.Respond, Status: 403}, false, 0},
		{"endless redirects", failure.MediaRefused, simulator.Fault{Kind: simulator.Redirect}, false, 0},
		{"redirect to a forbidden host", failure.Blocked, simulator.Fault{Kind: simulator.Redirect, To: "https://evil.example/?s=canary"}, false, 0},
		{"sign-in page", failure.MediaInvalid, simulator.Fault{Kind: simulator.HTML}, false, 0},
		{"error page declared as audio", failure.MediaInvalid, simulator.Fault{Kind: simulator.JSON, ContentType: "audio/wav"}, false, 0},
		{"empty", failure.MediaInvalid, simulator.Fault{Kind: simulator.Empty}, false, 0},
		{"too short", failure.MediaInvalid, simulator.Fault{Kind: simulator.Short}, false, 0},
		{"chunked and too short", failure.MediaInvalid, simulator.Fault{Kind: simulator.Chunked, After: long}, false, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, simulator.Config{})
			row.fault.Times = -1
			u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Duration: 20 * time.Second, Faults: []simulator.Fault{row.fault}}}})
			a, fake := openAccount(t, u.url)
			timing := activities.TransferTiming{Stall: 30 * time.Second}
			if row.fault.Kind == simulator.Stall {
				timing.Stall = 400 * time.Millisecond
			}
			_, err := download{account: a, timing: timing}.run(t)
			applicationError := requireKind(t, err, row.kind, row.retried, true)
			require.Equal(t, row.delay, applicationError.NextRetryDelay())
			require.Empty(t, fake.keys(), "no object may be created")
		})
	}
}

func TestUnusableURLIsRefusedWithoutARequest(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	a, _ := openAccount(t, u.url)
	elsewhere, err := sealer.Seal(seal.MediaURL, "another-workflow", u.url.String(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	for name, url := range map[string]fetchrecording.SealedText{
		"expired":            sealed(t, seal.MediaURL, u.url.String(), time.Now().Add(-time.Second)),
		"another workflow's": fetchrecording.SealedText(elsewhere),
		"sealed as a token":  sealed(t, seal.Token, u.url.String(), time.Now().Add(time.Minute)),
		"not sealed":         fetchrecording.SealedText(u.url.String()),
	} {
		_, err := download{account: a}.fetch(t, fetchrecording.RemoteFile{FileName: "a.wav", ObjectName: "a.wav", URL: url})
		requireKind(t, err, failure.MediaRefused, false, true)
		require.Zero(t, u.Counts().Media, name)
	}
}

func TestForbiddenHostBlocksAndIsNotContacted(t *testing.T) {
	victim := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the host was contacted") }))
	a, _ := openAccount(t, &url.URL{Scheme: "https", Host: "smartassist.kore.ai"})
	_, err := download{account: a}.fetch(t, fetchrecording.RemoteFile{
		FileName: "a.wav", ObjectName: "a.wav", URL: sealed(t, seal.MediaURL, victim.String()+"/api/getMediaStream/a?e=1&s=canary", time.Now().Add(time.Minute)),
	})
	requireKind(t, err, failure.Blocked, false, true)
}

func TestStoreRefusalBlocksAndStoreOutageIsRetried(t *testing.T) {
	for _, row := range []struct {
		code    string
		status  int
		kind    failure.Kind
		retried bool
	}{
		{"AccessDenied", 403, failure.ArchiveBlocked, false},
		{"NoSuchBucket", 404, failure.ArchiveBlocked, false},
		{"PreconditionFailed", 412, failure.ArchiveUnavailable, true},
		{"InternalError", 500, failure.ArchiveUnavailable, true},
	} {
		t.Run(row.code, func(t *testing.T) {
			u := newUpstream(t, simulator.Config{})
			u.add(t, simulator.Session{})
			a, fake := openAccount(t, u.url)
			fake.refuse, fake.status = row.code, row.status
			_, err := download{account: a}.run(t)
			requireKind(t, err, row.kind, row.retried, !row.retried)
			require.ErrorContains(t, err, "s3://recordings/"+folder+"a.wav")
		})
	}
}

func TestHeartbeatsReportTheProgressOfADownload(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Duration: time.Second, Faults: []simulator.Fault{{Kind: simulator.Slow, BytesPerSecond: 40_000}}}}})
	a, _ := openAccount(t, u.url)
	var mu sync.Mutex
	var beats []fetchrecording.DownloadProgress
	_, err := download{
		account: a, timing: activities.TransferTiming{Heartbeat: 10 * time.Millisecond},
		beat: func(p fetchrecording.DownloadProgress) { mu.Lock(); defer mu.Unlock(); beats = append(beats, p) },
	}.run(t)
	require.NoError(t, err)
	mu.Lock()
	defer mu.Unlock()
	require.NotEmpty(t, beats)
	require.Equal(t, fetchrecording.DownloadProgress{FileName: "a.wav", Bytes: 0, Total: -1}, beats[0], "before the first byte")
	for i, beat := range beats[1:] {
		require.GreaterOrEqual(t, beat.Bytes, beats[i].Bytes)
		requireNoSecret(t, fmt.Sprint(beat))
	}
}

func TestStoppingWorkerHandsOverItsDownload(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Duration: 20 * time.Second, Faults: []simulator.Fault{{Kind: simulator.Stall, After: 1000}}}}})
	a, fake := openAccount(t, u.url)
	stop := make(chan struct{})
	go func() {
		_ = u.Await(within(t), func(c simulator.Counts) bool { return c.MediaServed > 0 })
		close(stop)
	}()
	_, err := download{
		account: a, stop: stop,
		timing: activities.TransferTiming{Stall: time.Hour, Handover: 10 * time.Millisecond},
	}.run(t)
	applicationError := requireKind(t, err, failure.MediaUnavailable, true, true)
	require.Contains(t, err.Error(), "the worker is stopping")
	require.Equal(t, time.Second, applicationError.NextRetryDelay(), "another worker takes over at once")
	require.Empty(t, fake.keys())
}

func TestHangingStoreDoesNotDelayAStoppingWorker(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	a, fake := openAccount(t, u.url)
	stop := make(chan struct{})
	fake.hang = sync.OnceFunc(func() { close(stop) })
	_, err := download{account: a, stop: stop, timing: activities.TransferTiming{Handover: 10 * time.Millisecond}}.run(t)
	requireKind(t, err, failure.MediaUnavailable, true, true)
	require.Contains(t, err.Error(), "the worker is stopping", "the reason, not the error that it caused")
}

func TestDownloadThatEndsWithinHandoverSucceeds(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	a, fake := openAccount(t, u.url)
	stop := make(chan struct{})
	close(stop)
	_, err := download{account: a, stop: stop, timing: activities.TransferTiming{Handover: time.Minute}}.run(t)
	require.NoError(t, err)
	require.Len(t, fake.keys(), 1)
}

func TestMalformedSessionIsInvalidInput(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	a, _ := openAccount(t, u.url)
	execute := (&activities.DownloadRecording{Account: a}).Execute
	_, err := run[workflows.Recording](t, execute, fetchrecording.DownloadRecordingInput{
		Session: workflows.Session{BotID: botID, SessionID: "nonsense"},
		File:    fetchrecording.RemoteFile{FileName: "a.wav", ObjectName: "a.wav", URL: sealed(t, seal.MediaURL, "http://127.0.0.1/", time.Now().Add(time.Minute))},
	})
	requireKind(t, err, failure.InvalidInput, false, false)
	require.True(t, strings.Contains(err.Error(), "nonsense"))
}

func TestArchivedSessionIsNotWrittenAgain(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	a, fake := openAccount(t, u.url)
	_, err := a.Store.WriteManifest(t.Context(), &archive.Manifest{Session: session, Outcome: "archived"})
	require.NoError(t, err)

	_, err = download{account: a}.run(t)
	requireKind(t, err, failure.AlreadyArchived, false, true)
	require.Equal(t, []string{folder + archive.ManifestName}, fake.keys())
}
