package activities_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// download runs DownloadRecording.
type download struct {
	account  *account.Served
	timing   activities.TransferTiming
	replaces string
	waited   bool
	again    bool
	resume   fetchrecording.SealedText
	manifest *fetchrecording.WriteManifestInput
	stop     chan struct{}   // the worker's stop channel
	ctx      context.Context // the worker's context
	beat     func(fetchrecording.DownloadProgress)
	metrics  *recorder
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
	result, err := d.execute(t, file)
	if err != nil {
		return nil, err
	}
	return &result.Recording, nil
}

func (d download) execute(t *testing.T, file fetchrecording.RemoteFile) (*fetchrecording.DownloadRecordingResult, error) {
	t.Helper()
	execute := (&activities.DownloadRecording{Served: d.account, Timing: d.timing, Buffers: archive.NewBuffers(8<<20, 0)}).Execute
	environment := newMeasuredEnvironment(d.metrics, execute)
	environment.SetWorkerOptions(worker.Options{BackgroundActivityContext: d.ctx})
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
	value, err := environment.ExecuteActivity("under-test", fetchrecording.DownloadRecordingInput{
		Session: session, File: file, Replaces: d.replaces, Waited: d.waited, Again: d.again, Resume: d.resume, Manifest: d.manifest,
	})
	if err != nil {
		return nil, err
	}
	result := new(fetchrecording.DownloadRecordingResult)
	require.NoError(t, value.Get(result))
	return result, nil
}

// fileAt is the file a.wav at a media URL.
func fileAt(t *testing.T, mediaURL string) fetchrecording.RemoteFile {
	t.Helper()
	return fetchrecording.RemoteFile{FileName: "a.wav", ObjectName: "a.wav", URL: sealed(t, seal.MediaURL, mediaURL, time.Now().Add(time.Minute))}
}

// writeFile is the response of a media server. One that is not proved ends with the
// connection.
func writeFile(w http.ResponseWriter, content string, proved bool) {
	w.Header().Set("Content-Type", "audio/wav")
	if !proved {
		w.Header().Set("Transfer-Encoding", "identity")
	}
	_, _ = io.WriteString(w, content)
}

func TestRecordingIsStoredUnderTheDocumentedKey(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Format: simulator.FLAC, Duration: time.Second}}})
	a, server := openAccount(t, u.url)
	got, err := download{account: a}.run(t)
	require.NoError(t, err)

	require.Equal(t, []string{aKey}, server.Keys(bucket))
	object, _ := server.Object(bucket, aKey)
	source := got.Source
	require.Regexp(t, "^[0-9a-f]{16}$", source)
	require.Equal(t, &workflows.Recording{
		FileName: "a.wav", Bucket: bucket, Key: aKey, Bytes: int64(len(object.Body)), SHA256: sha(string(object.Body)),
		ContentType: "audio/flac", Format: "flac", // detected from its first bytes
		DeclaredContentType: "audio/wav", CallTime: time.Date(2024, 3, 5, 12, 42, 34, 0, time.UTC), Source: source,
		Remarks: []string{
			fmt.Sprintf("declared %[1]d bytes as audio/wav, found %[1]d bytes of flac", len(object.Body)),
			"the media server declared audio/wav, the file is flac", "the header states a duration of 1s",
		},
		Audio: &workflows.AudioFindings{
			Encoding: "flac", Channels: 1, SampleRate: 8000, DurationSeconds: 1, Silence: got.Audio.Silence, FLACMD5: "match", FLACDecoding: "complete",
		},
	}, got)
	require.Empty(t, object.Metadata)
	require.Zero(t, u.Counts().CredentialsAtMedia)
}

// A leg without a sound may be a wrong recording: whoever reads the manifest is told.
func TestSilentLegIsARemark(t *testing.T) {
	content := stereo(8000, func(i int) (left, right int16) { return int16(i%100 + 1), 0 })
	media := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeFile(w, content, true) }))
	a, _ := openAccount(t, media)
	got, err := download{account: a}.fetch(t, fileAt(t, media.String()))
	require.NoError(t, err)
	require.Equal(t, &workflows.AudioFindings{Encoding: "pcm_s16le", Channels: 2, SampleRate: 8000, DurationSeconds: 1, Silence: []float64{0, 1}}, got.Audio)
	require.Contains(t, got.Remarks, "channel 2 of 2 is digital silence")
}

// stereo returns a WAV file of 8 kHz with these samples.
func stereo(samples int, at func(i int) (left, right int16)) string {
	data := make([]byte, 0, 4*samples)
	for i := range samples {
		left, right := at(i)
		data = binary.LittleEndian.AppendUint16(data, uint16(left))
		data = binary.LittleEndian.AppendUint16(data, uint16(right))
	}
	head := []byte("RIFF")
	head = binary.LittleEndian.AppendUint32(head, uint32(36+len(data)))
	head = append(head, "WAVEfmt "...)
	for _, field := range []uint32{16, 1 | 2<<16, 8000, 32_000, 4 | 16<<16} {
		head = binary.LittleEndian.AppendUint32(head, field)
	}
	head = append(head, "data"...)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(data)))
	return string(head) + string(data)
}

func TestMediaServerFaultsAreMappedToFailureKinds(t *testing.T) {
	long := int64(100_000)
	for _, row := range []struct {
		name  string
		kind  failure.Kind
		fault simulator.Fault
		delay time.Duration
	}{
		{"cut", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Cut, After: long}, 0},
		{"reset", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Reset, After: long}, 0},
		{"stalled before the response", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Stall, After: -1}, 0},
		{"stalled in the middle", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Stall, After: long}, 0},
		{"unavailable", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Respond, Status: 503}, 0},
		{"busy, with Retry-After", failure.MediaUnavailable, simulator.Fault{Kind: simulator.Respond, Status: 429, RetryAfter: "7"}, 7 * time.Second},
		{"refused", failure.MediaRefused, simulator.Fault{Kind: simulator.Respond, Status: 403}, 0},
		{"endless redirects", failure.MediaRefused, simulator.Fault{Kind: simulator.Redirect}, 0},
		{"redirect to a forbidden host", failure.Blocked, simulator.Fault{Kind: simulator.Redirect, To: "https://evil.example/?s=canary"}, 0},
		{"sign-in page", failure.MediaInvalid, simulator.Fault{Kind: simulator.HTML}, 0},
		{"error page declared as audio", failure.MediaInvalid, simulator.Fault{Kind: simulator.JSON, ContentType: "audio/wav"}, 0},
		{"empty", failure.MediaInvalid, simulator.Fault{Kind: simulator.Empty}, 0},
		{"compressed", failure.MediaInvalid, simulator.Fault{Kind: simulator.Gzip}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, simulator.Config{})
			row.fault.Times = -1
			u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Duration: 20 * time.Second, Faults: []simulator.Fault{row.fault}}}})
			a, server := openAccount(t, u.url)
			timing := activities.TransferTiming{Stall: 30 * time.Second}
			if row.fault.Kind == simulator.Stall {
				timing.Stall = 400 * time.Millisecond
			}
			_, err := download{account: a, timing: timing}.run(t)
			applicationError := requireKind(t, err, row.kind, false, true) // the fetch decides, by its policy
			require.Equal(t, row.delay, applicationError.NextRetryDelay())
			require.Empty(t, server.Keys(bucket), "no object may be created")
		})
	}
}

// Nothing proves the end of a body that ends with its connection: it may be cut. It
// is downloaded twice.
func TestBodyWithoutAProvedEndIsDownloadedTwice(t *testing.T) {
	const twoDownloads = "the media server stated no length; two downloads had the same bytes"
	const whole = 44 + 16_000 // bytes of one second
	closed := simulator.Fault{Kind: simulator.CloseDelimited}
	cut := simulator.Fault{Kind: simulator.CloseDelimited, After: 1000}
	for _, row := range []struct {
		name          string
		first, second simulator.Fault
		kind          failure.Kind // of the failure, if it fails
		says          string
		remark        string // the first of the recording
	}{
		{name: "the same bytes", first: closed, second: closed, remark: twoDownloads},
		{name: "the first cut", first: cut, second: closed, kind: failure.MediaInvalid, says: "two downloads without a stated length differ: 1000 bytes and 16044 bytes"},
		{name: "the second cut", first: closed, second: cut, kind: failure.MediaInvalid, says: "two downloads without a stated length differ: 16044 bytes and 1000 bytes"},
		{name: "the second proved by its length", first: cut, second: simulator.Fault{Kind: simulator.None}},
		{name: "the second proved by chunks", first: cut, second: simulator.Fault{Kind: simulator.Chunked}, remark: "the media server stated no length; its transfer encoding proved the end"},
		{name: "the second unavailable", first: closed, second: simulator.Fault{Kind: simulator.Respond, Status: 503}, kind: failure.MediaUnavailable, says: "503"},
		{name: "the second cut short of its length", first: closed, second: simulator.Fault{Kind: simulator.Cut, After: 9000}, kind: failure.MediaUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, simulator.Config{})
			third := simulator.Fault{Kind: simulator.Respond, Status: 403, Times: -1}
			u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Duration: time.Second, Faults: []simulator.Fault{row.first, row.second, third}}}})
			a, server := openAccount(t, u.url)
			got, err := download{account: a}.run(t)
			require.EqualValues(t, 2, u.Counts().Media)
			if row.kind != "" {
				requireKind(t, err, row.kind, false, true)
				require.ErrorContains(t, err, row.says)
				require.Empty(t, server.Keys(bucket))
				return
			}
			require.NoError(t, err)
			object, _ := server.Object(bucket, aKey)
			require.Len(t, object.Body, whole)
			require.Equal(t, sha(string(object.Body)), got.SHA256)
			if row.remark == "" {
				require.NotContains(t, strings.Join(got.Remarks, "\n"), "stated no length")
			} else {
				require.Contains(t, got.Remarks, row.remark)
			}
		})
	}
}

// Two files of the same length are told apart by their bytes.
func TestTwoDownloadsOfOneLengthMustHaveTheSameBytes(t *testing.T) {
	var requests atomic.Int64
	media := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeFile(w, fmt.Sprintf("ID3\x04\x00\x00 %d", requests.Add(1)), false)
	}))
	a, server := openAccount(t, media)
	_, err := download{account: a}.fetch(t, fileAt(t, media.String()))
	requireKind(t, err, failure.MediaInvalid, false, true)
	require.Empty(t, server.Keys(bucket))
}

// Only a URL that says of itself that it has expired is known to need another one.
func TestFailuresOfAnExpiredURLAskForAnother(t *testing.T) {
	respond := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	var requests atomic.Int64
	page := respond(200, "text/html", "<!DOCTYPE html><html><body>The link has expired.</body></html>")
	differs := func(w http.ResponseWriter, _ *http.Request) {
		writeFile(w, fmt.Sprintf("ID3\x04\x00\x00 %d", requests.Add(1)), false)
	}
	minute := time.Minute
	for _, row := range []struct {
		name    string
		respond http.HandlerFunc
		expires func(now time.Time) string // the parameter e
		want    failure.Kind
	}{
		{"refused after its expiry", respond(403, "text/plain", "no"), unixAfter(-minute), failure.MediaExpired},
		{"refused before its expiry", respond(403, "text/plain", "no"), unixAfter(minute), failure.MediaRefused},
		{"refused without an expiry", respond(403, "text/plain", "no"), func(time.Time) string { return "" }, failure.MediaRefused},
		{"refused with an expiry that is not a time", respond(403, "text/plain", "no"), func(time.Time) string { return "soon" }, failure.MediaRefused},
		{"refused with a number that is not a time", respond(403, "text/plain", "no"), func(time.Time) string { return "3600" }, failure.MediaRefused},
		{"not found after its expiry", respond(404, "text/plain", "no"), unixAfter(-minute), failure.MediaExpired},
		{"a page after its expiry", page, unixAfter(-minute), failure.MediaExpired},
		{"a page before its expiry", page, unixAfter(minute), failure.MediaInvalid},
		{"two downloads differ after its expiry", differs, unixAfter(-minute), failure.MediaExpired},
		{"unavailable after its expiry", respond(503, "text/plain", "no"), unixAfter(-minute), failure.MediaUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			media := serve(t, row.respond)
			a, _ := openAccount(t, media)
			_, err := download{account: a}.fetch(t, fileAt(t, media.String()+"/a?n=1&e="+row.expires(time.Now())+"&s=canary"))
			requireKind(t, err, row.want, false, true)
			require.Equal(t, row.want == failure.MediaExpired, strings.Contains(err.Error(), "the media URL has expired"))
		})
	}
}

func unixAfter(d time.Duration) func(time.Time) string {
	return func(now time.Time) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
}

// The server still serves a URL after its expiry: its clock counts.
func TestExpiredURLThatStillWorksIsUsed(t *testing.T) {
	media := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeFile(w, "ID3\x04\x00\x00 audio", true) }))
	a, server := openAccount(t, media)
	_, err := download{account: a}.fetch(t, fileAt(t, media.String()+"/a?e="+unixAfter(-time.Minute)(time.Now())))
	require.NoError(t, err)
	require.Equal(t, []string{aKey}, server.Keys(bucket))
}

func TestURLThatDoesNotOpenNeedsAnotherWithoutARequest(t *testing.T) {
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
		requireKind(t, err, failure.MediaExpired, false, true)
		require.Equal(t, name == "expired", strings.Contains(err.Error(), "the media URL has expired"))
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
			a, server := openAccount(t, u.url)
			server.Add(s3test.Rule{Status: row.status, Code: row.code, Always: true})
			_, err := download{account: a}.run(t)
			requireKind(t, err, row.kind, row.retried, !row.retried)
			require.ErrorContains(t, err, "s3://recordings/"+folder)
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
	require.Equal(t, "a.wav", beats[0].FileName)
	for i, beat := range beats[1:] {
		require.GreaterOrEqual(t, beat.Bytes, beats[i].Bytes)
		requireNoSecret(t, fmt.Sprint(beat))
	}
}

// Each heartbeat that is recorded costs a billable action.
func TestDownloadThatIsOverSoonHasNoHeartbeat(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	a, _ := openAccount(t, u.url)
	_, err := download{account: a, beat: func(fetchrecording.DownloadProgress) { t.Error("a heartbeat") }}.run(t)
	require.NoError(t, err)
}

// stalled is an upstream whose file stops in the middle.
func stalled(t *testing.T) *upstream {
	t.Helper()
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav", Duration: 20 * time.Second, Faults: []simulator.Fault{{Kind: simulator.Stall, After: 1000}}}}})
	return u
}

// whenServed calls act once a download has begun.
func (u *upstream) whenServed(t *testing.T, act func()) {
	go func() {
		_ = u.Await(within(t), func(c simulator.Counts) bool { return c.MediaServed > 0 })
		act()
	}()
}

func TestStoppingWorkerHandsOverItsDownload(t *testing.T) {
	u := stalled(t)
	a, server := openAccount(t, u.url)
	stop := make(chan struct{})
	u.whenServed(t, func() { close(stop) })
	_, err := download{
		account: a, stop: stop,
		timing: activities.TransferTiming{Stall: time.Hour, Handover: 10 * time.Millisecond},
	}.run(t)
	requireKind(t, err, failure.HandedOver, true, true)
	require.ErrorContains(t, err, "the worker is stopping")
	require.Empty(t, server.Keys(bucket))
}

// The server learns of a paused or reset activity only by its end: the next attempt
// follows when it is resumed, or at once.
func TestPausedOrResetDownloadIsHandedOver(t *testing.T) {
	for _, cause := range []error{activity.ErrActivityPaused, activity.ErrActivityReset} {
		u := stalled(t)
		a, server := openAccount(t, u.url)
		ctx, end := context.WithCancelCause(t.Context())
		u.whenServed(t, func() { end(cause) })
		_, err := download{account: a, ctx: ctx, timing: activities.TransferTiming{Stall: time.Hour}}.run(t)
		requireKind(t, err, failure.HandedOver, true, true)
		require.ErrorContains(t, err, cause.Error())
		require.Empty(t, server.Keys(bucket))
	}
}

func TestCancelledDownloadEndsAsCancelled(t *testing.T) {
	u := stalled(t)
	a, server := openAccount(t, u.url)
	ctx, end := context.WithCancelCause(t.Context())
	u.whenServed(t, func() { end(temporal.NewCanceledError()) })
	_, err := download{account: a, ctx: ctx, timing: activities.TransferTiming{Stall: time.Hour}}.run(t)
	require.True(t, temporal.IsCanceledError(err), "%v", err)
	require.Empty(t, server.Keys(bucket))
}

func TestDownloadCancelledInTheStoreEndsAsCancelled(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	a, server := openAccount(t, u.url)
	ctx, end := context.WithCancelCause(t.Context())
	server.Add(s3test.Rule{Operation: s3test.PutObject, Before: func() { end(temporal.NewCanceledError()); <-t.Context().Done() }})
	_, err := download{account: a, ctx: ctx}.run(t)
	require.True(t, temporal.IsCanceledError(err), "%v", err)
}

func TestHangingStoreDoesNotDelayAStoppingWorker(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	a, server := openAccount(t, u.url)
	stop := make(chan struct{})
	server.Add(s3test.Rule{Operation: s3test.PutObject, Before: func() { close(stop); <-t.Context().Done() }})
	_, err := download{account: a, stop: stop, timing: activities.TransferTiming{Handover: 10 * time.Millisecond}}.run(t)
	requireKind(t, err, failure.HandedOver, true, true)
	require.ErrorContains(t, err, "the worker is stopping", "the reason, not the error that it caused")
}

func TestDownloadThatEndsWithinHandoverSucceeds(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	a, server := openAccount(t, u.url)
	stop := make(chan struct{})
	close(stop)
	_, err := download{account: a, stop: stop, timing: activities.TransferTiming{Handover: time.Minute}}.run(t)
	require.NoError(t, err)
	require.Len(t, server.Keys(bucket), 1)
}

func TestMalformedSessionIsInvalidInput(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	a, _ := openAccount(t, u.url)
	execute := (&activities.DownloadRecording{Served: a}).Execute
	_, err := run[workflows.Recording](t, execute, fetchrecording.DownloadRecordingInput{
		Session: workflows.Session{BotID: botID, SessionID: "nonsense"},
		File:    fetchrecording.RemoteFile{FileName: "a.wav", ObjectName: "a.wav", URL: sealed(t, seal.MediaURL, "http://127.0.0.1/", time.Now().Add(time.Minute))},
	})
	requireKind(t, err, failure.InvalidInput, false, false)
	require.ErrorContains(t, err, "nonsense")
}

// A manifest that another fetch writes while the download runs, even while its
// second one does: only one that says archived stands for the recordings.
func TestOnlyAnArchivedManifestStopsADownload(t *testing.T) {
	const content = "ID3\x04\x00\x00 audio"
	for _, row := range []struct {
		outcome  workflows.Outcome
		replaces bool // the fetch may replace it
		want     failure.Kind
	}{
		{workflows.OutcomeUnavailable, false, ""},
		{workflows.OutcomeFailed, false, ""},
		{workflows.OutcomeGaveUp, false, ""},
		{workflows.OutcomeDamaged, false, ""},
		{workflows.OutcomeArchived, false, failure.AlreadyArchived},
		{workflows.OutcomeArchived, true, ""}, // to repair what is damaged
	} {
		t.Run(fmt.Sprint(row.outcome, row.replaces), func(t *testing.T) {
			present := manifestOf(row.outcome, fileOf("other.wav", content))
			var opened *account.Served
			var requests atomic.Int64
			media := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if requests.Add(1) == 2 && !row.replaces {
					_, err := opened.Accounts[0].Store.WriteManifest(r.Context(), present, "")
					assert.NoError(t, err)
				}
				writeFile(w, content, false)
			}))
			a, server := openAccount(t, media)
			opened = a
			replaces := "the ETag of another"
			if row.replaces {
				replaces = write(t, a, present, "")
			}
			_, err := download{account: a, replaces: replaces, waited: true}.fetch(t, fileAt(t, media.String()))
			require.EqualValues(t, 2, requests.Load())
			if row.want != "" {
				requireKind(t, err, row.want, false, true)
				require.Equal(t, []string{manifestKey}, server.Keys(bucket))
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{aKey, manifestKey}, server.Keys(bucket))
		})
	}
}
