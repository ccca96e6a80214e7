package day

import (
	"time"

	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// The other activities, by the names that are recorded in histories.
const (
	// OpenDay says where the day's work is done, and what of it is sealed.
	OpenDay = "OpenDay"
	// MergeListings joins what the lists had with what was known of the day before.
	MergeListings = "MergeListings"
	// SealDay writes the record of the day.
	SealDay = "SealDay"
	// LogDay enters the record into the log.
	LogDay = "LogDay"
	// StartDays starts the workflows of days.
	StartDays = "StartDays"
)

// Opening is where a day's work is done, and what of it is sealed.
type Opening struct {
	// Account is the bot's.
	Account string `json:"account"`
	// Retention is how long the vendor keeps a recording, in nanoseconds; 0 if not known.
	Retention time.Duration `json:"retention,omitempty"`
	// Log is the name of the log that the day is entered into.
	Log string `json:"log"`

	// Bucket is the archive's, and Folder where the run keeps its working files in it; it
	// ends with a slash.
	Bucket string `json:"bucket"`
	Folder string `json:"folder"`

	// Sealed is the latest revision; nil if there is none, or if it is not in the log, and
	// then Recorded says that its record is in the archive.
	Sealed   *workflows.SealedDay `json:"sealed,omitempty"`
	Recorded bool                 `json:"recorded,omitempty"`
}

// MergeInput is a listing, and what was known before it.
type MergeInput struct {
	workflows.Day
	// Run is where the run keeps its working files, and Round the listing's number.
	Run   string `json:"run"`
	Round int    `json:"round"`
	// Folder has the rows of the listing; empty if none was made. Had are the lists of which
	// it has some. Known is the key of the sessions that were known before it; empty if those
	// of the latest revision are.
	Folder string   `json:"folder,omitempty"`
	Had    []string `json:"had,omitempty"`
	Known  string   `json:"known,omitempty"`
}

// Merged is what is known after a listing.
type Merged struct {
	// Lost reports that rows of the listing are gone: nothing was joined, and the lists have
	// to be read again.
	Lost bool `json:"lost,omitempty"`

	// Known is the key of the object with the sessions, and Fetch that of the list of those
	// that are to be fetched; empty if there are none.
	Known string `json:"known"`
	Fetch string `json:"fetch,omitempty"`

	// Sessions is their number. New of them are in the listing and were not known before it,
	// ToFetch have no manifest and are to be fetched now, Open have none and their calls are
	// not over.
	Sessions int `json:"sessions"`
	New      int `json:"new"`
	ToFetch  int `json:"toFetch"`
	Open     int `json:"open"`
}

// SealInput is what a record is made from.
type SealInput struct {
	workflows.Day
	Known    string              `json:"known"`
	Listings []dayrecord.Listing `json:"listings"`
}

// SealResult is a sealed revision.
type SealResult struct {
	// Missing are sessions without an outcome: nothing was sealed. Example is one of them.
	Missing int    `json:"missing,omitempty"`
	Example string `json:"example,omitempty"`

	// Sealed is the latest revision; Unchanged reports that it is the one from before.
	Sealed    workflows.SealedDay `json:"sealed"`
	Unchanged bool                `json:"unchanged,omitempty"`

	// Behind reports that another attempt had written the rows, and that they are not what is
	// known now: the next revision has to follow.
	Behind bool `json:"behind,omitempty"`
}

// LogInput is the revision that is entered into the log.
type LogInput struct {
	workflows.Day
	Log      string              `json:"log"`
	Revision int                 `json:"revision"`
	Record   workflows.ObjectRef `json:"record"`
	SHA256   string              `json:"sha256"`
	Folder   string              `json:"folder"` // of working files, which are removed
}

// LogResult is where the revision is in the log.
type LogResult struct {
	Index int64 `json:"index"`
}

// StartInput is a pass over the days of a range.
type StartInput struct {
	Request workflows.DaysRequest `json:"request"`
	// Next is the day to begin with, Last the last one.
	Next string `json:"next"`
	Last string `json:"last"`
}

// StartResult says how far a pass came.
type StartResult struct {
	// Next is the day to go on with; empty if every day had its turn.
	Next string `json:"next,omitempty"`
	// Started are the days that were started, Sealed how many were sealed before.
	Started []string `json:"started,omitempty"`
	Sealed  int      `json:"sealed,omitempty"`
	// Busy are the days of the bot that are listed or fetched.
	Busy int `json:"busy"`
}
