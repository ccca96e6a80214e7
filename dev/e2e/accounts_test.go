package e2e_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// otherBots are the bots of the second account.
var otherBots = []string{"st-22222222-2222-2222-2222-222222222222", "st-33333333-3333-3333-3333-333333333333"}

// twoAccounts returns the configurations of two accounts that have nothing in common
// but the Temporal server: tokens signed with a client secret at one, signed with a
// private key and encrypted at the other.
func twoAccounts(t *testing.T, h *harness) (first, second configuredAccount, other *system.Upstream) {
	t.Helper()
	signing, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	platform, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	other = system.StartUpstream(t, simulator.Config{
		BotIDs: otherBots, ClientID: "cs-other", EnforceJTI: true, CallsPerMinute: system.CallsPerMinute, CallsPerHour: system.CallsPerHour,
		Algorithm: "RS512", PublicKey: &signing.PublicKey, DecryptionKey: platform, DecryptionKeyID: "platform-1",
	})
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(signing)})
	h.Upstreams = append(h.Upstreams, other)
	h.Buckets = append(h.Buckets, h.Name+"-other")
	for line := range strings.Lines(string(private)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-") {
			h.Secrets = append(h.Secrets, line)
		}
	}
	h.Secrets = append(h.Secrets, h.Env["AWS_SECRET_ACCESS_KEY"])

	first, second = accountOf(h, "first"), accountOf(h, "second")
	second.URL, second.Bots, second.ClientID, second.Secret = other.URL, otherBots, "cs-other", ""
	second.Algorithm, second.PrivateKey = "RS512", string(private)
	second.EncryptionKey, second.KeyAlgorithm, second.ContentEncryption = jwkOf(t, platform), "RSA-OAEP", "A128CBC-HS256"
	second.Scope, second.Bucket, second.Retention = "account", h.Name+"-other", "90d"
	return first, second, other
}

// jwkOf is the public key as the vendor's console shows it.
func jwkOf(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	text, err := json.Marshal(map[string]string{
		"kty": "RSA", "kid": "platform-1", "use": "enc", "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
	})
	require.NoError(t, err)
	return string(text)
}

func TestTwoAccountsArchiveSideBySide(t *testing.T) {
	t.Parallel()
	for name, workers := range map[string]func(h *harness, first, second configuredAccount) []system.Environment{
		"on one worker": func(h *harness, first, second configuredAccount) []system.Environment {
			return []system.Environment{h.configured(first, second)}
		},
		"each on a worker of its own": func(h *harness, first, second configuredAccount) []system.Environment {
			return []system.Environment{h.configured(first), h.configured(second)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			first, second, other := twoAccounts(t, h)
			for _, env := range workers(h, first, second) {
				h.Env = env
				h.StartWorker()
			}
			type call struct {
				session workflows.Session
				bucket  string
				file    simulator.File
				run     *workflows.FetchRun
			}
			var calls []call
			for i := range 10 {
				for _, botID := range append([]string{system.Bot}, otherBots...) {
					at, bucket := h.Upstream, h.Name
					if botID != system.Bot {
						at, bucket = other, h.Name+"-other"
					}
					c := call{bucket: bucket, file: system.Recording(botID+"-"+string(rune('a'+i))+".wav", 20_000)}
					c.session = workflows.Session{BotID: botID, SessionID: simulator.NewSessionID(system.CallTime, h.LastSession.Add(1))}
					require.NoError(t, at.AddSession(simulator.Session{BotID: botID, SessionID: c.session.SessionID, Files: []simulator.File{c.file}}))
					var err error
					c.run, err = workflows.StartFetch(h.Ctx, h.Client, workflows.FetchRequest{Session: c.session})
					require.NoError(t, err)
					calls = append(calls, c)
				}
			}
			for _, c := range calls {
				result, err := c.run.Result(h.Ctx)
				require.NoError(t, err)
				require.Equal(t, workflows.OutcomeArchived, result.Outcome, result.Reason)
				require.Equal(t, c.bucket, result.Manifest.Bucket)
				require.Equal(t, c.bucket, result.Recordings[0].Bucket)
				require.Equal(t, 1, result.StatusChecks)
				in := *h.Harness
				in.Name = c.bucket
				require.Equal(t, c.file.Raw, in.Object(h.Ctx, result.Recordings[0].Key))
			}
			require.Equal(t, 10, h.Upstream.Counts().API)
			require.Equal(t, 20, other.Counts().API)
			require.Empty(t, h.Upstream.Counts().Refused)
			require.Empty(t, other.Counts().Refused)
		})
	}
}

// A worker reads a secret again when its file changes.
func TestRotatedSecretNeedsNoRestart(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	account := accountOf(h, "rotated")
	right := account.Secret
	account.Secret = "canary-old-client-secret"
	h.Secrets = append(h.Secrets, account.Secret)
	h.Env = h.configured(account)
	h.StartWorker()
	file := system.Recording("rotated.wav", 20_000)
	run := h.Execute(h.AddSession(nil, file), longWaits())
	h.AwaitPhase(run.GetID(), workflows.PhaseBlocked)

	path := filepath.Join(filepath.Dir(h.Env["CALLVAULT_CONFIG"]), "rotated-client-secret")
	require.NoError(t, os.WriteFile(path+".new", []byte(right+"\n"), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	h.Await("the new secret is used", func() bool {
		described, err := h.Client.DescribeWorkflowExecution(h.Ctx, run.GetID(), "")
		if err == nil && described.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED {
			return true
		}
		_, _ = h.Client.UpdateWorkflow(h.Ctx, client.UpdateWorkflowOptions{
			WorkflowID: run.GetID(), UpdateName: workflows.UpdateCheckNow, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		return false
	})
	h.RequireArchived(h.Result(run), file)
}

func TestConfigCheckShowsNoSecret(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	first, second, _ := twoAccounts(t, h)
	h.Env = h.configured(first, second)
	checked := h.StartStarter("config", "check")
	require.Zero(t, checked.ExitCode(h.Ctx), checked.Stderr)
	for _, want := range []string{"first", "second", "RS512", "A128CBC-HS256", h.Name + "-other", "90d"} {
		require.Contains(t, checked.Stdout.String(), want)
	}
}
