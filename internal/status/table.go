// Package status says what each recording status of the vendor means for a
// fetch. A new status is added to the table here, and nowhere else.
package status

import (
	"time"

	"github.com/callvault/callvault/workflows"
)

// Success is the one status that comes with files.
const Success = "success"

// NoSuchSession is our own name for a response by which the API says that it
// does not know this session, for example a 404 with its error envelope.
const NoSuchSession = "no_such_session"

// Action is what a fetch does about a status.
type Action string

// The actions.
const (
	// Download: the files are available.
	Download Action = "download"
	// Poll: not yet; check again with exponential backoff.
	Poll Action = "poll"
	// RetryNextDay: not yet; check again after partialRetryAfter.
	RetryNextDay Action = "retry_next_day"
	// End: there will be no recording.
	End Action = "end"
)

// Meaning is what a status means for a fetch. It is part of an activity's
// result, so that a later change of the table alters no running history.
type Meaning struct {
	Action Action `json:"action"`

	// Phase of the fetch while it waits because of the status.
	Phase workflows.FetchPhase `json:"phase,omitempty"`

	// Outcome of the fetch if the action is End. With Poll it means that there is
	// no recording, or not yet: the outcome is final once the call is old enough.
	// (Workers of v0.1.0, which know no such rule, then poll.)
	Outcome workflows.Outcome `json:"outcome,omitempty"`

	// MinWait is the shortest wait that the vendor advises before the next
	// check, within the bounds of the policy. In nanoseconds; 0 for none.
	MinWait time.Duration `json:"minWait,omitempty"`

	// Text explains the status to the operator.
	Text string `json:"meaning"`
}

// Settles reports whether the status becomes final with the age of the call.
func (m Meaning) Settles() bool { return m.Action == Poll && m.Outcome != "" }

// IsKnown reports whether some documentation of the vendor has the status.
func IsKnown(name string) bool {
	_, known := table[name]
	return known
}

// Of returns the meaning of a status. The vendor's statuses are an open set: an
// unknown one is kept as it is and checked again.
func Of(name string) Meaning {
	if row, known := table[name]; known {
		return row.meaning
	}
	return Meaning{Action: Poll, Phase: workflows.PhaseChecking, Text: "a status that neither the vendor's page nor its console documents"}
}

// source is where a status comes from, and so how sure it is.
type source string

const (
	// page: documented on the vendor's page "Fetch Call Recording (Version 2)",
	// under "Recording Statuses". The texts repeat its words.
	page source = "documented for this API"
	// console: documented for the console, in mid-2026. Whether this API sends
	// it is unknown.
	console source = "documented for the console"
	// oldConsole: in older documentation of the console only. Whether anything
	// still sends it is unknown.
	oldConsole source = "documented for older consoles"
	// inferred: documented nowhere; follows from the API's error responses.
	inferred source = "inferred from error responses"
)

// row is a status, where it comes from, and its meaning.
type row struct {
	source  source
	meaning Meaning
}

// partialText repeats the words of the vendor's page.
const partialText = "the URL is not generated as the call or media generation is in progress; the vendor says to retry after 24 hours"

var table = rows()

// rows are to be read next to their sources. That the two rows with
// Poll and an outcome may mean "not there yet" is inferred; the page says no more of
// media_unavailable than that the recording is not available on the server.
func rows() map[string]row {
	return map[string]row{
		Success:                   {page, Meaning{Action: Download, Text: "the URL is generated"}},
		"failed":                  {page, Meaning{Action: End, Outcome: workflows.OutcomeFailed, Text: "the URL was not generated (permanent failure)"}},
		"media_unavailable":       {page, Meaning{Action: Poll, Phase: workflows.PhaseMediaInProgress, Outcome: workflows.OutcomeUnavailable, Text: "the recording is not available on the server: recording was off, it was deleted or purged, or it is not there yet"}},
		"call_in_progress":        {page, Meaning{Action: Poll, Phase: workflows.PhaseCallInProgress, Text: "the call is ongoing"}},
		"media_in_progress":       {page, Meaning{Action: Poll, Phase: workflows.PhaseMediaInProgress, Text: "the call has ended and its media is not generated yet"}},
		"partial_download_failed": {page, Meaning{Action: RetryNextDay, Phase: workflows.PhasePartialWait, Text: partialText}},
		"partial_upload_failed":   {page, Meaning{Action: RetryNextDay, Phase: workflows.PhasePartialWait, Text: partialText}},

		"media_generation_failed":          {console, Meaning{Action: End, Outcome: workflows.OutcomeFailed, Text: "the media was not generated for a technical reason"}},
		"media_conversion_failed":          {console, Meaning{Action: RetryNextDay, Phase: workflows.PhasePartialWait, Text: "the conversion of the media failed; the vendor retries within 24 hours"}},
		"media_unavailable_short_duration": {console, Meaning{Action: End, Outcome: workflows.OutcomeUnavailable, Text: "the call was too short to be recorded"}},
		"recording_disabled":               {console, Meaning{Action: End, Outcome: workflows.OutcomeUnavailable, Text: "recording was off for this call"}},

		"partial_failed":       {oldConsole, Meaning{Action: RetryNextDay, Phase: workflows.PhasePartialWait, Text: "a part of the media is missing; the vendor retries after 24 hours"}},
		"fetching_in_progress": {oldConsole, Meaning{Action: Poll, Phase: workflows.PhaseMediaInProgress, Text: "the vendor is fetching the media"}},
		"initial_fetch_failed": {oldConsole, Meaning{Action: RetryNextDay, Phase: workflows.PhasePartialWait, Text: "the vendor's first attempt to fetch the media failed; it retries after 24 hours"}},
		"retry_failed":         {oldConsole, Meaning{Action: Poll, Phase: workflows.PhaseMediaInProgress, Text: "the vendor's retry failed; it says to try again after 15 minutes", MinWait: 15 * time.Minute}},
		"24hr_retry_failed":    {oldConsole, Meaning{Action: End, Outcome: workflows.OutcomeFailed, Text: "the vendor's last retry, after 24 hours, failed"}},

		NoSuchSession: {inferred, Meaning{Action: Poll, Phase: workflows.PhaseMediaInProgress, Outcome: workflows.OutcomeUnavailable, Text: "the API does not know this session: it was deleted or purged, it is not there yet, or its id is wrong"}},
	}
}
