package temporalserver

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// logger forwards the server's log to slog. Unlike the server's own logger, Fatal
// does not end the process, because the server is embedded in it. It reports the
// failure and ends the goroutine.
type logger struct {
	slog    *slog.Logger
	failure *failure
}

var (
	_ log.Logger     = (*logger)(nil)
	_ log.WithLogger = (*logger)(nil)
)

func (l *logger) Debug(msg string, tags ...tag.Tag)  { l.log(slog.LevelDebug, msg, tags) }
func (l *logger) Info(msg string, tags ...tag.Tag)   { l.log(slog.LevelInfo, msg, tags) }
func (l *logger) Warn(msg string, tags ...tag.Tag)   { l.log(slog.LevelWarn, msg, tags) }
func (l *logger) Error(msg string, tags ...tag.Tag)  { l.log(slog.LevelError, msg, tags) }
func (l *logger) DPanic(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

func (l *logger) Panic(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	panic(msg)
}

func (l *logger) Fatal(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	l.failure.report(&fatalError{message: msg, tags: tags})
	runtime.Goexit()
}

// With implements [log.WithLogger].
func (l *logger) With(tags ...tag.Tag) log.Logger {
	args := make([]any, 0, len(tags))
	for _, a := range attrs(tags) {
		args = append(args, a)
	}
	return &logger{slog: l.slog.With(args...), failure: l.failure}
}

func (l *logger) log(level slog.Level, msg string, tags []tag.Tag) {
	// Most records are below the level, and converting their tags is expensive.
	ctx := context.Background()
	if !l.slog.Enabled(ctx, level) {
		return
	}
	l.slog.LogAttrs(ctx, level, msg, attrs(tags)...)
}

func attrs(tags []tag.Tag) []slog.Attr {
	out := make([]slog.Attr, 0, len(tags))
	for _, t := range tags {
		out = append(out, slog.Any(t.Key(), t.Value()))
	}
	return out
}

// fatalError is a failure for which the server would have ended the process.
type fatalError struct {
	message string
	tags    []tag.Tag
}

func (e *fatalError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "temporal server: %s", e.message)
	for _, t := range e.tags {
		fmt.Fprintf(&b, ", %s: %v", t.Key(), t.Value())
	}
	return b.String()
}

// portInUse reports whether the server failed to open one of its ports. The server
// exposes nothing but the message to match.
func (e *fatalError) portInUse() bool {
	return strings.Contains(e.message, "Failed to start gRPC listener")
}

// failure keeps the first fatal error of a server.
type failure struct {
	reported atomic.Bool
	c        chan error
}

func newFailure() *failure { return &failure{c: make(chan error, 1)} }

func (f *failure) report(err error) {
	if f.reported.CompareAndSwap(false, true) {
		f.c <- err
	}
}

// recoverFatal recovers the panic that follows Fatal where the server opens its
// ports: it does so inside a sync.OnceValue, which turns runtime.Goexit into a
// panic. Any other panic continues.
func (f *failure) recoverFatal() {
	if r := recover(); r != nil && !f.reported.Load() {
		panic(r)
	}
}
