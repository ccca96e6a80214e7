package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// digest returns the simulator's SHA-256 of the first file's present content.
func (h *harness) digest(sessionID string) string {
	h.t.Helper()
	digests, err := h.SHA256(DefaultBotID, sessionID)
	require.NoError(h.t, err)
	require.NotEmpty(h.t, digests)
	return digests[0][len(digests[0])-1]
}

func TestContentChangesBetweenTwoRequests(t *testing.T) {
	files := map[string]File{
		"raw":  {Raw: numbered(10_000)},
		"tiny": {Raw: []byte("x")},
		"WAV":  {Duration: time.Second},
		"RF64": {Duration: time.Second, Format: RF64},
		"FLAC": {Duration: time.Second, Format: FLAC},
	}
	for name, file := range files {
		for _, fault := range []Fault{{Kind: Change}, {Kind: HiddenChange}, {Kind: Change, Bytes: 1000}, {Kind: HiddenChange, Bytes: 1000}} {
			if fault.Bytes > 0 && file.Format == FLAC {
				continue
			}
			t.Run(name+" "+string(fault.Kind), func(t *testing.T) {
				h := newHarness(t, Config{})
				file.Faults = []Fault{{Kind: None}, fault, {Kind: fault.Kind}}
				id := h.addSession(Session{Files: []File{file}})
				media := h.mediaURL(id)
				var bodies []string
				var tags, times []string
				for range 4 {
					resp := h.get(media)
					require.NoError(t, resp.err)
					require.Equal(t, digestOf(resp.body), h.digest(id))
					bodies = append(bodies, resp.body)
					tags, times = append(tags, resp.header.Get("ETag")), append(times, resp.header.Get("Last-Modified"))
				}
				digests, err := h.SHA256(DefaultBotID, id)
				require.NoError(t, err)
				require.Equal(t, [][]string{{digestOf(bodies[0]), digestOf(bodies[1]), digestOf(bodies[2])}}, digests, "the present content is the last")
				require.NotEqual(t, digestOf(bodies[0]), digestOf(bodies[1]))
				require.NotEqual(t, digestOf(bodies[1]), digestOf(bodies[2]))
				require.NotEqual(t, digestOf(bodies[0]), digestOf(bodies[2]), "the first content does not come back")
				require.Equal(t, bodies[2], bodies[3], "the change lasts")
				if file.Format != FLAC { // whose size follows from its content
					require.Len(t, bodies[1], len(bodies[0])+int(fault.Bytes))
					require.Len(t, bodies[2], len(bodies[1]))
				}
				require.Equal(t, bodies[0][:min(4, len(bodies[0])-1)], bodies[1][:min(4, len(bodies[0])-1)], "the format stays")
				for _, names := range [][]string{tags, times} {
					require.Equal(t, fault.Kind == HiddenChange, names[0] == names[1])
					require.Equal(t, fault.Kind == HiddenChange, names[1] == names[2])
				}
			})
		}
	}
}

func TestChangedFileHonoursIfRange(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Files: []File{{Raw: numbered(10_000), Faults: []Fault{{Kind: Cut, After: 4000}, {Kind: Change}, {Kind: HiddenChange}}}}})
	media := h.mediaURL(id)
	first := h.get(media)
	changed := h.get(media, "Range", "bytes=4000-", "If-Range", first.header.Get("ETag"))
	require.Equal(t, 200, changed.status, "the whole new content")
	require.Equal(t, h.digest(id), digestOf(changed.body))
	hidden := h.get(media, "Range", "bytes=4000-", "If-Range", changed.header.Get("ETag"))
	require.Equal(t, 206, hidden.status, "the server says that it is the same content")
	require.NotEqual(t, h.digest(id), digestOf(changed.body[:4000]+hidden.body), "the two are no file that there ever was")
}

func TestBrokenServerIgnoresIfRange(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Files: []File{{Raw: numbered(10_000), Faults: []Fault{{Kind: IgnoreIfRange}}}}})
	media := h.mediaURL(id)
	first := h.get(media)
	require.Empty(t, h.Counts().Faults, "it waits for a Range")
	rest := h.get(media, "Range", "bytes=4000-", "If-Range", first.header.Get("ETag"))
	require.Equal(t, 206, rest.status)
	require.NotEqual(t, first.header.Get("ETag"), rest.header.Get("ETag"))
	require.NotEqual(t, h.digest(id), digestOf(first.body[:4000]+rest.body))
	now := h.get(media)
	require.Equal(t, h.digest(id), digestOf(now.body))
	require.True(t, strings.HasSuffix(now.body, rest.body))
}

func TestSHA256CountsOnlyFaultsThatLast(t *testing.T) {
	h := newHarness(t, Config{})
	once := h.addSession(Session{Files: oneSecond(Fault{Kind: Short}, Fault{Kind: Gzip}, Fault{Kind: Cut, After: 7})})
	want, media := h.digest(once), h.mediaURL(once)
	for range 3 {
		require.NotEqual(t, want, digestOf(h.get(media).body))
	}
	require.Equal(t, want, digestOf(h.get(media).body))
	for _, kind := range []FaultKind{Short, Long, Chunked, Slow} {
		for _, file := range []File{{Duration: time.Second}, {Raw: numbered(5000)}} {
			file.Faults = []Fault{{Kind: kind, Times: -1, BytesPerSecond: 1 << 20}}
			id := h.addSession(Session{Files: []File{file}})
			require.Equal(t, h.digest(id), digestOf(h.get(h.mediaURL(id)).body), kind)
		}
	}
}

func TestSHA256IsOfEachFileInOrder(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Files: []File{{Raw: []byte("a")}, {Raw: []byte{}}, {Size: 3 << 20}}})
	digests, err := h.SHA256(DefaultBotID, id)
	require.NoError(t, err)
	require.Len(t, digests, 3)
	for i, listed := range h.getStatus(id).recordings(t).Recording {
		require.Equal(t, []string{digestOf(h.get(listed.FileURL).body)}, digests[i])
	}
	unknown, err := h.SHA256(DefaultBotID, NewSessionID(noon, 1<<40))
	require.NoError(t, err)
	require.Empty(t, unknown)
}

// A response that has begun is of one content, whatever later requests change.
func TestChangeDoesNotReachAResponseThatHasBegun(t *testing.T) {
	h := newHarness(t, Config{})
	faults := []Fault{{Kind: Slow, BytesPerSecond: 1 << 20, Delay: time.Second / 2}}
	for range 20 {
		faults = append(faults, Fault{Kind: Change})
	}
	id := h.addSession(Session{Files: []File{{Raw: numbered(20_000), Faults: faults}}})
	media, before := h.mediaURL(id), h.digest(id)
	slow := make(chan response, 1)
	request := h.request("GET", media)
	go func() { slow <- h.send(request) }()
	h.await(func(c Counts) bool { return c.Faults[Slow] == 1 })
	var group sync.WaitGroup
	for range 20 {
		request := h.request("GET", media)
		group.Go(func() { h.send(request) })
	}
	group.Wait()
	require.Equal(t, before, digestOf((<-slow).body))
	require.NotEqual(t, before, h.digest(id))
}
