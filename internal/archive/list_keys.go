package archive

import (
	"context"
	"fmt"
	"iter"
)

// ListKeys returns the keys of the bucket that begin with prefix, in ascending order. It
// ends with an error if the store does not list all of them.
func (s *Store) ListKeys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return s.KeysAfter(ctx, prefix, "")
}

// Keys returns the keys that begin with a prefix, in order: one LIST for each 1,000 of them.
// It is an error if there are more than most.
func (s *Store) Keys(ctx context.Context, prefix string, most int) ([]string, error) {
	var keys []string
	for key, err := range s.ListKeys(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		if len(keys) >= most {
			return nil, fmt.Errorf("s3://%s/%s has more than %d objects", s.bucket, prefix, most)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
