package activities_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

func check(t *testing.T, u *upstream, token workflows.SealedText) (*workflows.CheckStatusResult, error) {
	t.Helper()
	execute := (&activities.CheckStatus{Client: u.client(), Sealer: sealer}).Execute
	return run[workflows.CheckStatusResult](t, execute, workflows.CheckStatusInput{BotID: botID, SessionID: sessionID, UserID: userID, Token: token})
}

func TestAMintedTokenIsGoodForOneCheckAndNeverSeenInTheClear(t *testing.T) {
	u := newUpstream(t, simulator.Config{EnforceJTI: true})
	u.add(t, simulator.Session{})
	mint := (&activities.MintToken{Bots: activities.Bots{botID}, Credentials: app, Sealer: sealer}).Execute
	minted, err := run[workflows.MintTokenResult](t, mint, workflows.MintTokenInput{BotID: botID})
	require.NoError(t, err)
	requireNothingSecret(t, string(minted.Token))
	require.WithinDuration(t, time.Now().Add(4*time.Minute), minted.ExpiresAt, 10*time.Second, "it is not used in the last of its five minutes")
	_, err = sealer.Open(seal.Token, workflowID, string(minted.Token), minted.ExpiresAt)
	require.ErrorIs(t, err, seal.ErrExpired)
	require.Equal(t, time.UTC, minted.ExpiresAt.Location())

	result, err := check(t, u, minted.Token)
	require.NoError(t, err)
	require.Equal(t, workflows.VerdictArchive, result.Verdict)

	_, err = check(t, u, minted.Token)
	requireType(t, err, workflows.ErrorTypeBlocked, false, true)
}

func TestABotThatIsNotServedGetsNoToken(t *testing.T) {
	mint := (&activities.MintToken{Bots: activities.Bots{"st-1", "st-2"}, Credentials: app, Sealer: sealer}).Execute
	_, err := run[workflows.MintTokenResult](t, mint, workflows.MintTokenInput{BotID: "st-3"})
	requireType(t, err, workflows.ErrorTypeBotNotServed, false, false)
	require.ErrorContains(t, err, "bot st-3 is not served here: this worker has credentials for st-1, st-2; correct botId, or add the bot to SMARTASSIST_BOT_ID")
}

func TestEveryStatusBecomesTheVerdictTheWorkflowActsOn(t *testing.T) {
	for _, row := range []struct {
		status string
		want   workflows.CheckStatusResult
	}{
		{"success", workflows.CheckStatusResult{Verdict: workflows.VerdictArchive}},
		{"failed", workflows.CheckStatusResult{Verdict: workflows.VerdictFinal, Outcome: workflows.OutcomeFailed}},
		{"media_unavailable", workflows.CheckStatusResult{Verdict: workflows.VerdictFinal, Outcome: workflows.OutcomeUnavailable}},
		{"call_in_progress", workflows.CheckStatusResult{Verdict: workflows.VerdictPoll, Phase: workflows.PhaseCallInProgress}},
		{"media_in_progress", workflows.CheckStatusResult{Verdict: workflows.VerdictPoll, Phase: workflows.PhaseMediaInProgress}},
		{"partial_download_failed", workflows.CheckStatusResult{Verdict: workflows.VerdictRetryNextDay, Phase: workflows.PhasePartialWait}},
		{"partial_upload_failed", workflows.CheckStatusResult{Verdict: workflows.VerdictRetryNextDay, Phase: workflows.PhasePartialWait}},
		{"partial_failed", workflows.CheckStatusResult{Verdict: workflows.VerdictRetryNextDay, Phase: workflows.PhasePartialWait}},
		{"fetching_in_progress", workflows.CheckStatusResult{Verdict: workflows.VerdictPoll, Phase: workflows.PhaseMediaInProgress}},
		{"initial_fetch_failed", workflows.CheckStatusResult{Verdict: workflows.VerdictRetryNextDay, Phase: workflows.PhasePartialWait}},
		{"retry_failed", workflows.CheckStatusResult{Verdict: workflows.VerdictPoll, Phase: workflows.PhaseMediaInProgress, MinWait: 15 * time.Minute}},
		{"24hr_retry_failed", workflows.CheckStatusResult{Verdict: workflows.VerdictFinal, Outcome: workflows.OutcomeFailed}},
		{"a_new_one", workflows.CheckStatusResult{Verdict: workflows.VerdictPoll, Phase: workflows.PhaseChecking}},
	} {
		t.Run(row.status, func(t *testing.T) {
			u := newUpstream(t, simulator.Config{})
			u.add(t, simulator.Session{Script: []simulator.Step{{Status: row.status}}})
			got, err := check(t, u, sealedToken(t))
			require.NoError(t, err)
			require.NotEmpty(t, got.Meaning)
			require.Equal(t, row.status == "success", len(got.Files) == 1)
			row.want.Status, row.want.Meaning, row.want.Files = row.status, got.Meaning, got.Files
			require.Equal(t, &row.want, got)
			require.Equal(t, userID, u.Calls()[0].UserID)
		})
	}
}

func TestMediaURLsLeaveTheActivitySealed(t *testing.T) {
	u := newUpstream(t, simulator.Config{URLLifetime: time.Hour})
	u.add(t, simulator.Session{Files: []simulator.File{{Name: "a.wav"}, {Name: "a.wav"}, {Name: "../manifest.json"}}})
	result, err := check(t, u, sealedToken(t))
	require.NoError(t, err)
	whole, err := json.Marshal(result)
	require.NoError(t, err)
	requireNothingSecret(t, string(whole))

	require.Len(t, result.Files, 3)
	seen := make(map[string]bool)
	for _, file := range result.Files {
		url, err := sealer.Open(seal.MediaURL, workflowID, string(file.URL), time.Now())
		require.NoError(t, err)
		require.Contains(t, url, "/api/getMediaStream/")
		seen[url] = true

		// The media server's clock has the last word: ten minutes of grace.
		_, err = sealer.Open(seal.MediaURL, workflowID, string(file.URL), time.Now().Add(time.Hour+9*time.Minute))
		require.NoError(t, err)
		_, err = sealer.Open(seal.MediaURL, workflowID, string(file.URL), time.Now().Add(time.Hour+11*time.Minute))
		require.ErrorIs(t, err, seal.ErrExpired)
	}
	require.Len(t, seen, 3)
	require.Equal(t, []string{"a.wav", "a.wav", "../manifest.json"}, []string{result.Files[0].FileName, result.Files[1].FileName, result.Files[2].FileName})
	require.NotEqual(t, result.Files[0].ObjectName, result.Files[1].ObjectName)
	require.Regexp(t, `^manifest-[0-9a-f]{8}\.json$`, result.Files[2].ObjectName)

	again, err := check(t, u, sealedToken(t))
	require.NoError(t, err)
	for i := range again.Files {
		require.Equal(t, result.Files[i].ObjectName, again.Files[i].ObjectName, "every check names a file alike, though its URL is another")
		require.Equal(t, result.Files[i].Source, again.Files[i].Source)
		require.NotEqual(t, result.Files[i].URL, again.Files[i].URL)
	}
}

func TestWhatSignsAURLTellsNoFilesApartAndEverythingElseDoes(t *testing.T) {
	ask := func(urls ...string) (sources []string) {
		body := `{"status":"success","recording":[`
		for i, url := range urls {
			if i > 0 {
				body += ","
			}
			body += `{"fileName":"a.wav","fileUrl":"` + url + `"}`
		}
		u := &upstream{url: serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body + "]}")) }))}
		result, err := check(t, u, sealedToken(t))
		require.NoError(t, err)
		for _, file := range result.Files {
			sources = append(sources, file.Source)
		}
		return sources
	}
	require.Len(t, ask("https://h/a?e=1&n=2&s=x$$", "https://h/a?s=y%24%24&n=3&e=4"), 1)
	require.Len(t, ask("https://h/a?e=1", "https://h/b?e=1", "https://i/a?e=1", "https://h/a?leg=2&e=1"), 3, "the host is no part of it: the vendor may serve a file from several")
	require.Equal(t, ask("https://h/a?leg=2&e=1&part=1&s=x"), ask("https://h/a?part=1&s=y&e=9&leg=2"))
}

func TestAURLWithoutAnExpiryIsKeptForADayAtMost(t *testing.T) {
	u := &upstream{url: serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"success","recording":[{"fileName":"1","fileUrl":"https://h/1?s=x"},{"fileName":"2","fileUrl":"https://h/2?e=soon"},{"fileName":"3","fileUrl":"https://h/3?e=99999999999999"},{"fileName":"4","fileUrl":"https://h/4?e=-1"}]}`))
	}))}
	result, err := check(t, u, sealedToken(t))
	require.NoError(t, err)
	for _, file := range result.Files {
		_, err = sealer.Open(seal.MediaURL, workflowID, string(file.URL), time.Now().Add(17*time.Hour))
		require.NoError(t, err)
		_, err = sealer.Open(seal.MediaURL, workflowID, string(file.URL), time.Now().Add(19*time.Hour))
		require.ErrorIs(t, err, seal.ErrExpired)
	}
}

func TestATokenThatCannotBeUsedSpendsNoCall(t *testing.T) {
	u := newUpstream(t, simulator.Config{})
	u.add(t, simulator.Session{})
	elsewhere, err := sealer.Seal(seal.Token, "another-workflow", "token", time.Now().Add(time.Minute))
	require.NoError(t, err)
	otherSecret, err := seal.New("changed").Seal(seal.Token, workflowID, "token", time.Now().Add(time.Minute))
	require.NoError(t, err)
	for name, token := range map[string]workflows.SealedText{
		"too old":              sealed(t, seal.Token, "token", time.Now().Add(-time.Second)),
		"another workflow's":   workflows.SealedText(elsewhere),
		"under another secret": workflows.SealedText(otherSecret),
		"no token but a URL":   sealed(t, seal.MediaURL, "token", time.Now().Add(time.Minute)),
		"altered":              sealedToken(t) + "A",
		"empty":                "",
	} {
		_, err := check(t, u, token)
		requireType(t, err, workflows.ErrorTypeTokenStale, false, true)
		require.Zero(t, u.Counts().API, name)
	}
}

func TestARefusalOfTheUpstreamBecomesWhatTheWorkflowActsOn(t *testing.T) {
	for _, row := range []struct {
		name, errorType string
		fault           simulator.Fault
		benign          bool
		wait            time.Duration
	}{
		{"no credentials", workflows.ErrorTypeBlocked, simulator.Refuse(401, 4002, "Invalid SDK credentials"), true, 0},
		{"no scope", workflows.ErrorTypeBlocked, simulator.Refuse(401, 4002, "Permission denied. Scope is incorrect!"), true, 0},
		{"not found", workflows.ErrorTypeBlocked, simulator.Refuse(404, 404, "Not found"), true, 0},
		{"redirect", workflows.ErrorTypeBlocked, simulator.Fault{Kind: simulator.Redirect}, true, 0},
		{"wrong arguments", workflows.ErrorTypeRejected, simulator.Refuse(412, 412, "Validation errors/ Invalid arguments"), false, 0},
		{"the minute is spent", workflows.ErrorTypeRateLimited, simulator.Fault{Kind: simulator.Answer, Status: 429}, true, time.Minute},
		{"the budget, with patience", workflows.ErrorTypeRateLimited, simulator.Fault{Kind: simulator.Answer, Status: 429, RetryAfter: "90"}, true, 90 * time.Second},
		{"the hour is spent", workflows.ErrorTypeRateLimited, simulator.Refuse(429, 429, "You've exceeded the hourly rate limit. Please wait for sometime before retrying."), true, 15 * time.Minute},
		{"out of order, with patience", workflows.ErrorTypeRateLimited, simulator.Fault{Kind: simulator.Answer, Status: 503, RetryAfter: "30"}, true, 30 * time.Second},
		{"out of order", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.Answer, Status: 500}, true, 0},
		{"a sign-in page", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.HTML}, true, 0},
		{"nothing", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.Empty}, true, 0},
		{"an answer without measure", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.Huge}, true, 0},
		{"a cut answer", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.Cut, After: 10}, true, 0},
		{"a reset", workflows.ErrorTypeTransient, simulator.Fault{Kind: simulator.Reset, After: -1}, true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := newUpstream(t, simulator.Config{})
			u.add(t, simulator.Session{Script: []simulator.Step{{Status: "success", Fault: &row.fault}}})
			_, err := check(t, u, sealedToken(t))
			// Temporal never repeats it: the token is spent.
			applicationError := requireType(t, err, row.errorType, false, row.benign)
			if row.errorType == workflows.ErrorTypeRateLimited {
				var limit workflows.RateLimit
				require.NoError(t, applicationError.Details(&limit))
				require.Equal(t, row.wait, limit.Wait)
			}
		})
	}
}
