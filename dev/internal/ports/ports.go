// Package ports picks loopback TCP ports for the embedded servers.
//
// The servers open their listeners themselves, and some end the process if the
// port is in use. A [Reservation] therefore holds a port until just before its
// server opens it.
package ports

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

const (
	// Loopback is the only address that the embedded servers listen on: they have
	// no real authentication.
	Loopback = "127.0.0.1"

	// Any requests any free port.
	Any = -1

	// probeTimeout limits the check whether a port has a listener. A closed loopback
	// port refuses at once.
	probeTimeout = 250 * time.Millisecond

	maxPort = 65535
)

// Reservation holds one loopback port until Release.
type Reservation struct {
	listener net.Listener
	port     int
}

// Reserve reserves the preferred port (1 to 65535), or another free one if it is in
// use or preferred is [Any]. It returns an error only if preferred is out of range
// or no port is free.
func Reserve(preferred int) (*Reservation, error) {
	if preferred != Any && (preferred < 1 || preferred > maxPort) {
		return nil, fmt.Errorf("port %d: out of range: use 1 to %d, or %d for any free port", preferred, maxPort, Any)
	}
	if preferred != Any && !hasListener(preferred) {
		if r, err := listen(preferred); err == nil {
			return r, nil
		}
	}
	r, err := listen(0)
	if err != nil {
		return nil, fmt.Errorf("no free port on %s: %w", Loopback, err)
	}
	return r, nil
}

// Port returns the number of the reserved port.
func (r *Reservation) Port() int { return r.port }

// Address returns the loopback host with the port, for example "127.0.0.1:7233".
func (r *Reservation) Address() string { return Address(r.port) }

// Listener returns the port's listener, for a server that accepts one: no other
// process can take the port in between. The server then owns the reservation.
func (r *Reservation) Listener() net.Listener { return r.listener }

// Release frees the port. Call it immediately before the server opens the port, so
// that no other process takes it first. Further calls do nothing.
func (r *Reservation) Release() { _ = r.listener.Close() }

// Address joins the loopback host and a port.
func Address(port int) string {
	return net.JoinHostPort(Loopback, strconv.Itoa(port))
}

// Taken reports whether err means that a port is in use.
func Taken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

func listen(port int) (*Reservation, error) {
	var config net.ListenConfig
	// Listening on a loopback address does not block, so it needs no caller's context.
	l, err := config.Listen(context.Background(), "tcp4", Address(port))
	if err != nil {
		return nil, err
	}
	return &Reservation{listener: l, port: l.Addr().(*net.TCPAddr).Port}, nil
}

// hasListener reports whether a process accepts connections on the port. Listening
// does not detect that everywhere: on macOS a listener on 127.0.0.1 can coexist
// with another process's on all addresses, and would silently take its clients.
func hasListener(port int) bool {
	dialer := net.Dialer{Timeout: probeTimeout}
	c, err := dialer.DialContext(context.Background(), "tcp4", Address(port))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
