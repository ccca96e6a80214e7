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
)

// maxCauses bounds how many causes are remembered; then the one that was met
// longest ago is forgotten.
const maxCauses = 100

// blockLog logs that fetches are blocked, at warning level and once for each
// cause, however many fetches meet it, and that they no longer are. The fetches
// themselves are found by CallvaultPhase = 'blocked'.
type blockLog struct {
	interceptor.WorkerInterceptorBase
	logger *slog.Logger

	mu     sync.Mutex
	met    int // counts all that was met
	causes map[cause]meeting
}

// cause is what blocks fetches: an activity's failure without what differs from
// one session to the next.
type cause struct {
	activity string
	kind     failure.Kind
	text     string
}

// meeting is the last time that a fetch met a cause. The cause is over when that
// fetch gets past it: another one's success may prove nothing, because it is of
// another bot or of another media host.
type meeting struct {
	fetch string // workflow id
	at    int
}

// newBlockLog returns an interceptor for the workers of one account, which the
// attributes of logger name.
func newBlockLog(logger *slog.Logger) *blockLog {
	return &blockLog{logger: logger, causes: make(map[cause]meeting)}
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
	info := activity.GetInfo(ctx)
	a.log.observe(info.ActivityType.Name, info.WorkflowExecution.ID, err)
	return result, err
}

// ofOneSession matches what differs between two sessions that have the same
// cause: an object's address and a session's id.
var ofOneSession = regexp.MustCompile(`s3://\S+|\b[0-9a-f]{24}\b`)

// observe takes note of how an activity of a fetch ended.
func (l *blockLog) observe(activityName, fetch string, err error) {
	var failed *temporal.ApplicationError
	if err == nil {
		l.over(activityName, fetch)
	} else if errors.As(err, &failed) {
		kind := failure.Kind(failed.Type())
		if kind.NeedsOperator() {
			l.blocked(cause{activityName, kind, ofOneSession.ReplaceAllString(failed.Message(), "…")}, fetch, failed.Message())
		}
	}
}

func (l *blockLog) blocked(c cause, fetch, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.causes[c]
	if !known && len(l.causes) >= maxCauses {
		l.forgetOldest()
	}
	l.met++
	l.causes[c] = meeting{fetch, l.met}
	if !known {
		l.logger.Warn("fetches are blocked until an operator acts", "activity", c.activity, "kind", string(c.kind), "cause", text)
	}
}

func (l *blockLog) forgetOldest() {
	var oldest cause
	at := l.met + 1
	for c, met := range l.causes {
		if met.at < at {
			oldest, at = c, met.at
		}
	}
	delete(l.causes, oldest)
}

// over ends the causes of an activity that this fetch met last.
func (l *blockLog) over(activityName, fetch string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, met := range l.causes {
		if c.activity == activityName && met.fetch == fetch {
			delete(l.causes, c)
			l.logger.Warn("fetches are no longer blocked", "activity", c.activity, "kind", string(c.kind), "cause", c.text)
		}
	}
}
