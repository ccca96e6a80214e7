package activities_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/timestamp"
	"github.com/callvault/callvault/internal/timestamp/timestamptest"
	"github.com/callvault/callvault/workflows/ledger"
)

// openLog returns an account whose archive has a log, with an authority if it is not nil.
func openLog(t *testing.T, authority http.Handler) (*account.Served, *s3test.Server) {
	t.Helper()
	served, server := openAccount(t, nil)
	secret, _, err := daylog.NewKey("test.example/log")
	require.NoError(t, err)
	served.Accounts[0].LogKey, err = daylog.ParseKey(secret)
	require.NoError(t, err)
	if authority != nil {
		listening := httptest.NewServer(authority)
		t.Cleanup(listening.Close)
		served.Accounts[0].TimestampURL, err = url.Parse(listening.URL)
		require.NoError(t, err)
	}
	return served, server
}

func appendTo(t *testing.T, served *account.Served, log string, entries ...string) (*ledger.AppendResult, error) {
	t.Helper()
	return run[ledger.AppendResult](t, (&activities.AppendToLog{Served: served}).Execute, ledger.AppendInput{Log: log, Entries: entries})
}

func TestCheckpointIsStampedAndItsStampKept(t *testing.T) {
	served, server := openLog(t, timestamptest.Handler())
	appended, err := appendTo(t, served, served.Accounts[0].Store.Place(), "a", "b")
	require.NoError(t, err)
	require.Equal(t, []int64{0, 1}, appended.Indexes)

	stamped, found := server.Object(bucket, daylog.StampsPrefix("calls/")+"2"+daylog.StampedSuffix)
	require.True(t, found)
	require.Equal(t, appended.Checkpoint, stamped.Body)
	response, found := server.Object(bucket, daylog.StampsPrefix("calls/")+"2"+daylog.StampSuffix)
	require.True(t, found)
	stamp, err := timestamp.Parse(response.Body)
	require.NoError(t, err)
	require.True(t, stamp.Covers(appended.Checkpoint))
}

func TestLogGoesOnWithoutItsAuthority(t *testing.T) {
	served, server := openLog(t, http.NotFoundHandler())
	appended, err := appendTo(t, served, served.Accounts[0].Store.Place(), "a")
	require.NoError(t, err)
	require.EqualValues(t, 1, appended.Size)
	_, found := server.Object(bucket, daylog.StampsPrefix("calls/")+"1"+daylog.StampSuffix)
	require.False(t, found)
}

func TestLogThatCannotBeWrittenIsBlocked(t *testing.T) {
	keyless, _ := openAccount(t, nil)
	withKey, _ := openLog(t, nil)
	for _, row := range []struct {
		name, log, says string
		served          *account.Served
	}{
		{"no key", keyless.Accounts[0].Store.Place(), "make one by `starter log keygen`", keyless},
		{"the archive of nobody", "elsewhere.example.com/bucket/", "no account of this worker has the archive elsewhere.example.com/bucket/", withKey},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := appendTo(t, row.served, row.log, "a")
			require.ErrorContains(t, err, row.says)
			requireKind(t, err, failure.ArchiveBlocked, false, true)
		})
	}
}
