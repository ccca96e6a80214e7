package verify

import (
	"maps"
	"slices"

	"github.com/callvault/callvault/internal/dayrecord"
)

// counts are those of a record, of an entry, or of rows.
type counts struct {
	sessions, files, bytes                            int64
	outcomes                                          map[string]int64
	onlyGetSessions, onlyInteractionDetails, unlisted int64
}

func (c counts) equal(other counts) bool {
	return maps.Equal(c.outcomes, other.outcomes) && c.sessions == other.sessions && c.files == other.files && c.bytes == other.bytes &&
		c.onlyGetSessions == other.onlyGetSessions && c.onlyInteractionDetails == other.onlyInteractionDetails && c.unlisted == other.unlisted
}

func (f *fields) counts(name string) counts {
	inner := f.object(name)
	outcomes := inner.object("outcomes")
	c := counts{
		sessions: inner.number("sessions"), files: inner.number("files"), bytes: inner.number("bytes"), outcomes: make(map[string]int64),
		onlyGetSessions: inner.number("onlyGetSessions"), onlyInteractionDetails: inner.number("onlyInteractionDetails"), unlisted: inner.number("unlisted"),
	}
	for outcome := range outcomes.values {
		c.outcomes[outcome] = outcomes.number(outcome)
	}
	inner.take("outcomes", outcomes)
	f.take(name, inner)
	return c
}

// disagreement has the ids of the sessions that not both lists had.
type disagreement struct{ onlyGetSessions, onlyInteractionDetails, unlisted []string }

func (d disagreement) equal(other disagreement) bool {
	return slices.Equal(d.onlyGetSessions, other.onlyGetSessions) && slices.Equal(d.onlyInteractionDetails, other.onlyInteractionDetails) && slices.Equal(d.unlisted, other.unlisted)
}

func (f *fields) disagreement(name string) disagreement {
	if !f.has(name) {
		return disagreement{}
	}
	inner := f.object(name)
	ids := func(of string) []string {
		if !inner.has(of) {
			return nil
		}
		return inner.texts(of)
	}
	d := disagreement{ids("onlyGetSessions"), ids("onlyInteractionDetails"), ids("unlisted")}
	f.take(name, inner)
	return d
}

// tally counts rows.
type tally struct {
	counts
	found disagreement
}

func (t *tally) add(r row) {
	t.sessions++
	t.files += int64(len(r.files))
	t.bytes += r.bytes
	if t.outcomes == nil {
		t.outcomes = make(map[string]int64)
	}
	t.outcomes[r.outcome]++
	switch {
	case len(r.listedBy) == 0:
		t.found.unlisted = append(t.found.unlisted, r.session)
	case len(r.listedBy) > 1:
	case r.listedBy[0] == dayrecord.GetSessions:
		t.found.onlyGetSessions = append(t.found.onlyGetSessions, r.session)
	default:
		t.found.onlyInteractionDetails = append(t.found.onlyInteractionDetails, r.session)
	}
}

// result returns the counts and the disagreement. What a list that was never available does
// not have says nothing.
func (t *tally) result(bothAnswered bool) (counts, disagreement) {
	d := t.found
	if !bothAnswered {
		d = disagreement{unlisted: d.unlisted}
	}
	c := t.counts
	c.onlyGetSessions, c.onlyInteractionDetails, c.unlisted = int64(len(d.onlyGetSessions)), int64(len(d.onlyInteractionDetails)), int64(len(d.unlisted))
	return c, d
}
