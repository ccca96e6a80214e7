package program

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// The variables that say how a program logs.
const (
	logFormatVariable = "CALLVAULT_LOG_FORMAT"
	logLevelVariable  = "CALLVAULT_LOG_LEVEL"
)

// LogSettings say how a program logs.
type LogSettings struct {
	// Format is "text" or "json", one object for each line. Defaults to "text".
	Format string

	// Level is the least that is logged: debug, info, warn or error. Defaults to info.
	Level slog.Level
}

// LogSettingsFrom returns what the environment says. Its error names every variable that is
// not valid.
func LogSettingsFrom(getenv func(string) string) (LogSettings, error) {
	settings := LogSettings{Format: "text"}
	var problems []error
	switch format := strings.ToLower(strings.TrimSpace(getenv(logFormatVariable))); format {
	case "":
	case "text", "json":
		settings.Format = format
	default:
		problems = append(problems, fmt.Errorf("%s: %.20q is not valid: want text or json", logFormatVariable, format))
	}
	if level := strings.TrimSpace(getenv(logLevelVariable)); level != "" {
		if err := settings.Level.UnmarshalText([]byte(level)); err != nil {
			problems = append(problems, fmt.Errorf("%s: %.20q is not valid: want debug, info, warn or error", logLevelVariable, level))
		}
	}
	return settings, errors.Join(problems...)
}

// Logger returns a logger that writes to w what has at least the settings' level, and at least
// that of minimum.
func (s LogSettings) Logger(w io.Writer, minimum slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: max(s.Level, minimum)}
	if s.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
