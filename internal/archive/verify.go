package archive

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Verify checks that the object key in the store matches want: its length, and the
// checksum that the store keeps, as far as it returns one that can be compared. It returns
// [ErrMismatch] if they differ.
func (s *Store) Verify(ctx context.Context, key string, want Object) error {
	_, err := s.verify(ctx, key, want)
	return err
}

// verify is [Store.Verify]. It also reports whether the store returned a checksum.
func (s *Store) verify(ctx context.Context, key string, want Object) (verified bool, err error) {
	got, err := s.stat(ctx, key)
	if err != nil {
		return false, err
	}
	return s.compare(key, got, want)
}

// stat looks at the header of an object that should be there.
func (s *Store) stat(ctx context.Context, key string) (minio.ObjectInfo, error) {
	got, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{Checksum: true})
	if isNotFound(err) {
		return got, fmt.Errorf("s3://%s/%s does not exist: %w", s.bucket, key, ErrMismatch)
	}
	if err != nil {
		return got, s.storeError("verify", key, s.reasonFor(ctx, err))
	}
	return got, nil
}

// compare is [Store.verify] of an object's header.
func (s *Store) compare(key string, got minio.ObjectInfo, want Object) (verified bool, err error) {
	if got.Size != want.Bytes {
		return false, fmt.Errorf("s3://%s/%s has %d bytes, not %d: %w", s.bucket, key, got.Size, want.Bytes, ErrMismatch)
	}
	for _, pair := range []struct{ got, want, name string }{
		{got.ChecksumSHA256, sha256Checksum(want.SHA256), "SHA-256"},
		{got.ChecksumSHA256, want.Checksum.valueOf(minio.ChecksumSHA256), "SHA-256 of its parts"},
		{got.ChecksumCRC64NVME, want.Checksum.valueOf(minio.ChecksumCRC64NVME), "CRC64NVME"},
	} {
		// A checksum of parts is another thing than one of the whole.
		if pair.got == "" || pair.want == "" || isComposite(pair.got) != isComposite(pair.want) {
			continue
		}
		if pair.got != pair.want {
			return false, fmt.Errorf("s3://%s/%s has a different %s as the store's own checksum: %w", s.bucket, key, pair.name, ErrMismatch)
		}
		verified = true
	}
	return verified, nil
}

func isComposite(checksum string) bool { return strings.Contains(checksum, "-") }

// sha256Checksum returns a digest in hex as a store returns it, "" if it is none.
func sha256Checksum(digest string) string {
	raw, err := hex.DecodeString(digest)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// valueOf returns the checksum if it is of that algorithm, "" otherwise.
func (c *Checksum) valueOf(algorithm minio.ChecksumType) string {
	if c == nil || c.Algorithm != algorithm.String() {
		return ""
	}
	return c.Value
}
