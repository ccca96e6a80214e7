package dayseal

import (
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// tally adds up the rows of a day.
type tally struct {
	counts       dayrecord.Counts
	disagreement dayrecord.Disagreement

	// comparable: both lists could be read at least once, so that they can disagree.
	comparable bool
}

func newTally(listings []dayrecord.Listing) *tally {
	return &tally{
		counts:     dayrecord.Counts{Outcomes: make(map[workflows.Outcome]int)},
		comparable: len(dayrecord.UnreadLists(listings)) == 0,
	}
}

func (t *tally) add(row dayrecord.Row) {
	t.counts.Sessions++
	t.counts.Outcomes[row.Outcome]++
	t.counts.Files += len(row.Files)
	t.counts.Bytes += row.Bytes
	switch {
	case len(row.ListedBy) == 0:
		t.counts.Unlisted++
		t.disagreement.Unlisted = append(t.disagreement.Unlisted, row.SessionID)
	case !t.comparable || len(row.ListedBy) > 1:
	case row.ListedBy[0] == dayrecord.GetSessions:
		t.counts.OnlyGetSessions++
		t.disagreement.OnlyGetSessions = append(t.disagreement.OnlyGetSessions, row.SessionID)
	default:
		t.counts.OnlyInteractionDetails++
		t.disagreement.OnlyInteractionDetails = append(t.disagreement.OnlyInteractionDetails, row.SessionID)
	}
}

// disagreed returns where the lists disagree; nil if nowhere.
func (t *tally) disagreed() *dayrecord.Disagreement {
	if t.counts.Disagreeing() == 0 {
		return nil
	}
	return &t.disagreement
}
