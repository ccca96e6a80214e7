package archive

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

var aSession = workflows.Session{BotID: "st-fd81a2b1-43af-544d-8082-831bc09c0001", SessionID: "65e7133a3242653c58d7aaaa"}

func aManifest() *Manifest {
	return &Manifest{
		Session: aSession, BatchID: "2024-03", CallTime: time.Date(2024, 3, 5, 12, 42, 34, 0, time.UTC),
		Outcome: "archived", Status: "success", StatusChecks: 3,
		StartedAt: time.Date(2024, 3, 5, 13, 0, 0, 0, time.UTC), FinishedAt: time.Date(2024, 3, 5, 13, 1, 0, 0, time.UTC),
		Files:      []File{{FileName: "a.wav", Key: "k/a.wav", Bytes: 44, SHA256: strings.Repeat("0", 64), ContentType: "audio/wav", DeclaredContentType: "audio/x", Format: "wav", Source: "0123456789abcdef"}},
		WorkflowID: aSession.FetchWorkflowID(), RunID: "run",
	}
}

// The format is pinned: manifests are kept for years.
func TestManifestFormatIsStable(t *testing.T) {
	body, err := aManifest().encode()
	require.NoError(t, err)
	require.Equal(t, `{
  "version": 1,
  "botId": "st-fd81a2b1-43af-544d-8082-831bc09c0001",
  "sessionId": "65e7133a3242653c58d7aaaa",
  "batchId": "2024-03",
  "callTime": "2024-03-05T12:42:34Z",
  "outcome": "archived",
  "status": "success",
  "reason": "",
  "files": [
    {
      "fileName": "a.wav",
      "key": "k/a.wav",
      "bytes": 44,
      "sha256": "0000000000000000000000000000000000000000000000000000000000000000",
      "contentType": "audio/wav",
      "declaredContentType": "audio/x",
      "format": "wav",
      "source": "0123456789abcdef"
    }
  ],
  "statusChecks": 3,
  "startedAt": "2024-03-05T13:00:00Z",
  "finishedAt": "2024-03-05T13:01:00Z",
  "workflowId": "fetch-recording/st-fd81a2b1-43af-544d-8082-831bc09c0001/65e7133a3242653c58d7aaaa",
  "runId": "run"
}
`, string(body))
}

func TestManifestReadsBackAsWritten(t *testing.T) {
	for _, manifest := range []*Manifest{aManifest(), {Session: aSession, Outcome: "unavailable", Status: "media_unavailable", Reason: "not there"}} {
		body, err := manifest.encode()
		require.NoError(t, err)
		require.NotContains(t, string(body), "null", "a manifest without files has an empty list")
		read, err := decodeManifest(body, aSession)
		require.NoError(t, err)
		require.Equal(t, manifest, read)
	}
}

func TestLargestManifestIsBelowTheReadLimit(t *testing.T) {
	manifest := aManifest()
	for i := range 100 {
		file := manifest.Files[0]
		file.FileName = fmt.Sprintf("%04d%s", i, strings.Repeat("\uFFFD", 1020/3))
		file.Key = strings.Repeat("k", 1024)
		manifest.Files = append(manifest.Files, file)
	}
	body, err := manifest.encode()
	require.NoError(t, err)
	require.Less(t, len(body), maxManifestBytes)
}

func TestInvalidManifestIsRefused(t *testing.T) {
	change := func(key string, value any) string {
		body, err := aManifest().encode()
		require.NoError(t, err)
		object := make(map[string]any)
		require.NoError(t, json.Unmarshal(body, &object))
		object[key] = value
		if value == nil {
			delete(object, key)
		}
		changed, err := json.Marshal(object)
		require.NoError(t, err)
		return string(changed)
	}
	for name, row := range map[string]struct{ body, says string }{
		"empty":                     {"", "not a JSON manifest"},
		"cut off":                   {change("x", 1)[:50], "not a JSON manifest"},
		"HTML":                      {"<html>", "not a JSON manifest"},
		"an array":                  {"[]", "not a JSON manifest"},
		"trailing garbage":          {change("x", 1) + "}", "not a JSON manifest"},
		"files that are not a list": {change("files", "none"), "not a JSON manifest"},
		"null":                      {"null", "version is 0"},
		"no version":                {change("version", nil), "version is 0"},
		"a later version":           {change("version", 2), "upgrade the workers"},
		"another session's":         {change("sessionId", "65e7133a3242653c58d7bbbb"), `another session ("65e7133a3242653c58d7bbbb"`},
		"another bot's":             {change("botId", "st-2"), `of "st-2"`},
		"no outcome":                {change("outcome", nil), "no outcome"},
		"an overlong session":       {change("sessionId", strings.Repeat("x", 1<<16)), "another session"},
	} {
		manifest, err := decodeManifest([]byte(row.body), aSession)
		require.ErrorContains(t, err, row.says, name)
		require.Less(t, len(err.Error()), 400, name)
		require.Nil(t, manifest, name)
	}
	_, err := decodeManifest([]byte(change("addedLater", map[string]any{"a": 1})), aSession)
	require.NoError(t, err, "fields of a later release are accepted")
}
