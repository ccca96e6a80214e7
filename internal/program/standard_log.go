package program

import (
	"io"
	"log"
	"log/slog"
	"os"
)

// SilenceStandardLog discards what is written to the standard logger of package
// log. net/http writes there what a peer sent: of an unsolicited response its
// first bytes, which may be a part of a recording or a signed URL. To be called
// before anything else; slog.SetDefault must not be called after it, since it
// connects the standard logger again.
//
// The default of package log/slog, which writes through the standard logger,
// writes to stderr directly from then on.
func SilenceStandardLog() {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	log.SetOutput(io.Discard)
}
