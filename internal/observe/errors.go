package observe

import (
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
)

const (
	// errorInterval is the least time from one logged error to the next: a collector that does
	// not respond is an error every few seconds.
	errorInterval = 5 * time.Minute

	// maxErrorBytes bounds what is logged of an error, and maxReadBytes what is looked at: it may
	// quote a collector's whole response.
	maxErrorBytes = 500
	maxReadBytes  = 8 << 10
)

// LogErrors has the errors of OpenTelemetry, such as a collector that does not respond,
// logged as warnings, one in five minutes.
func LogErrors(logger *slog.Logger) { otel.SetErrorHandler(&errorLog{logger: logger}) }

// errorLog implements [otel.ErrorHandler].
type errorLog struct {
	logger *slog.Logger

	mu      sync.Mutex
	last    time.Time
	leftOut int
}

// Handle implements [otel.ErrorHandler].
func (l *errorLog) Handle(err error) { l.handle(err, time.Now()) }

func (l *errorLog) handle(err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && now.Sub(l.last) < errorInterval {
		l.leftOut++
		return
	}
	l.logger.Warn("metrics or traces could not be exported", "error", ErrorText(err), "leftOut", l.leftOut)
	l.last, l.leftOut = now, 0
}

// A collector's address may have a password, or a key in its query.
var (
	passwordPattern = regexp.MustCompile(`://[^\s/"]*@`)
	queryPattern    = regexp.MustCompile(`(://[^\s"?]*)\?[^\s"]*`)
)

// ErrorText is what may be logged of an error, without secrets of the collector's address.
func ErrorText(err error) string {
	text := cut(err.Error(), maxReadBytes)
	text = passwordPattern.ReplaceAllString(text, "://")
	return cut(queryPattern.ReplaceAllString(text, "$1?…"), maxErrorBytes)
}

// cut returns the beginning of a text.
func cut(text string, most int) string {
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}
