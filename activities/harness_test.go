package activities_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const (
	botID     = simulator.DefaultBotID
	sessionID = "65e7133a3242653c58d7aaaa"
	userID    = "canary.user@example.com"
	bucket    = "recordings"

	// folder is the documented prefix of the session's objects.
	folder      = "calls/" + botID + "/2024/03/05/" + sessionID + "/"
	aKey        = folder + "a.wav"
	manifestKey = folder + archive.ManifestName

	// workflowID and runID are those that the SDK's test environment gives an
	// activity.
	workflowID = "default-test-workflow-id"
	runID      = "default-test-run-id"
)

var (
	session = workflows.Session{BotID: botID, SessionID: sessionID}

	// sealer has the client secret that the simulator knows.
	sealer = seal.New(secret.Value(simulator.DefaultClientSecret))

	// app is the JWT app that the simulator knows.
	app = smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.Value(simulator.DefaultClientSecret)}
)

// openAccount returns an account at an API, with an archive on a strict S3 server.
func openAccount(t *testing.T, api *url.URL) (*account.Served, *s3test.Server) {
	t.Helper()
	server := s3test.New(t, bucket)
	if api == nil {
		api = &url.URL{Scheme: "https", Host: "not-called.example.com"}
	}
	opened, err := account.OpenAll([]account.Settings{{
		Name:        "acme",
		Retention:   90 * 24 * time.Hour,
		API:         api,
		BotIDs:      []string{botID},
		Credentials: app,
		Budget:      account.Budget{Windows: []workflows.CallWindow{{Calls: 60, Span: time.Minute}, {Calls: 1800, Span: time.Hour}}},
		Archive: archive.Config{Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Prefix: "calls/",
			Credentials: credentials.NewStaticV4("key", "canary-key", ""), MultipartFrom: archive.MinMultipartFrom},
	}})
	require.NoError(t, err)
	return opened, server
}

// newEnvironment runs activities as a worker would, with input and result passed
// through the data converter.
func newEnvironment(execute any) *testsuite.TestActivityEnvironment {
	return newMeasuredEnvironment(nil, execute)
}

// newMeasuredEnvironment is newEnvironment with a recorder of metrics, if it is not nil.
func newMeasuredEnvironment(metrics *recorder, execute any) *testsuite.TestActivityEnvironment {
	var suite testsuite.WorkflowTestSuite
	if metrics != nil {
		suite.SetMetricsHandler(metrics)
	}
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

// jwtBegin begins every token. A shorter text would occur in ciphertext by chance.
const jwtBegin = "eyJhbGciOi"

func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{jwtBegin, "canary", "getMediaStream", "?e=", "&s=", simulator.DefaultClientSecret, userID} {
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

// store puts an object into the archive.
func store(server *s3test.Server, key, content string) {
	server.Set(bucket, key, s3test.Object{
		Body: []byte(content), ContentType: "audio/wav",
	})
}

func sha(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// within returns a context that ends a wait which takes unexpectedly long.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// callSlots hand out slots that are to be used now, and keep what is reported.
type callSlots struct {
	slot    callbudget.Slot
	in      time.Duration
	err     error
	void    bool
	wants   []callbudget.Want
	reports []callbudget.CallReport
}

func (c *callSlots) Take(_ context.Context, _ *account.Account, want callbudget.Want) (*callbudget.Slot, time.Duration, error) {
	c.wants = append(c.wants, want)
	if c.err != nil {
		return nil, 0, c.err
	}
	return &c.slot, c.in, nil
}

func (c *callSlots) IsVoid(callbudget.Slot) bool { return c.void }

func (c *callSlots) Report(_ context.Context, _ *account.Account, report callbudget.CallReport) {
	c.reports = append(c.reports, report)
}
