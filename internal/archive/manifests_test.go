package archive_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// sessionsOfADay returns the sessions from one number to before another; those with higher
// numbers have later keys.
func sessionsOfADay(from, to int) []workflows.Session {
	var sessions []workflows.Session
	for i := from; i < to; i++ {
		sessions = append(sessions, workflows.Session{BotID: botID, SessionID: fmt.Sprintf("65e7133a%016x", i)})
	}
	return sessions
}

// setObject stores an object of a session.
func setObject(t *testing.T, store *archive.Store, server *s3test.Server, session workflows.Session, name string) {
	t.Helper()
	folder, err := store.Folder(session)
	require.NoError(t, err)
	server.Set(bucket, folder+name, s3test.Object{})
}

// setManifests stores a recording and a manifest of each session.
func setManifests(t *testing.T, store *archive.Store, server *s3test.Server, sessions []workflows.Session) {
	t.Helper()
	for _, session := range sessions {
		setObject(t, store, server, session, "a.wav")
		setObject(t, store, server, session, archive.ManifestName)
	}
}

func requireFound(t *testing.T, store *archive.Store, sessions, want []workflows.Session) {
	t.Helper()
	found, err := store.Manifests(t.Context(), sessions)
	require.NoError(t, err)
	wanted := make(map[workflows.Session]bool)
	for _, session := range want {
		wanted[session] = true
	}
	require.Equal(t, wanted, found)
}

// requests counts the requests by what they asked for.
func requests(server *s3test.Server) map[s3test.Operation]int {
	counts := make(map[s3test.Operation]int)
	for _, operation := range server.Operations() {
		counts[operation]++
	}
	return counts
}

type counts = map[s3test.Operation]int

func TestAFewManifestsOfADayCostOneRequestEach(t *testing.T) {
	store, server := openStore(t)
	few := sessionsOfADay(0, 12)
	setManifests(t, store, server, few[3:7])
	requireFound(t, store, few, few[3:7])
	require.Equal(t, counts{s3test.HeadObject: 12}, requests(server))
}

func TestManyManifestsOfADayCostOneListForAThousandObjects(t *testing.T) {
	for _, row := range []struct {
		sessions, lists int // with two objects each
	}{{13, 1}, {500, 1}, {501, 2}, {1000, 2}, {1001, 3}} {
		store, server := openStore(t)
		many := sessionsOfADay(0, row.sessions)
		setManifests(t, store, server, sessionsOfADay(0, row.sessions+100)) // It needs not know what comes behind.
		requireFound(t, store, many, many)
		require.Equal(t, counts{s3test.ListObjects: row.lists}, requests(server), row.sessions)
	}
}

func TestManifestsThatAreMissingCostOneListForAll(t *testing.T) {
	store, server := openStore(t)
	requireFound(t, store, sessionsOfADay(0, 1000), nil)
	require.Equal(t, counts{s3test.ListObjects: 1}, requests(server))
}

func TestListSkipsTheSessionsBeforeAndBehind(t *testing.T) {
	store, server := openStore(t)
	all := sessionsOfADay(0, 5000)
	setManifests(t, store, server, all)
	wanted := all[2000:2400]
	requireFound(t, store, wanted, wanted)
	require.Equal(t, counts{s3test.ListObjects: 1}, requests(server))
	query := server.Requests()[0].Query
	require.Equal(t, "calls/"+botID+"/2024/03/05/", query.Get("prefix"))
	require.Equal(t, "calls/"+botID+"/2024/03/05/"+wanted[0].SessionID, query.Get("start-after"))

	server.ForgetRequests()
	gone := append(sessionsOfADay(1990, 2010), workflows.Session{BotID: botID, SessionID: "65e7133affffffffffffffff"})
	server.Remove(bucket, "calls/"+botID+"/2024/03/05/"+all[2009].SessionID+"/"+archive.ManifestName)
	requireFound(t, store, gone, all[1990:2009])
	require.Equal(t, counts{s3test.ListObjects: 3, s3test.HeadObject: 2}, requests(server), "6,020 objects are between the first and the last: after 2,100 the rest is looked up")
}

func TestListEndsBehindTheLastSession(t *testing.T) {
	store, server := openStore(t)
	all := sessionsOfADay(0, 2000)
	setManifests(t, store, server, all[20:])
	requireFound(t, store, all[:40], all[20:40])
	require.Equal(t, counts{s3test.ListObjects: 1}, requests(server))
}

func TestOtherSessionsInBetweenAreNotFound(t *testing.T) {
	store, server := openStore(t)
	all := sessionsOfADay(0, 100)
	setManifests(t, store, server, all)
	var even []workflows.Session
	for i := 0; i < len(all); i += 2 {
		even = append(even, all[i])
	}
	requireFound(t, store, even, even)
}

func TestObjectsWithoutAManifestDoNotCount(t *testing.T) {
	for _, n := range []int{1, 20} {
		store, server := openStore(t)
		sessions := sessionsOfADay(0, n)
		for _, session := range sessions {
			for _, name := range []string{"a.wav", "manifest.json.bak", "a/manifest.json", "manifest.json/a", "0manifest.json"} {
				setObject(t, store, server, session, name)
			}
		}
		requireFound(t, store, sessions, nil)
		setObject(t, store, server, sessions[0], archive.ManifestName)
		requireFound(t, store, sessions, sessions[:1])
	}
}

func TestManifestOfAnotherBotIsNotFound(t *testing.T) {
	for _, n := range []int{1, 20} {
		store, server := openStore(t)
		ours, theirs := sessionsOfADay(0, n), sessionsOfADay(0, n)
		for i := range theirs {
			theirs[i].BotID = botID + "0" // whose keys begin alike
		}
		setManifests(t, store, server, theirs)
		requireFound(t, store, ours, nil)
		requireFound(t, store, append(ours, theirs...), theirs)
	}
}

func TestSessionsOfSeveralDaysAndBotsAreLookedUpByDay(t *testing.T) {
	store, server := openStore(t)
	first := sessionsOfADay(0, 20)
	var second, third []workflows.Session
	for i := range 20 {
		second = append(second, workflows.Session{BotID: botID, SessionID: fmt.Sprintf("65e8133a%016x", i)}) // the next day
		third = append(third, workflows.Session{BotID: "st-other", SessionID: first[i].SessionID})
	}
	setManifests(t, store, server, first[:10])
	setManifests(t, store, server, second[5:15])
	setManifests(t, store, server, third[19:])
	all := append(append(append([]workflows.Session{}, second...), third[17:]...), first...)
	requireFound(t, store, all, append(append(append([]workflows.Session{}, first[:10]...), second[5:15]...), third[19]))
	require.Equal(t, counts{s3test.ListObjects: 2, s3test.HeadObject: 3}, requests(server))
}

func TestManifestsNeedNoPrefixAndNoOrder(t *testing.T) {
	server := s3test.New(t, bucket)
	store, err := archive.Open(archive.Config{Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Credentials: credentials.NewStaticV4("key", "canary-secret", "")})
	require.NoError(t, err)
	sessions := sessionsOfADay(0, 20)
	setManifests(t, store, server, sessions[:1])
	setManifests(t, store, server, sessions[19:])
	rand.Shuffle(len(sessions), func(i, j int) { sessions[i], sessions[j] = sessions[j], sessions[i] })
	requireFound(t, store, sessions, append(sessionsOfADay(0, 1), sessionsOfADay(19, 20)...))
	require.Equal(t, botID+"/2024/03/05/", server.Requests()[0].Query.Get("prefix"))
}

// Whatever is asked for, in whatever archive, is what one look at each key would find.
func TestManifestsAreThoseThatAreThere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 30 {
		store, server := openStore(t)
		var asked, there []workflows.Session
		for i := range 1 + random.IntN(700) {
			session := workflows.Session{BotID: fmt.Sprintf("st-%d", random.IntN(2)), SessionID: fmt.Sprintf("65e%d133a%016x", 7+random.IntN(2), i)}
			hasManifest, isAsked := random.IntN(2) == 0, random.IntN(3) > 0
			for file := range random.IntN(4) {
				setObject(t, store, server, session, fmt.Sprintf("%c.wav", "akmnz"[file]))
			}
			if hasManifest {
				setObject(t, store, server, session, archive.ManifestName)
			}
			if isAsked {
				asked = append(asked, session)
			}
			if hasManifest && isAsked {
				there = append(there, session)
			}
		}
		random.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
		requireFound(t, store, asked, there)
	}
}

func TestNoSessionsCostNoRequest(t *testing.T) {
	store, server := openStore(t)
	requireFound(t, store, nil, nil)
	require.Empty(t, server.Operations())
}

func TestInvalidSessionHasNoManifest(t *testing.T) {
	store, server := openStore(t)
	_, err := store.Manifests(t.Context(), append(sessionsOfADay(0, 1), workflows.Session{BotID: botID, SessionID: "../x"}))
	failed, ok := failure.Of(err)
	require.True(t, ok)
	require.Equal(t, failure.InvalidInput, failed.FailureKind())
	require.Empty(t, server.Operations())
}

func TestManifestsOfAStoreThatFailsAreUnknown(t *testing.T) {
	for _, n := range []int{12, 20} {
		operation := map[int]s3test.Operation{12: s3test.HeadObject, 20: s3test.ListObjects}[n]
		for _, row := range []struct {
			status    int
			code      string
			isBlocked bool
		}{
			{http.StatusServiceUnavailable, "SlowDown", false},
			{http.StatusInternalServerError, "InternalError", false},
			{http.StatusForbidden, "AccessDenied", true},
		} {
			t.Run(fmt.Sprint(operation, row.status), func(t *testing.T) {
				store, server := openStore(t)
				setManifests(t, store, server, sessionsOfADay(0, n))
				server.Add(s3test.Rule{Operation: operation, Skip: 0, Status: row.status, Code: row.code})
				if operation == s3test.HeadObject { // The store says why only in a response with a body.
					server.Add(s3test.Rule{Operation: s3test.ListObjects, Status: row.status, Code: row.code})
				}
				found, err := store.Manifests(t.Context(), sessionsOfADay(0, n))
				require.Nil(t, found, "half an answer would start fetches that are not needed")
				if !row.isBlocked {
					requireUnavailable(t, err, "s3://recordings/calls/"+botID+"/2024/03/05/")
					return
				}
				require.ErrorIs(t, err, archive.ErrBlocked)
				require.ErrorContains(t, err, "s3:ListBucket")
			})
		}
	}
}

func TestListThatFailsOnItsSecondPageIsNoAnswer(t *testing.T) {
	store, server := openStore(t)
	many := sessionsOfADay(0, 600)
	setManifests(t, store, server, many)
	server.Add(s3test.Rule{Operation: s3test.ListObjects, Skip: 1, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	found, err := store.Manifests(t.Context(), many)
	requireUnavailable(t, err, "list s3://recordings/")
	require.Nil(t, found)
}

func TestMissingBucketIsNotAnEmptyList(t *testing.T) {
	_, err := openOn(t, s3test.New(t), bucket).Manifests(t.Context(), sessionsOfADay(0, 20))
	require.ErrorIs(t, err, archive.ErrBlocked)
	require.ErrorContains(t, err, "S3_BUCKET")
}

// The client's listing just ends if it is cancelled between two pages.
func TestCancelledListIsNoAnswer(t *testing.T) {
	server := s3test.New(t, bucket)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	store, err := archive.Open(archive.Config{
		Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Prefix: "calls/",
		Credentials: credentials.NewStaticV4("key", "canary-secret", ""), Transport: afterResponse{cancel},
	})
	require.NoError(t, err)
	many := sessionsOfADay(0, 600)
	setManifests(t, store, server, many)
	found, err := store.Manifests(ctx, many)
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, found)
	require.Equal(t, counts{s3test.ListObjects: 1}, requests(server))
}

// afterResponse is called when the first response was read.
type afterResponse struct{ act func() }

func (a afterResponse) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err == nil {
		response.Body = actingCloser{response.Body, a.act}
	}
	return response, err
}

type actingCloser struct {
	io.ReadCloser
	act func()
}

func (a actingCloser) Close() error {
	defer a.act()
	return a.ReadCloser.Close()
}
