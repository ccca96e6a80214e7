package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/program"
)

// noConfiguration removes the machine's own configuration of a worker.
func noConfiguration(t *testing.T) {
	t.Helper()
	noTemporal(t)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		for _, prefix := range []string{"CALLVAULT_", "SMARTASSIST_", "S3_", "AWS_"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "")
			}
		}
	}
}

// accounts returns the path of a configuration file, beside which "secret" holds a
// secret.
func accounts(t *testing.T, content string) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "secret"), []byte("canary-file"), 0o600))
	path := filepath.Join(folder, "accounts.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

const twoAccounts = `
accounts:
  - name: acme
    bots: [st-1]
    token: {clientId: cs-1, clientSecretFile: secret}
  - name: globex
    bots: [st-2]
    token: {clientId: cs-2, clientSecretEnv: GLOBEX_SECRET}
    archive: {accessKeyIdEnv: GLOBEX_KEY_ID, secretAccessKeyFile: secret}
`

func TestConfigCheckPrintsWhatIsInUse(t *testing.T) {
	noConfiguration(t)
	path := accounts(t, twoAccounts)
	t.Setenv("CALLVAULT_CONFIG", path)
	t.Setenv("GLOBEX_SECRET", "canary-variable")
	t.Setenv("GLOBEX_KEY_ID", "canary-id")

	got := run(t.Context(), "config", "check")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Empty(t, got.stderr)
	for _, says := range []string{
		"# The configuration is valid.", "  - name: acme\n", "url: https://smartassist.kore.ai\n", "windows: [60/1m, 1800/1h]\n",
		"clientSecretFile: " + filepath.Join(filepath.Dir(path), "secret") + "\n", "clientSecretEnv: GLOBEX_SECRET\n", "accessKeyIdEnv: GLOBEX_KEY_ID\n",
	} {
		require.Contains(t, got.stdout, says)
	}
	require.NotContains(t, got.stdout, "canary")

	encoded := run(t.Context(), "config", "check", "--output", "json")
	require.Equal(t, program.ExitDone, encoded.code, encoded.stderr)
	require.NotContains(t, encoded.stdout, "canary")
	var printed struct {
		Accounts []struct {
			Name  string            `json:"name"`
			Token map[string]string `json:"token"`
		} `json:"accounts"`
	}
	require.NoError(t, json.Unmarshal([]byte(encoded.stdout), &printed))
	require.Len(t, printed.Accounts, 2)
	require.Equal(t, "globex", printed.Accounts[1].Name)
	require.Equal(t, map[string]string{"algorithm": "HS256", "clientId": "cs-2", "clientSecretEnv": "GLOBEX_SECRET"}, printed.Accounts[1].Token)

	again := filepath.Join(filepath.Dir(path), "printed.yaml")
	require.NoError(t, os.WriteFile(again, []byte(got.stdout), 0o600))
	t.Setenv("CALLVAULT_CONFIG", again)
	require.Equal(t, got, run(t.Context(), "config", "check"), "what it prints is a configuration file")
}

func TestConfigCheckWarnsOfAChangedKeyTemplate(t *testing.T) {
	noConfiguration(t)
	t.Setenv("CALLVAULT_CONFIG", accounts(t, strings.Replace(twoAccounts, "archive: {", `archive: {keyTemplate: "{yyyy}/{bot}/{session}", `, 1)))
	t.Setenv("GLOBEX_SECRET", "canary-variable")
	t.Setenv("GLOBEX_KEY_ID", "canary-id")
	for _, output := range []string{"text", "json"} {
		got := run(t.Context(), "config", "check", "--output", output)
		require.Equal(t, program.ExitDone, got.code, got.stderr)
		require.Contains(t, got.stdout, "{yyyy}/{bot}/{session}")
		require.True(t, strings.HasPrefix(got.stderr, "warning: accounts[1].archive.keyTemplate (line 9): sessions that were archived under another template are not found"), got.stderr)
		require.Equal(t, 1, strings.Count(got.stderr, "\n"))
	}
}

func TestConfigCheckReadsVariables(t *testing.T) {
	noConfiguration(t)
	for name, value := range map[string]string{
		"SMARTASSIST_BOT_ID": bot, "SMARTASSIST_CLIENT_ID": "cs-1", "SMARTASSIST_CLIENT_SECRET": "canary",
		"AWS_ACCESS_KEY_ID": "canary", "AWS_SECRET_ACCESS_KEY": "canary",
	} {
		t.Setenv(name, value)
	}
	got := run(t.Context(), "config", "check")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "clientSecretEnv: SMARTASSIST_CLIENT_SECRET\n")
	require.NotContains(t, got.stdout, "canary")
}

func TestConfigCheckReportsAllErrorsAtOnceWithoutSecrets(t *testing.T) {
	noConfiguration(t)
	t.Setenv("GLOBEX_SECRET", "canary-variable")
	t.Setenv("TEMPORAL_PROFILE", "none")
	for name, c := range map[string]struct {
		content string
		says    []string
	}{
		"several": {
			twoAccounts + "    token: {clientSecret: canary}\n    retention: 1h\n",
			[]string{"accounts[1].archive.accessKeyIdEnv (line 9): the variable that it names is not set", "accounts[1].token (line 10): is given in line 8 already", "accounts[1].retention (line 11)"},
		},
		"a secret in every place": {
			strings.NewReplacer("name: globex", "name: \"canary\\n\"", "clientSecretEnv: GLOBEX_SECRET", "clientSecret: canary, privateKey: canary, clientSecretFile: canary, algorithm: canary-canary-canary",
				"GLOBEX_KEY_ID", "canary", "secretAccessKeyFile: secret", "secretAccessKey: canary, credentialsFile: canary, endpoint: 'http://canary@canary:canary'").Replace(twoAccounts) +
				"    url: https://canary:canary@smartassist.kore.ai?canary#canary\n    canary canary: x\n    budget: *canary\n",
			[]string{"is not valid YAML"},
		},
		"a secret in every place that is read": {
			strings.NewReplacer("clientSecretEnv: GLOBEX_SECRET", "clientSecret: canary, privateKey: canary, clientSecretFile: canary/+, algorithm: canary-canary-canary",
				"GLOBEX_KEY_ID", "canary", "secretAccessKeyFile: secret", "secretAccessKey: canary, credentialsFile: canary, endpoint: 'http://canary@canary:canary'").Replace(twoAccounts) +
				"    url: https://canary:canary@smartassist.kore.ai?canary#canary\n    canary canary: x\n",
			[]string{"accounts[1].token.clientSecret (line 8)", "accounts[1].token.clientSecretFile (line 8)", "accounts[1].archive.endpoint (line 9)", "accounts[1].url (line 10)", "accounts[1] (line 6): has in line 11"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CALLVAULT_CONFIG", accounts(t, c.content))
			for _, output := range []string{"text", "json"} {
				got := run(t.Context(), "config", "check", "--output", output)
				require.Equal(t, program.ExitUsage, got.code)
				require.Empty(t, got.stdout)
				require.Contains(t, got.stderr, "the TEMPORAL_ variables", "a worker would not start with these either")
				for _, says := range c.says {
					require.Contains(t, got.stderr, says)
				}
				require.NotContains(t, got.stderr, "canary")
			}
		})
	}
}

func TestConfigAloneShowsItsCommands(t *testing.T) {
	noConfiguration(t)
	got := run(t.Context(), "config")
	require.Equal(t, program.ExitUsage, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "check")
	require.Contains(t, got.stderr, "no command: give one of the commands above")
	got = run(t.Context(), "config", "chekc")
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, `unknown command "chekc"`)
}
