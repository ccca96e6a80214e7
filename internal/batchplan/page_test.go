package batchplan_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/workflows"
)

// readPages returns the sessions of a plan's text that is read in pages.
func readPages(t *testing.T, plan *batchplan.Plan, text string, pageBytes int64, most int) []workflows.BatchSession {
	t.Helper()
	var sessions []workflows.BatchSession
	for _, bot := range plan.Bots {
		count := 0
		for at := bot.Offset; at < bot.End; {
			rows, err := batchplan.ReadRows(bot.BotID, []byte(text[at:min(bot.End, at+pageBytes)]), at, most)
			require.NoError(t, err)
			require.NotEmpty(t, rows, "a page of the longest line has one")
			require.LessOrEqual(t, len(rows), most)
			for _, row := range rows {
				require.Equal(t, at, row.At)
				require.Equal(t, byte('\n'), text[row.Next-1])
				sessions = append(sessions, row.BatchSession)
				at = row.Next
			}
			count += len(rows)
		}
		require.Equal(t, bot.Sessions, count)
	}
	return sessions
}

func TestPlanIsReadAsItWasBuiltInPagesOfAnySize(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		given := randomSessions(random, 1+random.IntN(200))
		plan := planOf(t, time.Duration(random.Int64N(int64(90*24*time.Hour))), given...)
		text := textOf(t, plan)
		whole := readPages(t, plan, text, plan.Bytes, len(given))
		require.ElementsMatch(t, given, whole, "nothing is lost, and nothing is added")
		for range 20 {
			pageBytes, most := batchplan.MaxLineBytes+random.Int64N(2000), 1+random.IntN(50)
			require.Equal(t, whole, readPages(t, plan, text, pageBytes, most), "pages of %d bytes, %d rows", pageBytes, most)
		}
	}
}

func TestUserIDsAreReadAsTheyAre(t *testing.T) {
	users := []string{"", " ", "  ", "jane doe", " jane  doe ", "a,b;c\"d", "jürgen", strings.Repeat("x", 512), strings.Repeat(" ", 512), "\u2028"}
	var given []workflows.BatchSession
	for i, user := range users {
		given = append(given, withUser(callAt("st-1", now.Add(time.Duration(i)*time.Second)), user))
	}
	plan := planOf(t, 0, given...)
	require.Equal(t, given, readPages(t, plan, textOf(t, plan), batchplan.MaxLineBytes, 1))
}

const (
	first  = "65e7133a3242653c58d70001"
	second = "65e7133a3242653c58d70002"
)

func TestLineThatIsCutOffIsLeftForTheNextPage(t *testing.T) {
	for name, text := range map[string]string{
		"in its id":      first + "\n" + second[:10],
		"at its user":    first + "\n" + second,
		"in its user":    first + "\n" + second + " jane d",
		"before its end": first + "\n" + second + " " + strings.Repeat("x", 512),
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := batchplan.ReadRows("st-1", []byte(text), 100, 10)
			require.NoError(t, err)
			require.Equal(t, []batchplan.Row{{
				BatchSession: workflows.BatchSession{Session: workflows.Session{BotID: "st-1", SessionID: first}}, At: 100, Next: 125,
			}}, rows)
		})
	}
	rows, err := batchplan.ReadRows("st-1", []byte(first[:20]), 100, 10)
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestNoMoreRowsAreReadThanWanted(t *testing.T) {
	text := []byte(first + "\n" + second + "\n" + "damaged\n")
	for most := range 3 {
		rows, err := batchplan.ReadRows("st-1", text, 0, most)
		require.NoError(t, err)
		require.Len(t, rows, most)
	}
}

func TestDamagedPlanIsRefused(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"an empty line":           {"\n", "at byte 1000: sessionId is empty"},
		"no session":              {"damaged\n", `at byte 1000: sessionId "damaged" is malformed`},
		"a later line":            {first + "\n" + strings.ToUpper(second) + "\n", "at byte 1025: sessionId"},
		"a line from its middle":  {first[3:] + "\n" + second + "\n", "at byte 1000"},
		"two ids":                 {first + second + "\n", "at byte 1000"},
		"windows' line ends":      {first + "\r\n", "at byte 1000"},
		"zeros, as after a crash": {strings.Repeat("\x00", 2000), "at byte 1000: the line is too long"},
		"a line of a mebibyte":    {first + " " + strings.Repeat("x", 1<<20) + "\n", "at byte 1000: the line is too long"},
		"a user of 513 bytes":     {first + " " + strings.Repeat("x", 513) + "\n", "at byte 1000: the line is too long"},
		"an endless line":         {first + "\n" + second + " " + strings.Repeat("x", 513), "at byte 1025: the line is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := batchplan.ReadRows("st-1", []byte(row.text), 1000, 10)
			require.ErrorContains(t, err, "the plan of the batch is not valid "+row.want)
			require.Less(t, len(err.Error()), 400)
			require.Nil(t, rows)
		})
	}
}

func FuzzRowsAreValidOrRefused(f *testing.F) {
	f.Add(first + "\n" + second + " jane doe\n")
	f.Add(first + "\r\n")
	f.Add("\n \n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := batchplan.ReadRows("st-1", []byte(text), 0, 100)
		if err != nil {
			return
		}
		var read strings.Builder
		for _, row := range rows {
			require.Equal(t, int64(read.Len()), row.At)
			_, err := row.CallTime()
			require.NoError(t, err)
			read.WriteString(text[row.At:row.Next])
		}
		require.True(t, strings.HasPrefix(text, read.String()), "rows follow each other without a gap")
	})
}
