// Package e2e_test tests callvault as its users run it: the binaries worker,
// starter and dev run as processes against a real Temporal server and a real
// S3 store. Only SmartAssist is simulated. Tests of complete days are in days.
package e2e_test

import (
	"testing"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
)

func TestMain(m *testing.M) { system.RunTests(m) }

// harness is what one test has for itself, with the methods of these tests.
type harness struct{ *system.Harness }

func newHarness(t testing.TB, changes ...func(*simulator.Config)) *harness {
	t.Helper()
	return &harness{system.New(t, changes...)}
}

// forSubtest returns a copy of the harness that fails the subtest t.
func (h *harness) forSubtest(t testing.TB) *harness {
	t.Helper()
	return &harness{h.ForSubtest(t)}
}
