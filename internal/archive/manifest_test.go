package archive

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

var aSession = workflows.Session{BotID: "st-fd81a2b1-43af-544d-8082-831bc09c0001", SessionID: "65e7133a3242653c58d7aaaa"}

// aFolder is the session's, after any prefix.
const aFolder = "st-fd81a2b1-43af-544d-8082-831bc09c0001/2024/03/05/65e7133a3242653c58d7aaaa/"

func aManifest() *Manifest {
	return &Manifest{
		Session: aSession, BatchID: "2024-03", CallTime: time.Date(2024, 3, 5, 12, 42, 34, 0, time.UTC),
		Outcome: "archived", Status: "success", StatusChecks: 3,
		StartedAt: time.Date(2024, 3, 5, 13, 0, 0, 0, time.UTC), FinishedAt: time.Date(2024, 3, 5, 13, 1, 0, 0, time.UTC),
		Files:      []File{{FileName: "a.wav", Key: "calls/" + aFolder + "a.wav", Bytes: 44, SHA256: strings.Repeat("0", 64), ContentType: "audio/wav", DeclaredContentType: "audio/x", Format: "wav", Source: "0123456789abcdef"}},
		WorkflowID: aSession.FetchWorkflowID(), RunID: "run",
	}
}

// manifestOfV010 is a manifest as release 0.1.0 wrote it.
const manifestOfV010 = `{
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
      "key": "calls/st-fd81a2b1-43af-544d-8082-831bc09c0001/2024/03/05/65e7133a3242653c58d7aaaa/a.wav",
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
`

// The format is pinned: manifests are kept for years.
func TestManifestWithoutNewKeysIsLikeVersion010(t *testing.T) {
	body, err := aManifest().encode()
	require.NoError(t, err)
	require.Equal(t, manifestOfV010, string(body))

	read, err := decodeManifest([]byte(manifestOfV010), aSession)
	require.NoError(t, err)
	want := aManifest()
	want.Version = 1
	require.Equal(t, want, read)
}

func TestFormatOfNewKeysIsStable(t *testing.T) {
	m := aManifest()
	m.Files[0].Remarks, m.Files[0].NoLongerListed = []string{"plays 3 s"}, true
	m.Evidence = []status.Evidence{{Status: "success", First: m.StartedAt, Last: m.FinishedAt, Count: 2}}
	m.Previous = aManifest()
	body, err := m.encode()
	require.NoError(t, err)
	require.Contains(t, string(body), `
      "source": "0123456789abcdef",
      "remarks": [
        "plays 3 s"
      ],
      "noLongerListed": true
    }
`)
	require.Contains(t, string(body), `
  "runId": "run",
  "evidence": [
    {
      "status": "success",
      "first": "2024-03-05T13:00:00Z",
      "last": "2024-03-05T13:01:00Z",
      "count": 2
    }
  ],
  "previous": {
    "version": 0,
    "botId": "st-fd81a2b1-43af-544d-8082-831bc09c0001",
`)
	read, err := decodeManifest(body, aSession)
	require.NoError(t, err)
	require.Equal(t, m, read)
}

// chain returns a manifest that replaced n others, each with a reason of this size.
func chain(n, size int) *Manifest {
	m := aManifest()
	m.Outcome = "gave_up"
	m.Reason = strings.Repeat("x", size)
	if n > 0 {
		m.Previous = chain(n-1, size)
	}
	return m
}

// depth is the number of replaced manifests.
func (m *Manifest) depth() int {
	n := 0
	for ; m.Previous != nil; m = m.Previous {
		n++
	}
	return n
}

func TestReplacedManifestsAreBounded(t *testing.T) {
	for _, row := range []struct{ depth, size, want int }{
		{0, 10, 0}, {1, 10, 1}, {9, 10, 9}, {10, 10, 10}, {11, 10, 10}, {50, 10, 10},
		{4, 300_000, 2}, {2, 500_000, 1}, {1, 1_000_000, 0},
	} {
		m := chain(row.depth, row.size)
		body, err := m.encode()
		require.NoError(t, err)
		require.Less(t, len(body), maxManifestBytes)
		require.Equal(t, row.want, m.depth(), "%+v", row)
		read, err := decodeManifest(body, aSession)
		require.NoError(t, err)
		require.Equal(t, row.want, read.depth(), "%+v", row)
	}
}

// Without it, no one would know what a damaged session had.
func TestLatestArchivedManifestIsNotDropped(t *testing.T) {
	for _, row := range []struct{ failures, size, want int }{{3, 10, 5}, {11, 10, 11}, {40, 10, 11}, {4, 300_000, 3}} {
		m := chain(row.failures, row.size)
		oldest := m
		for oldest.Previous != nil {
			oldest = oldest.Previous
		}
		archived := aManifest()
		archived.Previous = chain(0, 10)
		oldest.Previous = archived
		body, err := m.encode()
		require.NoError(t, err)
		read, err := decodeManifest(body, aSession)
		require.NoError(t, err)
		require.Equal(t, row.want, read.depth(), "%+v", row)
		for read.Outcome != outcomeArchived {
			read = read.Previous
			require.NotNil(t, read)
		}
	}
}

func TestManifestIsSmallerThanItsLimit(t *testing.T) {
	m := aManifest()
	body, err := m.encode()
	require.NoError(t, err)
	room := maxManifestBytes - len(body)
	m.Reason = strings.Repeat("x", room-1)
	body, err = m.encode()
	require.NoError(t, err)
	require.Len(t, body, maxManifestBytes-1)

	m.Reason += "x"
	_, err = m.encode()
	require.ErrorIs(t, err, ErrBlocked)
	require.ErrorContains(t, err, "the manifest of session "+aSession.SessionID+" has 1 files and would reach 1048576 bytes")
}

// The decoder's own limit ends a nesting that a stack might not survive.
func TestHostileNestingIsBounded(t *testing.T) {
	nested := func(depth int) []byte {
		head := `{"version":1,"botId":"` + aSession.BotID + `","sessionId":"` + aSession.SessionID + `","outcome":"failed"`
		return []byte(head + strings.Repeat(`,"previous":{"outcome":"x"`, depth) + strings.Repeat("}", depth+1))
	}
	read, err := decodeManifest(nested(9_000), aSession)
	require.NoError(t, err)
	require.Equal(t, maxPrevious, read.depth())
	_, err = decodeManifest(nested(30_000), aSession)
	require.ErrorContains(t, err, "not a JSON manifest")
	_, err = decodeManifest(nested(50_000), aSession)
	require.ErrorContains(t, err, "more than 1048576 bytes")
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
		file.Remarks = slices.Repeat([]string{strings.Repeat("r", 200)}, 5)
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

// The workflow believes what a manifest says of its files, and verifies them by it.
func TestManifestWithInvalidFilesIsRefused(t *testing.T) {
	file := func(change func(*File)) []File {
		files := slices.Repeat(aManifest().Files, 2)
		change(&files[1])
		return files
	}
	key := func(key string) []File { return file(func(f *File) { f.Key = key }) }
	digest := func(digest string) []File { return file(func(f *File) { f.SHA256 = digest }) }
	elsewhere, noDigest := "is not in the session's folder", "has no valid length and SHA-256"
	for name, row := range map[string]struct {
		outcome string
		files   []File
		says    string
	}{
		"another session's folder": {"archived", key(strings.ReplaceAll("calls/"+aFolder, "aaaa", "bbbb") + "a.wav"), elsewhere},
		"another bot's folder":     {"archived", key(strings.Replace("calls/"+aFolder, "0001", "0002", 1) + "a.wav"), elsewhere},
		"a folder in the folder":   {"archived", key("calls/" + aFolder + "b/a.wav"), elsewhere},
		"the folder above":         {"archived", key("calls/" + aFolder + "../a.wav"), elsewhere},
		"up and down again":        {"archived", key("x/../../other/calls/" + aFolder + "a.wav"), elsewhere},
		"a folder that is a dot":   {"archived", key("./calls/" + aFolder + "a.wav"), elsewhere},
		"a folder for a terminal":  {"archived", key("\x1b[2J/" + aFolder + "a.wav"), elsewhere},
		"a folder not of ASCII":    {"archived", key("\u202e/" + aFolder + "a.wav"), elsewhere},
		"no folder":                {"archived", key("a.wav"), elsewhere},
		"no key":                   {"archived", key(""), elsewhere},
		"no name":                  {"archived", key("calls/" + aFolder), elsewhere},
		"an overlong key":          {"archived", key(strings.Repeat("k", 1<<16)), elsewhere},
		"an unsafe name":           {"archived", key("calls/" + aFolder + "a b.wav"), elsewhere},
		"a hidden name":            {"archived", key("calls/" + aFolder + ".a.wav"), elsewhere},
		"an overlong name":         {"archived", key("calls/" + aFolder + strings.Repeat("a", maxObjectName+1)), elsewhere},
		"the manifest":             {"archived", key("calls/" + aFolder + ManifestName), elsewhere},
		"the manifest in capitals": {"archived", key("calls/" + aFolder + strings.ToUpper(ManifestName)), elsewhere},
		"a failure's file":         {"failed", key("k/a.wav"), elsewhere},
		"no digest":                {"archived", digest(""), noDigest},
		"a short digest":           {"archived", digest(strings.Repeat("0", 62)), noDigest},
		"a long digest":            {"archived", digest(strings.Repeat("0", 66)), noDigest},
		"a digest with other text": {"archived", digest(strings.Repeat("x", 64)), noDigest},
		"a negative length":        {"archived", file(func(f *File) { f.Bytes = -1 }), noDigest},
		"archived without files":   {"archived", []File{}, "it says archived, but has no files"},
		"too many files":           {"failed", slices.Repeat(aManifest().Files, maxManifestFiles+1), "it has 1001 files, more than 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			m := aManifest()
			m.Outcome, m.Files = row.outcome, row.files
			for _, m := range []*Manifest{m, {Session: aSession, Outcome: "failed", Previous: m}} {
				m.Version = manifestVersion
				body, err := json.Marshal(m)
				require.NoError(t, err)
				require.Less(t, len(body), maxManifestBytes)
				read, err := decodeManifest(body, aSession)
				require.ErrorContains(t, err, row.says)
				require.Less(t, len(err.Error()), 400)
				require.Nil(t, read)
			}
		})
	}
}

// Prefix and template may have been others. A prefix need not end with a slash.
func TestManifestMayNameFilesUnderAnyPrefixAndTemplate(t *testing.T) {
	m := aManifest()
	m.Files = nil
	for _, prefix := range []string{"", "calls/", "calls/de/", "calls-"} {
		m.Files = append(m.Files, File{Key: prefix + aFolder + "a.wav", SHA256: strings.Repeat("0", 64)})
	}
	for _, text := range []string{"year={yyyy}/{bot}/{session}", "{bot}{yyyy}{mm}/session={session}"} {
		template, err := ParseTemplate(text)
		require.NoError(t, err)
		folder, err := template.folder("calls/", aSession)
		require.NoError(t, err)
		m.Files = append(m.Files, File{Key: folder + "a.wav", SHA256: strings.Repeat("0", 64)})
	}
	m.Files = append(m.Files, slices.Repeat(m.Files[:1], maxManifestFiles-len(m.Files))...)
	m.Previous = &Manifest{Session: aSession, Outcome: "failed"}
	body, err := m.encode()
	require.NoError(t, err)
	read, err := decodeManifest(body, aSession)
	require.NoError(t, err)
	require.Equal(t, m.Files, read.Files)
}
