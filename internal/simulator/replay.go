package simulator

import (
	"container/heap"
	"crypto/sha256"
)

// maxJTIs limits the memory for used tokens. It is far more than the windows of a test accept in the hour that a jti is
// valid.
const maxJTIs = 1 << 18

// replayMemory stores the jti of every used token until the token expires; from then on the exp check refuses it. It is
// not safe for concurrent use.
type replayMemory struct {
	used  map[[32]byte]struct{}
	queue jtiQueue // next to expire first
	limit int
}

type usedJTI struct {
	digest [32]byte // fixed size, independent of the client's jti
	exp    float64  // Unix second
}

func newReplayMemory(limit int) *replayMemory {
	return &replayMemory{used: map[[32]byte]struct{}{}, limit: limit}
}

// markUsed stores the jti and reports whether it was new. When the memory is full, it drops the entry that expires first.
func (m *replayMemory) markUsed(jti string, exp, now float64) bool {
	for len(m.queue) > 0 && m.queue[0].exp <= now {
		m.drop()
	}
	digest := sha256.Sum256([]byte(jti))
	if _, seen := m.used[digest]; seen {
		return false
	}
	if len(m.queue) >= m.limit {
		m.drop()
	}
	m.used[digest] = struct{}{}
	heap.Push(&m.queue, usedJTI{digest, exp})
	return true
}

func (m *replayMemory) drop() {
	delete(m.used, heap.Pop(&m.queue).(usedJTI).digest)
}

// jtiQueue is a heap by expiry.
type jtiQueue []usedJTI

func (q jtiQueue) Len() int           { return len(q) }
func (q jtiQueue) Less(i, j int) bool { return q[i].exp < q[j].exp }
func (q jtiQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *jtiQueue) Push(x any)        { *q = append(*q, x.(usedJTI)) }
func (q *jtiQueue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}
