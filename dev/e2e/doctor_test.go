package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/doctor"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// examined runs the doctor with other variables, and returns its exit code and findings.
func examined(h *harness, environment system.Environment, flags ...string) (code int, found map[doctor.Name]doctor.Finding) {
	h.T.Helper()
	p := h.Start("starter", system.StarterBinary, environment, append([]string{"doctor", "--output", "json"}, flags...)...)
	code = p.ExitCode(h.Ctx)
	require.Empty(h.T, p.Stderr.String())
	var findings []doctor.Finding
	p.DecodeStdout(&findings)
	found = make(map[doctor.Name]doctor.Finding)
	for _, one := range findings {
		found[one.Name] = one
	}
	return code, found
}

// calls counts those of the API that the vendor has got.
func calls(h *harness) int {
	made := 0
	for _, call := range h.Upstream.Calls() {
		if call.Kind == simulator.KindAPI {
			made++
		}
	}
	return made
}

func requireVerdict(h *harness, found map[doctor.Name]doctor.Finding, name doctor.Name, verdict doctor.Verdict, says ...string) {
	h.T.Helper()
	one := found[name]
	require.Equal(h.T, verdict, one.Verdict, "%s: %s. %s", name, one.Text, one.WayOut)
	for _, text := range says {
		require.Contains(h.T, one.Text+". "+one.WayOut, text)
	}
}

func TestDoctorFindsWhatIsBetweenHereAndAFirstRecording(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	file := system.Recording("file.wav", 60_000)
	id := h.AddSession(nil, file)

	code, found := examined(h, h.Env, "--session", id)
	require.Equal(t, 1, code, "no worker runs yet")
	requireVerdict(h, found, doctor.TemporalAttribute, doctor.Broken, "missing: CallvaultBatch", "starter setup")
	requireVerdict(h, found, doctor.SharedQueues, doctor.Broken, "no worker runs in this namespace")
	requireVerdict(h, found, doctor.ArchiveBucket, doctor.Broken, "there is no bucket "+h.Name)
	requireVerdict(h, found, doctor.UpstreamCall, doctor.Skipped, "it needs workers.shared, which is broken")
	require.Zero(t, calls(h))

	h.StartWorker()
	code, found = examined(h, h.Env, "--session", id)
	require.Equal(t, 0, code)
	require.Len(t, found, len(doctor.Names))
	for _, name := range doctor.Names {
		want := doctor.OK
		if name == doctor.ArchiveLifecycle || name == doctor.ArchiveReplication {
			want = doctor.Skipped // The store has no such request.
		}
		requireVerdict(h, found, name, want)
	}
	requireVerdict(h, found, doctor.UpstreamCall, doctor.OK, `the session's status is "success"`, "(1 call made)")
	require.Equal(t, 1, calls(h))

	code, found = examined(h, h.Env.With("SMARTASSIST_CLIENT_SECRET", "canary-of-another-app"), "--session", id)
	require.Equal(t, 1, code)
	requireVerdict(h, found, doctor.UpstreamCall, doctor.Broken, "the vendor answers all alike", "(3 calls made)")
	require.Equal(t, 1+3, calls(h))

	code, found = examined(h, h.Env.With("S3_ENDPOINT", "http://"+closedAddress(t)))
	require.Equal(t, 1, code)
	requireVerdict(h, found, doctor.ArchiveBucket, doctor.Broken, "cannot be reached", "S3_ENDPOINT")
	requireVerdict(h, found, doctor.ArchiveObject, doctor.Skipped, "it needs archive.bucket, which is broken")

	code, found = examined(h, h.Env.With("SMARTASSIST_BOT_ID", system.Bot+",st-1"))
	require.Equal(t, 1, code)
	requireVerdict(h, found, doctor.AccountQueues, doctor.Broken, "no worker polls callvault-bot/st-1, ", "of 42 task queues")

	// Whatever the doctor tried, fetches are not blocked.
	h.RequireArchived(h.Result(h.Execute(id, workflows.FetchPolicy{})), file)

	_, err := h.Client.OperatorService().RemoveSearchAttributes(h.Ctx, &operatorservice.RemoveSearchAttributesRequest{
		Namespace: h.Name, SearchAttributes: []string{workflows.SearchAttributePurgeAt.GetName()},
	})
	require.NoError(t, err)
	h.Await("the missing attribute is found", func() bool {
		code, found = examined(h, h.Env)
		return code == 1
	})
	requireVerdict(h, found, doctor.TemporalAttribute, doctor.Broken, "missing: CallvaultPurgeAt", "--name CallvaultPurgeAt --type Datetime")
}

// The budget hands out no slot but for probes then, and the doctor's goes first.
func TestDoctorFindsWhyABotIsBlocked(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	wrong := h.Env.With("SMARTASSIST_CLIENT_SECRET", "canary-of-another-app")
	h.Start("worker", system.WorkerBinary, wrong).Stderr.Await(h.Ctx, t, "the worker serves")
	file := system.Recording("file.wav", 60_000)
	first, second := h.Execute(h.AddSession(nil, file), workflows.FetchPolicy{}), h.Execute(h.AddSession(nil, file), workflows.FetchPolicy{})
	for _, run := range []string{first.GetID(), second.GetID()} {
		h.AwaitPhase(run, workflows.PhaseBlocked)
	}
	id := h.AddSession(nil, file)
	code, found := examined(h, wrong, "--session", id)
	require.Equal(t, 1, code)
	requireVerdict(h, found, doctor.UpstreamCall, doctor.Broken, "client id, client secret or bot id", "(3 calls made)")

	_, found = examined(h, h.Env, "--session", id)
	requireVerdict(h, found, doctor.UpstreamCall, doctor.OK, `"success"`)
}
