package archive_test

import (
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
	inParts := func(algorithm, value string) archive.Object {
		return archive.Object{Bytes: 100, SHA256: whole.SHA256, Checksum: &archive.Checksum{Algorithm: algorithm, Value: value, PartBytes: 8 << 20}}
	}
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
		{"another checksum", with(checksumOf(nil)), whole, "has a different SHA-256 as the store's own checksum"},
		{"a checksum of parts, none is known", with(checksumOf(nil) + "-3"), whole, ""},
		{"a checksum of parts, as it is", with(checksumOf(nil) + "-3"), inParts("SHA256", checksumOf(nil)+"-3"), ""},
		{"another checksum of parts", with(checksumOf(nil) + "-3"), inParts("SHA256", checksumOf(nil)+"-4"), "has a different SHA-256 of its parts"},
		{"one checksum of all, one of parts", objectOf(content), inParts("SHA256", checksumOf(nil)+"-3"), ""},
		{"a CRC64NVME, as it is", s3test.Object{Body: content, CRC64: "AAAA"}, inParts("CRC64NVME", "AAAA"), ""},
		{"another CRC64NVME", s3test.Object{Body: content, CRC64: "AAAB"}, inParts("CRC64NVME", "AAAA"), "has a different CRC64NVME"},
	} {
		t.Run(row.name, func(t *testing.T) {
			store, server := openStore(t)
			server.Set(bucket, aKey, row.object)
			err := store.Verify(t.Context(), aKey, row.want)
			requireVerified(t, err, row.says)
		})
	}
}

func TestObjectWithoutAChecksumIsVerifiedByItsSize(t *testing.T) {
	content := contentOf(100)
	store, server := openStore(t)
	server.Lacks = map[s3test.Feature]bool{s3test.ReturnedChecksum: true}
	server.Set(bucket, aKey, objectOf(content))
	requireVerified(t, store.Verify(t.Context(), aKey, archive.Object{Bytes: 100, SHA256: digestOf(nil)}), "")
	requireVerified(t, store.Verify(t.Context(), aKey, archive.Object{Bytes: 99, SHA256: digestOf(content)}), "has 100 bytes, not 99")
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
