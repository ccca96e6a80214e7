package activities

import (
	"log/slog"
	"sync"

	"github.com/callvault/callvault/workflows"
)

// maxLeftOut bounds how many reasons are remembered; then all are forgotten.
const maxLeftOut = 100

// leftOutLog logs what is left out of the archive, once for each reason, however many calls
// have it. The manifests say it of each call.
type leftOutLog struct {
	mu     sync.Mutex
	logged map[leftOutOf]bool
}

type leftOutOf struct {
	account string
	workflows.LeftOut
}

func (l *leftOutLog) add(logger *slog.Logger, account string, leftOut workflows.LeftOut) {
	if logger == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := leftOutOf{account, leftOut}
	if l.logged[key] {
		return
	}
	if l.logged == nil || len(l.logged) >= maxLeftOut {
		l.logged = make(map[leftOutOf]bool)
	}
	l.logged[key] = true
	logger.Warn("what belongs to calls is left out of the archive", "account", account, "kind", string(leftOut.Kind), "cause", leftOut.Reason)
}
