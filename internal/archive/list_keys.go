package archive

import (
	"context"
	"iter"
)

// ListKeys returns the keys of the bucket that begin with prefix, in ascending order. It
// ends with an error if the store does not list all of them.
func (s *Store) ListKeys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return s.KeysAfter(ctx, prefix, "")
}
