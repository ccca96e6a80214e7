package program_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/program"
)

func logSettings(format, level string) (program.LogSettings, error) {
	return program.LogSettingsFrom(func(name string) string {
		return map[string]string{"CALLVAULT_LOG_FORMAT": format, "CALLVAULT_LOG_LEVEL": level}[name]
	})
}

func TestLogIsTextAtInfoUnlessTheVariablesSayOtherwise(t *testing.T) {
	for _, row := range []struct {
		format, level string
		minimum       slog.Level
		want          string
	}{
		{"", "", slog.LevelDebug, "level=INFO msg=info\nlevel=WARN msg=warn\n"},
		{"JSON", "warn", slog.LevelDebug, `{"level":"WARN","msg":"warn"}` + "\n"},
		{"text", "DEBUG", slog.LevelDebug, "level=DEBUG msg=debug\nlevel=INFO msg=info\nlevel=WARN msg=warn\n"},
		{"text", "debug", slog.LevelWarn, "level=WARN msg=warn\n"}, // of the SDK
		{"", "error", slog.LevelWarn, ""},
	} {
		settings, err := logSettings(row.format, row.level)
		require.NoError(t, err)
		var out strings.Builder
		logger := settings.Logger(&out, row.minimum)
		logger.Debug("debug")
		logger.Info("info")
		logger.Warn("warn")
		require.Equal(t, row.want, withoutTime(out.String()))
	}
}

// withoutTime removes the times of log lines.
func withoutTime(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		if _, rest, found := strings.Cut(line, `"level"`); found {
			line = `{"level"` + rest
		} else if _, rest, found := strings.Cut(line, "level="); found {
			line = "level=" + rest
		}
		b.WriteString(line)
	}
	return b.String()
}

func TestLogVariablesThatAreNotValidAreNamedTogether(t *testing.T) {
	_, err := logSettings("xml", "loud")
	require.ErrorContains(t, err, `CALLVAULT_LOG_FORMAT: "xml" is not valid: want text or json`)
	require.ErrorContains(t, err, `CALLVAULT_LOG_LEVEL: "loud" is not valid: want debug, info, warn or error`)
}
