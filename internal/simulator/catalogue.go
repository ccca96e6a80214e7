package simulator

import (
	"fmt"
	"time"
)

// CatalogueOptions set the bot and the time of the catalogue's calls.
type CatalogueOptions struct {
	// BotID of all sessions. Defaults to DefaultBotID.
	BotID string
	// Now is when the sessions are added: the calls took place in the hours before it, and ids are derived from it.
	// Defaults to time.Now().
	Now time.Time
	// Scale multiplies every wait: at 1 a partial download is ready after a day, at 1.0/1440 after a minute. Defaults to 1.
	Scale float64
	// AudioLength of the files. Defaults to 12s.
	AudioLength time.Duration
}

// Entry is a session of the catalogue with a one-line description.
type Entry struct {
	Session     Session
	Description string
	// Outcome is the expected result of archiving the session: "archived", "failed" or "unavailable".
	Outcome string
}

// Catalogue returns sessions that together show every status and the usual download faults. Each call returns new values;
// the same options give equal ones.
func Catalogue(options CatalogueOptions) []Entry {
	defaultString(&options.BotID, DefaultBotID)
	defaultDuration(&options.AudioLength, 12*time.Second)
	if options.Scale <= 0 {
		options.Scale = 1
	}
	if options.Now.IsZero() {
		options.Now = time.Now()
	}
	c := catalogue{options: options}
	ready := []Step{{Status: StatusSuccess}}

	c.add("archived", "ready at once, caller and agent on separate channels", ready, c.file("", 2))
	c.add("archived", "the call is still in progress, then its media is prepared, then it is ready",
		[]Step{c.wait(StatusCallInProgress, 3*time.Minute), c.wait(StatusMediaInProgress, 10*time.Minute), {Status: StatusSuccess}}, c.file("", 1))
	c.add("archived", "its media is being prepared, ten minutes after the call it is ready",
		[]Step{c.wait(StatusMediaInProgress, 10*time.Minute), {Status: StatusSuccess}}, c.file("", 1))
	c.add("archived", "three files of one call: each leg and both together", ready, c.file("caller.wav", 1), c.file("agent.wav", 1), c.file("merged.wav", 2))
	c.add("archived", "a partial download, ready after the platform's second try a day later",
		[]Step{c.wait(StatusPartialDownloadFailed, 24*time.Hour), {Status: StatusSuccess}}, c.file("", 1))
	c.add("archived", "a partial upload for two days, ready on the third",
		[]Step{c.wait(StatusPartialUploadFailed, 48*time.Hour), {Status: StatusSuccess}}, c.file("", 1))
	c.add("failed", "permanently failed", []Step{{Status: StatusFailed}})
	c.add("unavailable", "no recording on the server", []Step{{Status: StatusMediaUnavailable}})
	c.add("archived", "statuses that only the console shows, then ready",
		[]Step{c.wait(StatusFetchingInProgress, 10*time.Minute), c.wait(StatusInitialFetchFailed, 15*time.Minute), {Status: StatusSuccess}}, c.file("", 1))
	c.add("archived", "a part is missing, then the vendor's retry fails, then it is ready",
		[]Step{c.wait(StatusPartialFailed, 24*time.Hour), c.wait(StatusRetryFailed, 15*time.Minute), {Status: StatusSuccess}}, c.file("", 1))
	c.add("archived", "FLAC with a .wav file name", ready, c.flac())
	c.add("archived", "the first download is cut in the middle", ready, c.file("", 2, Fault{Kind: Cut, After: c.middle()}))
	c.add("archived", "the first media URL has expired before it is used, a new one works",
		[]Step{{Status: StatusSuccess, Calls: 1, URLLifetime: -time.Second}, {Status: StatusSuccess}}, c.file("", 1))
	c.add("archived", "the media server refuses the first request (403) and is busy at the second (429)", ready,
		c.file("", 1, Fault{Kind: Respond, Status: 403}, Fault{Kind: Respond, Status: 429, RetryAfter: "1"}))
	c.add("failed", "permanently failed a day later, with a status of the console", []Step{{Status: StatusRetryFailedAfter24Hr}})
	c.add("failed", "its media could not be generated, with a status of the console", []Step{{Status: StatusMediaGenerationFailed}})
	c.add("archived", "its conversion failed, ready after the platform's second try a day later",
		[]Step{c.wait(StatusMediaConversionFailed, 24*time.Hour), {Status: StatusSuccess}}, c.file("", 1))
	c.add("unavailable", "too short to be recorded, with a status of the console", []Step{{Status: StatusMediaUnavailableShortDuration}})
	c.add("unavailable", "recording was off, with a status of the console", []Step{{Status: StatusRecordingDisabled}})
	return c.entries
}

// AddCatalogue adds the catalogue's sessions to the simulator and returns them.
func (s *Simulator) AddCatalogue(options CatalogueOptions) ([]Entry, error) {
	if options.Now.IsZero() {
		options.Now = s.now()
	}
	entries := Catalogue(options)
	for _, e := range entries {
		if err := s.AddSession(e.Session); err != nil {
			return nil, fmt.Errorf("simulator: adding the catalogue session %q: %w", e.Description, err)
		}
	}
	return entries, nil
}

type catalogue struct {
	options CatalogueOptions
	entries []Entry
}

// add appends a session. Calls begin 17 minutes apart; one that is still in progress began a minute ago.
func (c *catalogue) add(outcome, description string, script []Step, files ...File) {
	n := len(c.entries)
	begin := c.options.Now.Add(-time.Duration(n)*17*time.Minute - 13*time.Minute)
	if script[0].Status == StatusCallInProgress {
		begin = c.options.Now.Add(-time.Minute)
	}
	c.entries = append(c.entries, Entry{
		Session:     Session{BotID: c.options.BotID, SessionID: NewSessionID(begin, 0x3242653c58d70000+uint64(n)), Script: script, Files: files},
		Description: description,
		Outcome:     outcome,
	})
}

func (c *catalogue) wait(status string, d time.Duration) Step {
	return Step{Status: status, For: max(1, time.Duration(float64(d)*c.options.Scale))}
}

func (c *catalogue) file(name string, channels int, faults ...Fault) File {
	return File{Name: name, Duration: c.options.AudioLength, Channels: channels, Faults: faults}
}

func (c *catalogue) flac() File {
	f := c.file("", 1)
	f.Format, f.Duration = FLAC, min(f.Duration, maxFLAC)
	return f
}

// middle is half the size of a stereo file, in bytes.
func (c *catalogue) middle() int64 {
	return int64(c.options.AudioLength.Seconds() * sampleRate * 4 / 2)
}
