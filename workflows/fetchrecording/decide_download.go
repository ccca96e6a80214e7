package fetchrecording

import (
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// The decisions about a round of downloads.

// afterDownload is the decision when all missing files were tried; progress
// reports whether one more of them is in the archive. Of several failures the
// one that matters most decides: a cancellation, then what needs operator
// action.
func (s situation) afterDownload(progress bool, errs ...error) next {
	err := worstOf(errs)
	kind, text, retryAfter := classify(err)
	if err == nil {
		s.unblock()
		if len(s.state.Done) == 0 {
			return s.transient(check, "no file was listed", 0)
		}
		return s.end(workflows.OutcomeArchived, "")
	}
	if progress && !s.v010 {
		s.state.DownloadFailures = 0
	}
	switch kind {
	case failure.AlreadyArchived:
		if s.v010 {
			return s.proceed(find)
		}
		return s.transient(find, text, 0) // With a wait, should the two steps disagree.
	case failure.ArchiveUnavailable, failure.HandedOver:
		return s.transient(download, text, 0)
	case failure.MediaTooLarge: // It will be as large the next time.
		s.unblock()
		return s.end(workflows.OutcomeFailed, text)
	case failure.ArchiveBlocked:
		// The URLs may outlive the obstacle; requesting others would spend a
		// call at each attempt.
		n := s.blocked(download, text)
		n.onCheckNow = check
		return n
	case failure.BotNotServed: // Another worker of the account may serve it.
		return s.blocked(find, text)
	case failure.Blocked:
		// The URL itself is the obstacle: only a new check returns another.
		return s.blocked(check, text)
	case "":
		if s.placed && isNotStarted(err) {
			return s.transient(find, "no worker of the account took the download in time", 0)
		}
		if !isTimeout(err) {
			return s.fail(err)
		}
	default:
	}
	if s.v010 {
		return s.afterBadDownloadV010(kind, text, err)
	}
	return s.afterBadDownload(kind, text, retryAfter, err)
}

// archivesOnlyFile reports whether nothing is left to decide once the one file of a
// call is in the archive: the session is archived then.
func (s situation) archivesOnlyFile(files []RemoteFile) bool {
	if len(files) != 1 || len(s.state.Done) > 0 {
		return false
	}
	s.state.Done = []workflows.Recording{{Source: files[0].Source}}
	n := s.afterDownload(true)
	return n.step == write && n.outcome == workflows.OutcomeArchived && n.reason == ""
}

// afterBadDownload tries the same URL again, a few times over a minute or two,
// before it spends a call on another one. An expired URL is replaced at once
// the first time.
func (s situation) afterBadDownload(kind failure.Kind, text string, retryAfter time.Duration, err error) next {
	note := text
	if isTimeout(err) {
		note, text = "A download ended without a response from its worker.", err.Error()
	}
	s.unblock()
	s.state.DownloadFailures++
	step, wait := downloadWait(s.policy, s.state.DownloadFailures, s.jitter)
	if kind == failure.MediaExpired {
		step = check
		if s.state.DownloadFailures == 1 {
			wait = 0
		}
	}
	if step == download && !s.listed {
		step = check
	}
	if step == download && kind == failure.ArchiveChanged && s.state.Replaces != "" {
		step = find // It keeps what is intact.
	}
	n := s.proceed(step)
	if step == check && s.timeIsUp() {
		if !s.state.AnsweredAt.Before(s.state.GiveUpAt) {
			n = s.giveUp(text)
		}
	} else if wait > 0 {
		n = s.waitFor(step, max(wait, retryAfter), workflows.PhaseChecking, text, "the download failed, next attempt")
		n.onCheckNow = check
	}
	n.note = note
	return n
}

func worstOf(errs []error) (worst error) {
	for _, err := range errs {
		kind, _, _ := classify(err)
		if err == nil {
			continue
		}
		worstKind, _, _ := classify(worst)
		// A file that is too large decides only when nothing else is open.
		isLast := kind == failure.MediaTooLarge
		if worst == nil || !isLast && worstKind == failure.MediaTooLarge ||
			temporal.IsCanceledError(err) || kind.NeedsOperator() && !temporal.IsCanceledError(worst) {
			worst = err
		}
	}
	return worst
}
