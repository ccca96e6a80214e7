package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
)

// The plan of the transfers: which files there are and what happens to their downloads.
// All of it ends after a while, so that every recording can be archived; and none of it
// sends wrong bytes that no client could tell from right ones: a chunked body that ends too
// early (Chunked with After), or another content under the same ETag and Last-Modified, of
// the same size or of one that was not told, while a download is resumed (HiddenChange of a
// large file).

const (
	// smallest and largest are the sizes of most files, in bytes; every largeEvery-th file is
	// between leastLarge and mostLarge, and every longEvery-th session has a second file.
	smallest, largest     = 1_000, 300_000
	leastLarge, mostLarge = 10_000_000, 20_000_000
	largeEvery, longEvery = 12, 25

	// mostFaults is how many faults a file has at most, beside one of a kind that comes in turn.
	mostFaults = 3

	// partBytes is the size of a large file's first part, before which nothing can be continued.
	partBytes = 8 << 20
)

// plannedFiles returns the files of the i-th session.
func plannedFiles(random *rand.Rand, i int) []simulator.File {
	files := []simulator.File{plannedFile(random, i, "a")}
	if i%longEvery == 0 {
		files = append(files, plannedFile(random, i, "b"))
	}
	return files
}

func plannedFile(random *rand.Rand, i int, prefix string) simulator.File {
	name := fmt.Sprintf("%s-%d.wav", prefix, i)
	large := i%largeEvery == 0
	size := smallest + random.IntN(largest-smallest)
	if large {
		size = leastLarge + random.IntN(mostLarge-leastLarge)
	}
	var file simulator.File
	switch {
	case large:
		file = simulator.File{Name: name, Size: int64(size), Format: simulator.RF64, Channels: 1 + random.IntN(2), Seed: 1 + 2*random.Uint64N(1<<40)}
	case random.IntN(20) == 0:
		file = simulator.File{Name: name, Format: simulator.FLAC, Duration: time.Second + time.Duration(random.Int64N(int64(4*time.Second)))}
		size = smallest // at least
	default:
		file = system.Recording(name, size)
	}
	file.Validator = simulator.StrongETag
	if !large || i/largeEvery%4 == 3 { // The others can be continued.
		validators := []simulator.Validator{simulator.StrongETag, simulator.WeakETag, simulator.LastModified, simulator.NoValidator}
		file.Validator = validators[random.IntN(len(validators))]
	}

	kinds := faultKinds()
	file.Faults = append(file.Faults, plannedFault(random, kinds[i%len(kinds)], size, large))
	for range random.IntN(mostFaults + 1) {
		file.Faults = append(file.Faults, plannedFault(random, quickKinds[random.IntN(len(quickKinds))], size, large))
	}
	random.Shuffle(len(file.Faults), func(i, j int) { file.Faults[i], file.Faults[j] = file.Faults[j], file.Faults[i] })
	file.Faults = withoutEqualEnds(file.Faults)
	if file.Format == simulator.FLAC {
		for i := range file.Faults {
			if file.Faults[i].Kind == simulator.Change || file.Faults[i].Kind == simulator.HiddenChange {
				file.Faults[i].Bytes = 0 // The simulator makes no FLAC longer.
			}
		}
	}
	if large {
		file.Faults = interrupted(random, withoutUntold(file.Faults), size, rangeKinds[i/largeEvery%len(rangeKinds)])
	}
	if last, ok := lastingFault(random, file); ok {
		file.Faults = append(file.Faults, last)
	}
	return file
}

// quickKinds are the faults that take no time.
var quickKinds = []simulator.FaultKind{
	simulator.Respond, simulator.HTML, simulator.JSON, simulator.Empty, simulator.Huge, simulator.Redirect, simulator.Cut, simulator.Reset,
	simulator.Gzip, simulator.Chunked, simulator.CloseDelimited, simulator.Change, simulator.HiddenChange,
}

// faultKinds are all faults of a request that has no Range.
func faultKinds() []simulator.FaultKind {
	return append(slices.Clone(quickKinds), simulator.Slow, simulator.Stall)
}

// rangeKinds are the faults that wait for a Range.
var rangeKinds = []simulator.FaultKind{
	simulator.IgnoreRange, simulator.WrongStart, simulator.WrongTotal, simulator.WrongLength, simulator.Unsatisfiable, simulator.GzipRange, simulator.IgnoreIfRange,
}

// plannedFault returns a fault of a kind for a file of size bytes.
func plannedFault(random *rand.Rand, kind simulator.FaultKind, size int, large bool) simulator.Fault {
	fault := simulator.Fault{Kind: kind, After: random.Int64N(int64(size))}
	switch kind {
	case simulator.Respond:
		fault.Status = []int{403, 404, 408, 410, 416, 429, 500, 502, 503}[random.IntN(9)]
		if fault.Status == 429 {
			fault.RetryAfter = "1"
		}
	case simulator.Huge:
		fault.Bytes = 2 << 20
	case simulator.Redirect:
		fault.Times = 1 + random.IntN(3)
		if random.IntN(2) == 0 {
			fault.To, fault.Times = "https://media.example.org/recording.wav?s=abc", 1 // a host that is not allowed
		}
	case simulator.Reset:
		fault.Times = 2 // net/http repeats a GET that was reset on a connection that it used before.
		if random.IntN(3) == 0 {
			fault.After = -1
		}
	case simulator.Stall:
		if random.IntN(3) == 0 {
			fault.After = -1
		}
	case simulator.Slow:
		fault.BytesPerSecond = max(size/4, 10_000) // for some seconds
	case simulator.Chunked:
		fault.After = 0
	case simulator.Change, simulator.HiddenChange:
		fault.Bytes = 2 * random.Int64N(2) * (1 + random.Int64N(5_000))
		if kind == simulator.HiddenChange && large {
			fault.Bytes += 4 // A sample of two channels: it can be told by the size.
		}
	case simulator.CloseDelimited:
		fault.After *= random.Int64N(2)
	case simulator.WrongStart, simulator.WrongTotal, simulator.WrongLength:
		fault.Bytes = 1 + random.Int64N(100_000)
	}
	return fault
}

// withoutEqualEnds keeps one of the bodies without a length that end too early, since two
// that end at the same byte prove each other.
func withoutEqualEnds(faults []simulator.Fault) []simulator.Fault {
	ends := false
	return slices.DeleteFunc(faults, func(fault simulator.Fault) bool {
		second := fault.Kind == simulator.CloseDelimited && fault.After > 0 && ends
		ends = ends || fault.Kind == simulator.CloseDelimited && fault.After > 0
		return second
	})
}

// withoutUntold leaves out hidden changes of a large file if its size may not have been told
// before: then nothing tells that the rest of it is another file's.
func withoutUntold(faults []simulator.Fault) []simulator.Fault {
	untold := slices.ContainsFunc(faults, func(fault simulator.Fault) bool { return fault.Kind == simulator.Chunked })
	return slices.DeleteFunc(faults, func(fault simulator.Fault) bool { return untold && fault.Kind == simulator.HiddenChange })
}

// interrupted returns the faults with interruptions of a large file after its first part,
// each with a fault of the Range by which the download is continued: first the given one.
func interrupted(random *rand.Rand, faults []simulator.Fault, size int, first simulator.FaultKind) []simulator.Fault {
	interruption := func(kind, ofRange simulator.FaultKind) []simulator.Fault {
		after := partBytes + random.Int64N(int64(size)-partBytes)
		return []simulator.Fault{{Kind: kind, After: after, BytesPerSecond: size / 6}, plannedFault(random, ofRange, size, true)}
	}
	kinds := []simulator.FaultKind{simulator.Cut, simulator.Reset, simulator.Slow}
	second := interruption(kinds[random.IntN(len(kinds))], rangeKinds[random.IntN(len(rangeKinds))])
	faults = slices.Insert(faults, random.IntN(len(faults)+1), second...)
	return append(interruption(simulator.Cut, first), faults...)
}

// lastingFault returns, for some files, a fault of all requests after the others: no length
// is stated, or the header lies. The content of a file that lies is what all requests get,
// so it has no other fault by which another content could be archived.
func lastingFault(random *rand.Rand, file simulator.File) (simulator.Fault, bool) {
	kinds := []simulator.FaultKind{simulator.Chunked, simulator.CloseDelimited, simulator.Short, simulator.Long}
	kind := kinds[random.IntN(len(kinds))]
	fault := simulator.Fault{Kind: kind, Times: -1, Bytes: 100}
	fails := func(fault simulator.Fault) bool {
		switch fault.Kind {
		case simulator.Respond, simulator.HTML, simulator.JSON, simulator.Empty, simulator.Huge, simulator.Cut, simulator.Reset, simulator.Stall:
			return true
		}
		return false
	}
	lies := kind == simulator.Short || kind == simulator.Long
	if random.IntN(8) > 0 || lies && slices.ContainsFunc(file.Faults, func(fault simulator.Fault) bool { return !fails(fault) }) {
		return simulator.Fault{}, false
	}
	return fault, true
}
