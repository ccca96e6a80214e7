package archive

import (
	"context"
	"errors"
)

// Damaged returns the keys of m's objects that are missing or differ from what m
// says, in m's order. What belongs to the call beside its files is not looked at: nothing is
// fetched again for it, and a call.json may have been erased. It sends one HEAD for each file, one after the other, and
// returns the first error of another kind.
func (s *Store) Damaged(ctx context.Context, m *Manifest) (keys []string, err error) {
	for _, file := range m.Files {
		err := s.Verify(ctx, file.Key, file.object())
		if errors.Is(err, ErrMismatch) {
			keys = append(keys, file.Key)
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}
