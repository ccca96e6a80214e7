package media

import (
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A peer that is gone costs seconds, far less than the header timeout.
func TestDeadPeerIsFoundWithinSeconds(t *testing.T) {
	const bound = 30 * time.Second
	require.Less(t, bound, defaultTimeouts().header)
	require.Equal(t, 10*time.Second, newDialer().Timeout)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	transports := newTransport(NewHostPolicy(&url.URL{Scheme: "http", Host: "127.0.0.1"}, nil), defaultTimeouts())
	for name, transport := range map[string]*http.Transport{"direct": transports.direct, "proxied": transports.proxied} {
		require.Equal(t, &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second}, transport.HTTP2, name)
		require.LessOrEqual(t, transport.HTTP2.SendPingTimeout+transport.HTTP2.PingTimeout, bound)
		require.Equal(t, []time.Duration{time.Minute, 10 * time.Second}, []time.Duration{transport.ResponseHeaderTimeout, transport.TLSHandshakeTimeout}, name)
		connection, err := transport.DialContext(t.Context(), "tcp", listener.Addr().String())
		require.NoError(t, err, name)
		raw, err := connection.(*net.TCPConn).SyscallConn()
		require.NoError(t, err)
		option := func(level, name int) (value int) {
			require.NoError(t, raw.Control(func(fd uintptr) { value, err = syscall.GetsockoptInt(int(fd), level, name) }))
			require.NoError(t, err)
			return value
		}
		require.Equal(t, 1, option(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE), name)
		idle, interval, count := option(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE), option(syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL), option(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT)
		require.Equal(t, []int{15, 5, 3}, []int{idle, interval, count}, name)
		require.LessOrEqual(t, time.Duration(idle+interval*count)*time.Second, bound)
		connection.Close()
	}
}
