package temporalserver

import (
	"fmt"

	"go.temporal.io/server/common/primitives"

	"github.com/callvault/callvault/dev/internal/ports"
)

// reservations are the ports reserved for one start attempt.
type reservations struct {
	frontend, history, matching, worker *ports.Reservation

	// http is the frontend's second port, to which the server sends Nexus operations of one
	// namespace to another.
	http *ports.Reservation
}

// reservePorts reserves the five ports that the server's services open.
func reservePorts(frontendPort int) (*reservations, error) {
	var r reservations
	for _, p := range []struct {
		target    **ports.Reservation
		preferred int
	}{
		{&r.frontend, frontendPort},
		{&r.history, ports.Any},
		{&r.matching, ports.Any},
		{&r.worker, ports.Any},
		{&r.http, ports.Any},
	} {
		reservation, err := ports.Reserve(p.preferred)
		if err != nil {
			r.release()
			return nil, fmt.Errorf("temporal server: %w", err)
		}
		*p.target = reservation
	}
	return &r, nil
}

func (r *reservations) release() {
	for _, reservation := range []*ports.Reservation{r.frontend, r.history, r.matching, r.worker, r.http} {
		if reservation != nil {
			reservation.Release()
		}
	}
}

func (r *reservations) byService() map[primitives.ServiceName]*ports.Reservation {
	return map[primitives.ServiceName]*ports.Reservation{
		primitives.FrontendService: r.frontend,
		primitives.HistoryService:  r.history,
		primitives.MatchingService: r.matching,
		primitives.WorkerService:   r.worker,
	}
}
