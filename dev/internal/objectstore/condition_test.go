package objectstore_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
)

const otherETag = "deadbeefdeadbeefdeadbeefdeadbeef"

func TestIfNoneMatchAllowsOnlyTheFirstPut(t *testing.T) {
	ctx, _, c := open(t)
	onlyNew := streamed()
	onlyNew.SetMatchETagExcept("*")
	if _, err := c.PutObject(ctx, bucket, "a", once([]byte("one")), 3, onlyNew); err != nil {
		t.Fatal(err)
	}
	_, err := c.PutObject(ctx, bucket, "a", once([]byte("two")), 3, onlyNew)
	wantCode(t, err, 412, minio.PreconditionFailed)
}

func TestIfNoneMatchAllowsOneOfConcurrentPuts(t *testing.T) {
	ctx, _, c := open(t)
	const writers = 8
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			onlyNew := streamed() // not shared: the options contain a map
			onlyNew.SetMatchETagExcept("*")
			// Small enough for the store to read a refused body completely. It responds
			// before the body has arrived and cuts off a longer one, so the client might
			// see a broken connection instead of the response.
			b := content(64 << 10)
			_, errs[i] = c.PutObject(ctx, bucket, "a", once(b), int64(len(b)), onlyNew)
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			wantCode(t, err, 412, minio.PreconditionFailed)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d puts succeeded, want 1", won, writers)
	}
}

func TestIfMatchReplacesOnlyTheMatchingObject(t *testing.T) {
	ctx, _, c := open(t)
	info, err := c.PutObject(ctx, bucket, "a", once([]byte("one")), 3, streamed())
	if err != nil {
		t.Fatal(err)
	}
	put := func(key, etag string) error {
		o := streamed()
		o.SetMatchETag(etag)
		_, err := c.PutObject(ctx, bucket, key, once([]byte("two")), 3, o)
		return err
	}
	wantCode(t, put("a", otherETag), 412, minio.PreconditionFailed)
	wantCode(t, put("missing", info.ETag), 404, minio.NoSuchKey)
	if err := put("a", info.ETag); err != nil {
		t.Error(err)
	}
	wantCode(t, put("a", info.ETag), 412, minio.PreconditionFailed)
}

// minio-go drops the condition when it completes a multipart upload, so the object
// is replaced. This test fails when a later version keeps the condition.
func TestClientDropsTheConditionOnMultipartUpload(t *testing.T) {
	ctx, _, c := open(t)
	for range 2 {
		o := minio.PutObjectOptions{PartSize: 5 * mebibyte}
		o.SetMatchETagExcept("*")
		if _, err := c.PutObject(ctx, bucket, "a", once([]byte("one")), -1, o); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIfNoneMatchAppliesToCompleteMultipartUpload(t *testing.T) {
	ctx, _, client := open(t)
	c := minio.Core{Client: client}
	complete := func() (string, error) {
		id, err := c.NewMultipartUpload(ctx, bucket, "a", minio.PutObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		part, err := c.PutObjectPart(ctx, bucket, "a", id, 1, bytes.NewReader([]byte("one")), 3, minio.PutObjectPartOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var onlyNew minio.PutObjectOptions
		onlyNew.SetMatchETagExcept("*")
		_, err = c.CompleteMultipartUpload(ctx, bucket, "a", id, []minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}, onlyNew)
		return id, err
	}
	if _, err := complete(); err != nil {
		t.Fatal(err)
	}
	id, err := complete()
	wantCode(t, err, 412, minio.PreconditionFailed)
	// The refused upload still exists, so its owner can abort it.
	if err := c.AbortMultipartUpload(ctx, bucket, "a", id); err != nil {
		t.Error(err)
	}
}

func TestSelfCopyReplacesMetadataAndKeepsChecksum(t *testing.T) {
	ctx, _, c := open(t)
	b := content(1000)
	put, err := c.PutObject(ctx, bucket, "a", once(b), int64(len(b)), streamed())
	if err != nil {
		t.Fatal(err)
	}
	replace := func(etag, value string) error {
		_, err := c.CopyObject(ctx,
			minio.CopyDestOptions{
				Bucket: bucket, Object: "a",
				ReplaceMetadata: true,
				UserMetadata:    map[string]string{"sha256": value},
				ContentType:     "audio/wav",
			},
			minio.CopySrcOptions{Bucket: bucket, Object: "a", MatchETag: etag})
		return err
	}
	if err := replace(put.ETag, "abc"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, replace(otherETag, "other"), 412, minio.PreconditionFailed)

	info, err := c.StatObject(ctx, bucket, "a", minio.StatObjectOptions{Checksum: true})
	if err != nil {
		t.Fatal(err)
	}
	if info.UserMetadata["Sha256"] != "abc" || info.ContentType != "audio/wav" {
		t.Errorf("metadata = %v, %s", info.UserMetadata, info.ContentType)
	}
	if info.ChecksumSHA256 != sha256Of(b) || info.ETag != put.ETag {
		t.Errorf("checksum = %q, etag %s; want %q, %s", info.ChecksumSHA256, info.ETag, sha256Of(b), put.ETag)
	}
}
