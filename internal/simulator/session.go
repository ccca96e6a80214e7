package simulator

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The statuses that the vendor's page documents.
const (
	StatusSuccess               = "success"
	StatusFailed                = "failed"
	StatusMediaUnavailable      = "media_unavailable"
	StatusCallInProgress        = "call_in_progress"
	StatusMediaInProgress       = "media_in_progress"
	StatusPartialDownloadFailed = "partial_download_failed"
	StatusPartialUploadFailed   = "partial_upload_failed"
)

// Statuses that only the vendor's console shows (vendor docs): the first four in mid-2026, the others in older tables.
const (
	StatusMediaGenerationFailed         = "media_generation_failed"
	StatusMediaConversionFailed         = "media_conversion_failed"
	StatusMediaUnavailableShortDuration = "media_unavailable_short_duration"
	StatusRecordingDisabled             = "recording_disabled"

	StatusPartialFailed        = "partial_failed"
	StatusFetchingInProgress   = "fetching_in_progress"
	StatusInitialFetchFailed   = "initial_fetch_failed"
	StatusRetryFailed          = "retry_failed"
	StatusRetryFailedAfter24Hr = "24hr_retry_failed"
)

const (
	maxSteps = 1000
	maxFiles = 64
)

// Session is a call with its recording, and the script of how the recording becomes available.
type Session struct {
	// BotID is the bot that took the call, one of Config.BotIDs.
	BotID string
	// SessionID is 24 lower-case hex digits, the first 8 being the Unix second when the call began; see NewSessionID.
	SessionID string
	// UserID, when set, must match a userId in the request; a request may always omit it. Defaults to none: any userId is
	// accepted.
	UserID string
	// Length is how long the call lasts, from the time in its id; only the session list tells of its end. Defaults to what
	// the script tells: a call is in progress as long as the script is in the call_in_progress steps that it begins with,
	// forever if it has no other steps. A call whose script begins with anything else had ended when it was added, a minute
	// after its begin at the latest.
	Length time.Duration
	// Channel is ChannelVoice or ChannelChat, which the session lists tell. Defaults to ChannelVoice.
	Channel string
	// Direction is Inbound, Outbound or NoDirection, which the interactions tell of some sessions. Defaults to Inbound.
	Direction string
	// Voicemail is what the interactions say of the call. Defaults to false.
	Voicemail bool
	// Conversations is how many rows the interactions have of the session, at most 10, as after a transfer. Defaults to 1.
	Conversations int
	// Retention is how long the recording is kept from the begin of the call; then it is purged, see Purge.
	// Defaults to Config.Retention.
	Retention time.Duration
	// Script is the sequence of steps that status calls see, at most 1,000; the last one stays. Defaults to success at once.
	Script []Step
	// Files are the recording, at most 64, listed by the steps whose status is success.
	Files []File
	// VoicemailFiles are the voicemail, at most 64, listed by KindVoicemail. Defaults to none.
	VoicemailFiles []File
	// Messages are what was said, at most 100,000, one a second, listed by KindMessages. Defaults to none.
	Messages []Message
}

// The channels of sessions.
const (
	ChannelVoice = "voice"
	ChannelChat  = "rtm"
)

// The directions of sessions. A session that ended at the bot has none (vendor docs: a sample).
const (
	Inbound     = "Inbound"
	Outbound    = "Outbound"
	NoDirection = "none"
)

const maxConversations = 10

// checkListed checks what only the session lists tell.
func (s Session) checkListed() error {
	switch {
	case !slices.Contains([]string{"", ChannelVoice, ChannelChat}, s.Channel):
		return fmt.Errorf("simulator: session %s has the Channel %q: use ChannelVoice or ChannelChat", s.SessionID, s.Channel)
	case !slices.Contains([]string{"", Inbound, Outbound, NoDirection}, s.Direction):
		return fmt.Errorf("simulator: session %s has the Direction %q: use Inbound, Outbound or NoDirection", s.SessionID, s.Direction)
	case s.Conversations < 0 || s.Conversations > maxConversations:
		return fmt.Errorf("simulator: session %s has %d Conversations: use 1 to %d", s.SessionID, s.Conversations, maxConversations)
	}
	return nil
}

// Step is one stage of a session. It lasts for Calls status calls or for the duration For, whichever ends first; the last
// step of a script never ends. Time starts at AddSession and follows Config.Now.
type Step struct {
	// Status is the status in the response, any string.
	Status string
	// Calls is how many status calls see the step. Defaults to no limit.
	Calls int
	// For is how long the step lasts. Defaults to no limit.
	For time.Duration
	// Body, when set, is sent with HTTP status 200 instead of the normal response: wrong JSON, half a document, anything.
	Body string
	// OmitStatus leaves the key "status" out of the response. Defaults to false.
	OmitStatus bool
	// OmitFiles makes success return an empty list. Defaults to false.
	OmitFiles bool
	// URLLifetime is the lifetime of the URLs that this step returns; with a negative one they are already expired.
	// Defaults to Config.URLLifetime.
	URLLifetime time.Duration
	// URLsRefused makes the media server refuse the URLs that this step returns with 403, for good, although their expiry is
	// in the future, as after a change of its signing key. URLs of other steps work. Defaults to false.
	URLsRefused bool
	// MediaURL is the scheme and host of the URLs that this step returns, to test a client with a wrong host. Defaults to
	// Config.MediaURL.
	MediaURL string
	// Fault replaces or damages the response. The call still counts against the budget. Defaults to none.
	Fault *Fault
}

// sessionKey identifies a session within a simulator.
type sessionKey struct{ botID, sessionID string }

// sessionState is a session and its progress. The simulator's mutex guards it.
type sessionState struct {
	Session
	begin     time.Time
	files     []*fileState
	step      int
	stepBegan time.Time
	stepCalls int
	hungUp    time.Time // when the script says that the call ended; zero before
	purged    bool      // before its retention has passed
	counts    SessionCounts
	voicemail []*fileState
	rank      uint64 // places the session in orders that are not by time, and chooses it for faults of the lists
	removed   bool
}

// newSessionState checks the session, sets its defaults and copies it.
func newSessionState(in Session, config *Config, now time.Time) (*sessionState, error) {
	begin, err := callBegin(in.SessionID)
	if err != nil {
		return nil, err
	}
	if in.Length < 0 {
		return nil, fmt.Errorf("simulator: session %s has the Length %s: use a positive duration, or 0 for what the script tells", in.SessionID, in.Length)
	}
	if in.Retention < 0 {
		return nil, fmt.Errorf("simulator: session %s has the Retention %s: use a positive duration, or 0 for that of the configuration", in.SessionID, in.Retention)
	}
	if len(in.Script) > maxSteps || len(in.Files) > maxFiles {
		return nil, fmt.Errorf("simulator: session %s has %d steps and %d files: at most %d and %d are allowed", in.SessionID, len(in.Script), len(in.Files), maxSteps, maxFiles)
	}
	if err := in.checkListed(); err != nil {
		return nil, err
	}
	defaultString(&in.Channel, ChannelVoice)
	defaultString(&in.Direction, Inbound)
	defaultInt(&in.Conversations, 1)
	st := &sessionState{Session: in, begin: begin, stepBegan: now, rank: rankOf(in.SessionID)}
	if st.Script, err = prepareScript(in); err != nil {
		return nil, err
	}
	if st.Script[0].Status != StatusCallInProgress {
		st.hungUp = earlier(begin.Add(shortCall), now)
	}
	st.Files = append([]File(nil), in.Files...) // do not modify the caller's slice
	for i := range in.Files {
		file, err := newFileState(st, i, config)
		if err != nil {
			return nil, err
		}
		st.Files[i] = file.File
		st.files = append(st.files, file)
	}
	return st, st.prepareAttachments(in, config)
}

func prepareScript(in Session) ([]Step, error) {
	if len(in.Script) == 0 {
		return []Step{{Status: StatusSuccess}}, nil
	}
	script := append([]Step(nil), in.Script...)
	for i := range script {
		step, where := &script[i], fmt.Sprintf("session %s, step %d", in.SessionID, i)
		if step.Calls < 0 || step.For < 0 {
			return nil, fmt.Errorf("simulator: %s has a negative limit: Calls %d, For %s", where, step.Calls, step.For)
		}
		if step.Calls == 0 && step.For == 0 && i < len(script)-1 {
			return nil, fmt.Errorf("simulator: %s never ends, so later steps are never reached: set Calls or For", where)
		}
		if err := checkMediaBase(where+": MediaURL", step.MediaURL); err != nil {
			return nil, err
		}
		if step.Fault == nil {
			continue
		}
		fault, err := step.Fault.withDefaults(where)
		if err = errors.Join(err, fault.forAPI(where)); err != nil {
			return nil, err
		}
		step.Fault = &fault
	}
	return script, nil
}

// nextStep returns the step that a status call at now sees, and counts the call.
func (st *sessionState) nextStep(now time.Time) Step {
	st.skipElapsed(now)
	step := st.Script[st.step]
	st.stepCalls++
	if step.Calls > 0 && st.stepCalls >= step.Calls {
		st.advance(now)
	}
	return step
}

// skipElapsed skips the steps whose time is over. Each begins when the previous one ended, not when the next call comes.
func (st *sessionState) skipElapsed(now time.Time) {
	for st.step < len(st.Script)-1 {
		span := st.Script[st.step].For
		if span == 0 || now.Before(st.stepBegan.Add(span)) {
			return
		}
		st.advance(st.stepBegan.Add(span))
	}
}

func (st *sessionState) advance(at time.Time) {
	if st.step < len(st.Script)-1 {
		st.step, st.stepBegan, st.stepCalls = st.step+1, at, 0
		if st.hungUp.IsZero() && st.Script[st.step].Status != StatusCallInProgress {
			st.hungUp = at
		}
	}
}
