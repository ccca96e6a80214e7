package archive_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/secret"
)

// replace writes a file as secrets are rotated: another file takes its name.
func replace(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func storeWith(t *testing.T, server *s3test.Server, keys *credentials.Credentials) *archive.Store {
	t.Helper()
	store, err := archive.Open(archive.Config{Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Credentials: keys})
	require.NoError(t, err)
	return store
}

// signedBy makes a request and returns the id of the key that signed it.
func signedBy(t *testing.T, server *s3test.Server, store *archive.Store) string {
	t.Helper()
	server.ForgetRequests()
	require.NoError(t, store.EnsureBucket(t.Context()))
	_, rest, found := strings.Cut(server.Requests()[0].Header.Get("Authorization"), "Credential=")
	require.True(t, found)
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// requireSigner waits until a file that changed is noticed.
func requireSigner(t *testing.T, server *s3test.Server, store *archive.Store, id string) {
	t.Helper()
	require.Eventually(t, func() bool { return signedBy(t, server, store) == id }, 10*time.Second, 20*time.Millisecond)
}

func TestReplacedKeysSignTheNextRequests(t *testing.T) {
	server := s3test.New(t, bucket)
	id, key := filepath.Join(t.TempDir(), "id"), filepath.Join(t.TempDir(), "key")
	replace(t, id, "first\n")
	replace(t, key, "canary-1\n")
	store := storeWith(t, server, archive.KeyPair(secret.File(id), secret.File(key)))
	require.Equal(t, "first", signedBy(t, server, store))
	before := server.Requests()[0].Header.Get("Authorization")

	replace(t, key, "canary-2, which is longer")
	require.Eventually(t, func() bool {
		err := store.CheckCredentials()
		return err != nil && strings.Contains(err.Error(), "the secret access key has spaces")
	}, 10*time.Second, 20*time.Millisecond)
	require.NotContains(t, store.CheckCredentials().Error(), "canary")
	require.ErrorContains(t, store.EnsureBucket(t.Context()), "has spaces", "no request is sent with a half of it")

	replace(t, key, "canary-22")
	replace(t, id, "second")
	require.Eventually(t, func() bool { return store.EnsureBucket(t.Context()) == nil }, 10*time.Second, 20*time.Millisecond)
	requireSigner(t, server, store, "second")
	require.NotEqual(t, before, server.Requests()[0].Header.Get("Authorization"))
}

func TestReplacedSharedFileSignsTheNextRequests(t *testing.T) {
	server := s3test.New(t, bucket)
	file := filepath.Join(t.TempDir(), "credentials")
	replace(t, file, "[acme]\naws_access_key_id = first\naws_secret_access_key = canary\n")
	store := storeWith(t, server, archive.SharedFile(secret.File(file), "acme"))
	require.Equal(t, "first", signedBy(t, server, store))

	replace(t, file, "[acme]\naws_access_key_id = second\naws_secret_access_key = canary\naws_session_token = canary-token\n")
	requireSigner(t, server, store, "second")
	require.Equal(t, "canary-token", server.Requests()[0].Header.Get("X-Amz-Security-Token"))

	require.NoError(t, os.Remove(file))
	require.Eventually(t, func() bool { return store.EnsureBucket(t.Context()) != nil }, 10*time.Second, 20*time.Millisecond)
	requireUnavailable(t, store.EnsureBucket(t.Context()), "no such file or directory")
	replace(t, file, "[acme]\naws_access_key_id = third\naws_secret_access_key = canary\n")
	require.Eventually(t, func() bool { return store.EnsureBucket(t.Context()) == nil }, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, "third", signedBy(t, server, store))
}

// The client rereads this file by itself; a release that stops doing so would need
// a provider of ours.
func TestReplacedSharedFileOfTheStandardChainSignsTheNextRequests(t *testing.T) {
	for _, variable := range []string{"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_PROFILE"} {
		t.Setenv(variable, "")
	}
	server := s3test.New(t, bucket)
	file := filepath.Join(t.TempDir(), "credentials")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	replace(t, file, "[default]\naws_access_key_id = first\naws_secret_access_key = canary\n")
	store := storeWith(t, server, nil)
	require.Equal(t, "first", signedBy(t, server, store))
	replace(t, file, "[default]\naws_access_key_id = second\naws_secret_access_key = canary\n")
	require.Equal(t, "second", signedBy(t, server, store))
}

func TestStoresWithDifferentKeysWorkSideBySide(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "third")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary")
	server := s3test.New(t, bucket)
	file := filepath.Join(t.TempDir(), "credentials")
	replace(t, file, "[one]\naws_access_key_id = first\naws_secret_access_key = canary\n")
	one := storeWith(t, server, archive.SharedFile(secret.File(file), "one"))
	two := storeWith(t, server, archive.KeyPair(secret.Value("second"), secret.Value("canary")))
	three := storeWith(t, server, nil)
	for range 2 {
		require.Equal(t, "first", signedBy(t, server, one))
		require.Equal(t, "second", signedBy(t, server, two))
		require.Equal(t, "third", signedBy(t, server, three))
	}
	replace(t, file, "[one]\naws_access_key_id = fourth\naws_secret_access_key = canary\n")
	requireSigner(t, server, one, "fourth")
	require.Equal(t, "second", signedBy(t, server, two))
	require.Equal(t, "third", signedBy(t, server, three))
}

func TestProfileOfASharedFileIsRead(t *testing.T) {
	const keys = "aws_access_key_id=id\naws_secret_access_key=key/with+base64==\n"
	for name, row := range map[string]struct {
		content, profile string
		want             credentials.Value
	}{
		"the default":            {"[default]\n" + keys, "", credentials.Value{AccessKeyID: "id", SecretAccessKey: "key/with+base64=="}},
		"another one":            {"[default]\naws_access_key_id=x\n[acme]\n" + keys + "[z]\naws_access_key_id=y\n", "acme", credentials.Value{AccessKeyID: "id", SecretAccessKey: "key/with+base64=="}},
		"comments and space":     {"# [a]\n\n ; x\n [ a ] \r\n # aws_access_key_id = y\n  AWS_Access_Key_ID  =  id \r\naws_secret_access_key = key\nregion = x\n", "a", credentials.Value{AccessKeyID: "id", SecretAccessKey: "key"}},
		"a session token":        {"[a]\naws_session_token = token==\n" + keys, "a", credentials.Value{AccessKeyID: "id", SecretAccessKey: "key/with+base64==", SessionToken: "token=="}},
		"the last of two counts": {"[a]\n" + keys + "aws_access_key_id = later\n", "a", credentials.Value{AccessKeyID: "later", SecretAccessKey: "key/with+base64=="}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "credentials")
			replace(t, file, row.content)
			got, err := archive.SharedFile(secret.File(file), row.profile).GetWithContext(nil)
			require.NoError(t, err)
			row.want.SignerType = credentials.SignatureV4
			require.Equal(t, row.want, got)
		})
	}
}

func TestUnusableSharedFileIsNamedWithoutItsContent(t *testing.T) {
	for name, row := range map[string]struct{ content, says string }{
		"no profile":       {"[canary]\naws_access_key_id=canary\naws_secret_access_key=canary\n", `has no keys of the profile "acme": want a line [acme]`},
		"a secret alone":   {"canary", "has no keys"},
		"no secret key":    {"[acme]\naws_access_key_id=canary\n", "has no keys"},
		"no id":            {"[acme]\naws_secret_access_key=canary\n", "has no keys"},
		"a comment":        {"[acme]\naws_access_key_id=canary\n#aws_secret_access_key=canary\n", "has no keys"},
		"two keys in one":  {"[acme]\naws_access_key_id=canary\naws_secret_access_key=canary canary\n", "the secret access key has spaces"},
		"an invisible one": {"[acme]\naws_access_key_id=canary\u200b\naws_secret_access_key=canary\n", "the access key id has spaces"},
		"a broken token":   {"[acme]\naws_access_key_id=canary\naws_secret_access_key=canary\naws_session_token=a\tb\n", "the session token has spaces"},
		"an empty file":    {"\n", "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "credentials")
			replace(t, file, row.content)
			_, err := archive.SharedFile(secret.File(file), "acme").GetWithContext(nil)
			require.ErrorContains(t, err, row.says)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestHalfOfAKeyPairSignsNothing(t *testing.T) {
	missing := secret.File(filepath.Join(t.TempDir(), "missing"))
	for _, keys := range []*credentials.Credentials{
		archive.KeyPair(secret.Value("id"), missing), archive.KeyPair(missing, secret.Value("canary")),
	} {
		_, err := keys.GetWithContext(nil)
		require.ErrorContains(t, err, "missing\" cannot be read (no such file or directory)")
		require.NotContains(t, err.Error(), "canary")
	}
}
