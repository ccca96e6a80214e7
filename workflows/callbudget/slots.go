package callbudget

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"sort"
	"time"

	"github.com/callvault/callvault/workflows"
)

// maxSlots bounds the slots that are remembered, those of the largest window; the oldest
// are forgotten first.
const maxSlots = workflows.MaxWindowCalls

// slots are the times of the slots that were handed out, oldest first, to the
// millisecond. In JSON they take about two bytes each.
type slots []int64

func (s slots) last() time.Time {
	if len(s) == 0 {
		return time.Time{}
	}
	return time.UnixMilli(s[len(s)-1]).UTC()
}

// add appends a slot, which is never before the last one.
func (s *slots) add(at time.Time) {
	*s = append(*s, at.UnixMilli())
	if len(*s) > maxSlots {
		*s = (*s)[len(*s)-maxSlots:]
	}
}

// forget drops the slots before a time.
func (s *slots) forget(before time.Time) {
	keep := s.after(before.UnixMilli() - 1)
	*s = append(slots(nil), (*s)[keep:]...)
}

// remove drops a slot, and reports whether there was one.
func (s *slots) remove(at time.Time) bool {
	i, found := slices.BinarySearch(*s, at.UnixMilli())
	if found {
		*s = slices.Delete(*s, i, i+1)
	}
	return found
}

// after returns the index of the first slot later than a time in milliseconds.
func (s slots) after(at int64) int {
	return sort.Search(len(s), func(i int) bool { return s[i] > at })
}

// within counts the slots in the span that ends with, and includes, a time.
func (s slots) within(span time.Duration, end time.Time) int {
	return s.after(end.UnixMilli()) - s.after(end.Add(-span).UnixMilli())
}

// MarshalJSON writes the differences of the times as base64 of varints.
func (s slots) MarshalJSON() ([]byte, error) {
	var encoded []byte
	var before int64
	for _, at := range s {
		encoded = binary.AppendVarint(encoded, at-before)
		before = at
	}
	return json.Marshal(base64.RawStdEncoding.EncodeToString(encoded))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *slots) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	encoded, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	*s = nil
	var at int64
	for len(encoded) > 0 {
		difference, n := binary.Varint(encoded)
		if n <= 0 {
			return errors.New("the times of the slots are malformed")
		}
		encoded = encoded[n:]
		at += difference
		*s = append(*s, at)
	}
	return nil
}
