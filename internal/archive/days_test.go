package archive_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

func TestKeysOfADayAreThoseOfTheSpecification(t *testing.T) {
	day := workflows.Day{BotID: "st-1", Date: "2026-11-20"}
	for _, prefix := range []string{"", "calls/"} {
		rows, err := archive.DayKey(prefix, day, 12, archive.DayRowsFile)
		require.NoError(t, err)
		assert.Equal(t, prefix+"days/st-1/2026/11/20/r12.ndjson", rows)
		record, err := archive.DayKey(prefix, day, 1, archive.DayRecordFile)
		require.NoError(t, err)
		assert.Equal(t, prefix+"days/st-1/2026/11/20/r1.json", record)

		ofDay, err := archive.DayPrefix(prefix, day)
		require.NoError(t, err)
		assert.Equal(t, prefix+"days/st-1/2026/11/20/", ofDay)
		ofBot, err := archive.BotDaysPrefix(prefix, "st-1")
		require.NoError(t, err)
		assert.Equal(t, prefix+"days/st-1/", ofBot)
		assert.Equal(t, prefix+"log/", archive.LogPrefix(prefix))

		parsed, revision, file, ok := archive.ParseDayKey(prefix, rows)
		require.True(t, ok)
		assert.Equal(t, day, parsed)
		assert.Equal(t, 12, revision)
		assert.Equal(t, archive.DayRowsFile, file)
	}
}

func TestKeyOfAMalformedDayIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		day      workflows.Day
		revision int
	}{
		"a bot that leaves its folder": {workflows.Day{BotID: "st-/../../log", Date: "2026-11-20"}, 1},
		"no bot":                       {workflows.Day{Date: "2026-11-20"}, 1},
		"a date that does not exist":   {workflows.Day{BotID: "st-1", Date: "2026-02-30"}, 1},
		"a date of another form":       {workflows.Day{BotID: "st-1", Date: "20/11/2026"}, 1},
		"revision 0":                   {workflows.Day{BotID: "st-1", Date: "2026-11-20"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := archive.DayKey("", c.day, c.revision, archive.DayRecordFile)
			failed, found := failure.Of(err)
			require.True(t, found, err)
			require.Equal(t, failure.InvalidInput, failed.FailureKind())
		})
	}
}

func TestOtherKeysAreNotThoseOfADay(t *testing.T) {
	for _, key := range []string{
		"", "days/", "days/st-1/2026/11/20/", "days/st-1/2026/11/20/r1.csv", "days/st-1/2026/11/20/r0.json", "days/st-1/2026/11/20/r01.json",
		"days/st-1/2026/02/30/r1.json", "days/st-1/2026/11/20/r1.json/", "days/st-1/2026/11/20/r1.json.bak", "days/../2026/11/20/r1.json",
		"st-1/2026/11/20/r1.json", "x/days/st-1/2026/11/20/r1.json", "days/st-1/2026/11/20/r9999999999.json",
	} {
		_, _, _, ok := archive.ParseDayKey("", key)
		assert.False(t, ok, key)
	}
}
