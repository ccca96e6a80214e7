package batchplan_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// callAt returns a session of a call at a time.
func callAt(botID string, at time.Time) workflows.BatchSession {
	return workflows.BatchSession{Session: workflows.Session{BotID: botID, SessionID: fmt.Sprintf("%08x3242653c58d7aaaa", at.Unix())}}
}

func withUser(session workflows.BatchSession, userID string) workflows.BatchSession {
	session.UserID = userID
	return session
}

// planOf builds the plan of sessions in this order.
func planOf(t testing.TB, retention time.Duration, sessions ...workflows.BatchSession) *batchplan.Plan {
	t.Helper()
	builder := batchplan.NewBuilder()
	for _, session := range sessions {
		require.NoError(t, builder.Add(session))
	}
	return builder.Build(now, retention)
}

func textOf(t testing.TB, plan *batchplan.Plan) string {
	t.Helper()
	text, err := io.ReadAll(plan.Text())
	require.NoError(t, err)
	require.EqualValues(t, len(text), plan.Bytes)
	return string(text)
}

func requireText(t *testing.T, plan *batchplan.Plan, lines ...string) {
	t.Helper()
	require.Equal(t, strings.Join(lines, "\n")+"\n", textOf(t, plan))
}

func TestSessionsThatThePurgeReachesFirstComeFirst(t *testing.T) {
	day := 24 * time.Hour
	young, old := callAt("st-1", now.Add(-day)), callAt("st-1", now.Add(-29*day))
	atTheEnd, purged, longPurged := callAt("st-1", now.Add(-30*day)), callAt("st-1", now.Add(-30*day-time.Second)), callAt("st-1", now.Add(-90*day))
	given := []workflows.BatchSession{purged, young, longPurged, old, atTheEnd}

	requireText(t, planOf(t, 30*day, given...), atTheEnd.SessionID, old.SessionID, young.SessionID, longPurged.SessionID, purged.SessionID)
	requireText(t, planOf(t, 0, given...), longPurged.SessionID, purged.SessionID, atTheEnd.SessionID, old.SessionID, young.SessionID)
	requireText(t, planOf(t, time.Hour, given...), longPurged.SessionID, purged.SessionID, atTheEnd.SessionID, old.SessionID, young.SessionID)
	requireText(t, planOf(t, 1000*365*day/10, given...), longPurged.SessionID, purged.SessionID, atTheEnd.SessionID, old.SessionID, young.SessionID)
}

func TestSessionsOfASecondAreOrderedByTheirIDs(t *testing.T) {
	b := workflows.BatchSession{Session: workflows.Session{BotID: "st-1", SessionID: "65e7133affffffffffffffff"}}
	a := workflows.BatchSession{Session: workflows.Session{BotID: "st-1", SessionID: "65e7133a0000000000000000"}}
	requireText(t, planOf(t, 0, b, a), a.SessionID, b.SessionID)
}

func TestSessionsOfABotAreTogether(t *testing.T) {
	a, b := callAt("st-1", now.Add(-time.Hour)), callAt("st-2", now.Add(-2*time.Hour))
	c, d := callAt("st-1", now.Add(-3*time.Hour)), withUser(callAt("st-2", now.Add(-4*time.Hour)), "u")
	plan := planOf(t, 0, b, a, d, c)
	require.Equal(t, []batch.BotRange{{BotID: "st-1", Offset: 0, End: 50, Sessions: 2}, {BotID: "st-2", Offset: 50, End: 102, Sessions: 2}}, plan.Bots)
	require.Equal(t, 4, plan.Sessions)
	requireText(t, plan, c.SessionID, a.SessionID, d.SessionID+" u", b.SessionID)
}

func TestFirstRowOfARepeatedSessionWins(t *testing.T) {
	a, b := callAt("st-1", now.Add(-time.Hour)), callAt("st-1", now.Add(-2*time.Hour))
	plan := planOf(t, 0, a, withUser(a, "second"), withUser(b, "first"), b, withUser(b, "third"), withUser(callAt("st-2", now.Add(-time.Hour)), "another bot"))
	require.Equal(t, 3, plan.Duplicates)
	require.Equal(t, 3, plan.Sessions)
	requireText(t, plan, b.SessionID+" first", a.SessionID, a.SessionID+" another bot")
}

func TestEmptyListHasAnEmptyPlan(t *testing.T) {
	plan := planOf(t, time.Hour)
	require.Empty(t, plan.Bots)
	require.Zero(t, plan.Sessions)
	require.Empty(t, textOf(t, plan))
}

func TestTextOfAPlanIsAReader(t *testing.T) {
	plan := planOf(t, 0, callAt("st-1", now.Add(-time.Hour)), withUser(callAt("st-2", now.Add(-time.Hour)), strings.Repeat("x", 512)), callAt("st-2", now.Add(-2*time.Hour)))
	text := textOf(t, plan)
	require.Equal(t, text, textOf(t, plan), "it can be read again")
	require.NoError(t, iotest.TestReader(plan.Text(), []byte(text)))
}

func TestTheSameSessionsHaveTheSameText(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	sessions := randomSessions(random, 500)
	want := textOf(t, planOf(t, 30*24*time.Hour, sessions...))
	for range 20 {
		random.Shuffle(len(sessions), func(i, j int) { sessions[i], sessions[j] = sessions[j], sessions[i] })
		require.Equal(t, want, textOf(t, planOf(t, 30*24*time.Hour, sessions...)))
	}
}

func TestBotsAreBounded(t *testing.T) {
	builder := batchplan.NewBuilder()
	for i := range batchplan.MaxBots {
		require.NoError(t, builder.Add(callAt(fmt.Sprintf("st-%d", i), now)))
	}
	require.ErrorContains(t, builder.Add(callAt("st-another", now)), "the list has more than 500 bots: start several batches")
	require.NoError(t, builder.Add(callAt("st-7", now.Add(-time.Hour))), "a bot that is there already")
	plan := builder.Build(now, 0)
	require.Len(t, plan.Bots, batchplan.MaxBots)
	require.Equal(t, batchplan.MaxBots+1, plan.Sessions)
}

func TestUserIDsAreBounded(t *testing.T) {
	builder := batchplan.NewBuilder()
	user := strings.Repeat("u", 512)
	for i := range 64 << 20 / len(user) {
		require.NoError(t, builder.Add(withUser(callAt("st-1", now.Add(-time.Duration(i)*time.Second)), user)))
	}
	another := callAt("st-2", now)
	require.ErrorContains(t, builder.Add(withUser(another, "u")), "the user ids of the list have more than 67108864 bytes: leave them out, or start several batches")
	require.NoError(t, builder.Add(callAt("st-1", now.Add(time.Second))))
	plan := builder.Build(now, 0)
	require.Len(t, plan.Bots, 1, "what is refused leaves nothing behind")
	require.EqualValues(t, (24+1+512+1)*(64<<20/512)+25, plan.Bytes)
	last, err := lastLine(plan)
	require.NoError(t, err)
	require.Equal(t, callAt("st-1", now.Add(time.Second)).SessionID, last)
}

func lastLine(plan *batchplan.Plan) (string, error) {
	var tail bytes.Buffer
	_, err := io.CopyN(io.Discard, plan.Text(), plan.Bytes-25)
	if err != nil {
		return "", err
	}
	text := plan.Text()
	if _, err = io.CopyN(io.Discard, text, plan.Bytes-25); err == nil {
		_, err = io.Copy(&tail, text)
	}
	return strings.TrimSpace(tail.String()), err
}

// Every list is checked before; here it must not make a wrong plan.
func TestMalformedSessionLeavesTheBuilderAsItIs(t *testing.T) {
	good := callAt("st-1", now)
	builder := batchplan.NewBuilder()
	for _, sessionID := range []string{"", "65e7", good.SessionID + "00", good.SessionID[:23], good.SessionID[:23] + "x", good.SessionID + "0", strings.Repeat("0", 10_000)} {
		err := builder.Add(workflows.BatchSession{Session: workflows.Session{BotID: "st-1", SessionID: sessionID}, UserID: "u"})
		require.ErrorContains(t, err, "is malformed: want 24 hexadecimal digits")
		require.Less(t, len(err.Error()), 200)
	}
	require.NoError(t, builder.Add(good))
	plan := builder.Build(now, 0)
	require.Equal(t, 1, plan.Sessions)
	requireText(t, plan, good.SessionID)
}

// randomSessions returns sessions of a few bots without duplicates, some of them with users.
func randomSessions(random *rand.Rand, n int) []workflows.BatchSession {
	var sessions []workflows.BatchSession
	for i := range n {
		session := workflows.BatchSession{Session: workflows.Session{
			BotID:     fmt.Sprintf("st-%d", random.IntN(3)),
			SessionID: fmt.Sprintf("%08x%08x%08x", now.Add(-time.Duration(random.Int64N(int64(60*24*time.Hour)))).Unix(), random.Uint32(), i),
		}}
		if random.IntN(2) == 0 {
			session.UserID = randomUser(random)
		}
		sessions = append(sessions, session)
	}
	return sessions
}

func randomUser(random *rand.Rand) string {
	var user strings.Builder
	for range 1 + random.IntN(60) {
		user.WriteRune([]rune("  ab@.,;\"'é本\u2028")[random.IntN(13)])
	}
	return user.String()
}
