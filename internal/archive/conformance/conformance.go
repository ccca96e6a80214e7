// Package conformance is the suite that every store has to pass to serve as
// callvault's archive. It runs over real stores only.
package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
)

// Target is a store to judge.
type Target struct {
	// Store is the archive over it.
	Store *archive.Store
	// Config opens the same archive again.
	Config archive.Config
	// Client looks at the same store without the archive's help.
	Client *minio.Client
}

const (
	botID     = "st-fd81a2b1-43af-544d-8082-831bc09c0001"
	sessionID = "65e7133a3242653c58d7aaaa"
)

var (
	callTime   = time.Unix(0x65e7133a, 0)
	attributes = archive.Attributes{ContentType: "audio/wav", Format: "wav"}
)

// Run runs the suite.
func Run(t *testing.T, target Target) {
	t.Run("a recording is stored with its digest", target.storesWithDigest)
	t.Run("a recording of unknown length is stored too", target.storesUnknownLength)
	t.Run("a recording that breaks off never becomes an object", target.leavesNothingOfABreak)
	t.Run("a second try replaces what the first one left", target.replacesAnEarlierTry)
	t.Run("versions are kept and the last one is whole", target.storesWithVersions)
	t.Run("of two at a time one gets a conflict", target.refusesARace)
	t.Run("a manifest is written once", target.writesOneManifest)
	t.Run("a manifest of another fetch is believed only if its objects are there", target.verifiesAnothersManifest)
	t.Run("a manifest that cannot be relied on is no manifest", target.refusesABrokenManifest)
	t.Run("verify notices what changed", target.verifies)
}

func (target Target) key() string {
	// A suite that runs again over the same store must not meet its own traces.
	return archive.Folder(target.Store.Prefix(), botID, sessionID, callTime) + rand.Text() + ".wav"
}

func (target Target) storesWithDigest(t *testing.T) {
	for _, size := range []int{1, 480_044, 20 << 20} {
		source := newSource(size)
		key := target.key() + fmt.Sprint(size)
		object, err := target.Store.Put(t.Context(), key, source, int64(size), attributes)
		require.NoError(t, err)
		target.requireStored(t, key, source.content, object)
	}
}

func (target Target) storesUnknownLength(t *testing.T) {
	for _, size := range []int{1, 480_044, 20 << 20} {
		source := newSource(size)
		key := target.key() + fmt.Sprint(size)
		object, err := target.Store.Put(t.Context(), key, source, -1, attributes)
		require.NoError(t, err)
		target.requireStored(t, key, source.content, object)
	}
}

func (target Target) requireStored(t *testing.T, key string, content []byte, object archive.Object) {
	t.Helper()
	sum := sha256.Sum256(content)
	require.Equal(t, archive.Object{Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}, object)

	reader, err := target.Client.GetObject(t.Context(), target.Store.Bucket(), key, minio.GetObjectOptions{})
	require.NoError(t, err)
	stored, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, stored), "the bytes in the store are those that were sent")

	info, err := target.Client.StatObject(t.Context(), target.Store.Bucket(), key, minio.StatObjectOptions{})
	require.NoError(t, err)
	require.Equal(t, "audio/wav", info.ContentType)
	require.Equal(t, object.SHA256, info.UserMetadata["Sha256"])
	require.Equal(t, "wav", info.UserMetadata["Format"])
	target.requireNoUpload(t, key)
}

func (target Target) requireNoUpload(t *testing.T, key string) {
	t.Helper()
	for upload := range target.Client.ListIncompleteUploads(t.Context(), target.Store.Bucket(), key, true) {
		require.NoError(t, upload.Err)
		require.Fail(t, "an unfinished upload was left behind", upload.Key)
	}
}

func (target Target) leavesNothingOfABreak(t *testing.T) {
	broken := errors.New("the media server cut the file short")
	for _, length := range []int64{20 << 20, -1} {
		source := newSource(20 << 20)
		source.fail, source.failAt = broken, 19<<20
		key := target.key() + fmt.Sprint(length)
		_, err := target.Store.Put(t.Context(), key, source, length, attributes)
		require.ErrorIs(t, err, broken, "the source's own error comes out")
		_, err = target.Client.StatObject(t.Context(), target.Store.Bucket(), key, minio.StatObjectOptions{})
		require.Equal(t, "NoSuchKey", minio.ToErrorResponse(err).Code)
		target.requireNoUpload(t, key)
	}
}

func (target Target) replacesAnEarlierTry(t *testing.T) {
	key := target.key()
	_, err := target.Client.PutObject(t.Context(), target.Store.Bucket(), key, bytes.NewReader([]byte("debris")), 6, minio.PutObjectOptions{})
	require.NoError(t, err)
	core := minio.Core{Client: target.Client}
	_, err = core.NewMultipartUpload(t.Context(), target.Store.Bucket(), key, minio.PutObjectOptions{})
	require.NoError(t, err)

	require.NoError(t, target.Store.CleanUp(t.Context(), key))
	source := newSource(1000)
	object, err := target.Store.Put(t.Context(), key, source, 1000, attributes)
	require.NoError(t, err)
	target.requireStored(t, key, source.content, object)
}

// storesWithVersions shows that adding the digest to an object's metadata does
// not cost the object where the bucket keeps versions.
func (target Target) storesWithVersions(t *testing.T) {
	config := target.Config
	config.Bucket += "-versions"
	store, err := archive.Open(config)
	require.NoError(t, err)
	require.NoError(t, store.EnsureBucket(t.Context()))
	versioned := Target{Store: store, Config: config, Client: target.Client}
	for _, status := range []func(context.Context, string) error{target.Client.EnableVersioning, target.Client.SuspendVersioning} {
		require.NoError(t, status(t.Context(), config.Bucket))
		for _, length := range []int64{1000, -1} {
			key, source := versioned.key(), newSource(1000)
			object, err := store.Put(t.Context(), key, source, length, attributes)
			require.NoError(t, err)
			versioned.requireStored(t, key, source.content, object)
		}
	}
}

// refusesARace plays the worker that was taken for dead: it had looked at the
// key, then another one was faster.
func (target Target) refusesARace(t *testing.T) {
	key := target.key()
	config := target.Config
	config.Transport = &beforePut{next: http.DefaultTransport, act: func() {
		_, err := target.Store.Put(t.Context(), key, newSource(10), 10, attributes)
		require.NoError(t, err)
	}}
	late, err := archive.Open(config)
	require.NoError(t, err)

	_, err = late.Put(t.Context(), key, newSource(1000), 1000, attributes)
	require.ErrorIs(t, err, archive.ErrConflict)
	info, err := target.Client.StatObject(t.Context(), target.Store.Bucket(), key, minio.StatObjectOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 10, info.Size, "the first to finish stays")
}

// beforePut acts once, right before the first PUT leaves.
type beforePut struct {
	next http.RoundTripper
	once sync.Once
	act  func()
}

func (b *beforePut) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodPut {
		b.once.Do(b.act)
	}
	return b.next.RoundTrip(request)
}

func (target Target) writesOneManifest(t *testing.T) {
	folder := target.key() + "/"
	none, err := target.Store.ReadManifest(t.Context(), folder, botID, sessionID)
	require.NoError(t, err)
	require.Nil(t, none)

	first, err := target.Store.WriteManifest(t.Context(), folder, &archive.Manifest{BotID: botID, SessionID: sessionID, Outcome: "archived", RunID: "1"})
	require.NoError(t, err)
	require.Equal(t, "1", first.RunID)

	second, err := target.Store.WriteManifest(t.Context(), folder, &archive.Manifest{BotID: botID, SessionID: sessionID, Outcome: "failed", RunID: "2"})
	require.NoError(t, err)
	require.Equal(t, "1", second.RunID, "the first manifest stays, and the second writer is told")
	require.Equal(t, "archived", second.Outcome)
}

func (target Target) verifiesAnothersManifest(t *testing.T) {
	key := target.key()
	folder := key + "-folder/"
	object, err := target.Store.Put(t.Context(), key, newSource(1000), 1000, attributes)
	require.NoError(t, err)
	theirs := &archive.Manifest{BotID: botID, SessionID: sessionID, Outcome: "archived", RunID: "1",
		Files: []archive.File{{Key: key, Bytes: object.Bytes, SHA256: object.SHA256}}}
	_, err = target.Store.WriteManifest(t.Context(), folder, theirs)
	require.NoError(t, err)

	ours := &archive.Manifest{BotID: botID, SessionID: sessionID, Outcome: "archived", RunID: "2"}
	found, err := target.Store.WriteManifest(t.Context(), folder, ours)
	require.NoError(t, err)
	require.Equal(t, "1", found.RunID)

	_, err = target.Store.Put(t.Context(), key, newSource(1000), 1000, attributes)
	require.NoError(t, err, "somebody replaces the object")
	_, err = target.Store.WriteManifest(t.Context(), folder, ours)
	require.ErrorIs(t, err, archive.ErrBlocked)
	require.ErrorContains(t, err, "restore the object")
}

func (target Target) refusesABrokenManifest(t *testing.T) {
	for i, body := range []string{"", "{", `{"version":1,"botId":"st-other","sessionId":"65e7133a3242653c58d7aaaa","outcome":"archived"}`, `{"version":99}`} {
		folder := fmt.Sprintf("%s-%d/", target.key(), i)
		_, err := target.Client.PutObject(t.Context(), target.Store.Bucket(), folder+archive.ManifestName, bytes.NewReader([]byte(body)), int64(len(body)), minio.PutObjectOptions{})
		require.NoError(t, err)
		_, err = target.Store.ReadManifest(t.Context(), folder, botID, sessionID)
		require.ErrorIs(t, err, archive.ErrBlocked)
		require.ErrorContains(t, err, "move it away")
	}
}

func (target Target) verifies(t *testing.T) {
	key := target.key()
	require.ErrorIs(t, target.Store.Verify(t.Context(), key, archive.Object{}), archive.ErrMismatch)
	object, err := target.Store.Put(t.Context(), key, newSource(1000), 1000, attributes)
	require.NoError(t, err)
	require.NoError(t, target.Store.Verify(t.Context(), key, object))
	require.ErrorIs(t, target.Store.Verify(t.Context(), key, archive.Object{Bytes: 1000, SHA256: "00"}), archive.ErrMismatch)
	require.ErrorIs(t, target.Store.Verify(t.Context(), key, archive.Object{Bytes: 999, SHA256: object.SHA256}), archive.ErrMismatch)
}

// source is a recording that can break off.
type source struct {
	content []byte
	at      int
	// fail, if set, ends the recording at failAt.
	fail   error
	failAt int
}

func newSource(size int) *source {
	content := make([]byte, size)
	_, _ = rand.Read(content) // It never fails.
	return &source{content: content, failAt: size}
}

func (s *source) Read(p []byte) (int, error) {
	switch {
	case s.at == s.failAt && s.fail != nil:
		return 0, s.fail
	case s.at == len(s.content):
		return 0, io.EOF
	}
	n := copy(p, s.content[s.at:s.failAt])
	s.at += n
	return n, nil
}

func (s *source) SHA256() string {
	sum := sha256.Sum256(s.content[:s.at])
	return hex.EncodeToString(sum[:])
}
