package activities_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

func check(t *testing.T, a *account.Served, token fetchrecording.SealedText) (*fetchrecording.CheckStatusResult, error) {
	t.Helper()
	return checkWith(t, a, token, nil)
}

// checkWith is check of a session that has files in the archive.
func checkWith(t *testing.T, a *account.Served, token fetchrecording.SealedText, archived map[string]string) (*fetchrecording.CheckStatusResult, error) {
	t.Helper()
	execute := (&activities.CheckStatus{Served: a, Slots: &callSlots{}}).Execute
	return run[fetchrecording.CheckStatusResult](t, execute, fetchrecording.CheckStatusInput{
		Session: session, UserID: userID, Token: token, Archived: archived,
	})
}

func mint(t *testing.T, a *account.Served, botID string) (*fetchrecording.MintTokenResult, error) {
	t.Helper()
	execute := (&activities.MintToken{Served: a, Slots: &callSlots{}}).Execute
	return run[fetchrecording.MintTokenResult](t, execute, fetchrecording.MintTokenInput{BotID: botID})
}

func TestMintedTokenIsSealedAndGoodForOneCheck(t *testing.T) {
	u := newUpstream(t, simulator.Config{EnforceJTI: true})
	u.add(t, simulator.Session{})
	a, _ := openAccount(t, u.url)
	minted, err := mint(t, a, botID)
	require.NoError(t, err)
	requireNoSecret(t, string(minted.Token))
	token, err := sealer.Open(seal.Token, workflowID, string(minted.Token), time.Now())
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(token, jwtBegin))

	result, err := check(t, a, minted.Token)
	require.NoError(t, err)
	require.Equal(t, status.Download, result.Action)

	_, err = check(t, a, minted.Token)
	requireKind(t, err, failure.Blocked, false, true)
}

// A token stands for a call slot, and slots that are used late make a burst.
func TestMintedTokenIsUsableFor45Seconds(t *testing.T) {
	a, _ := openAccount(t, nil)
	before := time.Now()
	minted, err := mint(t, a, botID)
	after := time.Now()
	require.NoError(t, err)
	require.WithinRange(t, minted.ExpiresAt, before.Add(45*time.Second), after.Add(45*time.Second))
	require.Equal(t, time.UTC, minted.ExpiresAt.Location())
	_, err = sealer.Open(seal.Token, workflowID, string(minted.Token), before.Add(44*time.Second))
	require.NoError(t, err)
	_, err = sealer.Open(seal.Token, workflowID, string(minted.Token), after.Add(45*time.Second))
	require.ErrorIs(t, err, seal.ErrExpired)
}

func TestMintTokenRefusesBotThatIsNotServed(t *testing.T) {
	a, _ := openAccount(t, nil)
	_, err := mint(t, a, "st-3")
	requireKind(t, err, failure.BotNotServed, false, true) // another worker may serve it
	require.ErrorContains(t, err, "this worker does not serve bot st-3 (it serves "+botID+")")
}

func TestCheckStatusReturnsTheMeaningOfEveryStatus(t *testing.T) {
	for _, row := range []struct {
		status string
		want   status.Meaning
	}{
		{"success", status.Meaning{Action: status.Download}},
		{"failed", status.Meaning{Action: status.End, Outcome: workflows.OutcomeFailed}},
		{"media_unavailable", status.Meaning{Action: status.Poll, Phase: workflows.PhaseMediaInProgress, Outcome: workflows.OutcomeUnavailable}},
		{"call_in_progress", status.Meaning{Action: status.Poll, Phase: workflows.PhaseCallInProgress}},
		{"media_in_progress", status.Meaning{Action: status.Poll, Phase: workflows.PhaseMediaInProgress}},
		{"partial_download_failed", status.Meaning{Action: status.RetryNextDay, Phase: workflows.PhasePartialWait}},
		{"partial_upload_failed", status.Meaning{Action: status.RetryNextDay, Phase: workflows.PhasePartialWait}},
		{"partial_failed", status.Meaning{Action: status.RetryNextDay, Phase: workflows.PhasePartialWait}},
		{"fetching_in_progress", status.Meaning{Action: status.Poll, Phase: workflows.PhaseMediaInProgress}},
		{"initial_fetch_failed", status.Meaning{Action: status.RetryNextDay, Phase: workflows.PhasePartialWait}},
		{"retry_failed", status.Meaning{Action: status.Poll, Phase: workflows.PhaseMediaInProgress, MinWait: 15 * time.Minute}},
		{"24hr_retry_failed", status.Meaning{Action: status.End, Outcome: workflows.OutcomeFailed}},
		{"a_new_one", status.Meaning{Action: status.Poll, Phase: workflows.PhaseChecking}},
	} {
		t.Run(row.status, func(t *testing.T) {
			u := newUpstream(t, simulator.Config{})
			u.add(t, simulator.Session{Script: []simulator.Step{{Status: row.status}}})
			a, _ := openAccount(t, u.url)
			got, err := check(t, a, sealedToken(t))
			require.NoError(t, err)
			require.NotEmpty(t, got.Text)
			require.Equal(t, row.status == "success", len(got.Files) == 1)
			row.want.Text = got.Text
			require.Equal(t, &fetchrecording.CheckStatusResult{Status: row.status, Meaning: row.want, Files: got.Files}, got)
			require.Equal(t, userID, u.Calls()[0].UserID)
		})
	}
}

// That the API does not know a session is a status: the fetch decides by the age
// of the call, and the operator reads what the API said.
func TestUnknownSessionIsAStatus(t *testing.T) {
	for _, code := range []int{403, 404, 409, 410} {
		u := newUpstream(t, simulator.Config{})
		fault := simulator.NoSuchSession(code)
		u.add(t, simulator.Session{Script: []simulator.Step{{Status: "success", Fault: &fault}}})
		a, _ := openAccount(t, u.url)
		got, err := check(t, a, sealedToken(t))
		require.NoError(t, err)
		require.Equal(t, status.NoSuchSession, got.Status)
		require.Equal(t, status.Poll, got.Action)
		require.Equal(t, workflows.OutcomeUnavailable, got.Outcome)
		require.Empty(t, got.Files)
		require.Contains(t, got.Text, status.Of(status.NoSuchSession).Text+fmt.Sprintf(": the upstream returned %d ", code))
		requireNoSecret(t, got.Text)
	}
}

func TestArchivedFilesKeepTheirNames(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav"}, {Name: "b.wav"}, {Name: "c.wav"}}})
	a, _ := openAccount(t, u.url)
	first, err := check(t, a, sealedToken(t))
	require.NoError(t, err)
	require.Equal(t, []string{"a.wav", "b.wav", "c.wav"}, objectNames(first))

	again, err := checkWith(t, a, sealedToken(t), map[string]string{
		first.Files[0].Source: "a-1234abcd.wav",
		"0123456789abcdef":    "b.wav", // a file that is not listed any more
	})
	require.NoError(t, err)
	names := objectNames(again)
	require.Equal(t, []string{"a-1234abcd.wav", "c.wav"}, []string{names[0], names[2]})
	require.Regexp(t, `^b-[0-9a-f]{8}\.wav$`, names[1])
}

func objectNames(checked *fetchrecording.CheckStatusResult) (names []string) {
	for _, file := range checked.Files {
		names = append(names, file.ObjectName)
	}
	return names
}

func TestMediaURLsAreReturnedSealed(t *testing.T) {
	u := newUpstream(t, simulator.Config{URLLifetime: time.Hour})
	u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav"}, {Name: "a.wav"}, {Name: "../manifest.json"}}})
	a, _ := openAccount(t, u.url)
	result, err := check(t, a, sealedToken(t))
	require.NoError(t, err)
	whole, err := json.Marshal(result)
	require.NoError(t, err)
	requireNoSecret(t, string(whole))

	require.Len(t, result.Files, 3)
	seen := make(map[string]bool)
	for _, file := range result.Files {
		url, err := sealer.Open(seal.MediaURL, workflowID, string(file.URL), time.Now())
		require.NoError(t, err)
		require.Contains(t, url, "/api/getMediaStream/")
		seen[url] = true

		// The media server's clock decides on the expiry: ten minutes of grace.
		_, err = sealer.Open(seal.MediaURL, workflowID, string(file.URL), time.Now().Add(time.Hour+9*time.Minute))
		require.NoError(t, err)
		_, err = sealer.Open(seal.MediaURL, workflowID, string(file.URL), time.Now().Add(time.Hour+11*time.Minute))
		require.ErrorIs(t, err, seal.ErrExpired)
	}
	require.Len(t, seen, 3)
	require.Equal(t, []string{"a.wav", "a.wav", "../manifest.json"}, []string{result.Files[0].FileName, result.Files[1].FileName, result.Files[2].FileName})
	require.NotEqual(t, result.Files[0].ObjectName, result.Files[1].ObjectName)
	require.Regexp(t, `^manifest-[0-9a-f]{8}\.json$`, result.Files[2].ObjectName)

	again, err := check(t, a, sealedToken(t))
	require.NoError(t, err)
	for i := range again.Files {
		require.Equal(t, result.Files[i].ObjectName, again.Files[i].ObjectName, "every check gives a file the same name, although its URL is a new one")
		require.Equal(t, result.Files[i].Source, again.Files[i].Source)
		require.NotEqual(t, result.Files[i].URL, again.Files[i].URL)
	}
}

func TestFileSourceIgnoresOnlyHostExpiryAndSignature(t *testing.T) {
	sourcesOf := func(urls ...string) (sources []string) {
		body := `{"status":"success","recording":[`
		for i, url := range urls {
			if i > 0 {
				body += ","
			}
			body += `{"fileName":"a.wav","fileUrl":"` + url + `"}`
		}
		a, _ := openAccount(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body + "]}")) })))
		result, err := check(t, a, sealedToken(t))
		require.NoError(t, err)
		for _, file := range result.Files {
			sources = append(sources, file.Source)
		}
		return sources
	}
	require.Len(t, sourcesOf("https://h/a?e=1&n=2&s=x$$", "https://h/a?s=y%24%24&n=3&e=4"), 1)
	require.Len(t, sourcesOf("https://h/a?e=1", "https://h/b?e=1", "https://i/a?e=1", "https://h/a?leg=2&e=1"), 3, "the host does not count: the vendor may serve a file from several")
	require.Equal(t, sourcesOf("https://h/a?leg=2&e=1&part=1&s=x"), sourcesOf("https://h/a?part=1&s=y&e=9&leg=2"))
}

func TestURLWithoutAnExpiryIsKeptFor18Hours(t *testing.T) {
	a, _ := openAccount(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"success","recording":[{"fileName":"1","fileUrl":"https://h/1?s=x"},{"fileName":"2","fileUrl":"https://h/2?e=soon"},{"fileName":"3","fileUrl":"https://h/3?e=99999999999999"},{"fileName":"4","fileUrl":"https://h/4?e=-1"}]}`))
	})))
	result, err := check(t, a, sealedToken(t))
	require.NoError(t, err)
	for _, file := range result.Files {
		_, err = sealer.Open(seal.MediaURL, workflowID, string(file.URL), time.Now().Add(17*time.Hour))
		require.NoError(t, err)
		_, err = sealer.Open(seal.MediaURL, workflowID, string(file.URL), time.Now().Add(19*time.Hour))
		require.ErrorIs(t, err, seal.ErrExpired)
	}
}

func TestUnusableTokenSpendsNoCall(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	a, _ := openAccount(t, u.url)
	elsewhere, err := sealer.Seal(seal.Token, "another-workflow", "token", time.Now().Add(time.Minute))
	require.NoError(t, err)
	otherSecret, err := seal.New(secret.Value("changed")).Seal(seal.Token, workflowID, "token", time.Now().Add(time.Minute))
	require.NoError(t, err)
	for name, token := range map[string]fetchrecording.SealedText{
		"expired":              sealed(t, seal.Token, "token", time.Now().Add(-time.Second)),
		"another workflow's":   fetchrecording.SealedText(elsewhere),
		"under another secret": fetchrecording.SealedText(otherSecret),
		"sealed as a URL":      sealed(t, seal.MediaURL, "token", time.Now().Add(time.Minute)),
		"altered":              sealedToken(t) + "A",
		"empty":                "",
	} {
		_, err := check(t, a, token)
		requireKind(t, err, failure.TokenStale, false, true)
		require.Zero(t, u.Counts().API, name)
	}
}

func TestCheckStatusFailuresAreNeverRetriedByTemporal(t *testing.T) {
	for _, row := range []struct {
		name   string
		kind   failure.Kind
		fault  simulator.Fault
		benign bool
		wait   time.Duration
	}{
		{"credentials refused", failure.Blocked, simulator.Refuse(401, 4002, "Invalid SDK credentials"), true, 0},
		{"scope missing", failure.Blocked, simulator.Refuse(401, 4002, "Permission denied. Scope is incorrect!"), true, 0},
		{"unknown route", failure.Blocked, simulator.Fault{Kind: simulator.Respond, Status: 404, Body: `{"message":"no Route matched with those values"}`}, true, 0},
		{"redirect", failure.Blocked, simulator.Fault{Kind: simulator.Redirect}, true, 0},
		{"invalid arguments", failure.Rejected, simulator.Refuse(412, 412, "Validation errors/ Invalid arguments"), false, 0},
		{"minute's budget spent", failure.RateLimited, simulator.Fault{Kind: simulator.Respond, Status: 429}, true, time.Minute},
		{"budget spent, with Retry-After", failure.RateLimited, simulator.Fault{Kind: simulator.Respond, Status: 429, RetryAfter: "90"}, true, 90 * time.Second},
		{"hour's budget spent", failure.RateLimited, simulator.Refuse(429, 429, "You've exceeded the hourly rate limit. Please wait for sometime before retrying."), true, 15 * time.Minute},
		{"unavailable, with Retry-After", failure.Transient, simulator.Fault{Kind: simulator.Respond, Status: 503, RetryAfter: "30"}, true, 30 * time.Second},
		{"unavailable", failure.Transient, simulator.Fault{Kind: simulator.Respond, Status: 500}, true, 0},
		{"sign-in page", failure.Transient, simulator.Fault{Kind: simulator.HTML}, true, 0},
		{"empty response", failure.Transient, simulator.Fault{Kind: simulator.Empty}, true, 0},
		{"response too large", failure.Transient, simulator.Fault{Kind: simulator.Huge}, true, 0},
		{"response cut", failure.Transient, simulator.Fault{Kind: simulator.Cut, After: 10}, true, 0},
		{"connection reset", failure.Transient, simulator.Fault{Kind: simulator.Reset, After: -1}, true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := newUpstream(t, simulator.Config{})
			u.add(t, simulator.Session{Script: []simulator.Step{{Status: "success", Fault: &row.fault}}})
			a, _ := openAccount(t, u.url)
			_, err := check(t, a, sealedToken(t))
			applicationError := requireKind(t, err, row.kind, false, row.benign) // the token is spent
			require.Equal(t, row.wait > 0, applicationError.HasDetails())
			if row.wait > 0 {
				var detail fetchrecording.FailureDetail
				require.NoError(t, applicationError.Details(&detail))
				require.Equal(t, row.wait, detail.RetryAfter)
			}
		})
	}
}
