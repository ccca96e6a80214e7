package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWorkersAreVersionedIfADeploymentIsNamed(t *testing.T) {
	config, err := fromMap(minimal())
	require.NoError(t, err)
	require.False(t, config.Deployment.IsVersioned())
	require.Equal(t, Deployment{}, config.Deployment)

	config, err = fromMap(minimal("CALLVAULT_DEPLOYMENT", "callvault", "CALLVAULT_BUILD_ID", "v0.3.0+2"))
	require.NoError(t, err)
	require.True(t, config.Deployment.IsVersioned())
	require.Equal(t, Deployment{Name: "callvault", BuildID: "v0.3.0+2"}, config.Deployment)
}

func TestDeploymentIsSetBesideAFile(t *testing.T) {
	config, err := readFileOf(t, t.TempDir(), valid, "ACME_SECRET", "canary", "CALLVAULT_DEPLOYMENT", "callvault", "CALLVAULT_BUILD_ID", "7")
	require.NoError(t, err)
	require.Equal(t, Deployment{Name: "callvault", BuildID: "7"}, config.Deployment)
}

func TestUnusableDeploymentIsNamed(t *testing.T) {
	for name, row := range map[string]struct{ deployment, buildID, says string }{
		"build id alone":            {"", "v1", "CALLVAULT_BUILD_ID: is set without CALLVAULT_DEPLOYMENT"},
		"dot in the name":           {"call.vault", "v1", `CALLVAULT_DEPLOYMENT: "call.vault" is not the name of a deployment`},
		"colon in the name":         {"call:vault", "v1", "CALLVAULT_DEPLOYMENT"},
		"name of the server's own":  {"__callvault", "v1", "CALLVAULT_DEPLOYMENT"},
		"name too long":             {strings.Repeat("x", 65), "v1", "CALLVAULT_DEPLOYMENT"},
		"space in the build id":     {"callvault", "v1 go1.26", `CALLVAULT_BUILD_ID: "v1 go1.26" is not a build id`},
		"build id too long":         {"callvault", strings.Repeat("x", 101), "CALLVAULT_BUILD_ID"},
		"no version of the program": {"callvault", "", "CALLVAULT_BUILD_ID: is not set, and this program was not built from one commit"}, // as a test is not
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fromMap(minimal("CALLVAULT_DEPLOYMENT", row.deployment, "CALLVAULT_BUILD_ID", row.buildID))
			require.ErrorContains(t, err, row.says)
		})
	}
}
