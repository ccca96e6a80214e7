// Package timing holds the durations that depend on each other across packages.
// Its test checks the inequalities between them.
package timing

import "time"

// A token: minted, used for one request, expired.
const (
	// TokenLife is how long a token is valid. Under "Enforce JTI" the vendor
	// refuses more than 1 hour.
	TokenLife = 5 * time.Minute

	// TokenMargin is how long before its expiry a token is no longer used: the
	// vendor's clock may be ahead of ours, and a token that arrives too late is
	// refused like wrong credentials.
	TokenMargin = time.Minute

	// TokenUse is how long after its minting a token may be used: it stands for a
	// call slot, and slots that are used late make a burst.
	TokenUse = 45 * time.Second

	// SlotHold is how long a worker holds a call that waits for its slot, before it
	// gives the call back to the queue.
	SlotHold = 110 * time.Second

	// SlotTimeout is when such a call is presumed lost with its worker.
	SlotTimeout = 2 * time.Minute

	// ClockSkew is how far the vendor's clock may be behind ours.
	ClockSkew = 30 * time.Second

	// MaxTokenLife is the vendor's limit under "Enforce JTI".
	MaxTokenLife = time.Hour
)

// Takeover is how long a workflow stands still, at most, when the worker that ran it is
// killed: a fetch may have a call slot, and a budget is waited for by all.
const Takeover = time.Second

// The first step of a fetch, as far as the worker takes it that runs the workflow. It
// holds a workflow task meanwhile.
const (
	// FindStore is how long the store may take to say what it has of the session.
	FindStore = 1500 * time.Millisecond

	// AskLane bounds the request for a batch's lane.
	AskLane = 3 * time.Second

	// FindHere bounds the whole step.
	FindHere = 5 * time.Second

	// WorkflowTask is when the SDK extends a workflow task, which costs events: at four
	// fifths of its timeout, the server's default of 10 seconds.
	WorkflowTask = 8 * time.Second
)

// One call of the vendor's API.
const (
	// CallTimeout bounds the HTTP request.
	CallTimeout = 30 * time.Second

	// CheckTimeout bounds the activity around it.
	CheckTimeout = time.Minute
)

// The heartbeat of a transfer.
const (
	// HeartbeatInterval is how often a transfer reports its progress to the SDK.
	HeartbeatInterval = 5 * time.Second

	// HeartbeatThrottle is how often the SDK passes a heartbeat on to the
	// server, where each one is billed. A cancelled transfer learns of it then.
	HeartbeatThrottle = 10 * time.Second

	// HeartbeatTimeout is when a transfer without a heartbeat is presumed dead.
	HeartbeatTimeout = 30 * time.Second
)

// The stop of a worker.
const (
	// Handover is how long a transfer may go on after its worker was asked to
	// stop; then it ends and another worker takes over.
	Handover = 20 * time.Second

	// WorkerStop is how long a stopping worker waits for its activities.
	WorkerStop = 30 * time.Second

	// SlotStop is how long a stopping worker waits for the calls that wait for a slot
	// to go back to their queue, before it stops the rest.
	SlotStop = 2 * time.Second

	// ContainerStop is the grace period of the worker's container in
	// docker-compose.yml (stop_grace_period).
	ContainerStop = 45 * time.Second
)
