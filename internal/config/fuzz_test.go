package config

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The secrets are where the file can refer to them. Whatever it says, they are not
// shown, and a file that is accepted means what its effective configuration says.
func FuzzFileIsReadOrRefusedWithoutSecrets(f *testing.F) {
	folder := f.TempDir()
	all := strings.ReplaceAll(everything(f, folder), "\t", "  ")
	write(f, folder, "s", "canary")
	environment := map[string]string{"SECRET": "canary-canary", "PEM": privatePEM(f), "JWK": platformJWK(f), "E": "canary"}
	f.Add(all)
	for account := range strings.SplitSeq(all, "  - name:") {
		f.Add("accounts:\n  - name:" + account)
	}
	f.Add(strings.ReplaceAll(valid, "\t", "  "))
	f.Add("accounts:\n- {name: a, bots: [st-1], token: {clientId: c, clientSecretFile: s, algorithm: RS256, claims: {a: -0.0, b: 1e999, c: 0x1F}}}")
	f.Add("accounts:\n- {name: a, bots: [st-1], token: {clientId: c, clientSecretEnv: E, encryption: {keyEnv: E}}, archive: {credentialsFile: s, profile: \"\\0\"}}")
	f.Add("? [a]\n: b\n? {c: d}\n: <<\n---\n!!binary x")
	f.Add("a: &a [*a, *b]\n<<: *a\n")
	f.Add("accounts: |\n  text\nhealthAddress: >-\n  more\n\xff")
	f.Fuzz(func(t *testing.T, content string) {
		if len(content) > 1<<14 || strings.Contains(content, "canary") {
			t.Skip("it is large, or has the secret itself")
		}
		environment[fileVariable] = write(t, folder, "accounts.yaml", content)
		config, err := fromMap(environment)
		if err != nil {
			require.Nil(t, config)
			require.NotContains(t, err.Error(), "canary")
			require.Less(t, len(err.Error()), 200_000)
			return
		}
		printed, err := config.Effective().YAML()
		require.NoError(t, err)
		encoded, err := json.Marshal(config.Effective())
		require.NoError(t, err)
		require.NotContains(t, printed+string(encoded), "canary")

		environment[fileVariable] = write(t, folder, "printed.yaml", printed)
		same, err := fromMap(environment)
		require.NoError(t, err, printed)
		requireSame(t, config, same)
		for _, one := range config.Accounts {
			if path := one.Credentials.Key.Path(); path != "" {
				require.True(t, filepath.IsAbs(path))
			}
		}
	})
}
