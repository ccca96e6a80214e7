package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/smartassist"
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
	require.Equal(t, &Config{
		Account: account.Settings{
			API:         address(t, "https://smartassist.kore.ai"),
			BotIDs:      []string{bot},
			Credentials: smartassist.Credentials{ClientID: "cs-1", ClientSecret: "canary-secret"},
			Budget:      account.Budget{CallsPerMinute: 60, CallsPerHour: 1800},
			MediaHosts:  []string{"*.kore.ai", "*.korebots.com"},
			Archive: archive.Config{
				Endpoint: address(t, "https://s3.amazonaws.com"),
				Bucket:   "recordings",
				Region:   "us-east-1",
			},
		},
	}, config)
}

func TestEveryVariableIsRead(t *testing.T) {
	config, err := fromMap(minimal(
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
	require.Equal(t, "https://eu-platform.kore.ai", config.Account.API.String())
	require.Equal(t, []string{"st-1", "st-2", "st-3"}, config.Account.BotIDs)
	require.Equal(t, 600, config.Account.Budget.CallsPerMinute)
	require.Equal(t, 18000, config.Account.Budget.CallsPerHour)
	require.Equal(t, []string{"media.example.com", "*.example.org"}, config.Account.MediaHosts)
	require.Equal(t, "http://minio:9000", config.Account.Archive.Endpoint.String())
	require.Equal(t, archive.Config{Endpoint: config.Account.Archive.Endpoint, Bucket: "calls.2026", Region: "eu-central-1", Prefix: "calls/de/"}, config.Account.Archive)
	require.Equal(t, "127.0.0.1:8080", config.HealthAddress)
}

func TestProcessEnvironmentIsRead(t *testing.T) {
	for name, value := range minimal() {
		t.Setenv(name, value)
	}
	t.Setenv("S3_BUCKET", "from-the-environment")
	config, err := FromEnvironment()
	require.NoError(t, err)
	require.Equal(t, "from-the-environment", config.Account.Archive.Bucket)
}

func TestEmptyVariableCountsAsUnset(t *testing.T) {
	want, err := fromMap(minimal())
	require.NoError(t, err)
	for _, empty := range []string{"", " ", "\t\n"} {
		environment := minimal()
		for _, name := range []string{"SMARTASSIST_URL", "SMARTASSIST_CLIENT_SECRET_FILE", "SMARTASSIST_CALLS_PER_MINUTE", "SMARTASSIST_CALLS_PER_HOUR",
			"SMARTASSIST_MEDIA_HOSTS", "S3_ENDPOINT", "S3_BUCKET", "S3_REGION", "S3_PREFIX", "CALLVAULT_HEALTH_ADDRESS"} {
			environment[name] = empty
		}
		got, err := fromMap(environment)
		require.NoError(t, err)
		require.Equal(t, want, got)

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
		{"SMARTASSIST_CALLS_PER_MINUTE", "0", []string{`"0"`, "1 to 1000000"}},
		{"SMARTASSIST_CALLS_PER_MINUTE", "-1", []string{`"-1"`}},
		{"SMARTASSIST_CALLS_PER_MINUTE", "1.5", []string{`"1.5"`, "whole number"}},
		{"SMARTASSIST_CALLS_PER_MINUTE", "many", []string{`"many"`}},
		{"SMARTASSIST_CALLS_PER_HOUR", "1000001", []string{`"1000001"`}},
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
	for i, variable := range []string{"SMARTASSIST_URL", "SMARTASSIST_BOT_ID", "SMARTASSIST_BOT_ID", "SMARTASSIST_CLIENT_ID", "SMARTASSIST_CLIENT_SECRET",
		"SMARTASSIST_CALLS_PER_MINUTE", "SMARTASSIST_CALLS_PER_HOUR", "SMARTASSIST_MEDIA_HOSTS", "S3_ENDPOINT", "S3_BUCKET", "S3_PREFIX"} {
		require.Regexp(t, "^  "+variable+": ", lines[i+1])
	}
}

func TestPlainHTTPIsAllowedForLoopbackOnly(t *testing.T) {
	for _, loopback := range []string{"http://localhost:8080", "http://LOCALHOST", "http://127.0.0.1:8080", "http://127.8.8.8", "http://[::1]:8080", "http://upstream.localhost"} {
		config, err := fromMap(minimal("SMARTASSIST_URL", loopback))
		require.NoError(t, err, loopback)
		require.Equal(t, "http", config.Account.API.Scheme)
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
		require.Equal(t, "canary-secret", config.Account.Credentials.ClientSecret)
	}
}

func TestUnusableSecretFileIsNamed(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	const variable = "SMARTASSIST_CLIENT_SECRET_FILE"
	for _, row := range []struct{ name, file, secret, variable, says string }{
		{"missing", filepath.Join(folder, "none"), "", variable, "no such file or directory): correct the path"},
		{"a folder", folder, "", variable, "is not a file"},
		{"empty", write("empty", ""), "", variable, "is empty"},
		{"blank", write("blank", " \n\n"), "", variable, "is empty"},
		{"large", write("large", strings.Repeat("canary", 20_000)), "", variable, "at most 65536 bytes"},
		{"in addition to the variable", write("good", "canary-file"), "canary-secret", "SMARTASSIST_CLIENT_SECRET", "remove one of them"},
		{"through a file", filepath.Join(write("file", "x"), "secret"), "", variable, "not a directory"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := fromMap(minimal("SMARTASSIST_CLIENT_SECRET", row.secret, variable, row.file))
			require.ErrorContains(t, err, "has 1 error(s):\n  "+row.variable+": ")
			require.ErrorContains(t, err, row.says)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}
