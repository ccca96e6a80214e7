package callbudget

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzSlotsSurviveTheirJSON(f *testing.F) {
	f.Add(int64(1772712000123), int64(2000), int64(61000), int64(0))
	f.Add(int64(-5), int64(0), int64(1)<<40, int64(1))
	f.Fuzz(func(t *testing.T, a, b, c, d int64) {
		before := slots{a, b, c, d}
		slices.Sort(before)
		body, err := json.Marshal(before)
		require.NoError(t, err)
		var after slots
		require.NoError(t, json.Unmarshal(body, &after))
		require.Equal(t, before, after)
	})
}

func FuzzMalformedSlotsAreRefused(f *testing.F) {
	f.Add(`"gICAgICAgICAgIA"`)
	f.Add(`""`)
	f.Add(`7`)
	f.Fuzz(func(t *testing.T, body string) {
		var s slots
		if json.Unmarshal([]byte(body), &s) == nil {
			again, err := json.Marshal(s)
			require.NoError(t, err)
			var same slots
			require.NoError(t, json.Unmarshal(again, &same))
			require.Equal(t, s, same)
		}
	})
}

func TestMalformedSlotsAreRefused(t *testing.T) {
	for _, body := range []string{`7`, `"!"`, `"gA"`, `"gICAgICAgICAgIA"`} {
		var s slots
		require.Error(t, json.Unmarshal([]byte(body), &s), body)
	}
	s := slots{1}
	require.NoError(t, json.Unmarshal([]byte(`""`), &s))
	require.Empty(t, s)
}

// The state travels with each new run, so its size is bounded.
func TestStateIsSmall(t *testing.T) {
	for n, bytes := range map[int]int{1_800: 6_000, 36_000: 100_000, 50_000: 100_000} {
		s := newState("account", windows("36000/24h"), start, start)
		random := rand.New(rand.NewPCG(1, 1))
		at := start
		for range n {
			at = at.Add(time.Duration(random.Int64N(int64(4 * time.Second))))
			s.handOut(at)
		}
		body, err := json.Marshal(s)
		require.NoError(t, err)
		require.Less(t, len(body), bytes, "%d slots", n)
		var back State
		require.NoError(t, json.Unmarshal(body, &back))
		require.Equal(t, s.Slots, back.Slots)
		require.LessOrEqual(t, len(back.Slots), maxSlots)
	}
}

func TestSlotsAreCounted(t *testing.T) {
	s := slots{1000, 2000, 2000, 3000}
	at := time.UnixMilli
	require.Equal(t, 2, s.within(time.Second, at(2000)), "from after the begin to the end, which counts")
	require.Equal(t, 3, s.within(2*time.Second, at(2999)))
	require.Equal(t, 0, s.within(time.Second, at(999)))
	require.Equal(t, 1, s.after(1000))
	require.Equal(t, 4, s.after(3000))
	require.Equal(t, at(3000).UTC(), s.last())
	s.forget(at(2000))
	require.Equal(t, slots{2000, 2000, 3000}, s)
	require.Zero(t, slots(nil).last())
}

func TestOldSlotsAreForgotten(t *testing.T) {
	for limit, kept := range map[string]time.Duration{"60/1m": time.Hour + time.Second, "1000/3h": 3*time.Hour + time.Second} {
		s := newState("b", windows(limit), start, start)
		for i := range 1000 {
			at := start.Add(time.Duration(i) * time.Minute)
			s.handOut(at)
			s.unused(at)
			s.forgetOld(at)
			oldest := at.Sub(time.UnixMilli(s.Slots[0]))
			require.LessOrEqual(t, oldest, kept+kept/10+time.Minute)
			if time.Duration(i)*time.Minute > kept {
				require.GreaterOrEqual(t, oldest, kept-time.Minute)
			}
			require.LessOrEqual(t, len(s.Unused), len(s.Slots)+1)
		}
	}
	empty := newState("b", windows("60/1m"), start, start)
	empty.forgetOld(start)
}
