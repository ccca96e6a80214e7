package activities_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// recorder is a handler of metrics that keeps callvault's own: the sums of the counters and
// how often a duration was recorded, by name and labels.
type recorder struct {
	mu   *sync.Mutex
	seen map[string]int64
	tags map[string]string
}

func newRecorder() *recorder {
	return &recorder{mu: new(sync.Mutex), seen: make(map[string]int64)}
}

func (r *recorder) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(tags)
	for name, value := range r.tags {
		if _, set := all[name]; !set {
			all[name] = value
		}
	}
	return &recorder{mu: r.mu, seen: r.seen, tags: all}
}

func (r *recorder) add(name string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var labels []string
	for _, label := range metric.Labels() {
		if value, set := r.tags[label]; set {
			labels = append(labels, fmt.Sprintf("%s=%q", label, value))
		}
	}
	if strings.HasPrefix(name, "callvault_") {
		r.seen[fmt.Sprintf("%s{%s}", name, strings.Join(labels, ","))] += n
	}
}

// lines returns what was recorded, sorted.
func (r *recorder) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := []string{}
	for _, key := range slices.Sorted(maps.Keys(r.seen)) {
		lines = append(lines, fmt.Sprint(key, " ", r.seen[key]))
	}
	return lines
}

type (
	counterFunc func(int64)
	timerFunc   func(time.Duration)
)

func (f counterFunc) Inc(n int64)              { f(n) }
func (f timerFunc) Record(value time.Duration) { f(value) }

func (r *recorder) Counter(name string) client.MetricsCounter {
	return counterFunc(func(n int64) { r.add(name, n) })
}

func (r *recorder) Timer(name string) client.MetricsTimer {
	return timerFunc(func(time.Duration) { r.add(name, 1) })
}

func (r *recorder) Gauge(name string) client.MetricsGauge {
	return client.MetricsNopHandler.Gauge(name)
}

// count returns the sum of a counter of the tests' account.
func (r *recorder) count(name string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[name+`{account="acme"}`]
}

func TestChecksAreCountedByStatusAndCode(t *testing.T) {
	for name, test := range map[string]struct {
		code int
		body string
		want []string
	}{
		"a known status":    {200, `{"status":"media_in_progress","recording":[]}`, []string{`callvault_checks{account="acme",status="media_in_progress",code="200"} 1`}},
		"an unknown status": {200, `{"status":"canary of a status","recording":[]}`, []string{`callvault_checks{account="acme",status="other",code="200"} 1`}},
		"refused":           {401, `{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}`, []string{`callvault_checks{account="acme",status="none",code="401"} 1`}},
		"refused by rate": {429, `{"errors":[{"msg":"Rate limit for this API has been reached. Please try again later","code":429}]}`,
			[]string{`callvault_budget_refused{account="acme"} 1`, `callvault_checks{account="acme",status="none",code="429"} 1`}},
		"no response": {0, "", []string{`callvault_checks{account="acme",status="none",code="none"} 1`}},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := openAccount(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.code == 0 {
					panic(http.ErrAbortHandler)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.code)
				fmt.Fprint(w, test.body)
			})))
			metrics := newRecorder()
			environment := newMeasuredEnvironment(metrics, (&activities.CheckStatus{Served: a, Slots: &callSlots{}}).Execute)
			_, _ = environment.ExecuteActivity("under-test", fetchrecording.CheckStatusInput{Session: session, Token: sealedToken(t)})
			require.Equal(t, test.want, metrics.lines())
		})
	}
}

func TestWaitForACallSlotIsRecordedByUrgency(t *testing.T) {
	for level, want := range map[int]string{callbudget.Level(2, false): "live", callbudget.Level(3, true): "backfill"} {
		a, _ := openAccount(t, nil)
		metrics := newRecorder()
		environment := newMeasuredEnvironment(metrics, (&activities.MintToken{Served: a, Slots: &callSlots{}}).Execute)
		_, err := environment.ExecuteActivity("under-test", fetchrecording.MintTokenInput{BotID: botID, Level: level})
		require.NoError(t, err)
		require.Equal(t, []string{`callvault_slot_wait{account="acme",urgency="` + want + `"} 1`}, metrics.lines())
	}
}

func TestBytesThatAreDownloadedAndNotKeptAreCounted(t *testing.T) {
	const part = 8 << 20
	for name, test := range map[string]struct {
		etag        string
		least, most int64
	}{
		"continued":   {`"v1"`, 0, 4 << 20}, // what came after the last whole part
		"begun again": {`"v2"`, 2 * part, 2*part + 4<<20},
	} {
		t.Run(name, func(t *testing.T) {
			server := &largeServer{cuts: 1, cutAt: 20 << 20}
			a, _, file := openLarge(t, server)
			metrics := newRecorder()
			_, err := download{account: a, metrics: metrics}.fetch(t, file)
			point := resumeOf(t, err)
			require.Zero(t, metrics.count(metric.ArchivedBytes))
			server.etag = test.etag
			_, err = download{account: a, again: true, resume: point, metrics: metrics}.fetch(t, file)
			require.NoError(t, err)
			require.EqualValues(t, largeBytes, metrics.count(metric.ArchivedBytes))
			notKept := metrics.count(metric.RefetchedBytes)
			require.GreaterOrEqual(t, notKept, test.least)
			require.LessOrEqual(t, notKept, test.most)
			require.EqualValues(t, 1, metrics.count(metric.Transfer), "the attempt that succeeded")
		})
	}
}
