package status

import "time"

// maxEvidence bounds the list; statuses are an open set.
const maxEvidence = 32

// otherStatuses is the entry that counts the statuses beyond the bound.
const otherStatuses = "(other statuses)"

// Evidence is one distinct status, and when the vendor sent it.
type Evidence struct {
	Status string `json:"status"`

	// First and Last are when it was received for the first and the last time,
	// in UTC.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`

	// Count is how often it was received.
	Count int `json:"count"`
}

// Add returns the evidence with one more status, received at a time. The list
// has at most 32 distinct statuses; further ones are counted in a last entry,
// "(other statuses)". It reports whether the status is new.
func Add(evidence []Evidence, name string, at time.Time) (with []Evidence, isNew bool) {
	with = append([]Evidence(nil), evidence...)
	for range 2 {
		for i := range with {
			if with[i].Status == name {
				with[i].Last = at.UTC()
				with[i].Count++
				return with, false
			}
		}
		if len(with) < maxEvidence {
			break
		}
		name = otherStatuses
	}
	return append(with, Evidence{name, at.UTC(), at.UTC(), 1}), true
}
