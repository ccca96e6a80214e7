package activities_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const (
	listKey    = "calls/batches/2026-11/sessions.csv"
	planOfRun  = "calls/batches/2026-11/plan-" + runID + ".txt"
	recordKey  = "calls/batches/2026-11/batch.json"
	inlineKey  = "calls/batches/2026-11/sessions.ndjson"
	listHeader = "botId,sessionId,userId\n"
)

// prepareHarness is a worker of two accounts in one bucket.
type prepareHarness struct {
	t      *testing.T
	server *s3test.Server
	served *account.Served
}

func newPrepareHarness(t *testing.T) *prepareHarness {
	t.Helper()
	server := s3test.New(t, bucket, "other")
	third := settingsOf(server, "initech", "st-i")
	third.Archive.Bucket = "other"
	served, err := account.OpenAll([]account.Settings{settingsOf(server, "acme", "st-a", "st-b"), settingsOf(server, "globex", "st-g"), third})
	require.NoError(t, err)
	return &prepareHarness{t: t, server: server, served: served}
}

// prepare prepares a list.
func (h *prepareHarness) prepare(list string, change ...func(*workflows.BatchRequest)) (*batch.Plan, error) {
	h.t.Helper()
	h.server.Set(bucket, listKey, s3test.Object{Body: []byte(list)})
	request := workflows.BatchRequest{BatchID: batchID, Source: &workflows.ObjectRef{Bucket: bucket, Key: listKey}}
	for _, one := range change {
		one(&request)
	}
	return run[batch.Plan](h.t, (&activities.PrepareBatch{Served: h.served}).Execute, batch.PrepareInput{Request: request, StartedAt: time.Now()})
}

func refetch(r *workflows.BatchRequest) { r.Refetch = true }

// listOf is the list of sessions without users.
func listOf(sessions ...workflows.Session) string {
	var list strings.Builder
	list.WriteString(listHeader)
	for _, one := range sessions {
		fmt.Fprintf(&list, "%s,%s,\n", one.BotID, one.SessionID)
	}
	return list.String()
}

func (h *prepareHarness) text(key string) string {
	h.t.Helper()
	object, found := h.server.Object(bucket, key)
	require.True(h.t, found, key)
	return string(object.Body)
}

// requireOnlyList checks that the archive has no other objects than the list.
func (h *prepareHarness) requireOnlyList() {
	h.t.Helper()
	require.Equal(h.t, []string{listKey}, h.server.Keys(bucket))
}

func TestPlanOfTheRunHasEverySessionOnceByBot(t *testing.T) {
	h := newPrepareHarness(t)
	a, b := callsOf("st-a", 3, longAgo), callsOf("st-b", 2, longAgo)
	plan, err := h.prepare(listOf(b[1], a[2], a[0], b[0], a[2]) + "st-a," + a[1].SessionID + ",agent@example.com\n")
	require.NoError(t, err)
	withUser := int64(len(" agent@example.com"))
	require.Equal(t, &batch.Plan{
		Account: "acme", Key: planOfRun, Sessions: 5, Duplicates: 1,
		Bots: []batch.BotRange{{BotID: "st-a", Offset: 0, End: 75 + withUser, Sessions: 3}, {BotID: "st-b", Offset: 75 + withUser, End: 125 + withUser, Sessions: 2}},
	}, plan)
	require.Equal(t, a[0].SessionID+"\n"+a[1].SessionID+" agent@example.com\n"+a[2].SessionID+"\n"+b[0].SessionID+"\n"+b[1].SessionID+"\n", h.text(planOfRun))

	record, err := batchplan.ReadRecord(t.Context(), h.served.Accounts[0].Store, batchID)
	require.NoError(t, err)
	require.Equal(t, runID, record.RunID)
	require.Equal(t, *plan, record.Plan)
	require.Equal(t, &workflows.ObjectRef{Bucket: bucket, Key: listKey}, record.Request.Source)
}

func TestPlanBeginsWithWhatIsPurgedFirst(t *testing.T) {
	h := newPrepareHarness(t)
	h.served.Accounts[0].Retention = 30 * 24 * time.Hour
	purged, soon, young := callsOf("st-a", 1, hoursAgo(31*24))[0], callsOf("st-a", 1, hoursAgo(29*24))[0], callsOf("st-a", 1, hoursAgo(24))[0]
	_, err := h.prepare(listOf(purged, young, soon))
	require.NoError(t, err)
	require.Equal(t, strings.Join(idsOf([]workflows.Session{soon, young, purged}), "\n")+"\n", h.text(planOfRun))
}

func TestListOfOtherWorkersIsLeftToThem(t *testing.T) {
	h := newPrepareHarness(t)
	for _, list := range []string{listOf(callsOf("st-elsewhere", 2, longAgo)...), listOf(slices.Concat(callsOf("st-elsewhere", 1, longAgo), callsOf("st-a", 1, longAgo))...)} {
		plan, err := h.prepare(list)
		require.NoError(t, err)
		require.Equal(t, &batch.Plan{Elsewhere: "st-elsewhere"}, plan)
		h.requireOnlyList()
	}
}

func TestListWithAnotherBotIsRefusedByItsLine(t *testing.T) {
	h := newPrepareHarness(t)
	a, g, other := callsOf("st-a", 1, longAgo), callsOf("st-g", 1, longAgo), callsOf("st-elsewhere", 1, longAgo)
	for list, says := range map[string]string{
		listOf(slices.Concat(a, other)...): "line 3: bot st-elsewhere is not served by this worker: correct botId, or add the bot",
		listOf(slices.Concat(a, g)...):     `line 3: bot st-g belongs to account`,
	} {
		_, err := h.prepare(list)
		requireKind(t, err, failure.InvalidInput, false, false)
		require.ErrorContains(t, err, says)
		h.requireOnlyList()
	}
	_, err := h.prepare(listOf(slices.Concat(a, g)...))
	require.ErrorContains(t, err, "start a batch for each account")
}

func TestListHasToBeInTheArchiveOfItsAccount(t *testing.T) {
	h := newPrepareHarness(t)
	_, err := h.prepare(listOf(callsOf("st-i", 1, longAgo)...))
	requireKind(t, err, failure.InvalidInput, false, false)
	require.ErrorContains(t, err, "is not in the archive of its bots' account")
	require.ErrorContains(t, err, "whose bucket is other: put it there")

	_, err = h.prepare(listOf(callsOf("st-g", 1, longAgo)...))
	require.NoError(t, err, "two accounts may have one bucket")
}

func TestListThatIsNotThereIsExplained(t *testing.T) {
	h := newPrepareHarness(t)
	_, err := h.prepare("", func(r *workflows.BatchRequest) { r.Source.Key = "typo.csv" })
	requireKind(t, err, failure.InvalidInput, false, false)
	require.ErrorContains(t, err, "s3://recordings/typo.csv: the object does not exist: put the list there, or correct source")

	_, err = h.prepare("", func(r *workflows.BatchRequest) { r.Source.Bucket = "typo" })
	requireKind(t, err, failure.Blocked, false, true)
	require.ErrorContains(t, err, "this worker has no account whose archive is in the bucket typo")

	down := s3test.Rule{Operation: s3test.GetObject, Key: listKey, Status: http.StatusServiceUnavailable, Code: "SlowDown"}
	h.server.Add(down)
	_, err = h.prepare(listOf(callsOf("st-a", 1, longAgo)...))
	require.NoError(t, err, "another account of the bucket may read it")
	for range 2 {
		h.server.Add(down)
	}
	_, err = h.prepare(listOf(callsOf("st-a", 1, longAgo)...))
	requireKind(t, err, failure.ArchiveUnavailable, true, false)
}

func TestValuesOfRowsAreNotInErrors(t *testing.T) {
	h := newPrepareHarness(t)
	id := callsOf("st-a", 1, longAgo)[0].SessionID
	for name, list := range map[string]string{
		"no header":             "st-a," + id + ",canary.user@example.com\n",
		"columns swapped":       "userId,sessionId,botId\nst-a," + id + ",canary.user@example.com\n",
		"user for the session":  "botId,sessionId\nst-a,canary.user@example.com\n",
		"user with a newline":   listHeader + "st-a," + id + ",\"canary.user\n@example.com\"\n",
		"another CSV":           "canary.user@example.com,+49 170 1234567,canary\n",
		"unknown column":        "botId,sessionId,canary.user@example.com\nst-a," + id + ",x\n",
		"header only":           "botId,sessionId,canary.user@example.com\n",
		"another JSON":          `{"canaryKey": "canary.user@example.com"}` + "\n",
		"JSON of a wrong type":  `{"botId": "st-a", "sessionId": ["canary.user@example.com"]}` + "\n",
		"JSON that is cut off":  `{"botId": "st-a", "sessionId": "` + id + `", "userId": "canary.us` + "\n",
		"user with a control":   listHeader + "st-a," + id + ",canary\x01user\n",
		"user that is too long": listHeader + "st-a," + id + "," + strings.Repeat("canary", 100) + "\n",
		"user with quotes":      listHeader + "st-a,can\"\"ary\",x\n",
		"later row":             listOf(callsOf("st-a", 3, longAgo)...) + "st-a,canary.user@example.com,\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.prepare(list)
			requireKind(t, err, failure.InvalidInput, false, false) // It looks for canaries too.
			h.requireOnlyList()
		})
	}
}

func TestErrorNamesTheFirstBadRowsAndCountsAll(t *testing.T) {
	h := newPrepareHarness(t)
	_, err := h.prepare(listHeader + strings.Repeat("st-a,65e7,\n", 25))
	requireKind(t, err, failure.InvalidInput, false, false)
	require.ErrorContains(t, err, "25 row(s) of the list are wrong: line 2: ")
	require.ErrorContains(t, err, "line 11: ")
	require.NotContains(t, err.Error(), "line 12: ")
}

func TestNameThatAnotherBatchHasHadIsRefused(t *testing.T) {
	sessions := callsOf("st-a", 2, longAgo)
	for name, row := range map[string]struct {
		before  func(h *prepareHarness)
		change  []func(*workflows.BatchRequest)
		refused bool
	}{
		"none before":           {func(*prepareHarness) {}, nil, false},
		"this run":              {func(h *prepareHarness) { h.setRecord(runID) }, nil, false},
		"another run":           {func(h *prepareHarness) { h.setRecord("another-run") }, nil, true},
		"another run, refetch":  {func(h *prepareHarness) { h.setRecord("another-run") }, []func(*workflows.BatchRequest){refetch}, false},
		"older version":         {func(h *prepareHarness) { h.setRecord("") }, nil, true},
		"record that is broken": {func(h *prepareHarness) { h.server.Set(bucket, recordKey, s3test.Object{Body: []byte("{")}) }, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newPrepareHarness(t)
			row.before(h)
			before, _ := h.server.Object(bucket, recordKey)
			plan, err := h.prepare(listOf(sessions...), row.change...)
			if !row.refused {
				require.NoError(t, err)
				require.Equal(t, planOfRun, plan.Key)
				return
			}
			requireKind(t, err, failure.InvalidInput, false, false)
			require.ErrorContains(t, err, `there is a batch "2026-11" in the archive already: give another batchId, or set refetch to fetch again what it did not archive`)
			require.Equal(t, string(before.Body), h.text(recordKey))
			_, found := h.server.Object(bucket, planOfRun)
			require.False(t, found)
		})
	}
}

// setRecord stores the record of a batch that a run has prepared.
func (h *prepareHarness) setRecord(run string) {
	h.t.Helper()
	store := h.served.Accounts[0].Store
	require.NoError(h.t, batchplan.WriteRecord(h.t.Context(), store, batchplan.Record{
		Request: workflows.BatchRequest{BatchID: batchID}, RunID: run,
		Plan: batch.Plan{Account: "acme", Key: store.BatchKey(batchID, archive.BatchPlanOf(run))},
	}))
}

func TestRecordThatCannotBeReadIsTriedAgain(t *testing.T) {
	h := newPrepareHarness(t)
	h.setRecord("another-run")
	for range 2 { // Whatever the record says, refetch or not.
		h.server.Add(s3test.Rule{Operation: s3test.GetObject, Key: recordKey, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
		_, err := h.prepare(listOf(callsOf("st-a", 1, longAgo)...))
		requireKind(t, err, failure.ArchiveUnavailable, true, false)
	}
}

func TestSessionsOfTheRequestAreKeptAsAList(t *testing.T) {
	h := newPrepareHarness(t)
	sessions := callsOf("st-a", 2, longAgo)
	plan, err := h.prepare("", func(r *workflows.BatchRequest) {
		r.Source, r.Sessions = nil, []workflows.BatchSession{{Session: sessions[1], UserID: "agent@example.com"}, {Session: sessions[0]}, {Session: sessions[1]}}
	})
	require.NoError(t, err)
	require.Equal(t, 2, plan.Sessions)
	require.Equal(t, 1, plan.Duplicates)
	require.Equal(t, sessions[0].SessionID+"\n"+sessions[1].SessionID+" agent@example.com\n", h.text(planOfRun))
	require.Equal(t, 3, strings.Count(h.text(inlineKey), "\n"))

	record, err := batchplan.ReadRecord(t.Context(), h.served.Accounts[0].Store, batchID)
	require.NoError(t, err)
	require.Empty(t, record.Request.Sessions)
	require.Equal(t, &workflows.ObjectRef{Bucket: bucket, Key: inlineKey}, record.Request.Source)

	again, err := h.prepare("", func(r *workflows.BatchRequest) { r.Source, r.Refetch = record.Request.Source, true })
	require.NoError(t, err)
	require.Equal(t, plan, again, "the list can be used again")
}

func TestSessionsOfTheRequestBelongToOneAccount(t *testing.T) {
	h := newPrepareHarness(t)
	inline := func(sessions ...workflows.Session) func(*workflows.BatchRequest) {
		return func(r *workflows.BatchRequest) {
			r.Source = nil
			for _, one := range sessions {
				r.Sessions = append(r.Sessions, workflows.BatchSession{Session: one})
			}
		}
	}
	_, err := h.prepare("", inline(slices.Concat(callsOf("st-a", 1, longAgo), callsOf("st-g", 1, longAgo))...))
	requireKind(t, err, failure.InvalidInput, false, false)
	require.ErrorContains(t, err, "sessions[1]: bot st-g belongs to account")
	_, err = h.prepare("", inline(callsOf("st-elsewhere", 1, longAgo)...))
	requireKind(t, err, failure.InvalidInput, false, false)
	require.ErrorContains(t, err, "sessions[0]: bot st-elsewhere is not served by this worker")
}

func TestStoreThatFailsLeavesNoRecord(t *testing.T) {
	for skip := range 2 { // the plan, the record
		h := newPrepareHarness(t)
		h.server.Add(s3test.Rule{Operation: s3test.PutObject, Skip: skip, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
		_, err := h.prepare(listOf(callsOf("st-a", 1, longAgo)...))
		requireKind(t, err, failure.ArchiveUnavailable, true, false)
		_, err = batchplan.ReadRecord(t.Context(), h.served.Accounts[0].Store, batchID)
		require.ErrorIs(t, err, archive.ErrMissing)
	}
}
