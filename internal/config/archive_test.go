package config

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
)

func TestOptionsOfAnArchiveAreRead(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "ca.pem", certificatePEM(t))
	config, err := readFileOf(t, folder, valid+`
		archive:
			prefix: calls/
			keyTemplate: year={yyyy}/month={mm}/day={dd}/{bot}/{session}
			encryption: SSE-KMS
			kmsKey: arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
			lock: {mode: COMPLIANCE, days: 3650, legalHold: on}
			storageClass: DEEP_ARCHIVE
			tags: [bot, date, outcome]
			pathStyle: path
			caFile: ca.pem
`, "ACME_SECRET", "canary")
	require.NoError(t, err)
	got := config.Accounts[0].Archive
	require.Equal(t, archive.Options{
		Encryption: archive.SSEKMS, KMSKey: "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		LockMode: archive.Compliance, LockDays: 3650, LegalHold: true, StorageClass: "DEEP_ARCHIVE", Tags: archive.Tags,
	}, got.Options)
	require.Equal(t, archive.PathInAddress, got.PathStyle)
	require.Contains(t, string(got.CACertificates), "BEGIN CERTIFICATE")
	store, err := archive.Open(got)
	require.NoError(t, err)
	key, err := store.Folder(workflows.Session{BotID: "st-1", SessionID: "65e7133a3242653c58d7aaaa"})
	require.NoError(t, err)
	require.Equal(t, "calls/year=2024/month=03/day=05/st-1/65e7133a3242653c58d7aaaa/", key)
}

func TestOneBotHasTheOptionsThatItNeeds(t *testing.T) {
	folder := t.TempDir()
	config, err := fromMap(minimal("S3_KEY_TEMPLATE", "{bot}/{session}", "S3_STORAGE_CLASS", "STANDARD_IA", "S3_CA_FILE", write(t, folder, "ca.pem", certificatePEM(t))))
	require.NoError(t, err)
	got := config.Accounts[0].Archive
	require.Equal(t, "{bot}/{session}", got.KeyTemplate.String())
	require.Equal(t, "STANDARD_IA", got.Options.StorageClass)
	require.NotEmpty(t, got.CACertificates)

	_, err = fromMap(minimal("S3_KEY_TEMPLATE", "{session}", "S3_STORAGE_CLASS", "?", "S3_CA_FILE", "none"))
	for _, says := range []string{"has 3 error(s)", `S3_KEY_TEMPLATE: "{session}" does not have {bot} once`, `S3_STORAGE_CLASS: "?" is not`, "S3_CA_FILE: the file that it names"} {
		require.ErrorContains(t, err, says)
	}
}

// tokenService is a security token service, which gives every role keys and keeps what it
// was asked for.
func tokenService(t *testing.T, asked *[]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, r.ParseForm())
		action := r.Form.Get("Action")
		*asked = append(*asked, action+" "+r.Form.Get("RoleArn")+" "+r.Form.Get("WebIdentityToken"))
		_, err := io.WriteString(w, "<"+action+`Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><`+action+"Result><Credentials><AccessKeyId>of-the-role</AccessKeyId><SecretAccessKey>canary</SecretAccessKey>"+
			"<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></"+action+"Result></"+action+"Response>")
		require.NoError(t, err)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestKeysOfAnAccountAreThoseOfItsRole(t *testing.T) {
	for name, row := range map[string]struct{ keys, asked, printed string }{
		"web identity": {"webIdentityTokenFile: token", "AssumeRoleWithWebIdentity arn:aws:iam::1:role/acme the-token", "role: arn:aws:iam::1:role/acme"},
		"own keys":     {"credentialsFile: aws", "AssumeRole arn:aws:iam::1:role/acme ", "role: arn:aws:iam::1:role/acme"},
		"the chain":    {"bucket: calls", "AssumeRole arn:aws:iam::1:role/acme ", "# The role is taken with keys of the standard AWS chain."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "id")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "canary")
			folder := t.TempDir()
			write(t, folder, "token", "the-token\n")
			write(t, folder, "aws", "[default]\naws_access_key_id = a\naws_secret_access_key = canary\n")
			var asked []string
			config, err := readFileOf(t, folder, valid+"\t\tarchive: {role: \"arn:aws:iam::1:role/acme\", stsEndpoint: \""+tokenService(t, &asked)+"\", "+row.keys+"}\n", "ACME_SECRET", "canary")
			require.NoError(t, err)
			require.Empty(t, asked, "the configuration is read without a connection")
			keys, err := config.Accounts[0].Archive.Credentials.GetWithContext(&credentials.CredContext{Client: http.DefaultClient})
			require.NoError(t, err)
			require.Equal(t, "of-the-role", keys.AccessKeyID)
			require.Equal(t, []string{row.asked}, asked)
			printed, err := config.Effective().YAML()
			require.NoError(t, err)
			require.Contains(t, printed, row.printed)
		})
	}
}

func TestHalfOfTheChainIsReportedForARoleToo(t *testing.T) {
	_, err := readFileOf(t, t.TempDir(), valid+"\t\tarchive: {role: \"arn:aws:iam::1:role/acme\"}\n", "ACME_SECRET", "canary", "AWS_ACCESS_KEY_ID", "id")
	require.ErrorContains(t, err, "AWS_SECRET_ACCESS_KEY: is not set in addition to")
}

func TestWarningsNameWhatIsEasilyRegretted(t *testing.T) {
	config, err := readFileOf(t, t.TempDir(), valid, "ACME_SECRET", "canary")
	require.NoError(t, err)
	require.Empty(t, config.Warnings())
	config, err = readFileOf(t, t.TempDir(), valid+"\t\tarchive: {keyTemplate: \"{bot}/{session}\", lock: {mode: COMPLIANCE, days: 3650}}\n", "ACME_SECRET", "canary")
	require.NoError(t, err)
	require.Equal(t, []string{
		`accounts[0].archive.keyTemplate (line 7): sessions that were archived under another template are not found, and would be fetched again: set it before the first fetch, and never change it`,
		`accounts[0].archive.lock.mode (line 7): nobody, the owner of the store included, can delete a recording or a manifest for 3650 days, or take that back: try it with GOVERNANCE first`,
	}, config.Warnings())
}
