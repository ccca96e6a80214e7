package fetchrecording_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const day = 24 * time.Hour

// counters are a handler of metrics that counts callvault's own, by name and tags.
type counters struct {
	mu   sync.Mutex
	by   map[string]int64
	tags map[string]string
	root *counters
}

func (c *counters) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(tags)
	for key, value := range c.tags {
		all[key] = value
	}
	root := c
	if c.root != nil {
		root = c.root
	}
	return &counters{tags: all, root: root}
}

func (c *counters) Counter(name string) client.MetricsCounter {
	return counted(func(n int64) {
		if root := c.root; root != nil && strings.HasPrefix(name, "callvault_") {
			root.mu.Lock()
			defer root.mu.Unlock()
			key := name
			for _, label := range metric.Labels() {
				if value, ok := c.tags[label]; ok {
					key += " " + label + "=" + value
				}
			}
			root.by[key] += n
		}
	})
}

// of returns the counts of one counter.
func (c *counters) of(name string) map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := maps.Clone(c.by)
	maps.DeleteFunc(found, func(key string, _ int64) bool { return !strings.HasPrefix(key, name+" ") })
	return found
}

func (c *counters) Gauge(name string) client.MetricsGauge {
	return client.MetricsNopHandler.Gauge(name)
}
func (c *counters) Timer(name string) client.MetricsTimer {
	return client.MetricsNopHandler.Timer(name)
}

type counted func(int64)

func (c counted) Inc(n int64) { c(n) }

// upsert is one change of the search attributes.
type upsert struct {
	purgeAt time.Time
	phase   string
}

// watchUpserts returns where the changes of the search attributes will be.
func (h *harness) watchUpserts() *[]upsert {
	h.t.Helper()
	require.NoError(h.t, h.env.SetTypedSearchAttributesOnStart(workflows.FetchRequest{Session: h.session}.SearchAttributes()))
	all := new([]upsert)
	h.env.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
		attributes := args.Get(0).(temporal.SearchAttributes)
		var one upsert
		one.purgeAt, _ = attributes.GetTime(workflows.SearchAttributePurgeAt)
		one.phase, _ = attributes.GetKeyword(workflows.SearchAttributePhase)
		*all = append(*all, one)
	}).Return(nil)
	return all
}

// purgedIn is a harness of a session that the vendor purges so long after the fetch's start,
// if it keeps recordings for 90 days.
func purgedIn(t *testing.T, left time.Duration, responses ...response) *harness {
	t.Helper()
	h := newHarness(t, responses...)
	h.retention = 90 * day
	h.session = callAt(startTime.Add(left-h.retention), 1)
	return h
}

func (h *harness) alarms() []map[string]any {
	h.t.Helper()
	var all []map[string]any
	for line := range strings.Lines(h.warnings.String()) {
		var one map[string]any
		require.NoError(h.t, json.Unmarshal([]byte(line), &one))
		all = append(all, one)
	}
	return all
}

func TestRecordingThatIsReadyRaisesNoAlarm(t *testing.T) {
	h := purgedIn(t, day, success("a.wav"))
	upserts := h.watchUpserts()
	h.run(workflows.FetchPolicy{})
	require.Equal(t, []upsert{{phase: "archived"}}, *upserts, "it costs nothing more")
	require.Empty(t, h.alarms())
	require.Empty(t, h.counters.of(metric.PurgeAlarm))
}

func TestFetchThatWaitsWithinAnAlarmRaisesItInTheSameUpsert(t *testing.T) {
	for name, row := range map[string]struct {
		first response
		phase string
	}{
		"for the media":        {answered("media_in_progress"), "media_in_progress"},
		"for an operator":      {refusal(401, "Invalid SDK credentials"), "blocked"},
		"for the vendor's day": {answered("partial_download_failed"), "partial_wait"},
		"for the API":          {response{code: 503}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := purgedIn(t, 10*day, row.first, success("a.wav"))
			upserts := h.watchUpserts()
			purgeAt := startTime.Add(10 * day)
			h.after(time.Second, func() {
				require.Equal(t, purgeAt, h.progress().PurgeAt)
				require.Contains(t, h.details(), "- Purge by the vendor: 2026-03-15T12:00:00Z")
			})
			require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{}).Outcome)
			require.Equal(t, upsert{purgeAt, row.phase}, (*upserts)[0])
			require.False(t, slices.ContainsFunc((*upserts)[1:], func(u upsert) bool { return !u.purgeAt.IsZero() }), "once")
			require.Equal(t, map[string]int64{"callvault_purge_alarm account=acme days=14": 1}, h.counters.of(metric.PurgeAlarm))
			require.Len(t, h.alarms(), 1)
			alarm := h.alarms()[0]
			require.NotEmpty(t, alarm["reason"])
			for key, want := range map[string]string{"botId": botID, "sessionId": h.session.SessionID, "account": "acme", "purgeAt": "2026-03-15T12:00:00Z", "daysLeft": "10.0"} {
				require.Equal(t, want, alarm[key], key)
			}
			require.NotContains(t, h.details(), "Purge by the vendor", "it has an outcome")
		})
	}
}

// A wait is not ended by an alarm, and costs no call: the fetch tells and sleeps on.
func TestAlarmsWakeAFetchThatSleeps(t *testing.T) {
	h := purgedIn(t, 15*day, answered("partial_download_failed"), success("a.wav"))
	upserts := h.watchUpserts()
	for at, want := range map[time.Duration]int{day - time.Minute: 0, day + time.Minute: 1, 8*day + time.Minute: 2, 13*day + time.Minute: 3} {
		h.after(at, func() {
			require.Len(t, h.alarms(), want, at)
			require.Equal(t, workflows.PhasePartialWait, h.progress().Phase)
			require.WithinDuration(t, startTime.Add(14*day), h.progress().NextCheckAt, 4*time.Hour, "the wait is as long as before")
		})
	}
	h.run(workflows.FetchPolicy{PartialRetryAfter: 14 * day})
	require.Len(t, h.checkedAt, 2)
	require.Equal(t, []upsert{{phase: "partial_wait"}, {purgeAt: startTime.Add(15 * day)}, {phase: "archiving"}, {phase: "archived"}}, *upserts,
		"the attribute is set once, and the others are logged and counted")
	require.Equal(t, map[string]int64{
		"callvault_purge_alarm account=acme days=14": 1, "callvault_purge_alarm account=acme days=7": 1, "callvault_purge_alarm account=acme days=2": 1}, h.counters.of(metric.PurgeAlarm))
	require.Equal(t, "14.0", h.alarms()[0]["daysLeft"])
}

func TestCheckNowEndsAWaitThatAnAlarmHasInterrupted(t *testing.T) {
	h := purgedIn(t, 15*day, answered("partial_download_failed"), success("a.wav"))
	h.after(2*day, func() { h.checkNow() })
	h.run(workflows.FetchPolicy{PartialRetryAfter: 14 * day})
	require.Len(t, h.checkedAt, 2)
	require.WithinDuration(t, startTime.Add(2*day), h.checkedAt[1], time.Minute)
	require.Len(t, h.alarms(), 1)
}

func TestFetchThatStartsLateRaisesOnlyTheLatestAlarm(t *testing.T) {
	h := purgedIn(t, day, answered("media_in_progress"), answered("media_in_progress"), success("a.wav"))
	h.run(workflows.FetchPolicy{})
	require.Equal(t, map[string]int64{"callvault_purge_alarm account=acme days=2": 1}, h.counters.of(metric.PurgeAlarm))
	require.Equal(t, map[string]int64{"callvault_fetches account=acme outcome=archived": 1}, h.counters.of(metric.Fetches))
}

func TestNoAlarmWithoutARetentionOrAfterThePurge(t *testing.T) {
	for name, h := range map[string]*harness{
		"not known":    purgedIn(t, 10*day, answered("media_in_progress"), success("a.wav")),
		"purged":       purgedIn(t, -day, answered("media_in_progress"), success("a.wav")),
		"long before":  purgedIn(t, 60*day, answered("media_in_progress"), success("a.wav")),
		"not yet near": purgedIn(t, 15*day, answered("media_in_progress"), success("a.wav")),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "not known" {
				h.retention = 0
			}
			upserts := h.watchUpserts()
			h.run(workflows.FetchPolicy{})
			require.Empty(t, h.alarms())
			require.False(t, slices.ContainsFunc(*upserts, func(u upsert) bool { return !u.purgeAt.IsZero() }))
		})
	}
}

// Its history has no events for what an earlier version did not know; each alarm that
// is due after the upgrade has a version of its own.
func TestFetchFromBeforeRaisesTheAlarmsThatAreDueAfterTheUpgrade(t *testing.T) {
	h := purgedIn(t, 13*day, answered("partial_download_failed"), success("a.wav"))
	h.fromJSON = true
	require.NoError(t, h.env.SetMemoOnStart(map[string]any{workflows.MemoFlow: workflows.FlowFewEvents}))
	h.env.OnGetVersion("purge-alarm-336h0m0s", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	h.env.OnGetVersion("purge-alarm-168h0m0s", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.Version(1))
	h.env.OnGetVersion("purge-alarm-48h0m0s", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.Version(1))
	h.run(workflows.FetchPolicy{PartialRetryAfter: 12 * day})
	require.Equal(t, map[string]int64{"callvault_purge_alarm account=acme days=7": 1, "callvault_purge_alarm account=acme days=2": 1}, h.counters.of(metric.PurgeAlarm))
}

func TestFurtherRunRepeatsNoAlarm(t *testing.T) {
	h := purgedIn(t, 10*day, answered("media_in_progress"), success("a.wav"))
	h.env.SetContinuedExecutionRunID("the run before")
	h.executeInput(fetchrecording.Input{
		FetchRequest: workflows.FetchRequest{Session: h.session},
		Resume:       &fetchrecording.State{StartedAt: startTime, GiveUpAt: startTime.Add(30 * day), AlarmRaised: 14 * day, AlarmedOf: startTime.Add(10 * day)},
	})
	require.NoError(t, h.env.GetWorkflowError())
	require.Empty(t, h.alarms())
}

// The vendor keeps recordings for other times now.
func TestAlarmOfAnotherPurgeIsRaisedAnew(t *testing.T) {
	h := purgedIn(t, 10*day, answered("media_in_progress"), success("a.wav"))
	upserts := h.watchUpserts()
	h.env.SetContinuedExecutionRunID("the run before")
	h.executeInput(fetchrecording.Input{
		FetchRequest: workflows.FetchRequest{Session: h.session},
		Resume:       &fetchrecording.State{StartedAt: startTime, GiveUpAt: startTime.Add(30 * day), AlarmRaised: 2 * day, AlarmedOf: startTime.Add(day)},
	})
	require.NoError(t, h.env.GetWorkflowError())
	require.Len(t, h.alarms(), 1)
	require.Equal(t, startTime.Add(10*day), (*upserts)[0].purgeAt)
}

func TestSessionThatIsPurgedWhileItWaitsIsLost(t *testing.T) {
	h := purgedIn(t, 3*day, answered("media_in_progress"))
	h.after(4*day, func() { h.answer(answered("media_unavailable")) })
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, workflows.OutcomeLostToRetention, result.Outcome)
	require.Equal(t, "media_unavailable", result.Status)
	require.Contains(t, result.Reason, "retention of 90d ended at 2026-03-08T12:00:00Z")
}
