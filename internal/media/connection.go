package media

import (
	"net"
	"net/http"
	"time"
)

const maxIdlePerMedia = 8

// timeouts are how long a connection may be silent.
type timeouts struct {
	// header is how long the server may take until its response begins.
	header time.Duration
	// sendPing is after how long without a frame an HTTP/2 connection is tested,
	// and ping how long the response to that may take.
	sendPing, ping time.Duration
}

// defaultTimeouts find an HTTP/2 peer that is gone after 30 seconds. Without
// pings, every download over its connection would wait for the header timeout,
// as the connection stays in the pool, and one that has begun would wait for the
// stall watchdog. A slow media server still responds to pings.
func defaultTimeouts() timeouts {
	return timeouts{header: 60 * time.Second, sendPing: 15 * time.Second, ping: 15 * time.Second}
}

// newDialer returns a dialer that finds an HTTP/1.1 peer that is gone after 30
// seconds as well, by the probes of TCP.
func newDialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         10 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
}

// newTransport returns a transport that checks the address of every connection,
// except to a proxy.
func newTransport(policy *HostPolicy, limits timeouts) transportChoice {
	checked := newDialer()
	checked.ControlContext = policy.control
	direct := &http.Transport{
		DialContext:           checked.DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: limits.header,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   maxIdlePerMedia,
		ForceAttemptHTTP2:     true,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: limits.sendPing, PingTimeout: limits.ping},
		// Decompressing would change the bytes and their number.
		DisableCompression: true,
	}
	proxied := direct.Clone()
	proxied.DialContext = newDialer().DialContext
	proxied.Proxy = http.ProxyFromEnvironment
	return transportChoice{direct: direct, proxied: proxied}
}

// transportChoice uses proxied for the requests that go to a proxy.
type transportChoice struct{ direct, proxied *http.Transport }

func (t transportChoice) RoundTrip(request *http.Request) (*http.Response, error) {
	if proxy, err := http.ProxyFromEnvironment(request); err != nil || proxy != nil {
		return t.proxied.RoundTrip(request)
	}
	return t.direct.RoundTrip(request)
}
