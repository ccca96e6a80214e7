package worker

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"sync"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// maxCauses bounds how many causes are remembered. Further ones are not logged
// until one of them is over.
const maxCauses = 100

// blockLog logs that fetches are blocked, at warning level and once for each
// cause, however many fetches meet it, and that they no longer are. The fetches
// themselves are found by CallvaultPhase = 'blocked'.
type blockLog struct {
	interceptor.WorkerInterceptorBase
	logger *slog.Logger

	mu     sync.Mutex
	causes map[cause]bool
}

// cause is what blocks fetches: an activity's failure without what differs from
// one session to the next.
type cause struct {
	activity string
	kind     failure.Kind
	text     string
}

// newBlockLog returns an interceptor for the workers of one account, which the
// attributes of logger name.
func newBlockLog(logger *slog.Logger) *blockLog {
	return &blockLog{logger: logger, causes: make(map[cause]bool)}
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (l *blockLog) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	observed := &observedActivity{log: l}
	observed.Next = next
	return observed
}

type observedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	log *blockLog
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *observedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	result, err := a.Next.ExecuteActivity(ctx, in)
	a.log.observe(activity.GetInfo(ctx).ActivityType.Name, err)
	return result, err
}

// ofOneSession matches what differs between two sessions that have the same
// cause: an object's address and a session's id.
var ofOneSession = regexp.MustCompile(`s3://\S+|\b[0-9a-f]{24}\b`)

// observe takes note of how an activity ended.
func (l *blockLog) observe(activityName string, err error) {
	var failed *temporal.ApplicationError
	switch {
	case err == nil:
		l.over(activityName)
	case errors.As(err, &failed):
		kind := failure.Kind(failed.Type())
		if kind == failure.Blocked || kind == failure.ArchiveBlocked || kind == failure.BotNotServed {
			l.blocked(cause{activityName, kind, ofOneSession.ReplaceAllString(failed.Message(), "…")}, failed.Message())
		}
	}
}

func (l *blockLog) blocked(c cause, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.causes[c] || len(l.causes) >= maxCauses {
		return
	}
	l.causes[c] = true
	l.logger.Warn("fetches are blocked until an operator acts", "activity", c.activity, "kind", string(c.kind), "cause", text)
}

// over ends the causes of an activity that has succeeded. A bot that is not
// served and a media host that is refused stay: they depend on the worker's
// configuration, and another bot or host proves nothing.
func (l *blockLog) over(activityName string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.causes {
		if c.activity != activityName || c.kind == failure.BotNotServed || activityName == fetchrecording.DownloadRecording && c.kind == failure.Blocked {
			continue
		}
		delete(l.causes, c)
		l.logger.Warn("fetches are no longer blocked", "activity", c.activity, "kind", string(c.kind), "cause", c.text)
	}
}
