// Package ports picks loopback TCP ports for the embedded servers.
//
// The servers open their listeners themselves and some of them end the process
// when the port is taken, so a port is held by a [Reservation] until the moment
// its server opens it.
package ports

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

const (
	// Loopback is the only address that the embedded servers listen on: they
	// have no authentication worth the name.
	Loopback = "127.0.0.1"

	// Any asks for whichever port is free.
	Any = -1

	// probeTimeout bounds the look for somebody who already answers on a port. A
	// closed loopback port refuses at once.
	probeTimeout = 250 * time.Millisecond

	maxPort = 65535
)

// Reservation holds one loopback port until Release.
type Reservation struct {
	listener net.Listener
	port     int
}

// Reserve holds the preferred port (1 to 65535), or a free one when it is taken
// or when preferred is [Any]. It fails only when preferred is out of range or
// when the machine has no port left.
func Reserve(preferred int) (*Reservation, error) {
	if preferred != Any && (preferred < 1 || preferred > maxPort) {
		return nil, fmt.Errorf("port %d: out of range: give a port from 1 to %d, or %d for any free one", preferred, maxPort, Any)
	}
	if preferred != Any && !answered(preferred) {
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

// Port returns the number of the port held.
func (r *Reservation) Port() int { return r.port }

// Address returns the port with its host, "127.0.0.1:7233".
func (r *Reservation) Address() string { return Address(r.port) }

// Listener returns the port's listener, for a server that takes one and so
// leaves others no time at all. The reservation is the server's then.
func (r *Reservation) Listener() net.Listener { return r.listener }

// Release gives the port up. Call it immediately before the server opens the
// port, to leave others no time to take it. A second call does nothing.
func (r *Reservation) Release() { _ = r.listener.Close() }

// Address joins the loopback host and a port.
func Address(port int) string {
	return net.JoinHostPort(Loopback, strconv.Itoa(port))
}

// Taken reports whether err says that a port is in use.
func Taken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

func listen(port int) (*Reservation, error) {
	l, err := net.Listen("tcp4", Address(port))
	if err != nil {
		return nil, err
	}
	return &Reservation{listener: l, port: l.Addr().(*net.TCPAddr).Port}, nil
}

// answered reports whether somebody accepts connections on the port. Listening
// alone does not tell everywhere: on macOS a listener on 127.0.0.1 may coexist
// with another's on all addresses, and would silently take its callers away.
func answered(port int) bool {
	c, err := net.DialTimeout("tcp4", Address(port), probeTimeout)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
