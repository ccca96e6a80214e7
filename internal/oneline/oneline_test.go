package oneline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/oneline"
)

func TestTextOfOthersNeitherDrivesATerminalNorBreaksALine(t *testing.T) {
	for text, want := range map[string]string{
		"plain, “quoted”, ü, 日本":   "plain, “quoted”, ü, 日本",
		"two\nlines\r\tand a tab":  "two lines  and a tab",
		"\x1b[31mred\x07":          " [31mred ",
		"right\u202eto left\u2066": "right to left ",
		"a\u2028line\u0085b":       "a line b",
		"":                         "",
	} {
		require.Equal(t, want, oneline.Of(text))
	}
}

func TestLongTextIsCutBetweenRunes(t *testing.T) {
	require.Equal(t, "日本", oneline.Bounded("日本", 2))
	require.Equal(t, "日本…", oneline.Bounded("日本\n語", 2))
}
