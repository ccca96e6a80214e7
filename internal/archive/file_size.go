package archive

import (
	"context"
	"fmt"

	"github.com/minio/minio-go/v7"
)

// FileSize returns the length of the object key in bytes, without reading it. It returns
// [ErrMissing] if there is none.
func (s *Store) FileSize(ctx context.Context, key string) (int64, error) {
	info, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if isNotFound(err) {
		return 0, fmt.Errorf("s3://%s/%s: %w", s.bucket, key, ErrMissing)
	}
	if err != nil {
		return 0, s.storeError("inspect", key, s.reasonFor(ctx, err))
	}
	return info.Size, nil
}
