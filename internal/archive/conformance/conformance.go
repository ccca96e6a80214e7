// Package conformance is the test suite that a store has to pass to serve as
// callvault's archive. It runs on real stores only.
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
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
)

// Target is the store under test.
type Target struct {
	// Store is the archive on it.
	Store *archive.Store
	// Config opens the same archive again.
	Config archive.Config
	// Client accesses the same store directly.
	Client *minio.Client
}

// Run runs the suite.
func Run(t *testing.T, target Target) {
	t.Run("a probe finds nothing that blocks", target.passesProbe)
	t.Run("a recording is stored in one request", target.storesWhole)
	t.Run("a recording is stored in parts", target.storesParts)
	t.Run("an upload is continued", target.continues)
	t.Run("an upload with other parts is not continued", target.refusesOtherParts)
	t.Run("an interrupted recording leaves no object", target.leavesNothingIfInterrupted)
	t.Run("a retry replaces leftovers of an earlier attempt", target.replacesLeftovers)
	t.Run("a versioned bucket has one version of a recording", target.storesWithVersions)
	t.Run("one of two concurrent writers gets a conflict", target.refusesConcurrentWrite)
	t.Run("a manifest is written once", target.writesOneManifest)
	t.Run("a manifest is replaced on the condition of its ETag", target.replacesManifest)
	t.Run("the objects of another fetch's manifest are verified", target.verifiesOtherManifest)
	t.Run("an invalid manifest is refused", target.refusesInvalidManifest)
	t.Run("verify detects changes", target.verifies)
	t.Run("a file of a batch is written and replaced", target.writesFiles)
	t.Run("a file of a batch is created once", target.createsFileOnce)
	t.Run("a part of a file is read", target.readsRanges)
	t.Run("a list has pages and begins after a key", target.listsPages)
}

// newSession returns a session of its own for each test: a repeated run on the
// same store must not find its own objects.
func newSession() workflows.Session {
	id := make([]byte, 8)
	rand.Read(id)
	return workflows.Session{BotID: "st-fd81a2b1-43af-544d-8082-831bc09c0001", SessionID: "65e7133a" + hex.EncodeToString(id)}
}

func (target Target) key() string { return target.keyOf(newSession()) }

func (target Target) keyOf(session workflows.Session) string {
	folder, err := target.Store.Folder(session)
	if err != nil {
		panic(err)
	}
	return folder + "recording.wav"
}

func manifestOf(session workflows.Session, outcome, runID string) *archive.Manifest {
	return &archive.Manifest{Session: session, Outcome: outcome, RunID: runID}
}

// put stores a recording. length is -1 if the store is not to know it.
func put(t *testing.T, store *archive.Store, key string, source *source, length int64, change ...func(*archive.Upload)) (archive.Object, error) {
	t.Helper()
	upload := archive.Upload{Key: key, Source: source, Length: length, ContentType: "audio/wav"}
	if length < 0 {
		upload.Buffer = make([]byte, archive.BufferBytes(1<<30))
	}
	for _, one := range change {
		one(&upload)
	}
	return store.Put(t.Context(), upload)
}

// archived returns a manifest of a session with one file, which it stores.
func (target Target) archived(t *testing.T, session workflows.Session, runID string) *archive.Manifest {
	t.Helper()
	key := target.keyOf(session)
	present, err := target.Store.Find(t.Context(), key)
	require.NoError(t, err)
	object, err := put(t, target.Store, key, newSource(1000), 1000, func(u *archive.Upload) { u.Replaces = present })
	require.NoError(t, err)
	m := manifestOf(session, "archived", runID)
	m.Files = []archive.File{{Key: key, Bytes: object.Bytes, SHA256: object.SHA256}}
	return m
}

func (target Target) storesWhole(t *testing.T) {
	for _, size := range []int{1, 480_044, 20 << 20} {
		source := newSource(size)
		key := target.key() + fmt.Sprint(size)
		object, err := put(t, target.Store, key, source, int64(size))
		require.NoError(t, err)
		require.Nil(t, object.Checksum)
		target.requireStored(t, key, source.content, object)
	}
}

func (target Target) storesParts(t *testing.T) {
	store := target.inParts(t)
	for _, size := range []int{1, 480_044, 8 << 20, 20 << 20} {
		for _, length := range []int64{int64(size), -1} {
			if length >= 0 && length < archive.MinMultipartFrom {
				continue // It is stored in one request.
			}
			source := newSource(size)
			key := target.key() + fmt.Sprint(size)
			object, err := put(t, store, key, source, length)
			require.NoError(t, err)
			require.NotNil(t, object.Checksum)
			target.requireStored(t, key, source.content, object)
		}
	}
}

// inParts returns the archive of a worker that stores recordings in parts if it can.
func (target Target) inParts(t *testing.T) *archive.Store {
	t.Helper()
	config := target.Config
	config.MultipartFrom = archive.MinMultipartFrom
	store, err := archive.Open(config)
	require.NoError(t, err)
	return store
}

// continues interrupts an upload and continues it, as two workers would.
func (target Target) continues(t *testing.T) {
	const size = 30 << 20
	broken := errors.New("the worker is gone")
	for _, at := range []int{9 << 20, 29 << 20, size} {
		first := newSource(size)
		first.failAt, first.fail = at, broken
		key := target.key() + fmt.Sprint(at)
		var last archive.Parts
		_, err := put(t, target.inParts(t), key, first, size, func(u *archive.Upload) {
			u.Uploaded = func(parts archive.Parts) { last = parts }
			u.Keep = func(error) bool { return true }
		})
		require.ErrorIs(t, err, broken)
		require.Positive(t, last.Bytes)

		second := &source{content: first.content, at: int(last.Bytes), failAt: size}
		object, err := put(t, target.inParts(t), key, second, size, func(u *archive.Upload) { u.Continues = &last })
		require.NoError(t, err)
		target.requireStored(t, key, first.content, object)
	}
}

func (target Target) refusesOtherParts(t *testing.T) {
	const size = 30 << 20
	broken := errors.New("the worker is gone")
	for name, change := range map[string]func(*archive.Parts){
		"another length": func(parts *archive.Parts) { parts.PartBytes++ },
		"another upload": func(parts *archive.Parts) { parts.UploadID = "3f3c0b2c-0000-4000-8000-000000000000" },
		"more parts": func(parts *archive.Parts) {
			parts.Sums = append(parts.Sums, parts.Sums...)
			parts.Bytes += parts.PartBytes * 2
		},
		"no such checksum": func(parts *archive.Parts) { parts.Algorithm = "MD5" },
	} {
		first := newSource(size)
		first.failAt, first.fail = 20<<20, broken
		key := target.key() + strings.ReplaceAll(name, " ", "-")
		var last archive.Parts
		_, err := put(t, target.inParts(t), key, first, size, func(u *archive.Upload) {
			u.Uploaded = func(parts archive.Parts) { last = parts }
			u.Keep = func(error) bool { return true }
		})
		require.ErrorIs(t, err, broken)
		require.Len(t, last.Sums, 2)
		forged := last
		change(&forged)
		second := &source{content: first.content, at: int(last.Bytes), failAt: size}
		_, err = put(t, target.inParts(t), key, second, size, func(u *archive.Upload) { u.Continues = &forged })
		require.ErrorIs(t, err, archive.ErrUploadGone, name)
		require.NoError(t, target.Store.CleanUp(t.Context(), key, ""))
		target.requireNoUpload(t, key)
	}
}

func (target Target) requireStored(t *testing.T, key string, content []byte, object archive.Object) {
	t.Helper()
	sum := sha256.Sum256(content)
	require.EqualValues(t, len(content), object.Bytes)
	require.Equal(t, hex.EncodeToString(sum[:]), object.SHA256)
	require.NoError(t, target.Store.Verify(t.Context(), key, object))

	reader, err := target.Client.GetObject(t.Context(), target.Store.Bucket(), key, minio.GetObjectOptions{})
	require.NoError(t, err)
	stored, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, stored), "the bytes in the store are those that were sent")

	info, err := target.Client.StatObject(t.Context(), target.Store.Bucket(), key, minio.StatObjectOptions{})
	require.NoError(t, err)
	require.Equal(t, "audio/wav", info.ContentType)
	target.requireNoUpload(t, key)
}

func (target Target) requireNoUpload(t *testing.T, key string) {
	t.Helper()
	for upload := range target.Client.ListIncompleteUploads(t.Context(), target.Store.Bucket(), key, true) {
		require.NoError(t, upload.Err)
		require.Fail(t, "an unfinished upload was left behind", upload.Key)
	}
}

func (target Target) leavesNothingIfInterrupted(t *testing.T) {
	broken := errors.New("the media server cut the file short")
	for _, length := range []int64{20 << 20, -1} {
		source := newSource(20 << 20)
		source.fail, source.failAt = broken, 19<<20
		key := target.key() + fmt.Sprint(length)
		_, err := put(t, target.Store, key, source, length)
		require.ErrorIs(t, err, broken, "the source's own error is returned")
		_, err = target.Client.StatObject(t.Context(), target.Store.Bucket(), key, minio.StatObjectOptions{})
		require.Equal(t, "NoSuchKey", minio.ToErrorResponse(err).Code)
		target.requireNoUpload(t, key)
	}
}

func (target Target) replacesLeftovers(t *testing.T) {
	key := target.key()
	_, err := target.Client.PutObject(t.Context(), target.Store.Bucket(), key, bytes.NewReader([]byte("debris")), 6, minio.PutObjectOptions{})
	require.NoError(t, err)
	core := minio.Core{Client: target.Client}
	_, err = core.NewMultipartUpload(t.Context(), target.Store.Bucket(), key, minio.PutObjectOptions{})
	require.NoError(t, err)

	require.NoError(t, target.Store.CleanUp(t.Context(), key, ""))
	source := newSource(1000)
	_, err = put(t, target.Store, key, source, 1000)
	require.ErrorIs(t, err, archive.ErrConflict, "nothing is overwritten unseen")
	present, err := target.Store.Find(t.Context(), key)
	require.NoError(t, err)
	source = newSource(1000)
	object, err := put(t, target.Store, key, source, 1000, func(u *archive.Upload) { u.Replaces = present })
	require.NoError(t, err)
	target.requireStored(t, key, source.content, object)
}

// storesWithVersions checks that a recording costs one version of its length.
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
			object, err := put(t, store, key, source, length)
			require.NoError(t, err)
			versioned.requireStored(t, key, source.content, object)
			versions := 0
			for version := range target.Client.ListObjectsIter(t.Context(), config.Bucket, minio.ListObjectsOptions{Prefix: key, WithVersions: true}) {
				require.NoError(t, version.Err)
				versions++
			}
			require.Equal(t, 1, versions)
		}
	}
}

// refusesConcurrentWrite acts as a worker that was presumed dead: while it writes the key,
// another one does.
func (target Target) refusesConcurrentWrite(t *testing.T) {
	for _, length := range []int64{1000, -1} {
		key := target.key() + fmt.Sprint(length)
		late := target.before(t, func() {
			_, err := put(t, target.Store, key, newSource(10), 10)
			require.NoError(t, err)
		})
		_, err := put(t, late, key, newSource(1000), length)
		require.ErrorIs(t, err, archive.ErrConflict)
		info, err := target.Client.StatObject(t.Context(), target.Store.Bucket(), key, minio.StatObjectOptions{})
		require.NoError(t, err)
		require.EqualValues(t, 10, info.Size, "the first to finish is kept")
		target.requireNoUpload(t, key)
	}
}

// before returns the archive of a worker that calls act once, right before its
// first PUT.
func (target Target) before(t *testing.T, act func()) *archive.Store {
	t.Helper()
	config := target.Config
	config.Transport = &beforePut{next: http.DefaultTransport, act: act}
	store, err := archive.Open(config)
	require.NoError(t, err)
	return store
}

// beforePut calls act once, right before the first PUT is sent.
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
	session := newSession()
	none, etag, err := target.Store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	require.Nil(t, none)
	require.Empty(t, etag)

	first, err := target.Store.WriteManifest(t.Context(), target.archived(t, session, "1"), "")
	require.NoError(t, err)
	require.Equal(t, "1", first.RunID)

	second, err := target.Store.WriteManifest(t.Context(), manifestOf(session, "failed", "2"), "")
	require.NoError(t, err)
	require.Equal(t, "1", second.RunID, "the first manifest is kept and returned to the second writer")
	require.Equal(t, "archived", second.Outcome)
}

// replacesManifest checks that the store compares the ETag of the manifest that a
// new one replaces.
func (target Target) replacesManifest(t *testing.T) {
	session := newSession()
	_, err := target.Store.WriteManifest(t.Context(), manifestOf(session, "failed", "1"), "")
	require.NoError(t, err)
	_, replaced, err := target.Store.ReadManifest(t.Context(), session)
	require.NoError(t, err)

	_, err = target.Store.WriteManifest(t.Context(), manifestOf(session, "unavailable", "2"), replaced)
	require.NoError(t, err)
	stored, _, err := target.Store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, "2", stored.RunID)
	require.Equal(t, "1", stored.Previous.RunID)

	archived := target.archived(t, session, "3")
	late := target.before(t, func() {
		_, err := target.Store.WriteManifest(t.Context(), archived, "")
		require.NoError(t, err)
	})
	_, current, err := target.Store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	kept, err := late.WriteManifest(t.Context(), manifestOf(session, "failed", "4"), current)
	require.NoError(t, err)
	require.Equal(t, "3", kept.RunID, "the manifest that another fetch wrote meanwhile is kept")
	require.Equal(t, "2", kept.Previous.RunID)
	require.Equal(t, "1", kept.Previous.Previous.RunID)
}

func (target Target) verifiesOtherManifest(t *testing.T) {
	session := newSession()
	theirs := target.archived(t, session, "1")
	_, err := target.Store.WriteManifest(t.Context(), theirs, "")
	require.NoError(t, err)

	ours := *theirs
	ours.RunID = "2"
	found, err := target.Store.WriteManifest(t.Context(), &ours, "")
	require.NoError(t, err)
	require.Equal(t, "1", found.RunID)

	ours = *target.archived(t, session, "2") // It replaces the object.
	damaged, err := target.Store.Damaged(t.Context(), theirs)
	require.NoError(t, err)
	require.Equal(t, []string{target.keyOf(session)}, damaged)
	_, err = target.Store.WriteManifest(t.Context(), manifestOf(session, "failed", "2"), "")
	require.ErrorIs(t, err, archive.ErrArchivedBefore)
	written, err := target.Store.WriteManifest(t.Context(), &ours, "")
	require.NoError(t, err)
	require.Equal(t, "2", written.RunID, "an archived session replaces a damaged one")
	read, _, err := target.Store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, written, read)
}

func (target Target) refusesInvalidManifest(t *testing.T) {
	for _, body := range []string{"", "{", `{"version":1,"botId":"st-other","sessionId":"65e7133a3242653c58d7aaaa","outcome":"archived"}`, `{"version":99}`} {
		session := newSession()
		key, err := target.Store.ManifestKey(session)
		require.NoError(t, err)
		_, err = target.Client.PutObject(t.Context(), target.Store.Bucket(), key, bytes.NewReader([]byte(body)), int64(len(body)), minio.PutObjectOptions{})
		require.NoError(t, err)
		_, _, err = target.Store.ReadManifest(t.Context(), session)
		require.ErrorIs(t, err, archive.ErrBlocked)
		require.ErrorContains(t, err, "move it away")
	}
}

func (target Target) verifies(t *testing.T) {
	key := target.key()
	require.ErrorIs(t, target.Store.Verify(t.Context(), key, archive.Object{}), archive.ErrMismatch)
	object, err := put(t, target.Store, key, newSource(1000), 1000)
	require.NoError(t, err)
	require.NoError(t, target.Store.Verify(t.Context(), key, object))
	other := sha256.Sum256(nil)
	require.ErrorIs(t, target.Store.Verify(t.Context(), key, archive.Object{Bytes: 1000, SHA256: hex.EncodeToString(other[:])}), archive.ErrMismatch)
	require.ErrorIs(t, target.Store.Verify(t.Context(), key, archive.Object{Bytes: 999, SHA256: object.SHA256}), archive.ErrMismatch)
}

// source is a recording that can fail before its end.
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
