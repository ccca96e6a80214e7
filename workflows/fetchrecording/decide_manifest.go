package fetchrecording

import (
	"fmt"
	"slices"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/shortlist"
	"github.com/callvault/callvault/workflows"
)

// The decisions about the session's manifest: what it found, and what it wrote.

// afterFind: what the manifest says is believed while its objects are there. An
// archived session is never fetched again, and another one only on request.
func (s situation) afterFind(found *FindArchivedResult, err error) next {
	if isTimeout(err) {
		return s.unserved()
	}
	s.state.Unserved = false
	if err != nil {
		return s.afterArchiveFailure(find, err)
	}
	if found.Result == nil {
		return s.proceed(check)
	}
	damaged := len(found.Damaged) > 0
	switch found.Result.Outcome {
	case workflows.OutcomeArchived:
		if damaged {
			return s.repair(found)
		}
		return next{state: s.state, result: found.Result}
	case workflows.OutcomeDamaged:
		if s.refetch && damaged {
			return s.repair(found)
		}
		if s.refetch && found.Before != nil { // The lost objects are back.
			s.keepIntact(found)
			return s.end(workflows.OutcomeArchived, "")
		}
	default:
	}
	if found.Result.Outcome == workflows.OutcomeUnavailable {
		s.saysNone(found.Result.FinishedAt)
	}
	// A failure that another fetch wrote while this one was at work is replaced too.
	if s.refetch || s.state.StatusChecks > 0 && !s.v010 {
		s.keepIntact(found)
		return s.proceed(check)
	}
	return next{state: s.state, result: found.Result}
}

// unserved waits for a worker that serves the bot: in the bot's queue, so that one that
// starts gets the fetch at once.
func (s situation) unserved() next {
	s.state.Unserved = true
	if s.state.BlockedSince.IsZero() {
		s.state.BlockedSince = s.now.UTC()
	}
	return s.proceed(find)
}

func unservedReason(botID string) string {
	return fmt.Sprintf("no worker has taken the first step for bot %s for %s: start one that has the bot in SMARTASSIST_BOT_ID or CALLVAULT_CONFIG, cancel the fetch if botId is wrong, or wait if the workers are busy", botID, unservedAfter)
}

// repair fetches what is missing of an archived session, as long as the vendor
// still has it.
func (s situation) repair(found *FindArchivedResult) next {
	s.keepIntact(found)
	s.state.Damaged = nil
	for _, recording := range found.recordings() {
		if slices.Contains(found.Damaged, recording.Key) {
			s.state.Damaged = append(s.state.Damaged, recording)
		}
	}
	n := s.proceed(check)
	n.note = fmt.Sprintf("The session was archived, but objects are missing or changed: %s.", shortlist.Of(found.Damaged, maxNamedKeys))
	return n
}

// keepIntact keeps the files of a manifest that is going to be replaced.
func (s *situation) keepIntact(found *FindArchivedResult) {
	s.state.Replaces = found.ETag
	s.state.Done = slices.DeleteFunc(slices.Clone(s.state.Done), func(done workflows.Recording) bool {
		return slices.Contains(found.Damaged, done.Key)
	})
	for _, recording := range found.recordings() {
		if !slices.Contains(found.Damaged, recording.Key) && !isIn(s.state.Done, recording.Source) {
			s.state.Done = append(s.state.Done, recording)
		}
	}
}

// isIn reports whether a file is among recordings.
func isIn(recordings []workflows.Recording, source string) bool {
	return slices.ContainsFunc(recordings, func(r workflows.Recording) bool { return r.Source == source })
}

// maxNamedKeys bounds how many keys a text names.
const maxNamedKeys = 5

// afterWrite ends the fetch with what the archive now says.
func (s situation) afterWrite(written *workflows.FetchResult, err error) next {
	if err == nil {
		return next{state: s.state, result: written}
	}
	if s.placed && isNotStarted(err) {
		return s.transient(find, "no worker of the account took the manifest in time", 0)
	}
	kind, text, _ := classify(err)
	if kind == failure.AlreadyArchived { // But not as its manifest says: the first step repairs it.
		return s.transient(find, text, 0)
	}
	if kind != failure.ArchiveChanged {
		return s.afterArchiveFailure(write, err)
	}
	// An object was replaced between its download and the manifest.
	s.state.Done = nil
	if s.v010 {
		return s.afterBadDownloadV010(kind, text, err)
	}
	return s.afterBadDownload(kind, text, 0, err)
}

// afterArchiveFailure is the decision when a short request to the store failed
// in a way that Temporal does not retry, or when the bot is not served.
func (s situation) afterArchiveFailure(step step, err error) next {
	kind, text, _ := classify(err)
	if !kind.NeedsOperator() || kind == failure.BotNotServed && s.v010 {
		return s.fail(err)
	}
	return s.blocked(step, text)
}
