package archive_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/workflows"
)

func TestStoreKnowsItsKeys(t *testing.T) {
	store, server := openStore(t)
	require.Equal(t, bucket, store.Bucket())
	got, err := store.Folder(session)
	require.NoError(t, err)
	require.Equal(t, folder, got)
	key, err := store.ManifestKey(session)
	require.NoError(t, err)
	require.Equal(t, folder+"manifest.json", key)
	_, err = store.ManifestKey(workflows.Session{})
	require.Error(t, err)
	require.Empty(t, server.Requests())
}

func TestInvalidEndpointIsRefused(t *testing.T) {
	_, err := archive.Open(archive.Config{Endpoint: &url.URL{Scheme: "https", Host: "s3.example.com/path"}})
	require.ErrorContains(t, err, "S3_ENDPOINT: ")
}

func TestSchemeOfTheEndpointDecidesAboutTLS(t *testing.T) {
	server := s3test.New(t, bucket)
	endpoint := *server.URL
	endpoint.Scheme = "https"
	store, err := archive.Open(archive.Config{Endpoint: &endpoint, Bucket: bucket, Region: "us-east-1", Credentials: credentials.NewStaticV4("key", "secret", "")})
	require.NoError(t, err)
	require.ErrorContains(t, store.EnsureBucket(t.Context()), "server gave HTTP response to HTTPS client")
}

func TestCredentialsComeFromTheEnvironmentByDefault(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key-of-the-environment")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	server := s3test.New(t, bucket)
	store, err := archive.Open(archive.Config{Endpoint: server.URL, Bucket: bucket, Region: "us-east-1"})
	require.NoError(t, err)
	require.NoError(t, store.CheckCredentials())
	require.NoError(t, store.EnsureBucket(t.Context()))
	require.Contains(t, server.Requests()[0].Header.Get("Authorization"), "Credential=key-of-the-environment/")
}

// brokenProvider has no credentials to give.
type brokenProvider struct{ credentials.Static }

func (brokenProvider) Retrieve() (credentials.Value, error) {
	return credentials.Value{}, errors.New("the role is gone")
}

func (brokenProvider) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return credentials.Value{}, errors.New("the role is gone")
}

func TestMissingCredentialsAreReported(t *testing.T) {
	for name, row := range map[string]struct {
		signer *credentials.Credentials
		says   string
	}{
		"both":      {credentials.NewStaticV4("key", "secret", ""), ""},
		"none":      {credentials.NewStaticV4("", "", ""), "no AWS credentials were found"},
		"no key":    {credentials.NewStaticV4("", "secret", ""), "no AWS credentials were found"},
		"no secret": {credentials.NewStaticV4("key", "", ""), "no AWS credentials were found"},
		"anonymous": {credentials.NewStatic("key", "secret", "", credentials.SignatureAnonymous), "no AWS credentials were found"},
		"broken":    {credentials.New(&brokenProvider{}), "the AWS credentials cannot be loaded: the role is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := archive.Open(archive.Config{Endpoint: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, Bucket: bucket, Credentials: row.signer})
			require.NoError(t, err)
			err = store.CheckCredentials()
			if row.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, row.says)
			require.ErrorContains(t, err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the account's keys in CALLVAULT_CONFIG, or run under a role")
		})
	}
}
