package simulator

import (
	"bytes"
	"sync"
)

// soundBytes limits the size of the cache. A loop has at most 384 kB, ten minutes of FLAC about 10 MB.
const soundBytes = 64 << 20

// soundCache keeps the latest audio, because generating it takes milliseconds and a file is often read in several ranges.
type soundCache struct {
	mu      sync.Mutex
	entries map[soundKey]*soundEntry
	order   []soundKey // oldest first
	bytes   int
}

// soundKey identifies generated audio. Frames is 0 for a loop, which serves files of any length.
type soundKey struct {
	seed     uint64
	channels int
	frames   int64
}

type soundEntry struct {
	once  sync.Once
	bytes []byte
	err   error
}

func newSoundCache() *soundCache { return &soundCache{entries: map[soundKey]*soundEntry{}} }

// open returns the content of a file.
func (c *soundCache) open(f *fileState) (sound, error) {
	if f.Raw != nil {
		return bytes.NewReader(f.Raw), nil
	}
	loop := soundKey{f.Seed, f.Channels, 0}
	generate := func() ([]byte, error) { return speechLoop(f.Seed, f.Channels), nil }
	if f.Format == FLAC {
		encoded, err := c.get(soundKey{f.Seed, f.Channels, f.frames()}, func() ([]byte, error) {
			pcm, err := c.get(loop, generate)
			if err != nil {
				return nil, err
			}
			return encodeFLAC(pcm, f.Channels, f.frames())
		})
		return bytes.NewReader(encoded), err
	}
	pcm, err := c.get(loop, generate)
	header := wavHeader
	if f.Format == RF64 {
		header = rf64Header
	}
	return waveFile{header(f.Channels, f.dataBytes()), pcm, f.dataBytes()}, err
}

// get returns the entry. Concurrent callers share one call of produce.
func (c *soundCache) get(key soundKey, produce func() ([]byte, error)) ([]byte, error) {
	c.mu.Lock()
	entry := c.entries[key]
	if entry == nil {
		entry = &soundEntry{}
		c.entries[key] = entry
	}
	c.mu.Unlock()

	entry.once.Do(func() {
		entry.bytes, entry.err = produce()
		c.evict(key, len(entry.bytes))
	})
	return entry.bytes, entry.err
}

// evict counts a finished entry and removes the oldest ones over the limit. Their readers keep the bytes.
func (c *soundCache) evict(key soundKey, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = append(c.order, key)
	c.bytes += size
	for c.bytes > soundBytes && len(c.order) > 1 {
		oldest := c.order[0]
		c.order = c.order[1:]
		c.bytes -= len(c.entries[oldest].bytes)
		delete(c.entries, oldest)
	}
}
