package account_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// settingsOf returns what an account needs.
func settingsOf(name string, bots ...string) account.Settings {
	return account.Settings{
		Name:        name,
		API:         &url.URL{Scheme: "https", Host: name + ".example.com"},
		BotIDs:      bots,
		Credentials: smartassist.Credentials{ClientID: "cs-1", Key: secret.Value("canary-" + name)},
		Budget:      account.Budget{Windows: []workflows.CallWindow{{Calls: 60, Span: time.Minute}}},
		Archive:     archive.Config{Endpoint: &url.URL{Scheme: "https", Host: "s3.example.com"}, Bucket: "recordings-" + name},
	}
}

func TestBotIsServedByItsAccountAlone(t *testing.T) {
	served, err := account.OpenAll([]account.Settings{settingsOf("acme", "st-1", "st-2"), settingsOf("globex", "st-3")})
	require.NoError(t, err)
	require.Len(t, served.Accounts, 2)
	for bot, name := range map[string]string{"st-1": "acme", "st-2": "acme", "st-3": "globex"} {
		found, err := served.Of(bot)
		require.NoError(t, err)
		require.Equal(t, name, found.Name)
		require.Equal(t, "recordings-"+name, found.Store.Bucket())
	}

	acme, globex := served.Accounts[0], served.Accounts[1]
	sealed, err := acme.Sealer.Seal(seal.Token, "workflow", "token", time.Now().Add(time.Hour))
	require.NoError(t, err)
	_, err = globex.Sealer.Open(seal.Token, "workflow", sealed, time.Now())
	require.Error(t, err, "what one account has sealed is not readable to another")
}

func TestBotThatIsNotServedIsReportedWithThoseThatAre(t *testing.T) {
	served, err := account.OpenAll([]account.Settings{settingsOf("acme", "st-7", "st-6", "st-5", "st-4"), settingsOf("globex", "st-3", "st-2", "st-1")})
	require.NoError(t, err)
	_, err = served.Of("st-8")
	failed, found := failure.Of(err)
	require.True(t, found)
	require.Equal(t, failure.BotNotServed, failed.FailureKind())
	require.ErrorContains(t, err, "does not serve bot st-8 (it serves st-1, st-2, st-3, st-4, st-5 and 2 more): add the bot to SMARTASSIST_BOT_ID or CALLVAULT_CONFIG")
}

func TestBotAndNameBelongToOneAccount(t *testing.T) {
	_, err := account.OpenAll([]account.Settings{settingsOf("acme", "st-1"), settingsOf("globex", "st-2", "st-1")})
	require.EqualError(t, err, `bot st-1 is in the accounts "acme" and "globex": remove it from one`)
	_, err = account.OpenAll([]account.Settings{settingsOf("acme", "st-1"), settingsOf("acme", "st-2")})
	require.EqualError(t, err, `two accounts have the name "acme": rename one`)
}

func TestAccountThatLacksSomethingIsNamed(t *testing.T) {
	for name, remove := range map[string]func(*account.Settings){
		"name":        func(s *account.Settings) { s.Name = "" },
		"address":     func(s *account.Settings) { s.API = nil },
		"bots":        func(s *account.Settings) { s.BotIDs = nil },
		"credentials": func(s *account.Settings) { s.Credentials.Key = nil },
	} {
		t.Run(name, func(t *testing.T) {
			lacking := settingsOf("globex", "st-2")
			remove(&lacking)
			_, err := account.OpenAll([]account.Settings{settingsOf("acme", "st-1"), lacking})
			require.ErrorContains(t, err, `account "`+lacking.Name+`": the account needs a name, the API's address, a bot and credentials`)
		})
	}
}
