package daylog_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/failure"
)

func TestALogGrowsThroughEveryLevelAndStaysWhole(t *testing.T) {
	key, b := newKey(t), newBucket()
	log := daylog.Open(b, prefix, key)
	var kept []byte
	size := 0
	for _, n := range []int{1, 1, 100, 128, 26, 1, 128, 127, 128, 5} { // 256 twice, once exactly
		appended, err := log.Append(t.Context(), texts(size, size+n), kept)
		require.NoError(t, err)
		for i, index := range appended.Indexes {
			require.EqualValues(t, size+i, index)
		}
		size += n
		require.EqualValues(t, size, appended.Size)
		require.Equal(t, b.objects[daylog.CheckpointKey(prefix)], appended.Checkpoint)
		requireHas(t, entriesOf(t, b, key), texts(0, size))
		kept = appended.Checkpoint
	}
}

func TestALogReachesTheSecondLevel(t *testing.T) {
	key, b := newKey(t), newBucket()
	log := daylog.Open(b, prefix, key)
	for size := 0; size < 65536+300; size += 128 {
		_, err := log.Append(t.Context(), texts(size, size+128), nil)
		require.NoError(t, err)
	}
	require.Contains(t, b.objects, daylog.TileKey(prefix, 2, 0, 1))
	entriesOf(t, b, key)
}

func TestAnAppendAddsTwoObjectsWhateverTheSizeOfTheLog(t *testing.T) {
	key, b := newKey(t), newBucket()
	log := daylog.Open(b, prefix, key)
	_, err := log.Append(t.Context(), texts(0, 1), nil)
	require.NoError(t, err)
	objects := len(b.objects)
	for size := 1; size < 600; size++ {
		_, err := log.Append(t.Context(), texts(size, size+1), nil)
		require.NoError(t, err)
		more := 2 // the tile and the entries
		if (size+1)%256 == 0 {
			more++ // the tile above
		}
		require.Equal(t, more, len(b.objects)-objects, "entry %d", size)
		objects = len(b.objects)
	}
}

func TestEntriesThatTheLogHasAreNotAppendedAgain(t *testing.T) {
	key, b := newKey(t), newBucket()
	log := daylog.Open(b, prefix, key)
	_, err := log.Append(t.Context(), texts(0, 10), nil)
	require.NoError(t, err)
	_, err = log.Append(t.Context(), texts(10, 12), nil)
	require.NoError(t, err)
	objects := maps.Clone(b.objects)
	again, err := log.Append(t.Context(), texts(3, 6), nil)
	require.NoError(t, err)
	require.Equal(t, []int64{3, 4, 5}, again.Indexes)
	require.Equal(t, objects, b.objects)

	partly, err := log.Append(t.Context(), append(append(texts(11, 14), texts(0, 1)...), texts(13, 14)...), nil)
	require.NoError(t, err)
	require.Equal(t, []int64{11, 12, 13, 0, 13}, partly.Indexes)
	requireHas(t, entriesOf(t, b, key), texts(0, 14))
}

func TestEntriesOutOfBoundsAreRefused(t *testing.T) {
	log := daylog.Open(newBucket(), prefix, newKey(t))
	for _, entries := range [][][]byte{nil, {{}}, texts(0, daylog.MaxEntries+1), {make([]byte, daylog.MaxEntryBytes+1)}, slices.Repeat([][]byte{make([]byte, 60000)}, 18)} {
		_, err := log.Append(t.Context(), entries, nil)
		require.Equal(t, failure.InvalidInput, failure.KindOf(err), "%v", err)
	}
}

func TestALargeAppendFitsIntoThePendingObject(t *testing.T) {
	key, b := newKey(t), newBucket()
	log := daylog.Open(b, prefix, key)
	var entries [][]byte
	for i := range 16 {
		entry := make([]byte, daylog.MaxEntryBytes)
		entry[0] = byte(i)
		entries = append(entries, entry)
	}
	_, err := log.Append(t.Context(), entries, nil)
	require.NoError(t, err)
	_, err = log.Append(t.Context(), texts(0, 1), nil)
	require.NoError(t, err)
	require.Len(t, entriesOf(t, b, key), 17)
}

func TestALogThatWasTamperedWithIsRefused(t *testing.T) {
	key, b := newKey(t), newBucket()
	log := daylog.Open(b, prefix, key)
	first, err := log.Append(t.Context(), texts(0, 5), nil)
	require.NoError(t, err)
	early := b.copy()
	_, err = log.Append(t.Context(), texts(5, 7), nil)
	require.NoError(t, err)
	second, err := log.Append(t.Context(), texts(7, 99), nil)
	require.NoError(t, err)
	other := newBucket()
	_, err = daylog.Open(other, prefix, newKey(t)).Append(t.Context(), texts(0, 5), nil)
	require.NoError(t, err)
	fork := newBucket()
	_, err = daylog.Open(fork, prefix, key).Append(t.Context(), texts(700, 800), nil)
	require.NoError(t, err)

	flip := func(name string) func(*bucket) {
		return func(b *bucket) {
			changed := slices.Clone(b.objects[name])
			changed[len(changed)/2] ^= 1
			b.objects[name] = changed
		}
	}
	size := int(second.Size)
	for _, row := range []struct {
		name   string
		tamper func(*bucket)
		kept   []byte
		says   string
	}{
		{"checkpoint of another key", func(b *bucket) { b.objects = other.objects }, nil, "not signed by the key"},
		{"checkpoint changed", flip(daylog.CheckpointKey(prefix)), nil, ""},
		{"pending of another key", func(b *bucket) { b.objects[daylog.PendingKey(prefix)] = other.objects[daylog.PendingKey(prefix)] }, nil, "not signed by the key"},
		{"older checkpoint put back", func(b *bucket) { b.objects[daylog.CheckpointKey(prefix)] = early.objects[daylog.CheckpointKey(prefix)] }, nil, "it has 5 entries, and the log had 7 already"},
		{"tile changed", flip(daylog.TileKey(prefix, 0, 0, size)), nil, "do not have the root"},
		{"tile missing", func(b *bucket) { delete(b.objects, daylog.TileKey(prefix, 0, 0, size)) }, nil, "missing"},
		{"entries changed", flip(daylog.EntriesKey(prefix, 0, size)), nil, "not the one that the tiles have"},
		{"entries missing", func(b *bucket) { delete(b.objects, daylog.EntriesKey(prefix, 0, size)) }, nil, "missing"},
		{"whole log put back, a checkpoint was kept", func(b *bucket) { b.objects = early.copy().objects }, second.Checkpoint, "the log had 99 already"},
		{"log written anew, a checkpoint was kept", func(b *bucket) { b.objects = fork.copy().objects }, first.Checkpoint, "are not those that the log had"},
		{"checkpoint deleted", func(b *bucket) { delete(b.objects, daylog.CheckpointKey(prefix)) }, nil, ""},
		{"tile is in the way", func(b *bucket) { b.objects[daylog.TileKey(prefix, 0, 0, size+1)] = []byte("x") }, nil, "another content"},
	} {
		t.Run(row.name, func(t *testing.T) {
			tampered := b.copy()
			row.tamper(tampered)
			_, err := daylog.Open(tampered, prefix, key).Append(t.Context(), texts(500, 501), row.kept)
			require.Equal(t, failure.ArchiveBlocked, failure.KindOf(err), "%v", err)
			require.ErrorContains(t, err, "cannot be continued")
			require.ErrorContains(t, err, row.says)
		})
	}
}

func TestTheCheckpointBeforeTheLastAppendIsBroughtUpToDate(t *testing.T) {
	key, b := newKey(t), newBucket()
	log := daylog.Open(b, prefix, key)
	_, err := log.Append(t.Context(), texts(0, 5), nil)
	require.NoError(t, err)
	before := b.objects[daylog.CheckpointKey(prefix)]
	_, err = log.Append(t.Context(), texts(5, 9), nil)
	require.NoError(t, err)
	b.objects[daylog.CheckpointKey(prefix)] = before
	_, err = log.Append(t.Context(), texts(9, 10), nil)
	require.NoError(t, err)
	requireHas(t, entriesOf(t, b, key), texts(0, 10))
}

func TestWhatTheCallerKeptOfTheLogHolds(t *testing.T) {
	key, b := newKey(t), newBucket()
	log := daylog.Open(b, prefix, key)
	random := rand.New(rand.NewPCG(1, 2))
	var kept [][]byte
	for size := 0; size < 400; {
		n := 1 + random.IntN(20)
		var last []byte
		if len(kept) > 0 {
			last = kept[random.IntN(len(kept))]
		}
		appended, err := log.Append(t.Context(), texts(size, size+n), last)
		require.NoError(t, err)
		kept, size = append(kept, appended.Checkpoint), size+n
	}
}

func TestAStampedCheckpointIsKeptOnce(t *testing.T) {
	key, b := newKey(t), newBucket()
	log := daylog.Open(b, prefix, key)
	appended, err := log.Append(t.Context(), texts(0, 3), nil)
	require.NoError(t, err)
	require.NoError(t, log.KeepStamp(t.Context(), appended.Checkpoint, []byte("first")))
	require.NoError(t, log.KeepStamp(t.Context(), appended.Checkpoint, []byte("second")))
	require.Equal(t, appended.Checkpoint, b.objects[daylog.StampsPrefix(prefix)+"3.checkpoint"])
	require.Equal(t, "first", string(b.objects[daylog.StampsPrefix(prefix)+"3.tsr"]))
	require.Error(t, log.KeepStamp(t.Context(), []byte("x"), nil))
}
