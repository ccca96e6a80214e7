package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

const bot = "st-fd81a2b1-43af-544d-8082-831bc09c0001"

// minimal returns the least that a worker needs, with changes; an empty value
// removes a variable.
func minimal(changes ...string) map[string]string {
	environment := map[string]string{
		"SMARTASSIST_BOT_ID":        bot,
		"SMARTASSIST_CLIENT_ID":     "cs-1",
		"SMARTASSIST_CLIENT_SECRET": "canary-secret",
		"PATH":                      "/usr/bin",
	}
	for i := 0; i < len(changes); i += 2 {
		environment[changes[i]] = changes[i+1]
		if changes[i+1] == "" {
			delete(environment, changes[i])
		}
	}
	return environment
}

func address(t *testing.T, value string) *url.URL {
	t.Helper()
	u, err := url.Parse(value)
	require.NoError(t, err)
	return u
}

func TestDefaultsFollowTheContract(t *testing.T) {
	config, err := fromMap(minimal())
	require.NoError(t, err)
	require.Empty(t, config.HealthAddress)
	require.Equal(t, []account.Settings{{
		Name:        "cs-1", // the client id
		API:         address(t, "https://smartassist.kore.ai"),
		BotIDs:      []string{bot},
		Credentials: smartassist.Credentials{ClientID: "cs-1", Algorithm: "HS256", Key: secret.Value("canary-secret")},
		Budget: account.Budget{Scope: account.PerBot, Windows: []workflows.CallWindow{
			{Calls: 60, Span: time.Minute}, {Calls: 1800, Span: time.Hour},
		}},
		AskWhenReady: true,

		MediaHosts:        []string{"*.kore.ai", "*.korebots.com"},
		MaxRecordingBytes: 4 << 30,
		Archive: archive.Config{
			MultipartFrom: 64 << 20,
			Endpoint:      address(t, "https://s3.amazonaws.com"),
			Bucket:        "recordings",
			Region:        "us-east-1",
		},
	}}, config.Accounts)
}

func TestEveryVariableIsRead(t *testing.T) {
	folder := t.TempDir()
	privateKey, platformKey := write(t, folder, "private.pem", privatePEM(t)), write(t, folder, "platform.jwk", platformJWK(t))
	config, err := fromMap(minimal(
		"SMARTASSIST_ACCOUNT_NAME", "acme.eu_1-x",
		"SMARTASSIST_CLIENT_SECRET", "",
		"SMARTASSIST_TOKEN_ALGORITHM", "RS256",
		"SMARTASSIST_PRIVATE_KEY_FILE", privateKey,
		"SMARTASSIST_ENCRYPTION_KEY_FILE", platformKey,
		"SMARTASSIST_ENCRYPTION_KEY_ALGORITHM", "RSA1_5",
		"SMARTASSIST_CONTENT_ENCRYPTION", "A128GCM",
		"SMARTASSIST_BUDGET_SCOPE", "account",
		"SMARTASSIST_RETENTION", "90d", "SMARTASSIST_ACCOUNT_ID", "66050d249f946671f64a0001", "CALLVAULT_MAX_RECORDING_SIZE", "1 GB", "CALLVAULT_DECODE_FLAC", "off", "CALLVAULT_MULTIPART_FROM", "8MiB",
		"CALLVAULT_CALL_DETAILS", "on", "CALLVAULT_VOICEMAIL", "on", "CALLVAULT_TRANSCRIPT", "on",
		"SMARTASSIST_URL", "https://eu-platform.kore.ai/",
		"SMARTASSIST_BOT_ID", " st-1 , st-2,,st-3, ",
		"SMARTASSIST_CALLS_PER_MINUTE", "600",
		"SMARTASSIST_CALLS_PER_HOUR", "18000",
		"SMARTASSIST_MEDIA_HOSTS", "media.example.com, *.example.org",
		"S3_ENDPOINT", "http://minio:9000",
		"S3_BUCKET", "calls.2026",
		"S3_REGION", "eu-central-1",
		"S3_PREFIX", "calls/de/",
		"CALLVAULT_HEALTH_ADDRESS", "127.0.0.1:8080",
	))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", config.HealthAddress)
	got := config.Accounts[0]
	require.Equal(t, privateKey, got.Credentials.Key.Path())
	require.Equal(t, platformKey, got.Credentials.Encryption.Key.Path())
	got.Credentials.Key, got.Credentials.Encryption.Key = nil, nil
	require.Equal(t, account.Settings{
		Name:   "acme.eu_1-x",
		API:    address(t, "https://eu-platform.kore.ai"),
		BotIDs: []string{"st-1", "st-2", "st-3"},
		Credentials: smartassist.Credentials{
			ClientID: "cs-1", Algorithm: "RS256",
			Encryption: &smartassist.Encryption{KeyAlgorithm: "RSA1_5", ContentEncryption: "A128GCM"},
		},
		Budget: account.Budget{Scope: account.PerAccount, Windows: []workflows.CallWindow{
			{Calls: 600, Span: time.Minute}, {Calls: 18000, Span: time.Hour},
		}},
		Retention: 90 * 24 * time.Hour,

		VendorAccountID: "66050d249f946671f64a0001",
		AskWhenReady:    true,
		CallDetails:     true,
		Voicemail:       true,
		Transcript:      true,
		MediaHosts:      []string{"media.example.com", "*.example.org"},
		Archive:         archive.Config{Endpoint: address(t, "http://minio:9000"), Bucket: "calls.2026", Region: "eu-central-1", Prefix: "calls/de/", MultipartFrom: 8 << 20},

		MaxRecordingBytes: 1_000_000_000,
		SkipFLACDecoding:  true,
	}, got)
}

// The account's name is in task queues and workflow ids, so a changed default would
// lose them.
func TestClientIDIsTheNameOfTheOneAccount(t *testing.T) {
	config, err := fromMap(minimal("SMARTASSIST_CLIENT_ID", "cs-other"))
	require.NoError(t, err)
	require.Equal(t, "cs-other", config.Accounts[0].Name)
	_, err = fromMap(minimal("SMARTASSIST_CLIENT_ID", "cs 1"))
	require.ErrorContains(t, err, "has 1 error(s):\n  SMARTASSIST_ACCOUNT_NAME: is not set, and the client id cannot be the account's name")
	_, err = fromMap(minimal("SMARTASSIST_CLIENT_ID", "cs 1", "SMARTASSIST_ACCOUNT_NAME", "acme"))
	require.NoError(t, err)
}

func TestHourOfZeroCallsIsNoWindow(t *testing.T) {
	config, err := fromMap(minimal("SMARTASSIST_CALLS_PER_HOUR", "0"))
	require.NoError(t, err)
	require.Equal(t, []workflows.CallWindow{{Calls: 60, Span: time.Minute}}, config.Accounts[0].Budget.Windows)
}

func TestProcessEnvironmentIsRead(t *testing.T) {
	for name, value := range minimal() {
		t.Setenv(name, value)
	}
	t.Setenv("S3_BUCKET", "from-the-environment")
	config, err := FromEnvironment()
	require.NoError(t, err)
	require.Equal(t, "from-the-environment", config.Accounts[0].Archive.Bucket)
}

func TestEmptyVariableCountsAsUnset(t *testing.T) {
	want, err := fromMap(minimal())
	require.NoError(t, err)
	for _, empty := range []string{"", " ", "\t\n"} {
		environment := minimal()
		for _, name := range []string{"SMARTASSIST_URL", "SMARTASSIST_CLIENT_SECRET_FILE", "SMARTASSIST_CALLS_PER_MINUTE", "SMARTASSIST_CALLS_PER_HOUR",
			"SMARTASSIST_ACCOUNT_NAME", "SMARTASSIST_ACCOUNT_ID", "SMARTASSIST_RETENTION", "CALLVAULT_CONFIG", "SMARTASSIST_ENCRYPTION_KEY_FILE", "SMARTASSIST_MEDIA_HOSTS", "S3_ENDPOINT", "S3_BUCKET", "S3_REGION", "S3_PREFIX", "CALLVAULT_HEALTH_ADDRESS"} {
			environment[name] = empty
		}
		got, err := fromMap(environment)
		require.NoError(t, err)
		require.Equal(t, want.Accounts, got.Accounts)
		require.Equal(t, want.HealthAddress, got.HealthAddress)

		environment["SMARTASSIST_CLIENT_ID"] = empty
		_, err = fromMap(environment)
		require.ErrorContains(t, err, "SMARTASSIST_CLIENT_ID: is not set")
	}
}

func TestErrorNamesVariableValueAndRemedy(t *testing.T) {
	for _, row := range []struct {
		variable, value string
		says            []string
	}{
		{"SMARTASSIST_BOT_ID", "", []string{"is not set", "General Settings"}},
		{"SMARTASSIST_BOT_ID", ",", []string{"is not set"}},
		{"SMARTASSIST_BOT_ID", bot + ",nonsense", []string{`"nonsense"`, `want "st-"`}},
		{"SMARTASSIST_BOT_ID", bot + "," + bot, []string{"named twice", "remove one"}},
		{"SMARTASSIST_BOT_ID", manyBots(501), []string{"501", "500"}},
		{"SMARTASSIST_CLIENT_ID", "", []string{"is not set", "API settings"}},
		{"SMARTASSIST_CLIENT_SECRET", "", []string{"is not set", "SMARTASSIST_CLIENT_SECRET_FILE"}},
		{"SMARTASSIST_URL", "http://smartassist.kore.ai", []string{`"http://smartassist.kore.ai"`, "use https"}},
		{"SMARTASSIST_URL", "http://localhost.kore.ai", []string{"use https"}},
		{"SMARTASSIST_URL", "http://10.0.0.1", []string{"use https"}},
		{"SMARTASSIST_URL", "smartassist.kore.ai", []string{`"smartassist.kore.ai"`, `"https://host"`}},
		{"SMARTASSIST_URL", "ftp://smartassist.kore.ai", []string{`"https://host"`}},
		{"SMARTASSIST_URL", "https://", []string{`"https://host"`}},
		{"SMARTASSIST_URL", "https://:443", []string{`"https://host"`}},
		{"SMARTASSIST_URL", "https://h:port", []string{`"https://host"`}},
		{"SMARTASSIST_URL", "https://smartassist.kore.ai/api/public", []string{`"https://smartassist.kore.ai"`, "scheme and host alone"}},
		{"SMARTASSIST_URL", "https://smartassist.kore.ai?token=canary", []string{"scheme and host alone"}},
		{"SMARTASSIST_URL", "https://smartassist.kore.ai#canary", []string{"scheme and host alone"}},
		{"SMARTASSIST_URL", "https://user:canary@smartassist.kore.ai", []string{"user name or password"}},
		{"SMARTASSIST_URL", "https://user:canary%zz@smartassist.kore.ai", []string{`"https://host"`}},
		{"SMARTASSIST_URL", "https://user:canary", []string{`"https://host"`}},
		{"SMARTASSIST_ACCOUNT_NAME", "a b", []string{`"a b"`, "up to 64 letters"}},
		{"SMARTASSIST_ACCOUNT_NAME", "-a", []string{"beginning with a letter or digit"}},
		{"SMARTASSIST_ACCOUNT_NAME", "ä", []string{"up to 64 letters"}},
		{"SMARTASSIST_ACCOUNT_NAME", strings.Repeat("a", 65), []string{"up to 64 letters"}},
		{"SMARTASSIST_ACCOUNT_NAME", "st-1", []string{`"st-1"`, "bot's stream id"}}, // its budget could be a bot's
		{"SMARTASSIST_BUDGET_SCOPE", "Bot", []string{`"Bot"`, "want bot"}},
		{"SMARTASSIST_ACCOUNT_ID", "a/b", []string{`"a/b"`, "up to 64 letters, digits, hyphens and underscores"}},
		{"SMARTASSIST_ACCOUNT_ID", strings.Repeat("a", 65), []string{"not an account's id"}},
		{"SMARTASSIST_RETENTION", "90", []string{`"90"`, `"90d"`, "from 1 day to 7 years"}},
		{"SMARTASSIST_RETENTION", "0d", []string{`"0d"`}},
		{"CALLVAULT_DECODE_FLAC", "yes", []string{`"yes" is neither on nor off`}},
		{"CALLVAULT_CALL_DETAILS", "true", []string{`"true" is neither on nor off`}},
		{"CALLVAULT_VOICEMAIL", "1", []string{`"1" is neither on nor off`}},
		{"CALLVAULT_TRANSCRIPT", "auto", []string{`"auto" is neither on nor off`}},
		{"CALLVAULT_MAX_RECORDING_SIZE", "huge", []string{`"huge" is not a size: want one such as 64 MiB, from 1.0 MiB to 5.0 TiB`}},
		{"CALLVAULT_MAX_RECORDING_SIZE", "1023KiB", []string{`"1023KiB"`}},
		{"CALLVAULT_MAX_RECORDING_SIZE", "6TiB", []string{`"6TiB"`}},
		{"CALLVAULT_MAX_RECORDING_SIZE", "99999999999999999999999", []string{"is not a size"}},
		{"CALLVAULT_MULTIPART_FROM", "4MiB", []string{`"4MiB"`, "from 5.0 MiB to 5.0 GiB"}},
		{"SMARTASSIST_RETENTION", "23h", []string{`"23h"`}},
		{"SMARTASSIST_RETENTION", "-1d", []string{`"-1d"`}},
		{"SMARTASSIST_RETENTION", "1.5d", []string{`"1.5d"`}},
		{"SMARTASSIST_RETENTION", "2563d", []string{`"2563d"`}},
		{"SMARTASSIST_RETENTION", "213505d", []string{`"213505d"`}}, // a day and some minutes, if 64 bits overflow
		{"SMARTASSIST_RETENTION", "9223372036854775807d", []string{"from 1 day to 7 years"}},
		{"SMARTASSIST_TOKEN_ALGORITHM", "none", []string{`"none"`, "HS256, HS512, RS256, RS512"}},
		{"SMARTASSIST_PRIVATE_KEY_FILE", "key.pem", []string{"is not used with HS256", "SMARTASSIST_TOKEN_ALGORITHM"}},
		{"SMARTASSIST_ENCRYPTION_KEY_FILE", "config_test.go", []string{"not a JWK", "console"}},
		{"SMARTASSIST_CALLS_PER_MINUTE", "0", []string{`"0"`, "1 to 36000"}},
		{"SMARTASSIST_CALLS_PER_MINUTE", "-1", []string{`"-1"`}},
		{"SMARTASSIST_CALLS_PER_MINUTE", "1.5", []string{`"1.5"`, "whole number"}},
		{"SMARTASSIST_CALLS_PER_MINUTE", "many", []string{`"many"`}},
		{"SMARTASSIST_CALLS_PER_HOUR", "36001", []string{`"36001"`, "or 0 for no limit in an hour"}},
		{"SMARTASSIST_CALLS_PER_HOUR", "-1", []string{`"-1"`}},
		{"SMARTASSIST_CALLS_PER_HOUR", strings.Repeat("9", 500), []string{"whole number"}},
		{"SMARTASSIST_MEDIA_HOSTS", "https://media.example.com", []string{`"https://media.example.com"`, "without scheme"}},
		{"SMARTASSIST_MEDIA_HOSTS", "media.example.com:443", []string{"port"}},
		{"SMARTASSIST_MEDIA_HOSTS", "media.example.com/x", []string{"path"}},
		{"SMARTASSIST_MEDIA_HOSTS", "*", []string{`"*"`}},
		{"SMARTASSIST_MEDIA_HOSTS", "*.", []string{`"*."`}},
		{"SMARTASSIST_MEDIA_HOSTS", "*.com", []string{`"*.com"`}},
		{"SMARTASSIST_MEDIA_HOSTS", "*example.com", []string{`"*example.com"`}},
		{"SMARTASSIST_MEDIA_HOSTS", "a.*.example.com", []string{`"a.*.example.com"`}},
		{"SMARTASSIST_MEDIA_HOSTS", "*.kore.ai two.example.com", []string{`"*.kore.ai two.example.com"`}},
		{"S3_ENDPOINT", "minio:9000", []string{`"minio:9000"`, `"https://host:port"`}},
		{"S3_ENDPOINT", "http://minio:9000/recordings", []string{"scheme and host alone"}},
		{"S3_ENDPOINT", "http://user:canary@minio:9000", []string{"user name or password"}},
		{"SMARTASSIST_MEDIA_HOSTS", strings.Repeat("a.example.com,", 101), []string{"101 hosts, more than 100"}},
		{"S3_REGION", "us east", []string{`"us east"`, "us-east-1"}},
		{"S3_BUCKET", "ab", []string{`"ab"`, "3 to 63"}},
		{"S3_BUCKET", "Recordings", []string{`"Recordings"`, "lower-case"}},
		{"S3_BUCKET", "a/b", []string{`"a/b"`}},
		{"S3_PREFIX", "/calls/", []string{`"/calls/"`, "without a leading slash"}},
		{"S3_PREFIX", "calls//x", []string{`"calls//x"`}},
		{"S3_PREFIX", "../calls/", []string{`"../calls/"`}},
		{"S3_PREFIX", strings.Repeat("a", 513), []string{"at most 512 bytes"}},
	} {
		t.Run(row.variable+"="+row.value[:min(len(row.value), 40)], func(t *testing.T) {
			config, err := fromMap(minimal(row.variable, row.value))
			require.Nil(t, config)
			require.ErrorContains(t, err, "has 1 error(s):\n  "+row.variable+": ")
			for _, says := range row.says {
				require.ErrorContains(t, err, says)
			}
			require.NotContains(t, err.Error(), "canary")
			require.Less(t, len(err.Error()), 500)
		})
	}
}

func manyBots(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("st-%d", i)
	}
	return strings.Join(ids, ",")
}

func TestAllErrorsAreReportedTogether(t *testing.T) {
	_, err := fromMap(map[string]string{
		"SMARTASSIST_URL": "http://kore.ai", "SMARTASSIST_CALLS_PER_MINUTE": "x", "SMARTASSIST_CALLS_PER_HOUR": "y", "SMARTASSIST_MEDIA_HOSTS": "*",
		"SMARTASSIST_BOT_ID": "one,two", "S3_ENDPOINT": "x", "S3_BUCKET": "X", "S3_PREFIX": "/",
	})
	lines := strings.Split(err.Error(), "\n")
	require.Equal(t, "the configuration has 11 error(s):", lines[0])
	require.Len(t, lines, 12)
	for i, variable := range []string{"SMARTASSIST_CALLS_PER_MINUTE", "SMARTASSIST_CALLS_PER_HOUR", "SMARTASSIST_URL", "SMARTASSIST_BOT_ID", "SMARTASSIST_BOT_ID",
		"SMARTASSIST_CLIENT_ID", "SMARTASSIST_CLIENT_SECRET", "SMARTASSIST_MEDIA_HOSTS", "S3_ENDPOINT", "S3_BUCKET", "S3_PREFIX"} {
		require.Regexp(t, "^  "+variable+": ", lines[i+1])
	}
}

func TestPlainHTTPIsAllowedForLoopbackOnly(t *testing.T) {
	for _, loopback := range []string{"http://localhost:8080", "http://LOCALHOST", "http://127.0.0.1:8080", "http://127.8.8.8", "http://[::1]:8080", "http://upstream.localhost"} {
		config, err := fromMap(minimal("SMARTASSIST_URL", loopback))
		require.NoError(t, err, loopback)
		require.Equal(t, "http", config.Accounts[0].API.Scheme)
	}
	for _, elsewhere := range []string{"http://localhost.evil.com", "http://0.0.0.0", "http://192.168.0.1", "http://127.0.0.1.evil.com", "http://2130706433"} {
		_, err := fromMap(minimal("SMARTASSIST_URL", elsewhere))
		require.ErrorContains(t, err, "would send tokens unencrypted", elsewhere)
	}
}

func TestSecretIsReadFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for _, content := range []string{"canary-secret", "canary-secret\n", "canary-secret\r\n", "\n canary-secret \n\n"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		config, err := fromMap(minimal("SMARTASSIST_CLIENT_SECRET", "", "SMARTASSIST_CLIENT_SECRET_FILE", path))
		require.NoError(t, err)
		key, err := config.Accounts[0].Credentials.Key.Read()
		require.NoError(t, err)
		require.Equal(t, "canary-secret", key)
	}
}

func TestUnusableSecretFileIsNamed(t *testing.T) {
	folder := t.TempDir()
	const variable = "SMARTASSIST_CLIENT_SECRET_FILE"
	for _, row := range []struct{ name, file, secret, variable, says string }{
		{"missing", filepath.Join(folder, "canary"), "", variable, "no such file or directory): correct the path"},
		{"the secret itself", "canary/with+base64==", "", variable, "the file that it names cannot be read"},
		{"a folder", folder, "", variable, "is not a file"},
		{"a device", os.DevNull, "", variable, "is not a file"},
		{"empty", write(t, folder, "empty", ""), "", variable, "is empty"},
		{"blank", write(t, folder, "blank", " \n\n"), "", variable, "is empty"},
		{"large", write(t, folder, "large", strings.Repeat("canary", 20_000)), "", variable, "at most 65536 bytes"},
		{"in addition to the variable", write(t, folder, "good", "canary-file"), "canary-secret", "SMARTASSIST_CLIENT_SECRET", "remove one of them"},
		{"through a file", filepath.Join(write(t, folder, "file", "x"), "secret"), "", variable, "not a directory"},
		{"a key for another algorithm", write(t, folder, "key", privatePEM(t)), "", variable, "the key is a PEM file, and HS256 signs with the client secret"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := fromMap(minimal("SMARTASSIST_CLIENT_SECRET", row.secret, variable, row.file))
			require.ErrorContains(t, err, "has 1 error(s):\n  "+row.variable+": ")
			require.ErrorContains(t, err, row.says)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestSwappedClientIDAndSecretAreNoticed(t *testing.T) {
	_, err := fromMap(minimal("SMARTASSIST_CLIENT_ID", "canary", "SMARTASSIST_CLIENT_SECRET", "cs-1"))
	require.ErrorContains(t, err, "has 1 error(s):\n  SMARTASSIST_CLIENT_ID: holds no client id")
	require.ErrorContains(t, err, "swap them")
	require.NotContains(t, err.Error(), "canary")
}

// Half of a pair would send requests unsigned.
func TestHalfOfTheStandardKeysIsReported(t *testing.T) {
	for _, pair := range [][2]string{{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, {"AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"}} {
		_, err := fromMap(minimal(pair[0], "canary"))
		require.ErrorContains(t, err, "has 1 error(s):\n  "+pair[1]+": is not set in addition to "+pair[0])
		require.NotContains(t, err.Error(), "canary")
		_, err = fromMap(minimal(pair[0], "canary", pair[1], "canary"))
		require.NoError(t, err)
	}
}

func TestListOfErrorsIsBounded(t *testing.T) {
	_, err := fromMap(minimal("SMARTASSIST_BOT_ID", strings.Repeat("x,", 500)))
	lines := strings.Split(err.Error(), "\n")
	require.Equal(t, "the configuration has 500 error(s):", lines[0])
	require.Equal(t, "  and 400 more", lines[101])
	require.Len(t, lines, 102)
}
