package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const userHashKey = "canary-0123456789"

func TestKeyOfUsersHashesComesFromAVariableOrAFile(t *testing.T) {
	file := write(t, t.TempDir(), "key.txt", userHashKey+"\n")
	for _, setting := range [][2]string{{"CALLVAULT_USER_HASH_KEY", userHashKey}, {"CALLVAULT_USER_HASH_KEY_FILE", file}} {
		config, err := fromMap(minimal(setting[0], setting[1]))
		require.NoError(t, err)
		require.Equal(t, userHashKey, string(config.Accounts[0].UserHashKey), setting[0])
		shown, err := config.Effective().YAML()
		require.NoError(t, err)
		require.NotContains(t, shown, "canary")
	}
	config, err := fromMap(minimal())
	require.NoError(t, err)
	require.Empty(t, config.Accounts[0].UserHashKey)
}

// The ids of users can be guessed: under a key that can be guessed too, a hash tells the user.
func TestShortKeyOfUsersHashesIsRefusedWithoutShowingIt(t *testing.T) {
	_, err := fromMap(minimal("CALLVAULT_USER_HASH_KEY", "canary-01234567"))
	require.ErrorContains(t, err, "CALLVAULT_USER_HASH_KEY: holds 15 bytes: want at least 16, such as the output of openssl rand -hex 32")
	require.NotContains(t, err.Error(), "canary")

	_, err = fromMap(minimal("CALLVAULT_USER_HASH_KEY_FILE", "/none/canary"))
	require.ErrorContains(t, err, "CALLVAULT_USER_HASH_KEY_FILE: the file that it names cannot be read")

	_, err = fromMap(minimal("CALLVAULT_USER_HASH_KEY_FILE", write(t, t.TempDir(), "key.txt", userHashKey), "CALLVAULT_USER_HASH_KEY", userHashKey))
	require.ErrorContains(t, err, "remove one of them")
}
