package ports_test

import (
	"net"
	"testing"

	"github.com/callvault/callvault/dev/internal/ports"
)

func reserve(t *testing.T, preferred int) *ports.Reservation {
	t.Helper()
	r, err := ports.Reserve(preferred)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Release)
	return r
}

func TestReserveUsesThePreferredPortIfFree(t *testing.T) {
	r := reserve(t, ports.Any)
	r.Release()
	if again := reserve(t, r.Port()); again.Port() != r.Port() {
		t.Errorf("port = %d, want the preferred %d", again.Port(), r.Port())
	}
}

func TestReserveUsesAnotherPortIfThePreferredIsInUse(t *testing.T) {
	first := reserve(t, ports.Any)
	if r := reserve(t, first.Port()); r.Port() == first.Port() {
		t.Errorf("port %d was reserved twice", r.Port())
	}
}

func TestReleaseFreesThePort(t *testing.T) {
	r := reserve(t, ports.Any)
	r.Release()
	l, err := net.Listen("tcp4", r.Address())
	if err != nil {
		t.Fatalf("port is still in use: %v", err)
	}
	_ = l.Close()
}

func TestReserveRefusesAPortOutOfRange(t *testing.T) {
	for _, port := range []int{-2, 0, 65536} {
		if r, err := ports.Reserve(port); err == nil {
			r.Release()
			t.Errorf("port %d: want an error", port)
		}
	}
}

func TestTakenDetectsAPortInUse(t *testing.T) {
	r := reserve(t, ports.Any)
	_, err := net.Listen("tcp4", r.Address())
	if !ports.Taken(err) {
		t.Errorf("Taken(%v) = false", err)
	}
}
