package fetchrecording

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAlarmsAreThoseInTheSecondHalfOfTheRetention(t *testing.T) {
	for retention, want := range map[time.Duration][]time.Duration{
		2555 * day:       {14 * day, 7 * day, 2 * day},
		90 * day:         {14 * day, 7 * day, 2 * day},
		28 * day:         {14 * day, 7 * day, 2 * day},
		20 * day:         {7 * day, 2 * day},
		13 * day:         {2 * day},
		4 * day:          {2 * day},
		3 * day:          {36 * time.Hour},
		day:              {12 * time.Hour},
		24*time.Hour + 1: {12 * time.Hour},
	} {
		require.Equal(t, want, AlarmsBefore(retention), retention)
	}
}

func TestEachAlarmIsDueOnce(t *testing.T) {
	const retention = 90 * day
	for name, row := range map[string]struct{ left, raised, due, until time.Duration }{
		"long before":                   {80 * day, 0, 0, 66 * day},
		"just before the first":         {14*day + 1, 0, 0, 1},
		"the first":                     {14 * day, 0, 14 * day, 7 * day},
		"once":                          {10 * day, 14 * day, 0, 3 * day},
		"the second":                    {7 * day, 14 * day, 7 * day, 5 * day},
		"late, only the latest":         {time.Hour, 0, 2 * day, 0},
		"late, after the first":         {time.Hour, 14 * day, 2 * day, 0},
		"the last, once":                {time.Hour, 2 * day, 0, 0},
		"at the purge":                  {0, 0, 0, 0},
		"after it, nothing can be done": {-day, 7 * day, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.due, DueAlarm(retention, row.left, row.raised))
			require.Equal(t, row.until, UntilAlarm(retention, row.left))
		})
	}
}
