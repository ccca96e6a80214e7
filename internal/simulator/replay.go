package simulator

import (
	"container/heap"
	"crypto/sha256"
)

// maxJTIs bounds the memory for used tokens. It is far beyond what the windows of a test let through in the hour
// that a jti lives.
const maxJTIs = 1 << 18

// replayMemory remembers the jti of every token that was used until that token has expired; after that its expiry
// refuses it. It is not safe for concurrent use.
type replayMemory struct {
	used  map[[32]byte]struct{}
	queue jtiQueue // next to expire first
	limit int
}

type usedJTI struct {
	digest [32]byte // of fixed size, whatever length the client chose
	exp    float64  // Unix second
}

func newReplayMemory(limit int) *replayMemory {
	return &replayMemory{used: map[[32]byte]struct{}{}, limit: limit}
}

// burn remembers the jti and reports whether it was new. When the memory is full the entry that would be forgotten
// first goes early.
func (m *replayMemory) burn(jti string, exp, now float64) bool {
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
