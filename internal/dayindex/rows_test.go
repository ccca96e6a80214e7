package dayindex_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

func TestRowsAreReadStrictly(t *testing.T) {
	day := workflows.Day{BotID: "st-1", Date: "2026-03-05"}
	begin := func(n int) time.Time { return time.Date(2026, 3, 5, 8, 0, n, 0, time.UTC) }
	id := func(n int) string { return fmt.Sprintf("%08x%016x", begin(n).Unix(), n) }
	row := func(n int) string {
		return fmt.Sprintf(`{"botId":"st-1","sessionId":%q,"callTime":%q,"listedBy":["getSessions"],"outcome":"archived",`+
			`"manifest":{"key":"m","bytes":1,"sha256":"%064d"},"files":[{"key":"f","bytes":7,"sha256":"%064d"}],"bytes":7}`, id(n), begin(n).Format(time.RFC3339), 1, 2)
	}
	for name, text := range map[string]string{
		"no end":      row(1),
		"repeated":    row(1) + "\n" + row(1) + "\n",
		"not sorted":  row(2) + "\n" + row(1) + "\n",
		"empty line":  row(1) + "\n\n",
		"another bot": strings.ReplaceAll(row(1), "st-1", "st-2") + "\n",
		"no outcome":  strings.ReplaceAll(row(1), "archived", "") + "\n",

		"another list":        strings.ReplaceAll(row(1), "getSessions", "getCalls") + "\n",
		"a list twice":        strings.ReplaceAll(row(1), `"getSessions"`, `"getSessions","getSessions"`) + "\n",
		"no lists":            strings.ReplaceAll(row(1), `["getSessions"]`, `null`) + "\n",
		"another sum":         strings.ReplaceAll(row(1), `"bytes":7}`, `"bytes":8}`) + "\n",
		"no manifest":         strings.ReplaceAll(row(1), `"key":"m"`, `"key":""`) + "\n",
		"no files":            strings.ReplaceAll(row(1), `[{`, `null,"x":[{`) + "\n",
		"a file without hash": strings.ReplaceAll(row(1), fmt.Sprintf("%064d", 2), "") + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, dayindex.ScanRows(strings.NewReader(text), "rows", day, func([]byte, dayrecord.Row) bool { return true }), dayindex.ErrDamaged)
		})
	}
	read := 0
	require.NoError(t, dayindex.ScanRows(strings.NewReader(row(1)+"\n"+row(2)+"\n"), "rows", day, func([]byte, dayrecord.Row) bool { read++; return true }))
	require.Equal(t, 2, read)
}
