package objectstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

func TestTruncatedBodyLeavesNoObject(t *testing.T) {
	ctx, _, c := open(t)
	b := content(mebibyte)

	_, err := c.PutObject(ctx, bucket, "a", failingAfter(b[:len(b)/2]), int64(len(b)), streamed())
	if !errors.Is(err, errUpstream) {
		t.Errorf("err = %v, want the reader's error", err)
	}
	wantMissing(ctx, t, c, "a")

	if _, err = c.PutObject(ctx, bucket, "b", once(b[:len(b)/2]), int64(len(b)), streamed()); err == nil {
		t.Error("a truncated body was stored without an error")
	}
	wantMissing(ctx, t, c, "b")
}

func TestTruncatedUploadOfUnknownSizeLeavesNothing(t *testing.T) {
	ctx, s, c := open(t)
	_, err := c.PutObject(ctx, bucket, "a", failingAfter(content(12*mebibyte)), -1, minio.PutObjectOptions{
		PartSize: 5 * mebibyte, Checksum: minio.ChecksumSHA256, DisableContentSha256: true,
	})
	if !errors.Is(err, errUpstream) {
		t.Errorf("err = %v, want the reader's error", err)
	}
	wantMissing(ctx, t, c, "a")
	if open := incomplete(ctx, t, c, ""); len(open) > 0 {
		t.Errorf("open uploads: %v", open)
	}
	wantNoFiles(t, s.Path(bucket, ""))
}

func TestOpenUploadsAreListedAndRemoved(t *testing.T) {
	ctx, s, client := open(t)
	c := minio.Core{Client: client}
	id, err := c.NewMultipartUpload(ctx, bucket, "a/b/c", minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	part, err := c.PutObjectPart(ctx, bucket, "a/b/c", id, 1, bytes.NewReader([]byte("one")), 3, minio.PutObjectPartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	parts, err := c.ListObjectParts(ctx, bucket, "a/b/c", id, 0, 1000)
	if err != nil || len(parts.ObjectParts) != 1 || strings.Trim(parts.ObjectParts[0].ETag, `"`) != part.ETag || parts.ObjectParts[0].Size != 3 {
		t.Errorf("parts = %+v, %v", parts.ObjectParts, err)
	}
	// Prefixes work as well as the exact key.
	for _, prefix := range []string{"", "a/", "a/b/c"} {
		if got := incomplete(ctx, t, client, prefix); len(got) != 1 || got[0] != "a/b/c" {
			t.Errorf("prefix %q: %v", prefix, got)
		}
	}
	if err := client.RemoveIncompleteUpload(ctx, bucket, "a/b/c"); err != nil {
		t.Fatal(err)
	}
	if got := incomplete(ctx, t, client, ""); len(got) > 0 {
		t.Errorf("still open: %v", got)
	}
	wantNoFiles(t, s.Path(bucket, ""))
}

func TestClosedClientConnectionLeavesNothing(t *testing.T) {
	ctx, s, c := open(t)
	target, err := c.PresignedPutObject(ctx, bucket, "a", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	b := content(mebibyte)
	if _, err := fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s",
		target.RequestURI(), u.Host, len(b), b[:len(b)/2]); err != nil {
		t.Fatal(err)
	}
	wantMissing(ctx, t, c, "a")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	// Stop waits until the request has ended.
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	wantNoFiles(t, s.Path(bucket, ""))
}

func incomplete(ctx context.Context, t *testing.T, c *minio.Client, prefix string) []string {
	t.Helper()
	var keys []string
	for u := range c.ListIncompleteUploads(ctx, bucket, prefix, true) {
		if u.Err != nil {
			t.Fatal(u.Err)
		}
		keys = append(keys, u.Key)
	}
	return keys
}

// wantNoFiles fails the test if the bucket's folder contains a file, including
// hidden files and those of uploads.
func wantNoFiles(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("left over: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
