package archive

import (
	"context"
	"fmt"

	"github.com/minio/minio-go/v7"
)

// Keys returns the keys that begin with a prefix, in order: one LIST for each 1,000 of them. It is an error if there are more
// than most.
func (s *Store) Keys(ctx context.Context, prefix string, most int) ([]string, error) {
	var keys []string
	for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, s.storeError("list", prefix, object.Err)
		}
		if len(keys) >= most {
			return nil, fmt.Errorf("s3://%s/%s has more than %d objects", s.bucket, prefix, most)
		}
		keys = append(keys, object.Key)
	}
	return keys, ctx.Err() // A listing that is cancelled between two pages just ends.
}
