package audio_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/audio"
)

// Chinese needs no white space, but only a text that is mostly not ASCII is
// taken for it.
func TestTextThatIsHalfASCIINeedsWhiteSpace(t *testing.T) {
	for text, want := range map[string]bool{
		strings.Repeat("abc录", 20):       false,
		strings.Repeat("ab录", 20):        true,
		strings.Repeat("abc录", 20) + " ": true,
	} {
		_, isText := audio.Text([]byte(text))
		require.Equal(t, want, isText, text)
	}
}

// Only the end of a file is padding: more may follow a full head.
func TestWhiteSpaceWithPaddingIsBlankOnlyAsAWholeFile(t *testing.T) {
	blank := " \r\n" + strings.Repeat("\x00", audio.HeadBytes)
	_, isText := audio.Text([]byte(blank[:audio.HeadBytes-1]))
	require.True(t, isText)
	_, isText = audio.Text([]byte(blank[:audio.HeadBytes]))
	require.False(t, isText)
}
