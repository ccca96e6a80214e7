package config

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/secret"
)

func TestEffectiveConfigurationHasDefaultsAndNoSecrets(t *testing.T) {
	config, err := fromMap(minimal("CALLVAULT_HEALTH_ADDRESS", "127.0.0.1:8080"))
	require.NoError(t, err)
	file, err := config.Effective().YAML()
	require.NoError(t, err)
	require.Equal(t, `accounts:
  - name: cs-1
    url: https://smartassist.kore.ai
    bots: [st-fd81a2b1-43af-544d-8082-831bc09c0001]
    token:
      clientId: cs-1
      algorithm: HS256
      clientSecretEnv: SMARTASSIST_CLIENT_SECRET
    mediaHosts: ['*.kore.ai', '*.korebots.com']
    budget:
      scope: bot
      windows: [60/1m, 1800/1h]
    askWhenReady: auto
    maxRecordingSize: 4GiB
    decodeFlac: on
    callDetails: off
    voicemail: off
    transcript: off
    archive:
      # Its keys come from the standard AWS chain.
      endpoint: https://s3.amazonaws.com
      bucket: recordings
      region: us-east-1
      multipartFrom: 64MiB
      keyTemplate: '{bot}/{yyyy}/{mm}/{dd}/{session}'
      encryption: none
      lock:
        legalHold: off
      tags: []
      pathStyle: auto
healthAddress: 127.0.0.1:8080
`, file)

	encoded, err := json.Marshal(config.Effective())
	require.NoError(t, err)
	require.JSONEq(t, `{
		"accounts": [{
			"name": "cs-1",
			"url": "https://smartassist.kore.ai",
			"bots": ["st-fd81a2b1-43af-544d-8082-831bc09c0001"],
			"token": {"clientId": "cs-1", "algorithm": "HS256", "clientSecretEnv": "SMARTASSIST_CLIENT_SECRET"},
			"mediaHosts": ["*.kore.ai", "*.korebots.com"],
			"budget": {"scope": "bot", "windows": ["60/1m", "1800/1h"]},
			"askWhenReady": "auto",
			"maxRecordingSize": "4GiB",
			"decodeFlac": "on",
			"callDetails": "off", "voicemail": "off", "transcript": "off",
			"archive": {"endpoint": "https://s3.amazonaws.com", "bucket": "recordings", "region": "us-east-1", "multipartFrom": "64MiB",
				"keyTemplate": "{bot}/{yyyy}/{mm}/{dd}/{session}", "encryption": "none", "lock": {"legalHold": "off"}, "tags": [], "pathStyle": "auto"}
		}],
		"healthAddress": "127.0.0.1:8080"
	}`, string(encoded))
}

// everything is a file with every key; its secrets are in the folder, and in SECRET.
func everything(t testing.TB, folder string) string {
	t.Helper()
	write(t, folder, "acme.pem", privatePEM(t))
	write(t, folder, "platform.jwk", platformJWK(t))
	write(t, folder, "key", "canary\n")
	write(t, folder, "ca.pem", certificatePEM(t))
	write(t, folder, "aws", "[acme]\naws_access_key_id = id\naws_secret_access_key = canary\n")
	return `
accounts:
	- name: acme
		url: http://127.0.0.1:1
		bots: [st-1, st-2]
		accountId: 66050d249f946671f64a0001
		token:
			clientId: "yes"
			algorithm: RS256
			privateKeyFile: acme.pem
			claims: {aud: [a, "1"], iss: "cs-1", appId: null, n: 1, x: 0.5, on: "on", deep: {er: [true, ~]}}
			encryption: {keyFile: platform.jwk}
		mediaHosts: []
		budget: {scope: account, windows: [60/1m, 7/90s]}
		retention: 90d
		maxRecordingSize: 2GiB
		decodeFlac: off
		callDetails: on
		voicemail: on
		transcript: on
		askWhenReady: off
		archive:
			endpoint: "http://minio:9000"
			bucket: calls
			region: x
			prefix: a/b/
			multipartFrom: 16MiB
			keyTemplate: year={yyyy}/{bot}/{session}
			encryption: SSE-KMS
			kmsKey: alias/calls
			lock: {mode: GOVERNANCE, days: 3650, legalHold: on}
			storageClass: STANDARD_IA
			tags: [bot, outcome]
			pathStyle: virtual-host
			caFile: ca.pem
			credentialsFile: aws
			profile: acme
	- name: "2"
		bots: [st-3]
		token: {clientId: cs-2, clientSecretEnv: SECRET}
		archive: {accessKeyIdEnv: SECRET, secretAccessKeyFile: key}
	- name: three
		bots: [st-4]
		token: {clientId: cs-2, clientSecretFile: key, encryption: {keyEnv: JWK, keyAlgorithm: RSA1_5, contentEncryption: A128GCM}}
		archive: {accessKeyIdFile: key, secretAccessKeyEnv: SECRET}
	- name: four
		bots: [st-5]
		token: {clientId: cs-2, algorithm: RS512, privateKeyEnv: PEM}
healthAddress: 127.0.0.1:8080
`
}

// What "config check" prints of variables is the file that a second account can be
// added to.
func TestEffectiveConfigurationIsAFileThatMeansTheSame(t *testing.T) {
	folder := t.TempDir()
	shortForm := minimal("SMARTASSIST_CLIENT_SECRET", "canary", "SMARTASSIST_RETENTION", "90d", "SMARTASSIST_CALLS_PER_HOUR", "0", "S3_PREFIX", "1e3/")
	file := map[string]string{"SECRET": "canary", "PEM": privatePEM(t), "JWK": platformJWK(t)}
	file[fileVariable] = write(t, folder, "everything.yaml", strings.ReplaceAll(everything(t, folder), "\t", "  "))
	for name, environment := range map[string]map[string]string{"short form": shortForm, "file": file} {
		t.Run(name, func(t *testing.T) {
			config, err := fromMap(environment)
			require.NoError(t, err)
			printed, err := config.Effective().YAML()
			require.NoError(t, err)
			encoded, err := json.Marshal(config.Effective())
			require.NoError(t, err)
			require.NotContains(t, printed+string(encoded), "canary")

			again := map[string]string{fileVariable: write(t, t.TempDir(), "printed.yaml", printed)}
			for _, reference := range append(referenced(config.written), "AWS_ACCESS_KEY_ID") {
				again[reference] = environment[reference]
			}
			same, err := fromMap(again)
			require.NoError(t, err)
			requireSame(t, config, same)
			requireClaims(t, config, same)
			reprinted, err := same.Effective().YAML()
			require.NoError(t, err)
			require.Equal(t, printed, reprinted)
		})
	}
}

func requireClaims(t *testing.T, want, got *Config) {
	t.Helper()
	for i, one := range want.Accounts {
		require.Equal(t, one.Credentials.Claims, got.Accounts[i].Credentials.Claims)
	}
}

// requireSame compares all but claims, in which 2.0 becomes 2.
func requireSame(t *testing.T, want, got *Config) {
	t.Helper()
	require.Equal(t, want.HealthAddress, got.HealthAddress)
	require.Equal(t, readable(t, want), readable(t, got))
}

// readable returns the accounts without claims, and with what secrets hold.
func readable(t *testing.T, config *Config) (accounts []account.Settings) {
	t.Helper()
	read := func(source *secret.Source) *secret.Source {
		text, err := source.Read()
		require.NoError(t, err)
		return secret.Value(source.Path() + ": " + text)
	}
	for _, one := range config.Accounts {
		one.Credentials.Key, one.Credentials.Claims = read(one.Credentials.Key), nil
		if encryption := one.Credentials.Encryption; encryption != nil {
			replaced := *encryption
			replaced.Key = read(encryption.Key)
			one.Credentials.Encryption = &replaced
		}
		if keys := one.Archive.Credentials; keys != nil {
			value, err := keys.GetWithContext(nil)
			require.NoError(t, err)
			one.Archive.Prefix += value.AccessKeyID + value.SecretAccessKey
			one.Archive.Credentials = nil
		}
		accounts = append(accounts, one)
	}
	return accounts
}

func TestAccountsThatUseTheStandardChainSaySo(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "aws", "[default]\naws_access_key_id = a\naws_secret_access_key = canary\n")
	write(t, folder, "ca.pem", certificatePEM(t))
	for archive, says := range map[string]bool{
		"{bucket: calls}": true, "{caFile: ca.pem}": true, "{credentialsFile: aws}": false, "{accessKeyIdEnv: ACME_SECRET, secretAccessKeyEnv: ACME_SECRET}": false,
	} {
		config, err := readFileOf(t, folder, valid+"\t\tarchive: "+archive, "ACME_SECRET", "canary")
		require.NoError(t, err)
		require.Equal(t, says, config.Accounts[0].Archive.Credentials == nil)
		printed, err := config.Effective().YAML()
		require.NoError(t, err)
		require.Equal(t, says, strings.Contains(printed, "standard AWS chain"), printed)
	}
}

func TestRelativePathIsShownAsItIsUsed(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	write(t, folder, "secret", "canary")
	config, err := fromMap(minimal("SMARTASSIST_CLIENT_SECRET", "", "SMARTASSIST_CLIENT_SECRET_FILE", "secret"))
	require.NoError(t, err)
	printed, err := config.Effective().YAML()
	require.NoError(t, err)
	require.Contains(t, printed, "clientSecretFile: "+filepath.Join(folder, "secret")+"\n")

	write(t, folder, "accounts.yaml", strings.ReplaceAll(strings.Replace(valid, "clientSecretEnv: ACME_SECRET", "clientSecretFile: ./secret", 1), "\t", "  "))
	config, err = fromMap(map[string]string{fileVariable: "accounts.yaml"})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folder, "secret"), config.Accounts[0].Credentials.Key.Path(), "the file is found from any folder later")
}
