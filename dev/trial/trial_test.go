package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/simulator"
)

func TestAClientThatTrustsTheAuthorityReachesTheService(t *testing.T) {
	authority, certificate, err := newCertificate(hostName, time.Now())
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()

	trusted := x509.NewCertPool()
	require.True(t, trusted.AppendCertsFromPEM(authority))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: hostName, MinVersion: tls.VersionTLS12}}}
	response, err := client.Get(server.URL)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
}

func TestTheSimulatorTakesEverySessionOfTheList(t *testing.T) {
	const calls = 100
	all := sessions(calls, time.Second)
	upstream, err := simulator.New(simulator.Config{MaxSessions: len(all)})
	require.NoError(t, err)
	for _, session := range all {
		require.NoError(t, upstream.AddSession(session)) // Each id once.
	}
	var printed bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"sessions", "--calls", "100"}, &printed))
	rows, err := csv.NewReader(&printed).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"botId", "sessionId"}, rows[0])
	require.Len(t, rows, 1+len(all))
	require.Equal(t, []string{all[0].BotID, all[0].SessionID}, rows[1])
}
