package simulator

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFaultsOfARange(t *testing.T) {
	whole := string(numbered(10_000))
	for _, c := range []struct {
		fault         Fault
		asked         string
		status        int
		contentRange  string
		contentLength string
		body          string
	}{
		{Fault{Kind: IgnoreRange}, "bytes=4000-", 200, "", "10000", whole},
		{Fault{Kind: WrongStart}, "bytes=4000-", 206, "bytes 3000-9999/10000", "7000", whole[3000:]},
		{Fault{Kind: WrongStart, Bytes: 5000}, "bytes=4000-", 206, "bytes 9000-9999/10000", "1000", whole[9000:]},
		{Fault{Kind: WrongStart}, "bytes=0-99", 206, "bytes 99-99/10000", "1", whole[99:100]},
		{Fault{Kind: WrongTotal}, "bytes=4000-4999", 206, "bytes 4000-4999/11000", "1000", whole[4000:5000]},
		{Fault{Kind: WrongTotal, Bytes: 1}, "bytes=-10", 206, "bytes 9990-9999/10001", "10", whole[9990:]},
		{Fault{Kind: WrongLength}, "bytes=4000-", 206, "bytes 4000-9999/10000", "5000", whole[4000:9000]},
		{Fault{Kind: WrongLength, Bytes: 1 << 40}, "bytes=4000-", 206, "bytes 4000-9999/10000", "0", ""},
		{Fault{Kind: Unsatisfiable}, "bytes=4000-", 416, "bytes */10000", "33", "invalid range: failed to overlap\n"},
	} {
		t.Run(fmt.Sprint(c.fault.Kind, " ", c.asked), func(t *testing.T) {
			h := newHarness(t, Config{})
			media := h.mediaURL(h.addSession(Session{Files: []File{{Raw: numbered(10_000), Faults: []Fault{c.fault}}}}))
			resp := h.get(media, "Range", c.asked)
			require.NoError(t, resp.err)
			require.Equal(t, c.status, resp.status)
			require.Equal(t, c.contentRange, resp.header.Get("Content-Range"))
			require.Equal(t, c.contentLength, resp.header.Get("Content-Length"))
			require.True(t, resp.body == c.body, "%d bytes", len(resp.body))
			require.Equal(t, 1, h.Counts().Faults[c.fault.Kind])
			rest := h.get(media, "Range", "bytes=4000-")
			require.Equal(t, 206, rest.status)
			require.True(t, rest.body == whole[4000:], "the next response is normal")
		})
	}
}

func TestGzipOfARangeIsSentUnrequested(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: []File{{Raw: numbered(10_000), Faults: []Fault{{Kind: GzipRange}}}}}))
	resp := h.get(media, "Range", "bytes=4000-", "Accept-Encoding", "identity")
	require.NoError(t, resp.err)
	require.Equal(t, 206, resp.status)
	require.Equal(t, "gzip", resp.header.Get("Content-Encoding"))
	require.Equal(t, "bytes 4000-9999/10000", resp.header.Get("Content-Range"))
	unzip, err := gzip.NewReader(strings.NewReader(resp.body))
	require.NoError(t, err)
	plain, err := io.ReadAll(unzip)
	require.NoError(t, err)
	require.True(t, string(plain) == string(numbered(10_000)[4000:]))
}

func TestFaultOfARangeWaitsForARangeThatIsHonoured(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: []File{{Raw: numbered(10_000), Faults: []Fault{{Kind: WrongTotal}, {Kind: Respond, Status: 503}}}}}))
	etag := h.get(media).header.Get("ETag")
	for _, headers := range [][]string{
		nil,
		{"Range", "bytes=-"},
		{"Range", "bytes=1-2,5-6"},
		{"Range", "lines=1-"},
		{"Range", "bytes=x-"},
		{"Range", "bytes=1-x"},
		{"Range", "bytes=4000-", "If-Range", `"other"`},
		{"Range", "bytes=4000-", "If-Range", "W/" + etag},
		{"If-Range", etag},
	} {
		resp := h.get(media, headers...)
		require.NotEqual(t, "bytes 4000-9999/11000", resp.header.Get("Content-Range"), headers)
		require.NotEqual(t, 503, resp.status, headers)
	}
	require.Empty(t, h.Counts().Faults)
	require.Equal(t, "bytes 4000-9999/11000", h.get(media, "Range", "bytes=4000-", "If-Range", etag).header.Get("Content-Range"))
	require.Equal(t, 503, h.get(media).status, "the fault after it has its turn")
}

func TestRangeBeyondTheEndIsNotSatisfiedWhateverTheFault(t *testing.T) {
	for _, kind := range []FaultKind{WrongStart, WrongTotal, WrongLength, Unsatisfiable} {
		h := newHarness(t, Config{})
		media := h.mediaURL(h.addSession(Session{Files: []File{{Raw: numbered(100), Faults: []Fault{{Kind: kind}}}}}))
		resp := h.get(media, "Range", "bytes=100-")
		require.Equal(t, 416, resp.status, kind)
		require.Equal(t, "bytes */100", resp.header.Get("Content-Range"), kind)
	}
}

func TestDownloadFaultsApplyWithinARange(t *testing.T) {
	for name, c := range map[string]struct {
		fault Fault
		sent  int
	}{
		"cut":   {Fault{Kind: Cut, After: 100}, 100},
		"stall": {Fault{Kind: Stall, After: 100}, 100},
		"slow":  {Fault{Kind: Slow, BytesPerSecond: 1 << 20}, 6000},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, Config{StallLimit: 10 * time.Millisecond})
			media := h.mediaURL(h.addSession(Session{Files: []File{{Raw: numbered(10_000), Faults: []Fault{c.fault}}}}))
			resp := h.get(media, "Range", "bytes=4000-")
			require.Equal(t, 206, resp.status)
			require.Equal(t, "6000", resp.header.Get("Content-Length"))
			require.True(t, resp.body == string(numbered(10_000)[4000:4000+c.sent]), "%d bytes", len(resp.body))
			require.Equal(t, c.sent < 6000, resp.err != nil)
		})
	}
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: []File{{Raw: numbered(10_000), Faults: []Fault{{Kind: Reset, After: 100}}}}}))
	resp := h.get(media, "Range", "bytes=4000-")
	require.Error(t, resp.err)
	require.LessOrEqual(t, len(resp.body), 100)
}

func TestValidatorsOfAFile(t *testing.T) {
	for _, c := range []struct {
		validator      Validator
		etag, modified bool
		ifRange        string // a header whose value is good for If-Range; empty if there is none
	}{
		{"", true, true, "ETag"},
		{StrongETag, true, true, "Last-Modified"},
		{WeakETag, true, true, "Last-Modified"},
		{LastModified, false, true, "Last-Modified"},
		{NoValidator, false, false, ""},
	} {
		t.Run(string(c.validator), func(t *testing.T) {
			h := newHarness(t, Config{})
			media := h.mediaURL(h.addSession(Session{Files: []File{{Raw: numbered(1000), Validator: c.validator}}}))
			resp := h.get(media)
			require.Equal(t, c.etag, resp.header.Get("ETag") != "")
			require.Equal(t, c.modified, resp.header.Get("Last-Modified") != "")
			require.Equal(t, c.validator == WeakETag, strings.HasPrefix(resp.header.Get("ETag"), `W/"`))
			if c.ifRange != "" {
				require.Equal(t, 206, h.get(media, "Range", "bytes=1-", "If-Range", resp.header.Get(c.ifRange)).status)
			}
			if c.validator == WeakETag {
				require.Equal(t, 200, h.get(media, "Range", "bytes=1-", "If-Range", resp.header.Get("ETag")).status)
			}
			require.Equal(t, 200, h.get(media, "Range", "bytes=1-", "If-Range", "Thu, 05 Mar 2026 00:00:00 GMT").status)
			require.Equal(t, 206, h.get(media, "Range", "bytes=1-").status)
		})
	}
}

func TestFaultOfARangeFollowsTheValidatorOfTheFile(t *testing.T) {
	for _, validator := range []Validator{StrongETag, WeakETag, LastModified, NoValidator} {
		h := newHarness(t, Config{})
		media := h.mediaURL(h.addSession(Session{Files: []File{{Raw: numbered(1000), Validator: validator, Faults: []Fault{{Kind: IgnoreRange, Times: -1}}}}}))
		first := h.get(media)
		modified, etag := first.header.Get("Last-Modified"), first.header.Get("ETag")
		for condition, honoured := range map[string]bool{modified: modified != "", etag: validator == StrongETag, `""`: false} {
			if condition == "" {
				continue
			}
			before := h.Counts().Faults[IgnoreRange]
			require.Equal(t, 200, h.get(media, "Range", "bytes=1-", "If-Range", condition).status)
			require.Equal(t, honoured, h.Counts().Faults[IgnoreRange] > before, "%s: %s", validator, condition)
		}
	}
}

func TestFaultsOfRangesAndChangesAreOnlyForMedia(t *testing.T) {
	h := newHarness(t, Config{})
	for _, kind := range []FaultKind{IgnoreRange, WrongStart, WrongTotal, WrongLength, Unsatisfiable, GzipRange, IgnoreIfRange, Change, HiddenChange} {
		id := NewSessionID(noon, serials.Add(1))
		err := h.AddSession(Session{BotID: DefaultBotID, SessionID: id, Script: []Step{{Status: StatusSuccess, Fault: &Fault{Kind: kind}}}})
		require.ErrorContains(t, err, "applies only to media", kind)
		require.ErrorContains(t, h.SetOutage(&Fault{Kind: kind}), "needs a normal response", kind)
	}
}

func TestImpossibleFaultsOfAFileAreRefused(t *testing.T) {
	noRange := newHarness(t, Config{DisableRange: true})
	for _, kind := range []FaultKind{IgnoreRange, WrongStart, WrongTotal, WrongLength, Unsatisfiable, GzipRange, IgnoreIfRange} {
		err := noRange.AddSession(Session{BotID: DefaultBotID, SessionID: NewSessionID(noon, 1), Files: oneSecond(Fault{Kind: kind})})
		require.ErrorContains(t, err, "unset Config.DisableRange", kind)
	}
	h := newHarness(t, Config{})
	for want, file := range map[string]File{
		"makes FLAC longer":            {Format: FLAC, Duration: time.Second, Faults: []Fault{{Kind: Change, Bytes: 10}}},
		`validator "md5"`:              {Validator: "md5"},
		"a negative Bytes":             {Faults: []Fault{{Kind: Change, Bytes: -1}}},
		`"no-such", which does not ex`: {Faults: []Fault{{Kind: "no-such"}}},
	} {
		err := h.AddSession(Session{BotID: DefaultBotID, SessionID: NewSessionID(noon, 1), Files: []File{file}})
		require.ErrorContains(t, err, want)
	}
}

func TestLedgerTellsWhatWasAskedForAndHowMuchWasSent(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: []File{{Raw: numbered(10_000), Faults: []Fault{{Kind: Cut, After: 6000}}}}}))
	cut := h.get(media)
	rest := h.get(media, "Range", "bytes=6000-", "If-Range", cut.header.Get("ETag"))
	require.Equal(t, string(numbered(10_000)), cut.body+rest.body)
	h.await(func(c Counts) bool { return c.InFlight == 0 })

	calls := h.Calls()[1:]
	require.Equal(t, []string{"", "bytes=6000-"}, []string{calls[0].Range, calls[1].Range})
	require.Equal(t, []string{"", cut.header.Get("ETag")}, []string{calls[0].IfRange, calls[1].IfRange})
	require.Equal(t, []int64{6000, 4000}, []int64{calls[0].Bytes, calls[1].Bytes})
	require.Equal(t, []int{http.StatusOK, http.StatusPartialContent}, []int{calls[0].HTTPStatus, calls[1].HTTPStatus})
	require.EqualValues(t, 10_000, h.Counts().MediaBytes, "no byte was sent twice")
	require.Greater(t, h.Counts().Bytes, h.Counts().MediaBytes)
}

// numbered returns n bytes, of which each four are the number of the first of them.
func numbered(n int) []byte {
	var text strings.Builder
	for i := 0; text.Len() < n; i += 4 {
		text.WriteString(strconv.Itoa(1000 + i/4%9000))
	}
	return []byte(text.String()[:n])
}
