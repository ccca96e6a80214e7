package daylist_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/daylist"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
)

const folder = "work/2026-03-05/"

func openStore(t *testing.T) *archive.Store {
	t.Helper()
	server := s3test.New(t, "recordings")
	store, err := archive.Open(archive.Config{Endpoint: server.URL, Bucket: "recordings", Region: "us-east-1", Credentials: credentials.NewStaticV4("key", "secret", "")})
	require.NoError(t, err)
	return store
}

func rowOf(begin time.Duration, serial uint64) daylist.Row {
	at := midnight.Add(begin)
	return daylist.Row{List: daylist.Interactions, ListedSession: smartassist.ListedSession{
		SessionID: simulator.NewSessionID(at, serial), UserID: "u-1", Closed: true, StartedAt: at, EndedAt: at.Add(time.Minute), Voice: true, IsVoicemail: true,
		Direction: "inbound", Raw: json.RawMessage(`{"a":"<&>"}`),
	}}
}

func windowOf(from, to time.Duration, rows ...daylist.Row) daylist.Window {
	return daylist.Window{
		Span: daylist.Span{List: daylist.Interactions, From: midnight.Add(from), To: midnight.Add(to)}, Tally: daylist.Tally{Sessions: len(rows), Calls: 1, Remarks: []string{"a remark"}}, Rows: rows,
	}
}

func readAll(t *testing.T, store daylist.Store) (rows []daylist.Row, err error) {
	t.Helper()
	for row, err := range daylist.ReadRows(t.Context(), store, folder) {
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func TestWindowsAreReadAsTheyWereWritten(t *testing.T) {
	store := openStore(t)
	rows, err := readAll(t, store)
	require.NoError(t, err)
	require.Empty(t, rows)
	first, second, third := rowOf(time.Hour, 1), rowOf(2*time.Hour, 2), rowOf(3*time.Hour, 3)
	third.ListedSession = smartassist.ListedSession{SessionID: third.SessionID, Voice: true}
	require.NoError(t, daylist.WriteWindow(t.Context(), store, folder, windowOf(0, 90*time.Minute, first)))
	require.NoError(t, daylist.WriteWindow(t.Context(), store, folder, windowOf(90*time.Minute, 4*time.Hour, second, third)))
	sessions := windowOf(0, 4*time.Hour, first)
	sessions.List = daylist.Sessions
	require.NoError(t, daylist.WriteWindow(t.Context(), store, folder, sessions))

	rows, err = readAll(t, store)
	require.NoError(t, err)
	again := first
	again.List = daylist.Sessions
	require.Equal(t, []daylist.Row{first, second, third, again}, rows)
	times, err := daylist.StartTimes(t.Context(), store, folder)
	require.NoError(t, err)
	require.Equal(t, []time.Time{first.StartedAt}, times)
	keys, err := store.Keys(t.Context(), folder, 10)
	require.NoError(t, err)
	require.Equal(t, []string{
		folder + "getSessions/20260305T000000Z-20260305T040000Z.ndjson",
		folder + "interactionDetails/20260305T000000Z-20260305T013000Z.ndjson", folder + "interactionDetails/20260305T013000Z-20260305T040000Z.ndjson",
	}, keys)
}

// Attempts that run at once, one of them presumed dead, may have chosen other windows.
func TestCallThatTwoAttemptsHaveWrittenIsReadOnce(t *testing.T) {
	store := openStore(t)
	row := rowOf(time.Hour, 1)
	require.NoError(t, daylist.WriteWindow(t.Context(), store, folder, windowOf(0, 90*time.Minute, row)))
	require.NoError(t, daylist.WriteWindow(t.Context(), store, folder, windowOf(0, 2*time.Hour, row)))
	rows, err := readAll(t, store)
	require.NoError(t, err)
	require.Len(t, rows, 1)
}

func TestReadingMayStopEarly(t *testing.T) {
	store := openStore(t)
	require.NoError(t, daylist.WriteWindow(t.Context(), store, folder, windowOf(0, time.Hour, rowOf(1, 1), rowOf(1, 2))))
	for _, err := range daylist.ReadRows(t.Context(), store, folder) {
		require.NoError(t, err)
		break
	}
}

func TestObjectThatIsNotAsItWasWrittenIsNotRead(t *testing.T) {
	const header = `{"window":{"list":"interactionDetails","from":"2026-03-05T00:00:00Z","to":"2026-03-05T01:00:00Z","sessions":1,"calls":1}}` + "\n"
	const row = `{"sessionId":"69a8c7800000000000000001","closed":true}` + "\n"
	const name = "interactionDetails/20260305T000000Z-20260305T010000Z.ndjson"
	for title, object := range map[string]struct{ name, content, says string }{
		"valid":          {name, header + row, ""},
		"empty":          {name, "", "ends too early"},
		"cut":            {name, header, "ends too early"},
		"cut in a row":   {name, header + row[:20], "ends too early"},
		"more rows":      {name, header + row + row, "more rows than its first line says"},
		"no header":      {name, row, "not as it was written"},
		"another window": {name, strings.Replace(header, "T01", "T02", 1) + row, "not the window that its name says"},
		"another list":   {name, strings.Replace(header, "interactionDetails", "getSessions", 1) + row, "not the window that its name says"},
		"negative":       {name, strings.Replace(header, `"sessions":1`, `"sessions":-1`, 1) + row, "not the window that its name says"},
		"unknown key":    {name, header + `{"sessionId":"69a8c7800000000000000001","closed":true,"canary":1}` + "\n", "not as it was written"},
		"no session":     {name, header + `{"sessionId":"canary","closed":true}` + "\n", "a row without a session"},
		"two in a line":  {name, header + strings.TrimSpace(row) + row, "not as it was written"},
		"long line":      {name, header + `{"sessionId":"` + strings.Repeat("canary", 20_000) + `"}` + "\n", "more than 65536 bytes"},
		"another name":   {"interactionDetails/canary.ndjson", header + row, "is not the name of a window"},
		"backwards":      {"interactionDetails/20260305T010000Z-20260305T000000Z.ndjson", header + row, "is not the name of a window"},
		"direction":      {"interactionDetails/20260305T000000Z-20260305T010000Z-both.ndjson", header + row, "is not the name of a window"},
		"deeper":         {"interactionDetails/x/20260305T000000Z-20260305T010000Z.ndjson", header + row, "is not the name of a window"},
	} {
		t.Run(title, func(t *testing.T) {
			store := openStore(t)
			require.NoError(t, store.WriteFile(t.Context(), folder+object.name, "application/x-ndjson", strings.NewReader(object.content), int64(len(object.content))))
			rows, err := readAll(t, store)
			_, doneErr := daylist.ReadDone(t.Context(), store, folder, daylist.Interactions, theDay(t), now)
			if object.says == "" {
				require.NoError(t, err)
				require.Len(t, rows, 1)
				require.NoError(t, doneErr)
				return
			}
			require.ErrorContains(t, err, object.says)
			require.ErrorContains(t, err, "remove it")
			if object.name == name {
				require.NotContains(t, err.Error(), "canary")
			}
		})
	}
}

func TestFailureOfTheStoreIsNotTakenForABadObject(t *testing.T) {
	store := openStore(t)
	require.NoError(t, daylist.WriteWindow(t.Context(), store, folder, windowOf(0, time.Hour, rowOf(1, 1))))
	_, err := readAll(t, &cutStore{store})
	require.ErrorIs(t, err, errCut)
	require.NotContains(t, err.Error(), "remove it")
}

var errCut = errors.New("the connection was cut")

type cutStore struct{ daylist.Store }

func (s *cutStore) OpenFile(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	object, length, err := s.Store.OpenFile(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(object, 40), cutReader{}), object}, length, nil
}

type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, errCut }

func TestWhatIsBehindAGapIsListedAgain(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	want := v.calls(2500, 0, wholeDay, nil)
	for i := range 1500 {
		want = append(want, v.call(12*time.Hour, func(s *simulator.Session) {
			if i%2 == 0 {
				s.Direction = simulator.Outbound
			}
		}))
	}
	for _, list := range []daylist.List{daylist.Sessions, daylist.Interactions} {
		whole := openStore(t)
		v.listInto(whole, list, daylist.NewDone())
		keys, err := whole.Keys(t.Context(), folder, 100)
		require.NoError(t, err)
		for lost, key := range keys {
			if lost != 0 && lost != len(keys)/2 && lost != len(keys)-1 && !strings.Contains(key, "-inbound") {
				continue
			}
			store := openStore(t)
			copyAllBut(t, whole, store, keys, lost)
			done, err := daylist.ReadDone(t.Context(), store, folder, list, theDay(t), now)
			require.NoError(t, err)
			tally := done.Tally
			tally.Add(v.listInto(store, list, done))
			rows, err := readAll(t, store)
			require.NoError(t, err)
			require.Len(t, rows, len(want), "%s without %s", list, keys[lost])
			require.Equal(t, len(want), tally.Sessions)
			require.Empty(t, tally.Remarks)
		}
	}
}

func copyAllBut(t *testing.T, from, to *archive.Store, keys []string, lost int) {
	t.Helper()
	for i, key := range keys {
		if i == lost {
			continue
		}
		object, length, err := from.OpenFile(t.Context(), key)
		require.NoError(t, err)
		require.NoError(t, to.WriteFile(t.Context(), key, "application/x-ndjson", object, length))
		require.NoError(t, object.Close())
	}
}

// listInto lists the day into a store.
func (v *vendor) listInto(store *archive.Store, list daylist.List, done *daylist.Done) daylist.Tally {
	v.t.Helper()
	sink := func(ctx context.Context, window daylist.Window) error {
		return daylist.WriteWindow(ctx, store, folder, window)
	}
	var tally daylist.Tally
	var err error
	if list == daylist.Sessions {
		tally, err = (&daylist.SessionLister{BotID: botID, Day: theDay(v.t), Now: now, Page: v.sessionsPage, Sink: sink}).List(v.t.Context(), done)
	} else {
		tally, err = (&daylist.InteractionLister{AccountID: accountID, BotID: botID, Day: theDay(v.t), Now: now, Page: v.interactionPage, Sink: sink}).List(v.t.Context(), done)
	}
	require.NoError(v.t, err)
	return tally
}

func TestDateThatIsNoDayIsRefused(t *testing.T) {
	for _, date := range []string{"", "2026-3-5", "2026-02-30", "20260305", "2026-03-05T00:00:00Z"} {
		_, err := daylist.ParseDay(date)
		require.ErrorContains(t, err, "want one such as 2026-11-20", fmt.Sprint(date))
	}
}
