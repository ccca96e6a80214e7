package temporalserver

import (
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/callvault/callvault/dev/internal/ports"
)

func TestPortTakenDuringStartIsReturnedAsAnError(t *testing.T) {
	o, err := Options{DataDir: t.TempDir(), FrontendPort: ports.Any, UIPort: ports.Any}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	sql, err := openDatabase(o.DataDir, o.Namespace, o.Retention)
	if err != nil {
		t.Fatal(err)
	}
	reserved, err := reservePorts(o.FrontendPort)
	if err != nil {
		t.Fatal(err)
	}
	defer reserved.release()
	reserved.frontend.Release()
	other, err := net.Listen("tcp4", reserved.frontend.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()

	err = (&Server{}).startServices(t.Context(), o, sql, slog.New(slog.DiscardHandler), reserved)
	var fatal *fatalError
	if !errors.As(err, &fatal) || !fatal.portInUse() {
		t.Fatalf("err = %v, want a port in use", err)
	}
}

func TestRecoverFatalDoesNotRecoverOtherPanics(t *testing.T) {
	defer func() {
		if r := recover(); r != "bug" {
			t.Errorf("recovered %v, want %q", r, "bug")
		}
	}()
	defer newFailure().recoverFatal()
	panic("bug")
}
