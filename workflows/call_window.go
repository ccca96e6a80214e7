package workflows

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of a call window. The most calls are what one workflow can hand out and
// remember one by one.
const (
	MaxWindowCalls = 36_000
	MinWindowSpan  = 10 * time.Second
	MaxWindowSpan  = 24 * time.Hour
)

// CallWindow is a limit of the vendor's API: at most Calls in every rolling Span.
// Its text, also in JSON and YAML, is "60/1m".
type CallWindow struct {
	// Calls is from 1 to MaxWindowCalls. Required.
	Calls int

	// Span is from MinWindowSpan to MaxWindowSpan. Required.
	Span time.Duration
}

// ParseCallWindow parses the text of a window, such as "60/1m" or "1800/1h".
func ParseCallWindow(text string) (CallWindow, error) {
	w, err := parseCallWindow(text)
	if err == nil {
		err = w.Validate()
	}
	return w, err
}

func parseCallWindow(text string) (CallWindow, error) {
	calls, span, found := strings.Cut(text, "/")
	n, err := strconv.Atoi(calls)
	if !found || err != nil {
		return CallWindow{}, fmt.Errorf(`%.80q is not a call window: want calls and the time in which they may be made, such as "60/1m" or "1800/1h"`, text)
	}
	d, err := time.ParseDuration(span)
	if err != nil {
		return CallWindow{}, fmt.Errorf(`%.80q is not a call window: %.80q is not a time such as "1m" or "1h"`, text, span)
	}
	return CallWindow{n, d}, nil
}

// Validate reports whether the window is within its bounds.
func (w CallWindow) Validate() error {
	if w.Calls < 1 || w.Calls > MaxWindowCalls || w.Span < MinWindowSpan || w.Span > MaxWindowSpan {
		return fmt.Errorf("the call window %s is out of bounds: want 1 to %d calls in %s to %s", w, MaxWindowCalls, MinWindowSpan, MaxWindowSpan)
	}
	return nil
}

// ValidateCallWindows reports everything that is wrong with the windows of a budget: there
// are 1 to MaxWindows, each within its bounds and of another span.
func ValidateCallWindows(windows []CallWindow) error {
	var errs []error
	if len(windows) == 0 || len(windows) > MaxWindows {
		errs = append(errs, fmt.Errorf("a call budget has 1 to %d call windows, not %d", MaxWindows, len(windows)))
	}
	spans := make(map[time.Duration]bool)
	for _, window := range windows {
		errs = append(errs, window.Validate())
		if spans[window.Span] {
			errs = append(errs, fmt.Errorf("two windows have the span %s: remove one", window.Span))
		}
		spans[window.Span] = true
	}
	return errors.Join(errs...)
}

// String returns the window's text: "60/1m", "1800/1h", "60/1m30s".
func (w CallWindow) String() string {
	return strconv.Itoa(w.Calls) + "/" + w.SpanText()
}

// SpanText returns the span alone, such as "1m".
func (w CallWindow) SpanText() string {
	span := w.Span.String()
	if strings.HasSuffix(span, "m0s") {
		span = strings.TrimSuffix(span, "0s")
	}
	if strings.HasSuffix(span, "h0m") {
		span = strings.TrimSuffix(span, "0m")
	}
	return span
}

// MarshalText returns the window's text.
func (w CallWindow) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText parses the window's text. It does not check the bounds, which a window
// that nobody configured is not in.
func (w *CallWindow) UnmarshalText(text []byte) error {
	parsed, err := parseCallWindow(string(text))
	if err != nil {
		return err
	}
	*w = parsed
	return nil
}
