package daylist_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/simulator"
)

const wholeDay = 24 * time.Hour

// busy adds a day of 50,000 calls as a call centre has them: few at night, most before noon, some in the same second, chats
// among them, calls that were transferred, and calls that ended at the bot.
func (v *vendor) busy(chance *rand.Rand) (calls, chats int) {
	v.t.Helper()
	weights := []float64{1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 20, 18, 14, 16, 17, 16, 14, 11, 8, 6, 4, 3, 2, 1}
	var sum float64
	for _, weight := range weights {
		sum += weight
	}
	isUndirected := map[time.Duration]bool{} // seconds with calls that have no direction
	add := func(after time.Duration) {
		v.call(after, func(s *simulator.Session) {
			switch chance.IntN(100) {
			case 0, 1, 2, 3:
				s.Channel = simulator.ChannelChat
				chats++
				return
			case 4, 5, 6, 7, 8:
				s.Direction = simulator.NoDirection
				isUndirected[after.Truncate(time.Second)] = true
			case 9, 10, 11:
				s.Conversations = 2
			case 12, 13, 14, 15, 16, 17, 18, 19, 20:
				s.Direction = simulator.Outbound
			}
			calls++
		})
	}
	for hour, weight := range weights {
		for range int(47_000 * weight / sum) {
			add(time.Duration(hour)*time.Hour + time.Duration(chance.Int64N(int64(time.Hour))))
		}
	}
	for range 5 { // Campaigns dial many numbers at once.
		at := time.Duration(chance.Int64N(int64(wholeDay)))
		for range 300 {
			add(at)
		}
	}
	at := time.Duration(chance.Int64N(int64(wholeDay)))
	for isUndirected[at.Truncate(time.Second)] { // A full window does not show those; see TestWhatASecondDoesNotShowIsSaid.
		at = time.Duration(chance.Int64N(int64(wholeDay)))
	}
	for i := range 50_000 - calls - chats { // So many that a second has a full window.
		v.call(at, func(s *simulator.Session) {
			if i%2 == 0 {
				s.Direction = simulator.Outbound
			}
			calls++
		})
	}
	for range 200 { // Of the days before and behind.
		v.call(-time.Duration(chance.Int64N(int64(time.Hour)))-time.Second, nil)
		v.call(wholeDay+time.Duration(chance.Int64N(int64(time.Hour))), nil)
	}
	return calls, chats
}

// leastCalls is the least number of calls for so many rows.
func leastCalls(rows int) int { return (rows + 99) / 100 }

func requireRatio(t *testing.T, name string, spent, rows int) {
	t.Helper()
	ratio := float64(spent) / float64(leastCalls(rows))
	t.Logf("%s: %d calls for %d rows, %.3f times the least", name, spent, rows, ratio)
	require.LessOrEqual(t, ratio, 1.1, name)
}

// rowsOf are the rows that the simulator's lists have of the day.
func (v *vendor) rowsOf() (interactions, sessions int) {
	for _, session := range v.inDay() {
		sessions++
		if session.Channel == simulator.ChannelVoice {
			interactions += session.Conversations
		}
	}
	return interactions, sessions
}

func (v *vendor) inDay() (found []simulator.Session) {
	first, behind := simulator.NewSessionID(midnight, 0), simulator.NewSessionID(midnight.Add(wholeDay), 0)
	for _, session := range v.Sessions() {
		if session.SessionID >= first && session.SessionID < behind {
			found = append(found, session)
		}
	}
	return found
}

func TestDayOf50000CallsTakesFewerThanATenthMoreCallsThanTheLeast(t *testing.T) {
	skipUnderRace(t)
	chance, _ := seeded(t)
	v := newVendor(t, simulator.Config{})
	calls, chats := v.busy(chance)
	interactionRows, sessionRows := v.rowsOf()
	var want []string
	for _, session := range v.inDay() {
		if session.Channel == simulator.ChannelVoice {
			want = append(want, session.SessionID)
		}
	}

	sessions := v.listSessions()
	require.Empty(t, sessions.Remarks)
	require.Equal(t, []int{calls, chats}, []int{sessions.Sessions, sessions.OtherChannels})
	require.Equal(t, want, sessions.ids())
	requireRatio(t, "sessions", sessions.Calls, sessionRows)

	hinted := v.listInteractions(sessions.hints())
	require.Empty(t, hinted.Remarks)
	require.Equal(t, want, hinted.ids())
	requireRatio(t, "interactions with hints", hinted.Calls, interactionRows)

	// Without hints, what begins in the full second and the rise of the morning are found by windows that are too full.
	unhinted := v.listInteractions(nil)
	require.Empty(t, unhinted.Remarks)
	require.Equal(t, want, unhinted.ids())
	t.Logf("interactions without hints: %d calls, %.3f times the least", unhinted.Calls, float64(unhinted.Calls)/float64(leastCalls(interactionRows)))
	require.Less(t, unhinted.Calls, leastCalls(interactionRows)*8/5)
}

// No call is missed that the lists show, and they take at most 1.1 times the fewest calls.
func TestDayOf50000CallsOverListsWithEveryTrapMissesNone(t *testing.T) {
	skipUnderRace(t)
	chance, seed := seeded(t)
	v := newVendor(t, simulator.Config{InteractionTotals: true})
	v.busy(chance)
	traps := simulator.ListFaults{LackShare: 0.01, RepeatShare: 0.01, AppearShare: 0.001, DisappearShare: 0.001, ShiftCalls: 500, Seed: seed}
	require.NoError(t, v.SetListFaults(simulator.KindInteractions, traps))
	traps.Seed++
	traps.TotalOff = 7
	require.NoError(t, v.SetListFaults(simulator.KindSessions, traps))

	sessions, missedSessions := v.missed(simulator.KindSessions, func() *listed { return v.listSessions() })
	interactions, missedInteractions := v.missed(simulator.KindInteractions, func() *listed { return v.listInteractions(sessions.hints()) })
	require.Empty(t, missedSessions)
	// A row of interactionDetails is on no page if another one goes and a third one comes between the same two pages, and the
	// numbers do not show it: getSessions has the call, unless it lacks it, and a day is read twice.
	require.LessOrEqual(t, len(missedInteractions), 2)
	for _, id := range missedInteractions {
		_, found := sessions.rows[id]
		require.Equal(t, v.Listed(simulator.KindSessions, botID)[id], found, "neither list was read with %s", id)
	}
	found := map[string]bool{}
	for _, list := range []*listed{sessions, interactions} {
		for id := range list.rows {
			found[id] = true
		}
	}
	t.Logf("%d calls by getSessions, %d by interactionDetails, %d by either", len(sessions.rows), len(interactions.rows), len(found))
	t.Logf("remarks: %q, %q", sessions.Remarks, interactions.Remarks)
	require.True(t, oneOf(sessions.Remarks, "the list says that it has"), "the wrong total: %q", sessions.Remarks)
	interactionRows, sessionRows := v.rowsOf()
	requireRatio(t, "sessions", sessions.Calls, sessionRows)
	requireRatio(t, "interactions", interactions.Calls, interactionRows)
}

// requireAllListed requires that a listing finds every call that the list has had from its first page to its last one, and
// none that it never had.
func (v *vendor) requireAllListed(kind simulator.CallKind, list func() *listed) *listed {
	v.t.Helper()
	got, missed := v.missed(kind, list)
	require.Empty(v.t, missed, "%s missed", kind)
	return got
}

// missed lists, and returns the ids of the calls that the list has had from its first page to its last one and that were not
// found. It requires that none was found that the list never had.
func (v *vendor) missed(kind simulator.CallKind, list func() *listed) (got *listed, missed []string) {
	v.t.Helper()
	before := v.Listed(kind, botID)
	got = list()
	after := v.Listed(kind, botID)
	for _, session := range v.inDay() {
		_, found := got.rows[session.SessionID]
		if session.Channel == simulator.ChannelVoice && before[session.SessionID] && after[session.SessionID] && !found {
			missed = append(missed, session.SessionID)
		}
	}
	for id := range got.rows {
		require.True(v.t, before[id] || after[id], id)
	}
	return got, missed
}

// skipUnderRace skips a test that takes minutes with the race detector, which the listings of
// smaller days are watched by.
func skipUnderRace(t *testing.T) {
	if underRace {
		t.Skip("50,000 calls take minutes with the race detector")
	}
}
