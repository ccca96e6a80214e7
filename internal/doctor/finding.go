package doctor

import (
	"fmt"
	"slices"
)

// Verdict is how a check ended.
type Verdict string

// The verdicts.
const (
	// OK: nothing has to be done.
	OK Verdict = "ok"
	// Warning: it works, and somebody should look at it.
	Warning Verdict = "warning"
	// Broken: no recording can be archived, or not for long, until somebody acts.
	Broken Verdict = "broken"
	// Skipped: it was not found out. The text says why.
	Skipped Verdict = "skipped"
)

// Name identifies a check. Names are in docs/doctor.md and in scripts, and do not change.
type Name string

// The checks, in the order of their findings.
const (
	Configuration Name = "configuration"

	TemporalServer    Name = "temporal.server"
	TemporalNamespace Name = "temporal.namespace"
	TemporalRetention Name = "temporal.retention"
	TemporalAttribute Name = "temporal.searchAttributes"
	SharedQueues      Name = "workers.shared"
	AccountQueues     Name = "workers.account"
	WorkerVersions    Name = "workers.versions"

	ArchiveKeys        Name = "archive.credentials"
	ArchiveBucket      Name = "archive.bucket"
	ArchiveClock       Name = "archive.clock"
	ArchiveLock        Name = "archive.lock"
	ArchiveObject      Name = "archive.object"
	ArchiveGuarantees  Name = "archive.guarantees"
	ArchiveVersioning  Name = "archive.versioning"
	ArchiveLifecycle   Name = "archive.lifecycle"
	ArchiveReplication Name = "archive.replication"

	UpstreamDNS        Name = "upstream.dns"
	UpstreamConnection Name = "upstream.connection"
	UpstreamTLS        Name = "upstream.tls"
	UpstreamClock      Name = "upstream.clock"
	UpstreamToken      Name = "upstream.token"
	UpstreamCall       Name = "upstream.call"
)

// Names are all checks.
var Names = []Name{
	Configuration,
	TemporalServer, TemporalNamespace, TemporalRetention, TemporalAttribute, SharedQueues, AccountQueues, WorkerVersions,
	ArchiveKeys, ArchiveBucket, ArchiveClock, ArchiveLock, ArchiveObject, ArchiveGuarantees, ArchiveVersioning, ArchiveLifecycle, ArchiveReplication,
	UpstreamDNS, UpstreamConnection, UpstreamTLS, UpstreamClock, UpstreamToken, UpstreamCall,
}

// Finding is what a check has found. It holds no secret.
type Finding struct {
	Name Name `json:"name"`

	// Account is the name of the account that it is about; empty if it is about all.
	Account string `json:"account,omitempty"`

	Verdict Verdict `json:"verdict"`

	// Text says what was found.
	Text string `json:"text"`

	// WayOut says what to do; empty if there is nothing to do.
	WayOut string `json:"wayOut,omitempty"`
}

// IsBroken reports whether one of the findings is broken.
func IsBroken(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Verdict == Broken })
}

func ok(format string, args ...any) Finding {
	return Finding{Verdict: OK, Text: fmt.Sprintf(format, args...)}
}

func (f Finding) wayOut(format string, args ...any) Finding {
	f.WayOut = fmt.Sprintf(format, args...)
	return f
}

func warning(format string, args ...any) Finding {
	return Finding{Verdict: Warning, Text: fmt.Sprintf(format, args...)}
}

func broken(format string, args ...any) Finding {
	return Finding{Verdict: Broken, Text: fmt.Sprintf(format, args...)}
}

func skipped(format string, args ...any) Finding {
	return Finding{Verdict: Skipped, Text: fmt.Sprintf(format, args...)}
}
