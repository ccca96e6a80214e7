package dayindex_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
	"github.com/stretchr/testify/require"
)

func TestRowsAreReadStrictly(t *testing.T) {
	day := workflows.Day{BotID: "st-1", Date: "2026-03-05"}
	begin := func(n int) time.Time { return time.Date(2026, 3, 5, 8, 0, n, 0, time.UTC) }
	id := func(n int) string { return fmt.Sprintf("%08x%016x", begin(n).Unix(), n) }
	row := func(n int) string {
		return fmt.Sprintf(`{"botId":"st-1","sessionId":%q,"callTime":%q,"outcome":"archived"}`, id(n), begin(n).Format(time.RFC3339))
	}
	for name, text := range map[string]string{
		"no end":      row(1),
		"repeated":    row(1) + "\n" + row(1) + "\n",
		"not sorted":  row(2) + "\n" + row(1) + "\n",
		"empty line":  row(1) + "\n\n",
		"another bot": strings.ReplaceAll(row(1), "st-1", "st-2") + "\n",
		"no outcome":  strings.ReplaceAll(row(1), "archived", "") + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, dayindex.ScanRows(strings.NewReader(text), "rows", day, func([]byte, dayrecord.Row) bool { return true }), dayindex.ErrDamaged)
		})
	}
	read := 0
	require.NoError(t, dayindex.ScanRows(strings.NewReader(row(1)+"\n"+row(2)+"\n"), "rows", day, func([]byte, dayrecord.Row) bool { read++; return true }))
	require.Equal(t, 2, read)
}
