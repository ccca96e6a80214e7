package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/doctor"
	"github.com/callvault/callvault/internal/program"
)

// noAccounts removes the machine's own accounts.
func noAccounts(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		for _, prefix := range []string{"SMARTASSIST_", "S3_", "AWS_", "CALLVAULT_"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "")
			}
		}
	}
}

// anAccount configures one whose archive works and whose vendor responds.
func anAccount(t *testing.T) {
	t.Helper()
	noAccounts(t)
	vendor := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(vendor.Close)
	for name, value := range map[string]string{
		"SMARTASSIST_URL": vendor.URL, "SMARTASSIST_BOT_ID": bot, "SMARTASSIST_CLIENT_ID": "cs-1", "SMARTASSIST_CLIENT_SECRET": "canary-secret",
		"S3_ENDPOINT": s3test.New(t, "recordings").URL.String(), "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "canary-key",
	} {
		t.Setenv(name, value)
	}
}

func TestDoctorPrintsALineForEachCheckAndFails(t *testing.T) {
	noTemporal(t)
	anAccount(t)
	got := run(t.Context(), "doctor", "--session", session)
	require.Equal(t, program.ExitFailed, got.code)
	require.Empty(t, got.stderr)
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	require.Len(t, lines, 4+len(doctor.Names)+1, "titles, checks and sums")
	for _, says := range []string{
		"Configuration\n  ok       configuration              it is valid: 1 account, 1 bot\n",
		"Temporal and the workers\n  broken   temporal.server            no Temporal server responds at 127.0.0.1:1 (",
		". Way out: start one",
		"  skipped  temporal.namespace         not checked: it needs temporal.server, which is broken\n",
		"Archive of account cs-1\n  ok       archive.credentials        there are keys",
		"  ok       archive.object             an object was written, read and deleted\n",
		"The vendor's API for account cs-1\n  ok       upstream.dns               127.0.0.1 is an address\n",
		"  skipped  upstream.call              not checked: it needs temporal.server, which is broken\n",
		"\nbroken 1, warning 1, skipped 7, ok 14\n",
	} {
		require.Contains(t, got.stdout, says)
	}
	require.NotContains(t, got.stdout, "canary")
}

func TestDoctorPrintsFindingsAsJSON(t *testing.T) {
	noTemporal(t)
	anAccount(t)
	got := run(t.Context(), "doctor", "--output", "json")
	require.Equal(t, program.ExitFailed, got.code)
	require.Empty(t, got.stderr)
	var findings []map[string]string
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &findings))
	require.Len(t, findings, len(doctor.Names)-1, "no call is made")
	require.Equal(t, map[string]string{"name": "configuration", "verdict": "ok", "text": "it is valid: 1 account, 1 bot"}, findings[0])
	require.Equal(t, "cs-1", findings[len(findings)-1]["account"])
	require.NotEmpty(t, findings[1]["wayOut"])
}

func TestDoctorWithoutAnAccountSaysWhatItCouldNotCheck(t *testing.T) {
	noTemporal(t)
	noAccounts(t)
	got := run(t.Context(), "doctor")
	require.Equal(t, program.ExitFailed, got.code, "Temporal does not respond")
	require.Contains(t, got.stdout, "skipped  configuration")
	require.Contains(t, got.stdout, "neither archives nor the vendor's API can be checked from here. Way out: run this with a worker's configuration")
}

func TestDoctorNeedsAWholeSession(t *testing.T) {
	noTemporal(t)
	for says, args := range map[string][]string{
		"give --session too":         {"doctor", "--bot", bot},
		`sessionId "x" is malformed`: {"doctor", "--session", "x"},
		`botId "x" is malformed`:     {"doctor", "--session", session, "--bot", "x"},
	} {
		got := run(t.Context(), args...)
		require.Equal(t, program.ExitUsage, got.code)
		require.Empty(t, got.stdout)
		require.Contains(t, got.stderr, says)
	}
}
