package batchreport_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/batchreport"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

func TestEveryOutcomeIsARow(t *testing.T) {
	outcomes := append(workflows.Outcomes(), "of_a_later_release")
	h := newHarness(t, len(outcomes))
	for i, outcome := range outcomes {
		var files []archive.File
		if outcome == workflows.OutcomeArchived {
			files = []archive.File{h.file(sessionOf(i), "b.wav", 7), h.file(sessionOf(i), "a.wav", 44)}
		}
		h.setManifest(sessionOf(i), outcome, "because of "+string(outcome), files...)
	}
	rows, unfinished, err := h.walk(notNeeded)
	require.NoError(t, err)
	require.Empty(t, unfinished)
	require.Len(t, rows, len(outcomes))
	for i, outcome := range outcomes {
		want := batchreport.Row{
			Session: sessionOf(i), CallTime: callTime, Outcome: outcome, Reason: "because of " + string(outcome), Files: []batchreport.File{},
			StatusChecks: 3, StartedAt: started, FinishedAt: finished,
		}
		if outcome == workflows.OutcomeArchived {
			want.Files = []batchreport.File{
				{Key: h.folder(sessionOf(i)) + "b.wav", Bytes: 7, SHA256: strings.Repeat("b", 64)},
				{Key: h.folder(sessionOf(i)) + "a.wav", Bytes: 44, SHA256: strings.Repeat("a", 64)},
			}
		}
		require.Equal(t, want, rows[i])
	}
}

func TestMissingManifestIsExplained(t *testing.T) {
	h := newHarness(t, 3)
	h.setManifest(sessionOf(1), workflows.OutcomeFailed, "failed")
	rows, unfinished, err := h.walk(func(_ context.Context, session workflows.Session, bot int, at int64) (batchreport.Unfinished, error) {
		require.Zero(t, bot)
		return batchreport.Unfinished{Running: at == 50, Reason: fmt.Sprintf("%s at %d", session.SessionID[22:], at)}, nil
	})
	require.NoError(t, err)
	require.Equal(t, map[int]batchreport.Unfinished{0: {Reason: "00 at 0"}, 2: {Running: true, Reason: "02 at 50"}}, unfinished)
	require.Equal(t, batchreport.Row{Session: sessionOf(0), CallTime: callTime, Reason: "00 at 0", Files: []batchreport.File{}}, rows[0])
	require.Equal(t, workflows.OutcomeFailed, rows[1].Outcome)
}

func TestInvalidManifestKeepsNoOtherSessionFromTheReport(t *testing.T) {
	h := newHarness(t, 3)
	h.setManifest(sessionOf(0), workflows.OutcomeFailed, "")
	h.server.Set(bucket, h.folder(sessionOf(1))+archive.ManifestName, s3test.Object{Body: []byte("{")})
	h.setManifest(sessionOf(2), workflows.OutcomeFailed, "")
	rows, unfinished, err := h.walk(notNeeded)
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Empty(t, rows[1].Outcome)
	require.Contains(t, rows[1].Reason, "the manifest s3://recordings/"+h.folder(sessionOf(1))+"manifest.json is not valid")
	require.Contains(t, rows[1].Reason, "move it away to have the session fetched again")
	require.Equal(t, map[int]batchreport.Unfinished{1: {Reason: rows[1].Reason}}, unfinished)
}

// Each look takes another time, and the plan has several pages and bots.
func TestRowsAreInThePlansOrder(t *testing.T) {
	h := newHarness(t, 0)
	builder := batchplan.NewBuilder()
	var want []workflows.Session
	for bot := range 3 {
		for i := range 1500 {
			session := workflows.Session{BotID: fmt.Sprintf("st-%d", bot), SessionID: sessionOf(i).SessionID}
			require.NoError(t, builder.Add(workflows.BatchSession{Session: session, UserID: strings.Repeat("u", 80)}))
			want = append(want, session)
		}
	}
	h.setPlan(builder)
	places := make(map[int]map[int64]bool)
	var mu sync.Mutex
	rows, unfinished, err := h.walk(func(_ context.Context, session workflows.Session, bot int, at int64) (batchreport.Unfinished, error) {
		for range rand.IntN(50) {
			runtime.Gosched()
		}
		mu.Lock()
		defer mu.Unlock()
		if places[bot] == nil {
			places[bot] = make(map[int64]bool)
		}
		places[bot][at] = true
		require.Equal(t, fmt.Sprintf("st-%d", bot), session.BotID)
		return batchreport.Unfinished{Reason: session.SessionID}, nil
	})
	require.NoError(t, err)
	require.Len(t, unfinished, len(want))
	for i, row := range rows {
		require.Equal(t, want[i], row.Session)
		require.Equal(t, want[i].SessionID, row.Reason)
	}
	require.Len(t, rows, len(want))
	for bot := range 3 {
		require.Len(t, places[bot], 1500, "every session has a place of its own")
	}
}

func TestAPlanWithoutSessionsHasNoRows(t *testing.T) {
	rows, _, err := newHarness(t, 0).walk(notNeeded)
	require.NoError(t, err)
	require.Empty(t, rows)
}

// The looks ahead of a slow reader are what the walk keeps in memory.
func TestSessionsAreLookedAtOnlySoFarAhead(t *testing.T) {
	const sessions = 320
	h := newHarness(t, sessions)
	var done, ahead atomic.Int64
	arrived := make(chan struct{}, sessions)
	explain := func(_ context.Context, _ workflows.Session, _ int, at int64) (batchreport.Unfinished, error) {
		for n := at/25 - done.Load(); n > ahead.Load(); {
			ahead.Store(n)
		}
		arrived <- struct{}{}
		return batchreport.Unfinished{}, nil
	}
	seen := 0
	err := batchreport.Walk(t.Context(), h.store, h.plan, explain, func(batchreport.Row, *batchreport.Unfinished) error {
		for ; seen < min(sessions, int(done.Load())+32); seen++ { // this one, and 31 ahead of it
			<-arrived
		}
		done.Add(1)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, sessions, seen)
	require.LessOrEqual(t, ahead.Load(), int64(31))
}

// requireNothingGoesOn requires that no goroutine of a walk is left.
func requireNothingGoesOn(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, function := range []string{"batchreport.Walk.", "batchreport.lookAt", "batchreport.sessions"} {
		require.NotContains(t, string(stacks), function)
	}
}

// slow explains nothing until the walk has ended, and takes its time even then.
func slow(ctx context.Context, _ workflows.Session, _ int, at int64) (batchreport.Unfinished, error) {
	if at == 0 {
		return batchreport.Unfinished{}, nil
	}
	<-ctx.Done()
	for range 1000 {
		runtime.Gosched()
	}
	return batchreport.Unfinished{}, ctx.Err()
}

func TestWalkEndsWithTheFirstErrorOfItsReader(t *testing.T) {
	h := newHarness(t, 5000)
	full := errors.New("the disk is full")
	rows := 0
	err := batchreport.Walk(t.Context(), h.store, h.plan, slow, func(batchreport.Row, *batchreport.Unfinished) error {
		rows++
		return full
	})
	requireNothingGoesOn(t)
	require.Equal(t, full, err)
	require.Equal(t, 1, rows)
}

func TestWalkEndsWithTheFirstErrorOfAnExplanation(t *testing.T) {
	h := newHarness(t, 5000)
	unknown := errors.New("the Temporal server is unavailable")
	rows := 0
	err := batchreport.Walk(t.Context(), h.store, h.plan, func(ctx context.Context, session workflows.Session, bot int, at int64) (batchreport.Unfinished, error) {
		if at == 25 {
			return batchreport.Unfinished{}, unknown
		}
		return slow(ctx, session, bot, at)
	}, func(batchreport.Row, *batchreport.Unfinished) error {
		rows++
		return nil
	})
	requireNothingGoesOn(t)
	require.Equal(t, unknown, err)
	require.Equal(t, 1, rows, "those before it are passed on")
}

func TestWalkEndsWithTheFirstErrorOfTheStore(t *testing.T) {
	h := newHarness(t, 5000)
	key := h.folder(sessionOf(1)) + archive.ManifestName
	h.server.Add(s3test.Rule{Operation: s3test.GetObject, Key: key, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	_, _, err := h.walk(slow)
	requireNothingGoesOn(t)
	failed, ok := failure.Of(err)
	require.True(t, ok, "%v", err)
	require.Equal(t, failure.ArchiveUnavailable, failed.FailureKind())
	require.ErrorContains(t, err, "read s3://recordings/"+key)
	require.Less(t, len(h.server.Requests()), 100, "no more sessions are looked at")

	h.server.Add(s3test.Rule{Operation: s3test.GetObject, Key: key, Status: http.StatusForbidden, Code: "AccessDenied"})
	_, _, err = h.walk(slow)
	require.ErrorIs(t, err, archive.ErrBlocked)
	require.NotErrorIs(t, err, archive.ErrInvalidManifest)
}

func TestCancelledWalkEnds(t *testing.T) {
	h := newHarness(t, 5000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rows := 0
	err := batchreport.Walk(ctx, h.store, h.plan, slow, func(batchreport.Row, *batchreport.Unfinished) error {
		rows++
		cancel()
		return nil
	})
	requireNothingGoesOn(t)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, rows)

	h = newHarness(t, 5000)
	err = batchreport.Walk(ctx, h.store, h.plan, slow, func(batchreport.Row, *batchreport.Unfinished) error { panic("cancelled before") })
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, h.server.Requests())
}

func TestPlanThatCannotBeReadIsNoShortReport(t *testing.T) {
	for name, row := range map[string]struct {
		damage func(h *harness)
		want   string
	}{
		"missing": {func(h *harness) { h.server.Remove(bucket, planKey) }, "s3://recordings/" + planKey + ": the object does not exist"},
		"shorter": {func(h *harness) {
			h.server.Set(bucket, planKey, s3test.Object{Body: []byte(sessionOf(0).SessionID + "\n")})
		}, "s3://recordings/" + planKey + " has less than"},
		"no line":       {func(h *harness) { h.plan.Bots[0].End-- }, "is not valid at byte 74975: it has no whole line there"},
		"another place": {func(h *harness) { h.plan.Bots[0].Offset++ }, "not valid at byte 1"},
		"second page": {func(h *harness) {
			object, _ := h.server.Object(bucket, planKey)
			copy(object.Body[70_000:], "\n\n")
			h.server.Set(bucket, planKey, object)
		}, "the plan of the batch is not valid at byte 70"},
		"no ranges": {func(h *harness) {
			h.server.Add(s3test.Rule{Operation: s3test.GetObject, Key: planKey, Always: true, Header: func(header http.Header) { header.Del("Content-Range") }})
		}, "the store ignores the header Range"},
		"unavailable": {func(h *harness) {
			h.server.Add(s3test.Rule{Operation: s3test.GetObject, Key: planKey, Skip: 1, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
		}, "read s3://recordings/" + planKey},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, 3000)
			row.damage(h)
			rows, _, err := h.walk(always(batchreport.Unfinished{}))
			requireNothingGoesOn(t)
			require.ErrorContains(t, err, row.want)
			require.Less(t, len(rows), 3000)
		})
	}
}

func TestPlanIsReadInPages(t *testing.T) {
	h := newHarness(t, 3000)
	rows, _, err := h.walk(always(batchreport.Unfinished{}))
	require.NoError(t, err)
	require.Len(t, rows, 3000)
	var ranges []string
	for _, request := range h.server.Requests() {
		if request.Key == planKey {
			ranges = append(ranges, request.Header.Get("Range"))
		}
	}
	require.Equal(t, []string{"bytes=0-65535", "bytes=65525-74999"}, ranges)
}
