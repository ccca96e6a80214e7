package temporalserver

import (
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/callvault/callvault/dev/internal/ports"
)

func TestAPortTakenMeanwhileIsAnErrorAndNotTheEndOfTheProcess(t *testing.T) {
	o, err := Options{DataDir: t.TempDir(), FrontendPort: ports.Any, UIPort: ports.Any}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	sql, err := openDatabase(o.DataDir, o.Namespace, o.Retention)
	if err != nil {
		t.Fatal(err)
	}
	held, err := reservePorts(o.FrontendPort)
	if err != nil {
		t.Fatal(err)
	}
	defer held.release()
	held.frontend.Release()
	thief, err := net.Listen("tcp4", held.frontend.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = thief.Close() }()

	err = (&Server{}).startServices(t.Context(), o, sql, slog.New(slog.DiscardHandler), held)
	var fatal *fatalError
	if !errors.As(err, &fatal) || !fatal.portTaken() {
		t.Fatalf("err = %v, want a port taken", err)
	}
}

func TestCatchLetsOtherPanicsPass(t *testing.T) {
	defer func() {
		if r := recover(); r != "bug" {
			t.Errorf("recovered %v, want the bug", r)
		}
	}()
	defer newFailure().catch()
	panic("bug")
}
