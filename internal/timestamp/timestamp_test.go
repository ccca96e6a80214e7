package timestamp_test

import (
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/timestamp"
	"github.com/callvault/callvault/internal/timestamp/timestamptest"
)

var content = []byte("a checkpoint")

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return content
}

func TestAResponseOfOpenSSLIsOfWhatItStamped(t *testing.T) {
	stamped := read(t, "openssl.checkpoint")
	stamp, err := timestamp.Parse(read(t, "openssl.tsr"))
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 11, 29, 14, 55, 59, 205e6, time.UTC), stamp.Time)
	require.True(t, stamp.Covers(stamped))
	require.False(t, stamp.Covers(append(stamped, '\n')))
}

// answer returns the response of an authority to a request, changed by change.
func answer(t *testing.T, query []byte, status int, change func(*timestamptest.Stamped)) []byte {
	t.Helper()
	response, err := timestamptest.Respond(query, status, change)
	require.NoError(t, err)
	return response
}

func TestOnlyAResponseToTheRequestIsTaken(t *testing.T) {
	for _, row := range []struct {
		name, says string
		answer     func([]byte) []byte
		status     int
	}{
		{"granted", "", func(q []byte) []byte { return answer(t, q, timestamptest.Granted, nil) }, 200},
		{"refused", "has refused the timestamp (status 2)", func(q []byte) []byte { return answer(t, q, timestamptest.Rejection, nil) }, 200},
		{"another content", "stamped something else", func(q []byte) []byte {
			return answer(t, q, timestamptest.Granted, func(s *timestamptest.Stamped) { s.Imprint[len(s.Imprint)-1] ^= 1 })
		}, 200},
		{"another nonce", "answered another request", func(q []byte) []byte {
			return answer(t, q, timestamptest.Granted, func(s *timestamptest.Stamped) { s.Nonce = big.NewInt(1) })
		}, 200},
		{"no response", "not a TimeStampResp", func([]byte) []byte { return []byte("<html>") }, 200},
		{"nothing", "not a TimeStampResp", func([]byte) []byte { return nil }, 200},
		{"too long", "more than", func([]byte) []byte { return make([]byte, timestamp.MaxBytes+1) }, 200},
		{"HTTP error", "HTTP status 500", func([]byte) []byte { return nil }, 500},
		{"redirect", "HTTP status 302", func([]byte) []byte { return nil }, 302},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				query, _ := io.ReadAll(r.Body)
				if r.Header.Get("Content-Type") != "application/timestamp-query" {
					row.status = 400
				}
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(row.status)
				_, _ = w.Write(row.answer(query))
			}))
			defer server.Close()
			authority, err := url.Parse(server.URL + "/tsr?token=canary")
			require.NoError(t, err)
			response, err := timestamp.Request(t.Context(), authority, content)
			if row.says == "" {
				require.NoError(t, err)
				stamp, err := timestamp.Parse(response)
				require.NoError(t, err)
				require.True(t, stamp.Covers(content))
				return
			}
			require.ErrorContains(t, err, row.says)
			require.NotContains(t, err.Error(), "canary")
		})
	}
	authority, err := url.Parse("http://127.0.0.1:1/tsr?token=canary")
	require.NoError(t, err)
	_, err = timestamp.Request(t.Context(), authority, content)
	require.ErrorContains(t, err, "gives no timestamp")
	require.NotContains(t, err.Error(), "canary")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0x30, 3, 2, 1, 0})
	response, err := os.ReadFile("testdata/openssl.tsr")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(response)
	f.Fuzz(func(_ *testing.T, der []byte) {
		if stamp, err := timestamp.Parse(der); err == nil {
			stamp.Covers(content)
		}
	})
}
