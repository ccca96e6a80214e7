package smartassist

import "time"

// Action is what a status asks for.
type Action string

// The actions.
const (
	// Archive: the files are there.
	Archive Action = "archive"
	// Poll: not yet, ask again with backoff.
	Poll Action = "poll"
	// RetryNextDay: not yet, ask again after 24 hours.
	RetryNextDay Action = "retry_next_day"
	// EndUnavailable: there is no recording.
	EndUnavailable Action = "end_unavailable"
	// EndFailed: the vendor has failed for good.
	EndFailed Action = "end_failed"
)

// Meaning is what a status means for a fetch.
type Meaning struct {
	Action Action

	// Text explains the status to the person who looks on.
	Text string

	// MinWait is the pause that the vendor advises before the next look; 0 for
	// none.
	MinWait time.Duration

	// Known tells whether the status is one of the table's.
	Known bool
}

// The seven statuses of the vendor's page.
const (
	StatusSuccess               = "success"
	StatusFailed                = "failed"
	StatusMediaUnavailable      = "media_unavailable"
	StatusCallInProgress        = "call_in_progress"
	StatusMediaInProgress       = "media_in_progress"
	StatusPartialDownloadFailed = "partial_download_failed"
	StatusPartialUploadFailed   = "partial_upload_failed"
)

// The five that only the console shows.
const (
	StatusPartialFailed       = "partial_failed"
	StatusFetchingInProgress  = "fetching_in_progress"
	StatusInitialFetchFailed  = "initial_fetch_failed"
	StatusRetryFailed         = "retry_failed"
	StatusFinalDayRetryFailed = "24hr_retry_failed"
)

// meanings is to be read beside the table "Recording Statuses" on the vendor's
// page, whose words each text repeats; the last five follow the console's
// documentation.
var meanings = map[string]Meaning{
	StatusSuccess:               {Action: Archive, Text: "the URL is generated"},
	StatusFailed:                {Action: EndFailed, Text: "the URL was not generated (permanent failure)"},
	StatusMediaUnavailable:      {Action: EndUnavailable, Text: "the recording is not available on the server: recording was off, it was deleted or purged, or it is not there yet"},
	StatusCallInProgress:        {Action: Poll, Text: "the call is ongoing"},
	StatusMediaInProgress:       {Action: Poll, Text: "the call has ended and its media is not generated yet"},
	StatusPartialDownloadFailed: {Action: RetryNextDay, Text: "the URL is not generated as the call or media generation is in progress; the vendor says to retry after 24 hours"},
	StatusPartialUploadFailed:   {Action: RetryNextDay, Text: "the URL is not generated as the call or media generation is in progress; the vendor says to retry after 24 hours"},

	StatusPartialFailed:       {Action: RetryNextDay, Text: "a part of the media is missing; the vendor tries again after 24 hours"},
	StatusFetchingInProgress:  {Action: Poll, Text: "the vendor is fetching the media"},
	StatusInitialFetchFailed:  {Action: RetryNextDay, Text: "the vendor's first try to fetch the media failed; it tries once more after 24 hours"},
	StatusRetryFailed:         {Action: Poll, Text: "the vendor's retry failed; it says to try again after 15 minutes", MinWait: 15 * time.Minute},
	StatusFinalDayRetryFailed: {Action: EndFailed, Text: "the vendor's last retry, after 24 hours, failed"},
}

// MeaningOf is what status means. The vendor's statuses are an open set: an
// unknown one is kept as it is and asked about again.
func MeaningOf(status string) Meaning {
	if meaning, ok := meanings[status]; ok {
		meaning.Known = true
		return meaning
	}
	return Meaning{Action: Poll, Text: "a status that neither the vendor's page nor its console documents"}
}
