package daylog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/daylog"
)

var errKilled = errors.New("killed")

// Before and after each single request of an append the process is killed, in logs whose next
// entries fill a tile, begin one, or neither. What was written is whole, and a retry ends it.
func TestAnAppendMayBeKilledAtEveryRequest(t *testing.T) {
	key := newKey(t)
	for _, size := range []int{0, 3, 254, 256} {
		start := newBucket()
		for from := 0; from < size; from += 128 {
			_, err := daylog.Open(start, prefix, key).Append(t.Context(), texts(from, min(from+128, size)), nil)
			require.NoError(t, err)
		}
		kills := 0
		for killAt(t, start, key, size, kills, false) && killAt(t, start, key, size, kills, true) {
			kills++
		}
		require.Greater(t, kills, 6)
	}
}

// killAt kills an append to a log of size entries at its request at, before the store has
// done it or afterwards, and reports whether there was such a request.
func killAt(t *testing.T, start *bucket, key *daylog.Key, size, at int, afterwards bool) bool {
	t.Helper()
	b, n := start.copy(), 0
	kill := func(string, string) error {
		if n++; n > at {
			return errKilled
		}
		return nil
	}
	if afterwards {
		b.after = kill
	} else {
		b.before = kill
	}
	_, err := daylog.Open(b, prefix, key).Append(t.Context(), texts(size, size+4), nil)
	require.Equal(t, n > at, err != nil, "%v", err)
	b.before, b.after = nil, nil
	require.Contains(t, []int{size, size + 4}, len(entriesOf(t, b, key)))

	others := 0
	if at%2 == 0 { // Another append comes first.
		others = 1
		_, err = daylog.Open(b, prefix, key).Append(t.Context(), texts(9000, 9001), nil)
		require.NoError(t, err)
	}
	appended, err := daylog.Open(b, prefix, key).Append(t.Context(), texts(size, size+4), nil)
	require.NoError(t, err)
	entries := entriesOf(t, b, key)
	require.Len(t, entries, size+4+others)
	for i, index := range appended.Indexes {
		require.Equal(t, string(texts(size+i, size+i+1)[0]), entries[index])
	}
	return n > at
}

// Writers append at once, one request at a time in random order. Some are killed, before or after a
// request, or lose a response, and try again. The log is whole after each single request, never
// loses what it had, and has each acknowledged entry exactly once.
func TestWritersThatInterleaveNeverDamageTheLog(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rounds := 40
	if testing.Short() {
		rounds = 20
	}
	for round := range rounds {
		interleave(t, rand.New(rand.NewPCG(seed, uint64(round))))
	}
}

// turn is a writer's request that waits for its turn, or its end.
type turn struct {
	writer int
	goOn   chan error // nil at the end
	result error
	got    daylog.Appended
}

func interleave(t *testing.T, random *rand.Rand) {
	t.Helper()
	key, b := newKey(t), newBucket()
	size := random.IntN(260)
	for from := 0; from < size; from += 128 {
		_, err := daylog.Open(b, prefix, key).Append(t.Context(), texts(-size+from, -size+min(from+128, size)), nil)
		require.NoError(t, err)
	}
	b.requests = 0
	turns := make(chan turn)
	const writers = 3
	waiting := make([]*turn, writers)
	left := [writers]int{4, 4, 4} // appends to do
	entries := [writers][][]byte{}
	next, running := 0, 0
	acknowledged := make(map[string]int64)
	start := func(w int) {
		running++
		go func(entries [][]byte) {
			own := &bucket{objects: b.objects}
			ask := func(string, string) error {
				goOn := make(chan error)
				turns <- turn{writer: w, goOn: goOn}
				return <-goOn
			}
			own.before, own.after = ask, ask
			got, err := daylog.Open(own, prefix, key).Append(context.Background(), entries, nil)
			turns <- turn{writer: w, result: err, got: got}
		}(entries[w])
	}
	renew := func(w int) {
		if left[w] == 0 {
			return
		}
		left[w]--
		n := 1 + random.IntN(5)
		entries[w] = texts(next, next+n)
		next += n
		start(w)
	}
	for w := range writers {
		renew(w)
	}
	var had []string
	var checked []byte
	for running > 0 {
		// Everybody who runs waits for a turn before one is given.
		for w, asked := 0, 0; ; w++ {
			asked = 0
			for _, waits := range waiting {
				if waits != nil {
					asked++
				}
			}
			if asked == running {
				break
			}
			came := <-turns
			if came.goOn != nil {
				waiting[came.writer] = &came
				continue
			}
			running--
			if came.result != nil {
				require.ErrorIs(t, came.result, errKilled)
				start(came.writer)
				continue
			}
			for i, index := range came.got.Indexes {
				acknowledged[string(entries[came.writer][i])] = index
			}
			renew(came.writer)
		}
		if running == 0 {
			break
		}
		w := random.IntN(writers)
		for waiting[w] == nil {
			w = (w + 1) % writers
		}
		waits := waiting[w]
		waiting[w] = nil
		var fate error
		if random.IntN(12) == 0 {
			fate = errKilled
		}
		waits.goOn <- fate
		came := <-turns // Until it asks again it is alone.
		if came.goOn != nil {
			waiting[w] = &came
		} else {
			go func() { turns <- came }()
		}
		if signed := b.objects[daylog.CheckpointKey(prefix)]; bytes.Equal(signed, checked) {
			continue // Tiles are only created.
		} else {
			checked = signed
		}
		has := entriesOf(t, b, key)
		require.GreaterOrEqual(t, len(has), len(had))
		require.Equal(t, append([]string{}, had...), append([]string{}, has[:len(had)]...))
		had = has
	}
	times := make(map[string]int)
	for _, entry := range had {
		times[entry]++
		require.Equal(t, 1, times[entry], entry)
	}
	require.Len(t, had, size+next)
	for entry, index := range acknowledged {
		require.Equal(t, entry, had[index], fmt.Sprint(index))
	}
}
