package archive

import (
	"context"
	"iter"

	"github.com/minio/minio-go/v7"
)

// KeysAfter returns the keys that begin with prefix and follow after, which may be empty, in
// ascending order. It costs one LIST for 1,000 keys, as far as the caller reads.
func (s *Store) KeysAfter(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: after}) {
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
