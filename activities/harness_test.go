package activities_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const (
	botID     = simulator.DefaultBotID
	sessionID = "65e7133a3242653c58d7aaaa"
	userID    = "canary.user@example.com"

	// folder is the documented prefix of the session's objects.
	folder = "calls/" + botID + "/2024/03/05/" + sessionID + "/"

	// workflowID and runID are those that the SDK's test environment gives an
	// activity.
	workflowID = "default-test-workflow-id"
	runID      = "default-test-run-id"
)

var (
	session = workflows.Session{BotID: botID, SessionID: sessionID}

	// sealer has the client secret that the simulator knows.
	sealer = seal.New(simulator.DefaultClientSecret)

	// app is the JWT app that the simulator knows.
	app = smartassist.Credentials{ClientID: simulator.DefaultClientID, ClientSecret: simulator.DefaultClientSecret}
)

// openAccount returns an account at an API, with an archive in a fake store.
func openAccount(t *testing.T, api *url.URL) (*account.Account, *fakeStore) {
	t.Helper()
	fake := &fakeStore{objects: make(map[string]string), labels: make(map[string]http.Header)}
	if api == nil {
		api = &url.URL{Scheme: "https", Host: "not-called.example.com"}
	}
	opened, err := account.Open(account.Settings{
		API:         api,
		BotIDs:      []string{botID},
		Credentials: app,
		Budget:      account.Budget{CallsPerMinute: 60, CallsPerHour: 1800},
		Archive: archive.Config{Endpoint: serve(t, fake), Bucket: "recordings", Region: "us-east-1", Prefix: "calls/",
			Credentials: credentials.NewStaticV4("key", "canary-key", "")},
	})
	require.NoError(t, err)
	return opened, fake
}

// newEnvironment runs activities as a worker would, with input and result passed
// through the data converter.
func newEnvironment(execute any) *testsuite.TestActivityEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(silent{})
	environment := suite.NewTestActivityEnvironment()
	environment.SetTestTimeout(time.Minute) // a backstop
	environment.RegisterActivityWithOptions(execute, activity.RegisterOptions{Name: "under-test"})
	return environment
}

// run executes an activity and decodes its result.
func run[Result any](t *testing.T, execute, input any) (*Result, error) {
	t.Helper()
	value, err := newEnvironment(execute).ExecuteActivity("under-test", input)
	if err != nil {
		return nil, err
	}
	result := new(Result)
	require.NoError(t, value.Get(result))
	return result, nil
}

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// requireKind checks what the workflow acts on: the kind, whether Temporal
// retries, and whether the failure is benign, so that it raises no alert.
func requireKind(t *testing.T, err error, kind failure.Kind, retried, benign bool) *temporal.ApplicationError {
	t.Helper()
	var applicationError *temporal.ApplicationError
	require.ErrorAs(t, err, &applicationError)
	require.Equal(t, string(kind), applicationError.Type(), err)
	require.Equal(t, retried, !applicationError.NonRetryable(), err)
	require.Equal(t, benign, applicationError.Category() == temporal.ApplicationErrorCategoryBenign, err)
	requireNoSecret(t, err.Error())
	return applicationError
}

func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{"eyJ", "canary", "getMediaStream", "?e=", "&s=", simulator.DefaultClientSecret, userID} {
		require.NotContains(t, text, secret)
	}
}

// upstream is a simulator on a loopback socket.
type upstream struct {
	*simulator.Simulator
	url *url.URL
}

func newUpstream(t *testing.T, config simulator.Config) *upstream {
	t.Helper()
	s, err := simulator.New(config)
	require.NoError(t, err)
	address := serve(t, s)
	t.Cleanup(func() { _ = s.Close() }) // before the server, which waits for its handlers
	return &upstream{s, address}
}

func serve(t *testing.T, handler http.Handler) *url.URL {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	return address
}

func (u *upstream) add(t *testing.T, session simulator.Session) {
	t.Helper()
	session.BotID, session.SessionID = botID, sessionID
	if session.Files == nil {
		session.Files = []simulator.File{{Name: "a.wav", Duration: time.Second}}
	}
	require.NoError(t, u.AddSession(session))
}

// sealedToken returns a new token as MintToken returns it to the workflow.
func sealedToken(t *testing.T) fetchrecording.SealedText {
	t.Helper()
	token, expiresAt, err := app.Mint(botID, time.Now())
	require.NoError(t, err)
	return sealed(t, seal.Token, token, expiresAt)
}

func sealed(t *testing.T, purpose seal.Purpose, text string, expiresAt time.Time) fetchrecording.SealedText {
	t.Helper()
	out, err := sealer.Seal(purpose, workflowID, text, expiresAt)
	require.NoError(t, err)
	return fetchrecording.SealedText(out)
}

// fakeStore is as much of an S3 store as an upload needs. It proves nothing about
// stores, which the conformance suite does.
type fakeStore struct {
	mu      sync.Mutex
	objects map[string]string // by key
	labels  map[string]http.Header
	refuse  string // the S3 code with which every request is refused
	status  int
	hang    func() // called by a write, which then hangs
}

func (f *fakeStore) keys() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var keys []string
	for key := range f.objects {
		keys = append(keys, key)
	}
	return keys
}

func (f *fakeStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/recordings/")
	switch {
	case f.refuse != "":
		refuse(w, f.status, f.refuse)
	case r.URL.Query().Has("uploads"):
		fmt.Fprint(w, `<ListMultipartUploadsResult><Bucket>recordings</Bucket></ListMultipartUploadsResult>`)
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		f.mu.Lock()
		defer f.mu.Unlock()
		f.labels[key] = r.Header.Clone()
		fmt.Fprint(w, `<CopyObjectResult><ETag>"1"</ETag></CopyObjectResult>`)
	case r.Method == http.MethodPut && f.hang != nil:
		_, _ = io.Copy(io.Discard, r.Body)
		f.hang()
		<-r.Context().Done()
	case r.Method == http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		content, whole := unchunk(string(body))
		if !whole {
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, known := f.objects[key]; known && r.Header.Get("If-None-Match") == "*" {
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		f.objects[key] = content
		w.Header().Set("ETag", `"1"`)
	case r.Method == http.MethodHead, r.Method == http.MethodGet:
		f.mu.Lock()
		defer f.mu.Unlock()
		content, known := f.objects[key]
		if !known {
			refuse(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		for _, name := range []string{"X-Amz-Meta-Sha256", "X-Amz-Meta-Format"} {
			w.Header().Set(name, f.labels[key].Get(name))
		}
		fmt.Fprint(w, content)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<Error><Code>%s</Code><Message>in the store's words</Message></Error>`, code)
}

// unchunk removes the framing of a streamed upload.
func unchunk(body string) (content string, whole bool) {
	var out strings.Builder
	for {
		header, rest, found := strings.Cut(body, "\r\n")
		var size int
		if _, err := fmt.Sscanf(header, "%x", &size); err != nil || !found || len(rest) < size {
			return "", false
		}
		if size == 0 {
			return out.String(), true
		}
		out.WriteString(rest[:size])
		body = strings.TrimPrefix(rest[size:], "\r\n")
	}
}

// within returns a context that ends a wait which takes unexpectedly long.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
