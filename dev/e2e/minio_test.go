package e2e_test

import (
	"net/http"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/ports"
	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/dev/internal/system"
)

// useMinIO starts a MinIO that is the store of this test alone.
func (h *harness) useMinIO(binary string) {
	h.T.Helper()
	var addresses []string
	for range 2 {
		reserved, err := ports.Reserve(ports.Any)
		require.NoError(h.T, err)
		reserved.Release()
		addresses = append(addresses, reserved.Address())
	}
	const user, password = "callvault-test", "callvault-test-secret"
	system.StartProcess(h.T, "minio", binary, system.Environment{"MINIO_ROOT_USER": user, "MINIO_ROOT_PASSWORD": password, "MINIO_BROWSER": "off"},
		"server", h.T.TempDir(), "--address", addresses[0], "--console-address", addresses[1], "--quiet")
	var err error
	h.Store, err = minio.New(addresses[0], &minio.Options{Creds: credentials.NewStaticV4(user, password, ""), Region: stack.Region})
	require.NoError(h.T, err)
	h.Await("MinIO is ready", func() bool {
		request, err := http.NewRequestWithContext(h.Ctx, http.MethodGet, "http://"+addresses[0]+"/minio/health/ready", nil)
		require.NoError(h.T, err)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		return response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
	h.Env = h.Env.With("S3_ENDPOINT", "http://"+addresses[0], "AWS_ACCESS_KEY_ID", user, "AWS_SECRET_ACCESS_KEY", password)
}
