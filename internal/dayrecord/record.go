package dayrecord

import (
	"slices"
	"time"

	"github.com/callvault/callvault/workflows"
)

// Version is that of the format.
const Version = 1

// Record is a sealed revision of a bot's day: the object r{n}.json.
type Record struct {
	Version  int       `json:"version"`
	BotID    string    `json:"botId"`
	Date     string    `json:"date"` // yyyy-mm-dd, in UTC
	Revision int       `json:"revision"`
	SealedAt time.Time `json:"sealedAt"`

	// Listings are the readings of the vendor's lists, oldest first.
	Listings []Listing `json:"listings"`

	Counts Counts `json:"counts"`

	// Disagreement is nil if the lists agree.
	Disagreement *Disagreement `json:"disagreement,omitempty"`

	Rows Rows `json:"rows"`

	// Previous is the revision before; nil in the first one.
	Previous *Previous `json:"previous,omitempty"`
}

// Listing is one reading of one list of the vendor.
type Listing struct {
	List string    `json:"list"`
	At   time.Time `json:"at"`
	// Sessions of the day that the list had, and the calls of the API that it cost.
	Sessions int `json:"sessions"`
	Calls    int `json:"calls"`
	// Incomplete says where the list did not add up: at most 20 texts.
	Incomplete []string `json:"incomplete,omitempty"`
	// Unavailable says why the list could not be read; empty if it could.
	Unavailable string `json:"unavailable,omitempty"`
}

// UnreadLists names the lists of the vendor that none of the listings could read.
func UnreadLists(listings []Listing) []string {
	unread := []string{GetSessions, InteractionDetails}
	for _, listing := range listings {
		if listing.Unavailable == "" {
			unread = slices.DeleteFunc(unread, func(list string) bool { return list == listing.List })
		}
	}
	return unread
}

// maxListings bounds the listings of a record.
const maxListings = 40

// LimitListings returns the listings that a record has: of very many the first two and the
// last ones.
func LimitListings(listings []Listing) []Listing {
	over := len(listings) - maxListings
	if over <= 0 {
		return listings
	}
	return slices.Concat(listings[:2], listings[2+over:])
}

// Counts are numbers of sessions, but for Files and Bytes.
type Counts struct {
	Sessions int                       `json:"sessions"`
	Outcomes map[workflows.Outcome]int `json:"outcomes"` // never null
	Files    int                       `json:"files"`
	Bytes    int64                     `json:"bytes"`

	OnlyGetSessions        int `json:"onlyGetSessions"`
	OnlyInteractionDetails int `json:"onlyInteractionDetails"`
	Unlisted               int `json:"unlisted"`
}

// Disagreeing counts the sessions that not both lists had.
func (c Counts) Disagreeing() int { return c.OnlyGetSessions + c.OnlyInteractionDetails + c.Unlisted }

// Disagreement has the ids of the sessions that not both lists had, in ascending order.
type Disagreement struct {
	OnlyGetSessions        []string `json:"onlyGetSessions,omitempty"`
	OnlyInteractionDetails []string `json:"onlyInteractionDetails,omitempty"`
	Unlisted               []string `json:"unlisted,omitempty"`
}

// Rows is the object with the rows, and their tree.
type Rows struct {
	Object
	TreeSize int64  `json:"treeSize"`
	TreeRoot string `json:"treeRoot"` // hexadecimal
}

// Previous is the record of the revision before.
type Previous struct {
	Key    string `json:"key"`
	SHA256 string `json:"sha256"`
}
