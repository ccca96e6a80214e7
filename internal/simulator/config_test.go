package simulator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestZeroConfigIsValid(t *testing.T) {
	s, err := New(Config{})
	require.NoError(t, err)
	require.Equal(t, []string{DefaultBotID}, s.config.BotIDs)
	require.Equal(t, 60, s.config.CallsPerMinute)
	require.Equal(t, 1800, s.config.CallsPerHour)
	require.NoError(t, s.Close())
}

func TestInvalidConfigIsRefused(t *testing.T) {
	for says, config := range map[string]Config{
		`"a/b", which is not a URL path segment`: {BotIDs: []string{"a/b"}},
		"BotIDs holds 1001 bots":                 {BotIDs: make([]string, 1001)},
		"CallsPerMinute is -2":                   {CallsPerMinute: -2},
		"CallsPerHour is 1000001":                {CallsPerHour: 1_000_001},
		"SessionCallsPerMinute is -2":            {SessionCallsPerMinute: -2},
		"SessionCallsPerHour is 1000001":         {SessionCallsPerHour: 1_000_001},
		"MaxSessions is -1":                      {MaxSessions: -1},
		"LedgerSize is -1":                       {LedgerSize: -1},
		"URLLifetime is -1s":                     {URLLifetime: -time.Second},
		"StallLimit is -1s":                      {StallLimit: -time.Second},
		`MediaURL "ftp://x"`:                     {MediaURL: "ftp://x"},
		`MediaURL "http://u:p@x"`:                {MediaURL: "http://u:p@x"},
		`MediaURL "media.example.org"`:           {MediaURL: "media.example.org"},
		`Algorithm "none"`:                       {Algorithm: "none"},
		"Algorithm RS256 has no key":             {Algorithm: "RS256"},
		`Environment "a b"`:                      {Environment: "a b"},
		`KeyAlgorithm "RSA-OAEP-256"`:            {KeyAlgorithm: "RSA-OAEP-256"},
		`ContentEncryption "A256CBC-HS512"`:      {ContentEncryption: "A256CBC-HS512"},
	} {
		_, err := New(config)
		require.ErrorContains(t, err, says)
	}
}
