package dayrecord

import "time"

// KindDay is the kind of the entries of days.
const KindDay = "day"

// Entry is what the log has of a revision.
type Entry struct {
	Version  int       `json:"version"`
	Kind     string    `json:"kind"`
	BotID    string    `json:"botId"`
	Date     string    `json:"date"`
	Revision int       `json:"revision"`
	SealedAt time.Time `json:"sealedAt"`

	// Record is the SHA-256 of the record's bytes, in hexadecimal.
	Record   string `json:"record"`
	TreeSize int64  `json:"treeSize"`
	TreeRoot string `json:"treeRoot"`
	Counts   Counts `json:"counts"`
}

// EntryOf returns the entry of a record whose bytes have the given SHA-256 in hexadecimal.
func EntryOf(r Record, sha256 string) Entry {
	return Entry{
		Version: Version, Kind: KindDay, BotID: r.BotID, Date: r.Date, Revision: r.Revision, SealedAt: r.SealedAt,
		Record: sha256, TreeSize: r.Rows.TreeSize, TreeRoot: r.Rows.TreeRoot, Counts: r.Counts,
	}
}
