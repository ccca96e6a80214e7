package cli

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/callvault/callvault/internal/payloadcodec"
	"github.com/callvault/callvault/internal/program"
)

const uiOrigin = "http://localhost:8233"

func startCodecServer(t *testing.T) (codec *payloadcodec.Codec, address string) {
	t.Helper()
	codec, err := payloadcodec.New(func() (string, error) {
		return "one " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 32))), nil
	})
	require.NoError(t, err)
	server := httptest.NewServer(codecHandler(codec, uiOrigin))
	t.Cleanup(server.Close)
	return codec, server.URL
}

func TestCodecServerDecryptsWhatWorkersWrite(t *testing.T) {
	codec, address := startCodecServer(t)
	remote := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{Endpoint: address})
	payload, err := payloadcodec.NewDataConverter(codec).ToPayload("canary-user")
	require.NoError(t, err)
	decoded, err := remote.Decode([]*commonpb.Payload{payload})
	require.NoError(t, err)
	require.Equal(t, `"canary-user"`, string(decoded[0].GetData()))

	encoded, err := remote.Encode(decoded)
	require.NoError(t, err)
	require.NotContains(t, string(encoded[0].GetData()), "canary-user")
}

func TestCodecServerAnswersNoForeignPage(t *testing.T) {
	_, address := startCodecServer(t)
	for name, row := range map[string]struct {
		method, origin, host string
		status               int
	}{
		"the Web UI asks whether it may": {http.MethodOptions, uiOrigin, "", http.StatusOK},
		"the Web UI":                     {http.MethodPost, uiOrigin, "", http.StatusOK},
		"a program":                      {http.MethodPost, "", "", http.StatusOK},
		"a foreign page":                 {http.MethodPost, "https://example.com", "", http.StatusForbidden},
		"a foreign page asks":            {http.MethodOptions, "https://example.com", "", http.StatusForbidden},
		"a page with a name for us":      {http.MethodPost, "", "example.com:8234", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), row.method, address+"/decode", strings.NewReader(`{"payloads": []}`))
			require.NoError(t, err)
			request.Host = row.host
			if row.origin != "" {
				request.Header.Set("Origin", row.origin)
			}
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			require.Equal(t, row.status, response.StatusCode)
			if row.status == http.StatusOK {
				require.Equal(t, uiOrigin, response.Header.Get("Access-Control-Allow-Origin"))
			}
		})
	}
}

func TestCodecServerIsForThisMachine(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "payload.keys")
	require.NoError(t, os.WriteFile(keys, []byte("one "+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 32)))), 0o600))
	for name, row := range map[string]struct {
		file, says string
		arguments  []string
	}{
		"no keys":         {"", "CALLVAULT_PAYLOAD_KEYS_FILE is not set", nil},
		"no such file":    {keys + ".not", "CALLVAULT_PAYLOAD_KEYS_FILE: the secret's file", nil},
		"every address":   {keys, "is not a loopback address", []string{"--address", "0.0.0.0:8234"}},
		"no port":         {keys, "is not a loopback address", []string{"--address", "127.0.0.1"}},
		"origin's a page": {keys, "is not an origin", []string{"--origin", "http://localhost:8233/namespaces"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CALLVAULT_PAYLOAD_KEYS_FILE", row.file)
			var stdout, stderr strings.Builder
			require.Equal(t, program.ExitUsage, Run(t.Context(), append([]string{"codec-server"}, row.arguments...), &stdout, &stderr))
			require.Contains(t, stderr.String(), row.says)
			require.Empty(t, stdout.String())
		})
	}

	t.Setenv("CALLVAULT_PAYLOAD_KEYS_FILE", keys)
	ctx, cancel := context.WithCancel(t.Context())
	var stderr strings.Builder
	code := Run(ctx, []string{"codec-server", "--address", "127.0.0.1:0"}, cancelling{cancel}, &stderr)
	require.Equal(t, program.ExitInterrupted, code, stderr.String())
}

// cancelling interrupts the command once it says that it is up.
type cancelling struct{ cancel context.CancelFunc }

func (w cancelling) Write(p []byte) (int, error) {
	w.cancel()
	return len(p), nil
}
