package activities_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/daylist"
	"github.com/callvault/callvault/internal/daysessions"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/day"
)

const runFolder = "calls/.callvault/days/run/"

var mergedDay = workflows.Day{BotID: botID, Date: "2024-03-05"}

// dayID is the id of the n-th session of the day.
func dayID(n int) string {
	return fmt.Sprintf("%08x%016x", time.Date(2024, 3, 5, 9, 0, n, 0, time.UTC).Unix(), n)
}

// mergeHarness has an archive, and the windows of a listing in it.
type mergeHarness struct {
	t      *testing.T
	served *account.Served
	server *s3test.Server
}

func newMergeHarness(t *testing.T) *mergeHarness {
	served, server := openAccount(t, nil)
	return &mergeHarness{t: t, served: served, server: server}
}

func (h *mergeHarness) store() *archive.Store { return h.served.Accounts[0].Store }

// list writes what a list has in a round.
func (h *mergeHarness) list(round int, list daylist.List, open bool, ids ...int) {
	h.t.Helper()
	begin := time.Date(2024, 3, 5, 0, 0, 0, 0, time.UTC)
	window := daylist.Window{Span: daylist.Span{List: list, From: begin, To: begin.Add(24 * time.Hour)}}
	for _, n := range ids {
		callTime := time.Date(2024, 3, 5, 9, 0, n, 0, time.UTC)
		window.Rows = append(window.Rows, daylist.Row{List: list, ListedSession: smartassist.ListedSession{
			SessionID: dayID(n), UserID: userID, Closed: !open, StartedAt: callTime, EndedAt: callTime.Add(time.Minute), Voice: true, Raw: json.RawMessage(fmt.Sprintf(`{"queue":"q-%d"}`, n)),
		}})
	}
	window.Sessions = len(ids)
	require.NoError(h.t, daylist.WriteWindow(h.t.Context(), h.store(), h.folder(round), window))
}

func (h *mergeHarness) folder(round int) string {
	return fmt.Sprintf("%slisting-%d/", runFolder, round)
}

func (h *mergeHarness) archive(n int) {
	h.t.Helper()
	_, err := h.store().WriteManifest(h.t.Context(), &archive.Manifest{
		Session: workflows.Session{BotID: botID, SessionID: dayID(n)}, Outcome: string(workflows.OutcomeFailed), WorkflowID: "w", RunID: "r",
	}, "")
	require.NoError(h.t, err)
}

func (h *mergeHarness) merge(round int, known string) *day.Merged {
	h.t.Helper()
	merge := activities.MergeListings{Served: h.served}
	merged, err := run[day.Merged](h.t, merge.Execute, day.MergeInput{Day: mergedDay, Run: runFolder, Round: round, Folder: h.folder(round), Known: known})
	require.NoError(h.t, err)
	return merged
}

func (h *mergeHarness) object(key string) string {
	h.t.Helper()
	object, found := h.server.Object(bucket, key)
	require.True(h.t, found, key)
	return string(object.Body)
}

func (h *mergeHarness) known(key string) daysessions.Sessions {
	h.t.Helper()
	sessions, err := daysessions.Read(strings.NewReader(h.object(key)))
	require.NoError(h.t, err)
	return sessions
}

func TestWhatOneListAloneKnowsIsFetchedToo(t *testing.T) {
	h := newMergeHarness(t)
	h.list(1, daylist.Sessions, false, 1, 2)
	h.list(1, daylist.Interactions, false, 2, 3)
	h.archive(2)
	h.archive(4) // In neither list.
	merged := h.merge(1, "")
	require.Equal(t, &day.Merged{Known: runFolder + "known-1.ndjson", Fetch: runFolder + "fetch-1.ndjson", Sessions: 4, New: 3, ToFetch: 2}, merged)
	require.Equal(t, 2, strings.Count(h.object(merged.Fetch), "\n"))
	require.Contains(t, h.object(merged.Fetch), dayID(1))
	require.Contains(t, h.object(merged.Fetch), dayID(3))
	require.Contains(t, h.object(merged.Fetch), userID, "the batch needs it")
	known := h.known(merged.Known)
	require.Equal(t, []string{"getSessions"}, known[dayID(1)].ListedBy)
	require.Equal(t, []string{"getSessions", "interactionDetails"}, known[dayID(2)].ListedBy)
	require.Empty(t, known[dayID(4)].ListedBy)
}

func TestSecondListingTellsWhatIsNew(t *testing.T) {
	h := newMergeHarness(t)
	h.list(1, daylist.Sessions, false, 1)
	first := h.merge(1, "")
	h.archive(1)
	h.list(2, daylist.Sessions, false, 1)
	second := h.merge(2, first.Known)
	require.Zero(t, second.New+second.ToFetch)
	h.list(3, daylist.Interactions, false, 1, 5)
	third := h.merge(3, second.Known)
	require.Equal(t, []int{1, 1, 2}, []int{third.New, third.ToFetch, third.Sessions})
	require.Equal(t, []string{"getSessions", "interactionDetails"}, h.known(third.Known)[dayID(1)].ListedBy)
}

func TestSessionThatALostListingHadStaysKnown(t *testing.T) {
	h := newMergeHarness(t)
	h.list(1, daylist.Sessions, false, 1, 2)
	first := h.merge(1, "")
	h.list(2, daylist.Sessions, false, 1)
	require.Equal(t, 2, h.merge(2, first.Known).Sessions)
}

// A lifecycle rule may have removed them, or somebody.
func TestRowsThatAreGoneAreNoEmptyListing(t *testing.T) {
	h := newMergeHarness(t)
	h.list(1, daylist.Sessions, false, 1)
	merge := activities.MergeListings{Served: h.served}
	for _, row := range []struct {
		had  []string
		lost bool
	}{{[]string{"getSessions"}, false}, {[]string{"getSessions", "interactionDetails"}, true}, {nil, false}} {
		merged, err := run[day.Merged](t, merge.Execute, day.MergeInput{Day: mergedDay, Run: runFolder, Round: 1, Folder: h.folder(1), Had: row.had})
		require.NoError(t, err)
		require.Equal(t, row.lost, merged.Lost)
		require.Equal(t, row.lost, merged.Known == "")
	}
}

func TestOldSessionThatIsShownAsOpenIsFetched(t *testing.T) {
	h := newMergeHarness(t)
	h.list(1, daylist.Sessions, true, 1)
	merged := h.merge(1, "")
	require.Equal(t, []int{1, 0}, []int{merged.ToFetch, merged.Open}, "the call is years old")
}

func TestDetailsOfCallsAreKeptBeforeTheyAreFetched(t *testing.T) {
	h := newMergeHarness(t)
	h.served.Accounts[0].CallDetails = true
	h.list(1, daylist.Sessions, false, 1)
	h.list(1, daylist.Interactions, false, 1, 2)
	h.merge(1, "")
	var call archive.Call
	require.NoError(t, json.Unmarshal([]byte(h.object("calls/"+botID+"/2024/03/05/"+dayID(1)+"/call.json")), &call))
	require.JSONEq(t, `{"queue":"q-1"}`, string(call.Lists.GetSessions))
	require.JSONEq(t, `{"queue":"q-1"}`, string(call.Lists.InteractionDetails))
	require.Equal(t, time.Minute, call.Length())
	require.Contains(t, h.object("calls/"+botID+"/2024/03/05/"+dayID(2)+"/call.json"), "q-2")
}

func TestDetailsOfCallsAreNotKeptUnlessTheAccountSaysSo(t *testing.T) {
	h := newMergeHarness(t)
	h.list(1, daylist.Sessions, false, 1)
	h.merge(1, "")
	require.NotContains(t, strings.Join(h.server.Keys(bucket), " "), "call.json")
}
