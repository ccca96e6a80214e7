package archive_test

import (
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
)

func TestVerifyComparesSizeAndDigests(t *testing.T) {
	content := contentOf(100)
	whole := archive.Object{Bytes: 100, SHA256: digestOf(content)}
	with := func(checksum string) s3test.Object {
		object := objectOf(content)
		object.Checksum = checksum
		return object
	}
	short := base64.StdEncoding.EncodeToString(make([]byte, 31))
	for _, row := range []struct {
		name   string
		object s3test.Object
		want   archive.Object
		says   string
	}{
		{"as it is", objectOf(content), whole, ""},
		{"more bytes", objectOf(content), archive.Object{Bytes: 99, SHA256: whole.SHA256}, "has 100 bytes, not 99"},
		{"fewer bytes", objectOf(content), archive.Object{Bytes: 101, SHA256: whole.SHA256}, "has 100 bytes, not 101"},
		{"another digest", objectOf(content), archive.Object{Bytes: 100, SHA256: digestOf(nil)}, "has a different SHA-256 as the store's own checksum"},
		{"another digest, no checksum", with(short), archive.Object{Bytes: 100, SHA256: digestOf(nil)}, "has a different SHA-256 in its metadata"},
		{"no metadata, which a copy may lose", s3test.Object{Body: content}, whole, ""},
		{"no metadata, another digest", s3test.Object{Body: content}, archive.Object{Bytes: 100, SHA256: digestOf(nil)}, "has a different SHA-256 as the store's own checksum"},
		{"other metadata, which the checksum overrules", s3test.Object{Body: content, Metadata: map[string]string{"Sha256": digestOf(nil)}}, whole, ""},
		{"other metadata, a checksum of parts", s3test.Object{Body: content, Metadata: map[string]string{"Sha256": digestOf(nil)}, Checksum: checksumOf(nil) + "-3"}, whole, "has a different SHA-256 in its metadata"},
		{"another checksum", with(checksumOf(nil)), whole, "has a different SHA-256 as the store's own checksum"},
		{"a checksum of parts", with(checksumOf(nil) + "-3"), whole, ""},
		{"a checksum of another kind", with(short), whole, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			store, server := openStore(t)
			server.Set(bucket, aKey, row.object)
			err := store.Verify(t.Context(), aKey, row.want)
			requireVerified(t, err, row.says)
		})
	}
}

func TestObjectWithoutAChecksumIsVerifiedByItsMetadata(t *testing.T) {
	content := contentOf(100)
	whole := archive.Object{Bytes: 100, SHA256: digestOf(content)}
	bare := s3test.Object{Body: content}
	for _, row := range []struct {
		name   string
		object s3test.Object
		want   archive.Object
		says   string
	}{
		{"as it is", objectOf(content), whole, ""},
		{"another digest", objectOf(content), archive.Object{Bytes: 100, SHA256: digestOf(nil)}, "has a different SHA-256 in its metadata"},
		{"no metadata: the size decides", bare, whole, ""},
		{"no metadata, another size", bare, archive.Object{Bytes: 99, SHA256: whole.SHA256}, "has 100 bytes, not 99"},
	} {
		t.Run(row.name, func(t *testing.T) {
			store, server := openStore(t)
			server.Set(bucket, aKey, row.object)
			server.Add(s3test.Rule{Operation: s3test.HeadObject, Header: func(header http.Header) { header.Del("X-Amz-Checksum-Sha256") }})
			err := store.Verify(t.Context(), aKey, row.want)
			requireVerified(t, err, row.says)
		})
	}
}

// requireVerified requires a mismatch that says this, or none if it is empty.
func requireVerified(t *testing.T, err error, says string) {
	t.Helper()
	if says == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, archive.ErrMismatch)
	require.ErrorContains(t, err, "s3://recordings/"+aKey+" "+says)
}

func TestMissingObjectIsAMismatch(t *testing.T) {
	store, server := openStore(t)
	err := store.Verify(t.Context(), aKey, archive.Object{})
	require.ErrorIs(t, err, archive.ErrMismatch)
	require.ErrorContains(t, err, "s3://recordings/"+aKey+" does not exist")
	require.Equal(t, []s3test.Operation{s3test.HeadObject}, server.Operations())
}

func TestRefusedVerifyIsExplained(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.HeadObject, Status: http.StatusForbidden, Code: "AccessDenied"})
	server.Add(s3test.Rule{Operation: s3test.ListObjects, Status: http.StatusForbidden, Code: "SignatureDoesNotMatch"})
	err := store.Verify(t.Context(), aKey, archive.Object{})
	require.ErrorIs(t, err, archive.ErrBlocked)
	require.ErrorContains(t, err, "AWS_SECRET_ACCESS_KEY")
}
