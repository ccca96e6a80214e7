package archive_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/workflows"
)

const probeKey = "calls/.callvault/probe.json"

func probe(t *testing.T, store *archive.Store) []string {
	t.Helper()
	lacks, err := store.Probe(t.Context())
	require.NoError(t, err)
	texts := []string{}
	for _, lack := range lacks {
		texts = append(texts, lack.Text)
	}
	return texts
}

func TestStoreThatLacksNothingIsProbedOnce(t *testing.T) {
	store, server := openStore(t)
	require.Empty(t, probe(t, store))
	require.Equal(t, []s3test.Operation{
		s3test.GetObject, s3test.PutObject, s3test.PutObject, s3test.PutObject, s3test.PutObject, s3test.HeadObject,
		s3test.CreateMultipartUpload, s3test.UploadPart, s3test.ListParts, s3test.CompleteMultipartUpload, s3test.AbortMultipartUpload,
		s3test.PutObject,
	}, server.Operations())
	require.Equal(t, []string{probeKey}, server.Keys(bucket))
	require.Empty(t, server.Uploads())

	server.ForgetRequests()
	require.Empty(t, probe(t, openOn(t, server, bucket)), "of another worker")
	require.Equal(t, []s3test.Operation{s3test.GetObject}, server.Operations())
}

// record replaces what the last probe has left.
func record(t *testing.T, server *s3test.Server, change func(map[string]any)) {
	t.Helper()
	object, found := server.Object(bucket, probeKey)
	require.True(t, found)
	var content map[string]any
	require.NoError(t, json.Unmarshal(object.Body, &content))
	change(content)
	body, err := json.Marshal(content)
	require.NoError(t, err)
	server.Set(bucket, probeKey, s3test.Object{Body: body})
}

func TestStoreIsProbedAgain(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"after a month":               func(r map[string]any) { r["probedAt"] = time.Now().AddDate(0, 0, -31) },
		"by a release that asks more": func(r map[string]any) { r["version"] = 0 },
		"after a finding":             func(r map[string]any) { r["lacks"] = []string{"something"} },
		"after somebody's own object": func(r map[string]any) { r["version"] = "1" },
	} {
		t.Run(name, func(t *testing.T) {
			store, server := openStore(t)
			require.Empty(t, probe(t, store))
			record(t, server, change)
			server.ForgetRequests()
			require.Empty(t, probe(t, store))
			require.Len(t, server.Requests(), 11, "the object need not be made")
			server.ForgetRequests()
			require.Empty(t, probe(t, store))
			require.Len(t, server.Requests(), 1)
		})
	}
}

func TestProbeSaysWhatTheStoreLacksAndWhatFollows(t *testing.T) {
	for feature, want := range map[s3test.Feature][]string{
		s3test.IfNoneMatch: {
			"the store ignores If-None-Match: two fetches of one session could overwrite each other's recordings and manifest, so nothing is archived in it",
			"the store ignores If-None-Match at the end of a multipart upload: two fetches of one session may overwrite each other's large recordings; the one whose manifest does not match them fetches again",
		},
		s3test.IfMatch:             {"the store ignores If-Match: two fetches that replace the manifest of one session at the same time may overwrite each other's"},
		s3test.VerifiedChecksum:    {"the store does not verify the SHA-256 of what it receives: a recording that is damaged on its way is found only by the checksum that the store returns"},
		s3test.ReturnedChecksum:    {"the store does not return the SHA-256 of an object: only the length of what it holds can be verified"},
		s3test.ConditionalComplete: {"the store ignores If-None-Match at the end of a multipart upload: two fetches of one session may overwrite each other's large recordings; the one whose manifest does not match them fetches again"},
		s3test.ListedParts:         {"the store does not list the parts of an upload: an interrupted transfer of a large recording begins anew"},
		s3test.Multipart:           {"the store has no multipart uploads with SHA-256: large recordings, and those whose length is not known, cannot be archived in it"},
	} {
		t.Run(string(feature), func(t *testing.T) {
			store, server := openStore(t)
			server.Lacks = map[s3test.Feature]bool{feature: true}
			require.Equal(t, want, probe(t, store))
			require.Equal(t, want, probe(t, store), "it is probed again, for it may be another release by then")
			require.Empty(t, server.Uploads())

			_, err := store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "1"), "")
			_, putErr := put(t, store, []byte("a"), 1)
			if feature != s3test.IfNoneMatch {
				require.NoError(t, err)
				require.NoError(t, putErr)
				return
			}
			for _, err := range []error{err, putErr} {
				require.ErrorIs(t, err, archive.ErrBlocked)
				require.ErrorContains(t, err, "ignores If-None-Match")
				require.ErrorContains(t, err, "restart the worker")
			}
			require.Equal(t, []string{probeKey}, server.Keys(bucket))
			server.Lacks = nil
			require.Empty(t, probe(t, store))
			_, err = store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "1"), "")
			require.NoError(t, err)
		})
	}
}

// A store may refuse what it does not know, rather than ignore it.
func TestProbeTellsWhatTheStoreRefuses(t *testing.T) {
	for name, row := range map[string]struct {
		rule s3test.Rule
		says []string
	}{
		"every PUT": {s3test.Rule{Operation: s3test.PutObject, Always: true}, []string{
			"the store refuses a PUT with a trailing SHA-256 and SSE-S3 encryption (NotImplemented: as the test wants it): nothing can be archived in it",
		}},
		"If-None-Match": {s3test.Rule{Operation: s3test.PutObject}, []string{"the store refuses a PUT with If-None-Match: nothing can be archived in it"}},
		"If-Match": {s3test.Rule{Operation: s3test.PutObject, Skip: 2}, []string{
			"the store refuses a PUT with If-Match: manifests cannot be replaced, so a refetch, or the fetch of a damaged session, will be blocked",
		}},
		"If-Match that holds": {s3test.Rule{Operation: s3test.PutObject, Skip: 4}, []string{
			"the store refuses a PUT with If-Match: manifests cannot be replaced, so a refetch, or the fetch of a damaged session, will be blocked",
		}},
		"a part": {s3test.Rule{Operation: s3test.UploadPart}, []string{
			"the store has no multipart uploads with SHA-256: large recordings, and those whose length is not known, cannot be archived in it",
		}},
		"the end of an upload": {s3test.Rule{Operation: s3test.CompleteMultipartUpload}, []string{
			"the store refuses If-None-Match at the end of a multipart upload: large recordings, and those whose length is not known, cannot be archived in it",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			server := s3test.New(t, bucket)
			store := openWith(t, server, func(c *archive.Config) { c.Options.Encryption = archive.SSES3 })
			row.rule.Status, row.rule.Code = http.StatusNotImplemented, "NotImplemented"
			server.Add(row.rule)
			require.Equal(t, row.says, probe(t, store))
			require.Empty(t, server.Uploads())
		})
	}
}

func TestListThatDoesNotHaveThePartIsOfNoUse(t *testing.T) {
	for _, other := range []*strings.Replacer{
		strings.NewReplacer("<Part>", "<Piece>", "</Part>", "</Piece>"),
		strings.NewReplacer("<Size>", "<Size>1"),
	} {
		store, server := openStore(t)
		server.Add(s3test.Rule{Operation: s3test.ListParts, Body: func(body []byte) []byte { return []byte(other.Replace(string(body))) }})
		require.Equal(t, []string{"the store does not list the parts of an upload: an interrupted transfer of a large recording begins anew"}, probe(t, store))
	}
}

// Earlier releases did not need the permission.
func TestProbeNamesThePermissionThatAnOlderPolicyLacks(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.ListParts, Status: http.StatusForbidden, Code: "AccessDenied"})
	texts := probe(t, store)
	require.Len(t, texts, 1)
	require.Contains(t, texts[0], "allow it s3:ListMultipartUploadParts, see deploy/archive-policy.json")
}

func TestProbeThatCannotTellIsAnError(t *testing.T) {
	for _, operation := range []s3test.Operation{
		s3test.GetObject, s3test.PutObject, s3test.HeadObject, s3test.CreateMultipartUpload, s3test.UploadPart, s3test.ListParts, s3test.CompleteMultipartUpload,
	} {
		for status, code := range map[int]string{http.StatusServiceUnavailable: "SlowDown", http.StatusForbidden: "AccessDenied", http.StatusBadRequest: "ExpiredToken"} {
			if operation == s3test.ListParts && code == "AccessDenied" {
				continue // That is known.
			}
			store, server := openStore(t)
			server.Add(s3test.Rule{Operation: operation, Status: status, Code: code, Always: true})
			_, err := store.Probe(t.Context())
			require.Error(t, err, "%s %s", operation, code)
			silent := operation == s3test.HeadObject && code == "ExpiredToken" // A HEAD says nothing but its status.
			require.Equal(t, status != http.StatusServiceUnavailable && !silent, errors.Is(err, archive.ErrBlocked), "%s %s", operation, code)
			require.Empty(t, server.Uploads())
			require.False(t, store.IsFailing(), "a probe keeps nobody from writing")
		}
	}
}

// Two workers may start at the same time.
func TestProbeThatMeetsAnotherFindsNothing(t *testing.T) {
	for skip := range 5 {
		store, server := openStore(t)
		server.Add(s3test.Rule{Operation: s3test.PutObject, Skip: skip, Before: func() {
			require.Empty(t, probe(t, openOn(t, server, bucket)))
		}})
		require.Empty(t, probe(t, store))
		server.ForgetRequests()
		require.Empty(t, probe(t, store))
		require.Len(t, server.Requests(), 1, "one of them has left what it found")
	}
}

func TestProbeIsEncryptedButNotLocked(t *testing.T) {
	store, server := openWithOptions(t, everyOption)
	require.Empty(t, probe(t, store))
	written := append(sent(server, s3test.PutObject), sent(server, s3test.CreateMultipartUpload)...)
	require.NotEmpty(t, written)
	for _, header := range written {
		require.Equal(t, map[string]string{encryptionHeader: "aws:kms", kmsKeyHeader: "alias/calls"}, optionsOf(header))
	}
}

func TestChangedTemplateIsReportedAtEachStart(t *testing.T) {
	store, server := openStore(t)
	require.Empty(t, probe(t, store))
	changed := openWith(t, server, func(c *archive.Config) { c.KeyTemplate = templateOf(t, "{yyyy}/{bot}/{session}") })
	for range 2 {
		texts := probe(t, changed)
		require.Len(t, texts, 1)
		require.True(t, strings.HasPrefix(texts[0], `the key template was "{bot}/{yyyy}/{mm}/{dd}/{session}" and is "{yyyy}/{bot}/{session}" now: sessions`), texts[0])
		_, err := changed.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "1"), "")
		require.NoError(t, err, "it blocks nothing")
		server.Remove(bucket, "calls/2024/"+botID+"/"+sessionID+"/manifest.json")
	}
	require.Empty(t, probe(t, store), "it was set back")
}
