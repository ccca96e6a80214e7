package program

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// standardLogVariable makes the test binary meet an upstream that sends more than its response.
const standardLogVariable = "CALLVAULT_TEST_STANDARD_LOG"

func TestStandardLogRevealsNothingOfAPeer(t *testing.T) {
	switch os.Getenv(standardLogVariable) {
	case "silent":
		SilenceStandardLog()
		fallthrough
	case "loud":
		meetUnsolicitedResponse(t)
		slog.Default().Info("the default of slog still works")
		return
	}
	for mode, reveals := range map[string]bool{"silent": false, "loud": true} {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		command.Env = append(os.Environ(), standardLogVariable+"="+mode)
		output, err := command.CombinedOutput()
		require.NoError(t, err, "%s", output)
		require.Contains(t, string(output), "the default of slog still works")
		if reveals {
			require.Contains(t, string(output), "canary", "otherwise this test proves nothing")
			continue
		}
		for _, sent := range []string{"canary", "Caller", "html", "Unsolicited"} {
			require.NotContains(t, string(output), sent)
		}
	}
}

// meetUnsolicitedResponse returns when the client has closed the connection
// because of the surplus bytes, which it has logged by then.
func meetUnsolicitedResponse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			done <- err
			return
		}
		defer connection.Close()
		if _, err := http.ReadRequest(bufio.NewReader(connection)); err != nil {
			done <- err
			return
		}
		_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"+
			"<html>Caller 555-0100; /api/getMediaStream/x.wav?e=99&n=1&s=canarysignature")
		_, _ = io.Copy(io.Discard, connection)
		done <- nil
	}()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
	require.NoError(t, err)
	response, err := (&http.Client{Transport: transport}).Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "ok", string(body))
	require.NoError(t, <-done)
}
