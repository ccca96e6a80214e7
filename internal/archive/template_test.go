package archive_test

import (
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/workflows"
)

func templateOf(t *testing.T, text string) archive.Template {
	t.Helper()
	template, err := archive.ParseTemplate(text)
	require.NoError(t, err)
	return template
}

// openWith returns an archive on a strict S3 server, as openStore does, with changes.
func openWith(t *testing.T, server *s3test.Server, change func(*archive.Config)) *archive.Store {
	t.Helper()
	config := archive.Config{
		Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Prefix: "calls/",
		Credentials: credentials.NewStaticV4("key", "canary-secret", ""),
	}
	change(&config)
	store, err := archive.Open(config)
	require.NoError(t, err)
	return store
}

func TestFolderFollowsTheTemplate(t *testing.T) {
	server := s3test.New(t, bucket)
	for text, want := range map[string]string{
		"":                              botID + "/2024/03/05/" + sessionID,
		archive.DefaultTemplate:         botID + "/2024/03/05/" + sessionID,
		"{bot}/{session}":               botID + "/" + sessionID,
		"{yyyy}-{mm}/{bot}/s={session}": "2024-03/" + botID + "/s=" + sessionID,
		"year={yyyy}/month={mm}/day={dd}/{bot}/{session}":                "year=2024/month=03/day=05/" + botID + "/" + sessionID,
		"dt={yyyy}-{mm}-{dd}/year={yyyy}/bot={bot}/v1.0_calls/{session}": "dt=2024-03-05/year=2024/bot=" + botID + "/v1.0_calls/" + sessionID,
		"batch/{bot}/{session}":                                          "batch/" + botID + "/" + sessionID,
	} {
		store := openWith(t, server, func(c *archive.Config) { c.KeyTemplate = templateOf(t, text) })
		got, err := store.Folder(session)
		require.NoError(t, err)
		require.Equal(t, "calls/"+want+"/", got)
		key, err := store.ManifestKey(session)
		require.NoError(t, err)
		require.Equal(t, "calls/"+want+"/manifest.json", key)
	}
}

func TestTemplateThatWouldMixSessionsIsRefused(t *testing.T) {
	folder, end, bot := "has a folder that is not valid", "does not end with the folder of the session", "does not have {bot} once"
	for text, says := range map[string]string{
		"{bot}/{yyyy}/{mm}/{dd}":                     end,
		"{session}/{bot}":                            end,
		"{bot}/{session}/files":                      end,
		"{bot}/{session}s":                           end,
		"{bot}/{session}/{session}":                  end,
		"{bot}-{session}":                            end,
		"{yyyy}/{mm}/{session}":                      bot,
		"{bot}/{bot}/{session}":                      bot,
		"{bot}/{session}/":                           folder,
		"/{bot}/{session}":                           folder,
		"{bot}//{session}":                           folder,
		"{bot}/../{session}":                         folder,
		"{bot}/.hidden/{session}":                    folder,
		"{bot}/_x/{session}":                         folder,
		"{bot}/a b/{session}":                        folder,
		"{bot}/ä/{session}":                          folder,
		"{bot}/{hh}/{session}":                       folder,
		"{Bot}/{session}":                            folder,
		"{bot/{session}":                             folder,
		"{bot}/a}/{session}":                         folder,
		`{bot}\{session}`:                            folder,
		"batches/{bot}/{session}":                    `begins with "batches"`,
		"days/{bot}/{session}":                       `begins with "days"`,
		"log/{bot}/{session}":                        `begins with "log"`,
		"opened/{bot}/{session}":                     `begins with "opened"`,
		"{bot}/{session}" + strings.Repeat("x", 150): "has 165 bytes: want at most 150",
	} {
		_, err := archive.ParseTemplate(text)
		require.ErrorContains(t, err, says, text)
	}
}

// With the longest of everything a key is one that S3 takes.
func TestLongestKeyIsValid(t *testing.T) {
	text := strings.Repeat("x", 150-len("/{bot}/{session}")) + "/{bot}/{session}"
	long := workflows.Session{BotID: "st-" + strings.Repeat("b", 64), SessionID: sessionID}
	store := openWith(t, s3test.New(t, bucket), func(c *archive.Config) {
		c.Prefix, c.KeyTemplate = strings.Repeat("p", 512), templateOf(t, text)
	})
	got, err := store.Folder(long)
	require.NoError(t, err)
	require.Less(t, len(got)+200, 1024)
}

func TestManifestsAreFoundUnderAnyTemplate(t *testing.T) {
	for _, text := range []string{"year={yyyy}/month={mm}/day={dd}/{bot}/{session}", "{bot}/{session}", "{yyyy}/{bot}/s={session}"} {
		server := s3test.New(t, bucket)
		store := openWith(t, server, func(c *archive.Config) { c.KeyTemplate = templateOf(t, text) })
		all := sessionsOfADay(0, 40)
		setManifests(t, store, server, all[5:30])
		another := workflows.Session{BotID: "st-another", SessionID: all[35].SessionID}
		setManifests(t, store, server, []workflows.Session{another})
		requireFound(t, store, append(all, another), append(all[5:30:30], another))
		require.Equal(t, 1, requests(server)[s3test.ListObjects], "those of a bot and day have a common prefix")
		server.ForgetRequests()
		requireFound(t, store, all[:6], all[5:6])
		require.Zero(t, requests(server)[s3test.ListObjects], "a few are looked up one by one")
	}
}

func TestManifestIsWrittenAndReadUnderTheTemplate(t *testing.T) {
	server := s3test.New(t, bucket)
	store := openWith(t, server, func(c *archive.Config) { c.KeyTemplate = templateOf(t, "{yyyy}/{bot}/{session}") })
	_, err := store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "1"), "")
	require.NoError(t, err)
	require.Equal(t, []string{"calls/2024/" + botID + "/" + sessionID + "/manifest.json"}, server.Keys(bucket))
	m, _, err := store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, string(workflows.OutcomeFailed), m.Outcome)

	m, _, err = openOn(t, server, bucket).ReadManifest(t.Context(), session)
	require.NoError(t, err)
	require.Nil(t, m, "under another template the session is not found")
}
