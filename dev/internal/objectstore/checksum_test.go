package objectstore_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const mebibyte = 1 << 20

func content(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func sha256Of(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// streamed returns the options to upload a non-seekable body with a checksum over
// plain HTTP: the checksum follows the body, and the body is not signed.
func streamed() minio.PutObjectOptions {
	return minio.PutObjectOptions{
		DisableMultipart:     true,
		Checksum:             minio.ChecksumSHA256,
		DisableContentSha256: true,
	}
}

func TestStreamedBodyKeepsItsChecksum(t *testing.T) {
	ctx, _, c := open(t)
	// No empty body: the client sends no checksum with it.
	for _, size := range []int{1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 3*mebibyte + 5} {
		b := content(size)
		if _, err := c.PutObject(ctx, bucket, "a", once(b), int64(size), streamed()); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		info, err := c.StatObject(ctx, bucket, "a", minio.StatObjectOptions{Checksum: true})
		if err != nil {
			t.Fatal(err)
		}
		if info.ChecksumSHA256 != sha256Of(b) || info.ChecksumMode != "FULL_OBJECT" {
			t.Errorf("%d bytes: checksum %q (%s), want %q", size, info.ChecksumSHA256, info.ChecksumMode, sha256Of(b))
		}
	}
}

// A limitation of the store: over plain HTTP, callers have to set
// DisableContentSha256 with a checksum. This test fails when a later version lifts
// it.
func TestChecksumAfterASignedBodyIsRefused(t *testing.T) {
	ctx, _, c := open(t)
	o := streamed()
	o.DisableContentSha256 = false
	b := content(1000)
	_, err := c.PutObject(ctx, bucket, "a", once(b), int64(len(b)), o)
	wantCode(t, err, 400, "BadDigest")
	wantMissing(ctx, t, c, "a")
}

func TestBodyWithAWrongChecksumIsRefused(t *testing.T) {
	ctx, s, plain := open(t)
	u, err := url.Parse(s.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	c, err := minio.New(u.Host, &minio.Options{
		Creds:           credentials.NewStaticV4(accessKey, secretKey, ""),
		Region:          "us-east-1",
		TrailingHeaders: true,
		MaxRetries:      1,
		Transport:       corruptingTransport{},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := content(mebibyte)

	t.Run("checksum after the body", func(t *testing.T) {
		_, err := c.PutObject(ctx, bucket, "a", once(b), int64(len(b)), streamed())
		wantCode(t, err, 400, "BadDigest")
		wantMissing(ctx, t, plain, "a")
	})
	t.Run("checksum of a part", func(t *testing.T) {
		_, err := c.PutObject(ctx, bucket, "b", once(b), -1, minio.PutObjectOptions{
			PartSize: 5 * mebibyte, Checksum: minio.ChecksumSHA256, DisableContentSha256: true,
		})
		wantCode(t, err, 400, "BadDigest")
		wantMissing(ctx, t, plain, "b")
	})
	t.Run("signed body without a checksum", func(t *testing.T) {
		// The store reads at most 256 KiB of what is left of a body that it refuses, then
		// closes the connection, and the client may not see the answer.
		short := b[:2*corruptedOffset]
		_, err := c.PutObject(ctx, bucket, "c", once(short), int64(len(short)), minio.PutObjectOptions{DisableMultipart: true})
		wantCode(t, err, 403, "SignatureDoesNotMatch")
		wantMissing(ctx, t, plain, "c")
	})
}

func TestChecksumHeaderIsVerifiedAndKept(t *testing.T) {
	ctx, _, c := open(t)
	b := content(1000)
	put := func(key, sum string) error {
		_, err := c.PutObject(ctx, bucket, key, once(b), int64(len(b)), minio.PutObjectOptions{
			DisableMultipart: true,
			UserMetadata:     map[string]string{"x-amz-checksum-sha256": sum},
		})
		return err
	}
	if err := put("right", sha256Of(b)); err != nil {
		t.Fatal(err)
	}
	info, err := c.StatObject(ctx, bucket, "right", minio.StatObjectOptions{Checksum: true})
	if err != nil || info.ChecksumSHA256 != sha256Of(b) {
		t.Errorf("checksum = %q, %v", info.ChecksumSHA256, err)
	}
	wantCode(t, put("wrong", sha256Of(nil)), 400, "BadDigest")
	wantMissing(ctx, t, c, "wrong")
}

// corruptingTransport flips one bit of each uploaded body.
type corruptingTransport struct{}

func (corruptingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut && r.Body != nil {
		r.Body = &corruptingBody{ReadCloser: r.Body}
	}
	return http.DefaultTransport.RoundTrip(r)
}

type corruptingBody struct {
	io.ReadCloser
	read int
}

// corruptedOffset is in the content, after the header of the first chunk.
const corruptedOffset = 1000

func (b *corruptingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.read <= corruptedOffset && corruptedOffset < b.read+n {
		p[corruptedOffset-b.read] ^= 1
	}
	b.read += n
	return n, err
}

func TestUploadOfUnknownSizeIsComplete(t *testing.T) {
	ctx, _, c := open(t)
	b := content(20*mebibyte + 3)
	_, err := c.PutObject(ctx, bucket, "a", once(b), -1, minio.PutObjectOptions{
		PartSize: 8 * mebibyte, Checksum: minio.ChecksumSHA256, DisableContentSha256: true,
		UserMetadata: map[string]string{"K": "v"},
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.StatObject(ctx, bucket, "a", minio.StatObjectOptions{Checksum: true})
	if err != nil {
		t.Fatal(err)
	}
	// COMPOSITE is the checksum of the parts' checksums, not of the content.
	if info.ChecksumMode != "COMPOSITE" || info.UserMetadata["K"] != "v" {
		t.Errorf("object = %+v", info)
	}
	object, err := c.GetObject(ctx, bucket, "a", minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(object); err != nil || !bytes.Equal(got, b) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}
