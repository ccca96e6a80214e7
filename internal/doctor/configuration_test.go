package doctor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/temporalclient"
	"github.com/callvault/callvault/workflows"
)

// configured sets what a worker of one account needs, and returns its configuration.
func configured(t *testing.T, more ...string) *config.Config {
	t.Helper()
	variables := []string{
		"CALLVAULT_CONFIG", "", "SMARTASSIST_URL", "http://127.0.0.1:1", "SMARTASSIST_BOT_ID", "st-1", "SMARTASSIST_CLIENT_ID", "cs-1", "SMARTASSIST_CLIENT_SECRET", "canary-secret",
		"S3_ENDPOINT", "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID", "key", "AWS_SECRET_ACCESS_KEY", "canary-key",
	}
	variables = append(variables, more...)
	for i := 0; i < len(variables); i += 2 {
		t.Setenv(variables[i], variables[i+1])
	}
	settings, err := config.FromEnvironment()
	require.NoError(t, err)
	return settings
}

func TestConfigurationIsThatOfAWorker(t *testing.T) {
	requireFinding(t, Configuration, judgeConfiguration(nil, errors.New("none"), false), Skipped, "no account is configured on this machine", "CALLVAULT_CONFIG")
	requireFinding(t, Configuration, judgeConfiguration(nil, errors.New("the configuration has 2 errors:\n  S3_BUCKET: wrong\n  more"), true), Broken, "has 2 errors: S3_BUCKET: wrong", "config check")
	requireFinding(t, Configuration, judgeConfiguration(configured(t), nil, true), OK, "1 account, 1 bot")
	requireFinding(t, Configuration, judgeConfiguration(configured(t, "S3_KEY_TEMPLATE", "{bot}/{session}"), nil, true), Warning, "another template", "before the first fetch")
	require.True(t, config.IsPresent())
	t.Setenv("SMARTASSIST_URL", "")
	t.Setenv("SMARTASSIST_BOT_ID", "")
	t.Setenv("SMARTASSIST_CLIENT_ID", "")
	t.Setenv("SMARTASSIST_CLIENT_SECRET", "")
	require.False(t, config.IsPresent(), "AWS keys may be there for other programs")
}

func noServer(context.Context) (*temporalclient.Connection, error) { return nil, errors.New("none") }

func TestMachineWithoutAConfigurationChecksTemporalAlone(t *testing.T) {
	f := healthy(nil, poller("1@a", "", time.Now()))
	findings := Run(t.Context(), Options{SettingsErr: errors.New("nothing is set"), Session: workflows.Session{SessionID: sessionID}, Connect: func(context.Context) (*temporalclient.Connection, error) {
		return &temporalclient.Connection{Client: f, Address: "a", Namespace: "recordings"}, nil
	}})
	found := byName(t, findings, "")
	require.Len(t, found, 1+6+1)
	requireFinding(t, SharedQueues, found[SharedQueues], OK)
	requireFinding(t, UpstreamCall, found[UpstreamCall], Skipped, "it needs configuration")
	require.False(t, IsBroken(findings))
}

func TestCallNeedsTemporalAndABot(t *testing.T) {
	run := func(session workflows.Session, accounts ...*account.Account) Finding {
		settings := &config.Config{}
		for _, one := range accounts {
			settings.Accounts = append(settings.Accounts, one.Settings)
		}
		findings := Run(t.Context(), Options{Settings: settings, Present: true, Connect: noServer, Session: session})
		require.True(t, IsBroken(findings))
		return findings[len(findings)-1]
	}
	one, two := newVendor(t, nil, nil), newVendor(t, nil, func(s *account.Settings) { s.Name, s.BotIDs = "globex", []string{otherBot} })
	found := run(workflows.Session{SessionID: sessionID}, one.account)
	require.Equal(t, Skipped, found.Verdict)
	require.Equal(t, "not checked: it needs temporal.server, which is broken", found.Text)
	require.Equal(t, "acme", found.Account)
	requireFinding(t, UpstreamCall, run(workflows.Session{SessionID: sessionID}, one.account, two.account), Broken, "give --bot")
	requireFinding(t, UpstreamCall, run(workflows.Session{SessionID: sessionID, BotID: "st-9"}, one.account), Broken, "does not serve bot st-9")
	require.Zero(t, one.Total())
}
