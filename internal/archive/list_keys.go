package archive

import (
	"context"
	"iter"

	"github.com/minio/minio-go/v7"
)

// ListKeys returns the keys of the bucket that begin with prefix, in ascending order. It
// ends with an error if the store does not list all of them.
func (s *Store) ListKeys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
			if object.Err != nil {
				yield("", s.storeError("list", prefix, object.Err))
				return
			}
			if !yield(object.Key, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil { // A listing that is cancelled between two pages just ends.
			yield("", err)
		}
	}
}
