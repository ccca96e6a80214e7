package archive

import (
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	// failureMemory is how long a failed request tells that nothing can be archived, if
	// nothing is tried meanwhile.
	failureMemory = 2 * time.Minute

	// trialInterval and trialTime: so often, and for so long, a store that goes on failing
	// counts as working. Otherwise nothing would be tried that could show that it works.
	trialInterval = 10 * time.Minute
	trialTime     = 10 * time.Second
)

// health is what the last requests tell of the store.
type health struct {
	mu       sync.Mutex
	since    time.Time // of the first failure after the last success
	failedAt time.Time // of the last failure; zero after a success
}

// IsFailing reports whether nothing can be archived for now, as far as is known: lately
// the store did not respond, or refused a write, and has taken none since.
func (s *Store) IsFailing() bool { return s.health.isFailing(time.Now()) }

func (h *health) isFailing(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isForgotten(now) {
		return false
	}
	lasted := now.Sub(h.since)
	return lasted < trialInterval || lasted%trialInterval >= trialTime
}

// failed records that a request failed.
func (h *health) failed(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isForgotten(now) {
		h.since = now
	}
	h.failedAt = now
}

// isForgotten reports whether there was no failure lately.
func (h *health) isForgotten(now time.Time) bool { return now.Sub(h.failedAt) >= failureMemory }

// stored records that an object was written.
func (h *health) stored() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failedAt = time.Time{}
}

// concernsStore reports whether a failed request tells of the whole store: it did not
// respond, or a write failed. What cannot be read may be one object.
func concernsStore(operation string, response minio.ErrorResponse) bool {
	return response.StatusCode == 0 || operation == opWrite || operation == opCheck
}
