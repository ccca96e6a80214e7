package smartassist_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/simulator"
)

func TestRowOfAnotherBotIsToldApartFromOneWithoutAUsableID(t *testing.T) {
	const other = "st-00000000-0000-4000-8000-000000000001"
	page, err := askInteractions(t, saying(t, 200, `{"data":[{"sessionId":"`+sessionID+`","botId":"`+other+`"},{"sessionId":"canary","botId":"`+simulator.DefaultBotID+`"}]}`), nil)
	require.NoError(t, err)
	require.True(t, page.Rows[0].OtherBot)
	require.False(t, page.Rows[0].IsUsable())
	require.Empty(t, page.Rows[0].Shape)
	require.False(t, page.Rows[1].OtherBot)
	require.False(t, page.Rows[1].IsUsable())
}

func TestShapeOfAnIDThatIsNotValidShowsNothingOfIt(t *testing.T) {
	for id, want := range map[string]string{
		`"65E7-+49 30 canary"`:                    "00A0??00?00?aaaaaa",
		`"` + strings.ToUpper(sessionID) + `"`:    shapeOfUpper(sessionID),
		`"` + strings.Repeat("7", 25) + `"`:       strings.Repeat("0", 24) + "...",
		`"` + strings.Repeat("\u00e9", 300) + `"`: strings.Repeat("?", 24) + "...",
		`7`: "", `null`: "", `""`: "",
	} {
		page, err := askSessions(t, saying(t, 200, `{"sessions":[{"sessionId":`+id+`}]}`))
		require.NoError(t, err)
		require.Equal(t, want, page.Rows[0].Shape, id)
	}
}

// shapeOfUpper is the shape of an id in upper case.
func shapeOfUpper(id string) string {
	return strings.Map(func(char rune) rune {
		if char <= '9' {
			return '0'
		}
		return 'A'
	}, id)
}
