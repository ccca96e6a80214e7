package sessionlist_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/sessionlist"
	"github.com/callvault/callvault/workflows"
)

var formats = []sessionlist.Format{sessionlist.CSV, sessionlist.NDJSON}

func written(t *testing.T, format sessionlist.Format, rows []sessionlist.Row) string {
	t.Helper()
	var text strings.Builder
	writer, err := sessionlist.NewWriter(&text, format)
	require.NoError(t, err)
	for _, row := range rows {
		require.NoError(t, writer.Write(row))
	}
	require.NoError(t, writer.Flush())
	return text.String()
}

func TestListIsWrittenInOneForm(t *testing.T) {
	rows := []sessionlist.Row{row(7, "st-1", id1, "Doe, <Jane>"), row(0, "st-2", id2, "")}
	require.Equal(t, "botId,sessionId,userId\nst-1,"+id1+",\"Doe, <Jane>\"\nst-2,"+id2+",\n", written(t, sessionlist.CSV, rows))
	require.Equal(t, `{"botId":"st-1","sessionId":"`+id1+`","userId":"Doe, <Jane>"}`+"\n"+`{"botId":"st-2","sessionId":"`+id2+`"}`+"\n",
		written(t, sessionlist.NDJSON, rows))

	require.Equal(t, "botId,sessionId,userId\n", written(t, sessionlist.CSV, nil))
	require.Empty(t, written(t, sessionlist.NDJSON, nil))
}

// What cannot be read again is not written, least of all with another user id:
// encoding/json would replace what is not UTF-8.
func TestRowThatCouldNotBeReadIsNotWritten(t *testing.T) {
	for _, format := range formats {
		var text strings.Builder
		writer, err := sessionlist.NewWriter(&text, format)
		require.NoError(t, err)
		empty := written(t, format, nil)
		for _, bad := range []sessionlist.Row{row(1, "x", id1, ""), row(1, "st-1", strings.ToUpper(id1), ""), row(1, "st-1", id1, "a\nb"), row(1, "st-1", id1, "M\xfcller")} {
			require.ErrorContains(t, writer.Write(bad), "write row: ")
		}
		require.NoError(t, writer.Flush())
		require.Equal(t, empty, text.String())
	}
}

func TestFailedWriteIsReported(t *testing.T) {
	full := errors.New("no space left on device")
	for _, format := range formats {
		writer, err := sessionlist.NewWriter(failingWriter{full}, format)
		require.NoError(t, err)
		require.NoError(t, writer.Write(row(1, "st-1", id1, "")))
		require.ErrorIs(t, writer.Flush(), full)
		require.ErrorIs(t, writer.Flush(), full)
	}
	_, err := sessionlist.NewWriter(nil, "xml")
	require.EqualError(t, err, `unknown format "xml": want csv or ndjson`)
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

// Whatever is read is valid, adds up, and is read again from what is written.
func FuzzListIsReadAndWrittenAndReadAgain(f *testing.F) {
	for _, seed := range []string{
		"botId,sessionId,userId\r\nst-1," + id1 + ",\"Doe, \"\"J\"\"\"\r\nst-1," + id1 + ",\nst-2," + id2 + ",é\n",
		"\xef\xbb\xbfsessionId,botId\n" + id1 + ",st-1\n\n\"" + id2 + "\",\"st-2\"\n",
		"botId,sessionId,userId\nst-1," + id3 + ",\"a\nb\"\nst-1," + id1 + ",\"c\nst-1," + id2 + ",\"\"\n",
		`{"botId":"st-1","sessionId":"` + id1 + `"}` + "\n" + `{"botId":"st-1","userId":"\u2028\ud83d\ude00\ufffd","sessionId":"` + id2 + `"}`,
		`{"botId":"st-1","sessionId":"` + id1 + `","userId":"\ud83d"}` + "\n" + ` { "userId":null , "sessionId":"` + id2 + `","botId":"st-2"} `,
		"[]", "\x1f\x8b", "PK\x03\x04", "\"", "{", "botId;sessionId", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := read(text, sessionlist.Options{})
		require.Equal(t, len(got.rows), got.summary.Sessions)
		require.Equal(t, len(got.faults), got.summary.Faults)
		require.Equal(t, got.summary.Rows, got.summary.Sessions+got.summary.Duplicates+got.summary.Faults)
		distinct := map[workflows.Session]bool{}
		lastLine := 0
		for i, row := range got.rows {
			require.NoError(t, workflows.FetchRequest{Session: row.Session, UserID: row.UserID}.ValidateAt(now))
			require.False(t, distinct[row.Session])
			distinct[row.Session] = true
			require.Greater(t, row.Line, lastLine)
			lastLine = row.Line
			got.rows[i].Line = 0
		}
		lastLine = 0
		for _, fault := range got.faults {
			require.Greater(t, fault.Line, lastLine)
			require.GreaterOrEqual(t, fault.LastLine, fault.Line)
			lastLine = fault.LastLine
			require.NotContains(t, fault.String(), "\n")
		}
		require.LessOrEqual(t, lastLine, strings.Count(text, "\n")+1)
		if len(got.rows) == 0 {
			return
		}
		for _, format := range formats {
			again := read(written(t, format, got.rows), sessionlist.Options{})
			require.NoError(t, again.err)
			for i := range again.rows {
				again.rows[i].Line = 0
			}
			require.Equal(t, got.rows, again.rows)
			require.Equal(t, sessionlist.Summary{Rows: len(got.rows), Sessions: len(got.rows)}, again.summary)
		}
	})
}
