package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/daylog"
)

func newLogKey(t *testing.T) (secret, public string) {
	t.Helper()
	secret, public, err := daylog.NewKey("acme.example/canary")
	require.NoError(t, err)
	return secret, public
}

func TestTheKeyOfTheLogIsReadInBothForms(t *testing.T) {
	secret, public := newLogKey(t)
	file := write(t, t.TempDir(), "log.key", secret+"\n")
	for _, setting := range [][2]string{{"CALLVAULT_LOG_KEY", secret}, {"CALLVAULT_LOG_KEY_FILE", file}} {
		config, err := fromMap(minimal(setting[0], setting[1], "CALLVAULT_TIMESTAMP_URL", "https://timestamp.example.com/tsr"))
		require.NoError(t, err)
		require.Equal(t, public, config.Accounts[0].LogKey.Public(), setting[0])
		require.Equal(t, "https://timestamp.example.com/tsr", config.Accounts[0].TimestampURL.String())
		printed, err := config.Effective().YAML()
		require.NoError(t, err)
		require.NotContains(t, printed, secret)
	}
	config, err := fromMap(minimal())
	require.NoError(t, err)
	require.Nil(t, config.Accounts[0].LogKey)
	require.Nil(t, config.Accounts[0].TimestampURL)
}

func TestAKeyOfTheLogThatIsNoneIsReportedAndNotShown(t *testing.T) {
	_, public := newLogKey(t)
	for _, text := range []string{"canary", public} {
		_, err := fromMap(minimal("CALLVAULT_LOG_KEY_FILE", write(t, t.TempDir(), "log.key", text)))
		require.ErrorContains(t, err, "CALLVAULT_LOG_KEY_FILE: what it holds cannot be used: it is not the private key of a log")
		require.NotContains(t, err.Error(), "canary")
	}
	_, err := fromMap(minimal("CALLVAULT_LOG_KEY_FILE", "none"))
	require.ErrorContains(t, err, "CALLVAULT_LOG_KEY_FILE: the file that it names cannot be read")
}

func TestAnAuthorityForTimestampsIsAskedOverTLS(t *testing.T) {
	for address, says := range map[string]string{
		"http://timestamp.example.com/tsr": "is not encrypted", "ftp://x": "is not an address", "x": "is not an address",
		"https://a:canary@timestamp.example.com": "holds a user name",
	} {
		_, err := fromMap(minimal("CALLVAULT_TIMESTAMP_URL", address))
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "canary")
	}
	_, err := fromMap(minimal("CALLVAULT_TIMESTAMP_URL", "http://127.0.0.1:8080/tsr"))
	require.NoError(t, err)
}

func TestAccountsThatShareALogHaveOneKey(t *testing.T) {
	folder := t.TempDir()
	one, _ := newLogKey(t)
	other, _ := newLogKey(t)
	write(t, folder, "one.key", one)
	write(t, folder, "other.key", other)
	write(t, folder, "secret", "canary")
	accounts := func(first, second string) string {
		return "accounts:\n- name: acme\n  bots: [st-1]\n  token: {clientId: cs-1, clientSecretFile: secret}\n  archive: {" + first + "}\n" +
			"- name: globex\n  bots: [st-2]\n  token: {clientId: cs-2, clientSecretFile: secret}\n  archive: {" + second + "}\n"
	}
	for _, row := range []struct{ first, second, says string }{
		{"logKeyFile: one.key", "logKeyFile: one.key", ""},
		{"logKeyFile: one.key", "logKeyFile: other.key, prefix: b/", ""},
		{"logKeyFile: one.key", "logKeyFile: other.key", "accounts[1].archive.logKeyFile (line 9): is not the key of accounts[0]"},
		{"logKeyFile: one.key", "region: eu-west-1", "accounts[1].archive.logKeyFile (line 9): is not the key of accounts[0]"},
	} {
		_, err := readFileOf(t, folder, accounts(row.first, row.second))
		if row.says == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, row.says)
		}
	}
}
