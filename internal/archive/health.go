package archive

import (
	"sync/atomic"
	"time"
)

// failureMemory is how long a failed request tells that nothing can be archived, if
// nothing is tried meanwhile.
const failureMemory = 2 * time.Minute

// health is what the last requests tell of the store.
type health struct {
	failedAt, storedAt atomic.Int64 // in nanoseconds
}

// IsFailing reports whether nothing can be archived for now, as far as is known: the last
// thing that happened lately is that the store did not respond or refused a request, and
// not that an object was written.
func (s *Store) IsFailing() bool {
	failedAt := s.health.failedAt.Load()
	return failedAt > s.health.storedAt.Load() && time.Since(time.Unix(0, failedAt)) < failureMemory
}

func (h *health) failed() { h.failedAt.Store(time.Now().UnixNano()) }
func (h *health) stored() { h.storedAt.Store(time.Now().UnixNano()) }
