package activities_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// checkWithSlot spends a token on a call at the time of a slot.
func checkWithSlot(t *testing.T, u *upstream, slots *callSlots, slot *callbudget.Slot) (*fetchrecording.CheckStatusResult, error) {
	t.Helper()
	a, _ := openAccount(t, u.url)
	execute := (&activities.CheckStatus{Served: a, Slots: slots}).Execute
	return run[fetchrecording.CheckStatusResult](t, execute, fetchrecording.CheckStatusInput{
		Session: session, UserID: userID, Token: sealedToken(t), Slot: slot,
	})
}

// slotIn is a slot that is to be used soon.
func slotIn(d time.Duration) *callbudget.Slot {
	return &callbudget.Slot{Budget: botID, At: time.Now().Add(d), Within: 10 * time.Second}
}

func TestMintTokenWaitsForASlotOfTheBotsLevel(t *testing.T) {
	a, _ := openAccount(t, nil)
	slots := &callSlots{slot: *slotIn(time.Second), in: time.Minute}
	before := time.Now()
	minted, err := run[fetchrecording.MintTokenResult](t, (&activities.MintToken{Served: a, Slots: slots}).Execute,
		fetchrecording.MintTokenInput{BotID: botID, Level: 7, BatchID: "july"})
	require.NoError(t, err)
	require.Equal(t, []callbudget.Want{{BotID: botID, Level: 7, Batch: "july"}}, slots.wants)
	require.WithinDuration(t, slots.slot.At, minted.Slot.At, 0)
	require.GreaterOrEqual(t, minted.ExpiresAt.Sub(before), time.Minute, "it is usable until the slot's time has come")
}

func TestCallWithoutALevelIsServedLast(t *testing.T) {
	a, _ := openAccount(t, nil)
	for _, level := range []int{0, -1, 11} {
		slots := new(callSlots)
		_, err := run[fetchrecording.MintTokenResult](t, (&activities.MintToken{Served: a, Slots: slots}).Execute, fetchrecording.MintTokenInput{BotID: botID, Level: level})
		require.NoError(t, err)
		require.Equal(t, callbudget.LastLevel, slots.wants[0].Level)
	}
}

func TestCallThatGotNoSlotGoesBackToItsQueue(t *testing.T) {
	a, _ := openAccount(t, nil)
	slots := &callSlots{err: failure.New(failure.NoSlotYet, "no call slot yet")}
	_, err := run[fetchrecording.MintTokenResult](t, (&activities.MintToken{Served: a, Slots: slots}).Execute, fetchrecording.MintTokenInput{BotID: botID, Level: 1})
	requireKind(t, err, failure.NoSlotYet, true, true)
}

func TestCallIsMadeAtTheTimeOfItsSlot(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	slot := slotIn(300 * time.Millisecond)
	_, err := checkWithSlot(t, u, new(callSlots), slot)
	require.NoError(t, err)
	require.False(t, u.Calls()[0].At.Before(slot.At.Add(-50*time.Millisecond)), "not before")
}

func TestLateOrWithdrawnSlotSpendsNoCall(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	late := slotIn(-time.Second)
	late.Within = 100 * time.Millisecond
	for name, row := range map[string]struct {
		slot     *callbudget.Slot
		void     bool
		reported callbudget.CallResult
		late     time.Duration
	}{
		"late":      {late, false, callbudget.Late, 800 * time.Millisecond}, // so that the next ones come earlier
		"withdrawn": {slotIn(0), true, callbudget.Unused, 0},                // so that it counts nowhere
	} {
		t.Run(name, func(t *testing.T) {
			slots := &callSlots{void: row.void}
			_, err := checkWithSlot(t, u, slots, row.slot)
			requireKind(t, err, failure.TokenStale, false, true)
			require.Zero(t, u.Counts().API)
			require.Len(t, slots.reports, 1)
			require.Equal(t, row.reported, slots.reports[0].Result)
			require.GreaterOrEqual(t, slots.reports[0].LateBy, row.late)
		})
	}
}

// The budget has to know what concerns all its calls, and how a probe ended.
func TestCallsAreReportedThatConcernTheBudget(t *testing.T) {
	fault := func(f simulator.Fault) []simulator.Step {
		return []simulator.Step{{Status: simulator.StatusSuccess, Fault: &f}}
	}
	minute := simulator.Refuse(http.StatusTooManyRequests, 429, "You've exceeded the per-minute rate limit. Please wait for sometime before retrying.")
	hour := simulator.Refuse(http.StatusTooManyRequests, 429, "You've exceeded the hourly rate limit. Please wait for sometime before retrying.")
	asked := simulator.Refuse(http.StatusTooManyRequests, 429, "Rate limit for this API has been reached. Please try again later")
	asked.RetryAfter = "7"
	scope := simulator.Refuse(http.StatusUnauthorized, 4002, "Permission denied. Scope is incorrect!")
	down := simulator.Fault{Kind: simulator.Respond, Status: http.StatusBadGateway}
	rejected := simulator.Refuse(http.StatusPreconditionFailed, 412, "Validation errors/ Invalid arguments")
	for name, row := range map[string]struct {
		script        []simulator.Step
		result, probe callbudget.CallResult // "" is not reported
		span, retry   time.Duration
	}{
		"answered":               {nil, "", callbudget.Answered, 0, 0},
		"refused by the minute":  {fault(minute), callbudget.Refused, callbudget.Refused, time.Minute, 0},
		"refused by the hour":    {fault(hour), callbudget.Refused, callbudget.Refused, time.Hour, 0},
		"refused with a wait":    {fault(asked), callbudget.Refused, callbudget.Refused, 0, 7 * time.Second},
		"blocked":                {fault(scope), callbudget.Blocked, callbudget.Blocked, 0, 0},
		"unavailable":            {fault(down), "", callbudget.Unknown, 0, 0},
		"rejected as an invalid": {fault(rejected), "", callbudget.Answered, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, simulator.Config{})
			u.add(t, simulator.Session{Script: row.script})
			for probe, want := range map[bool]callbudget.CallResult{false: row.result, true: row.probe} {
				slots, slot := new(callSlots), slotIn(0)
				slot.Probe = probe
				_, _ = checkWithSlot(t, u, slots, slot)
				if want == "" {
					require.Empty(t, slots.reports)
					continue
				}
				require.Len(t, slots.reports, 1)
				got := slots.reports[0]
				require.Equal(t, want, got.Result)
				require.Equal(t, botID, got.BotID)
				require.Equal(t, row.span, got.Span)
				require.Equal(t, row.retry, got.RetryAfter)
				require.Equal(t, probe, got.Slot.Probe)
				if want == callbudget.Blocked {
					require.Contains(t, got.Reason, "SmartAssist Recordings")
				}
			}
		})
	}
}

func TestUnusableCredentialsSpendNoSlot(t *testing.T) {
	a, _ := openAccount(t, nil)
	a.Accounts[0].Credentials.Key = secret.File(filepath.Join(t.TempDir(), "missing"))
	slots := new(callSlots)
	_, err := run[fetchrecording.MintTokenResult](t, (&activities.MintToken{Served: a, Slots: slots}).Execute, fetchrecording.MintTokenInput{BotID: botID, Level: 1})
	requireKind(t, err, failure.Blocked, false, true)
	require.Empty(t, slots.wants)
}
