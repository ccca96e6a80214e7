package audio

import "time"

// duration returns a sentence on how long a file of length bytes lasts, or
// nothing if the header does not say enough. If it states no length of the
// data, or more than there is, the bytes found are counted.
func (h Header) duration(length uint64) string {
	data, stated := h.data, h.dataStated
	if h.dataAt > 0 {
		if found := length - min(length, h.dataAt); !stated || data > found {
			data, stated = found, false
		}
	}
	if h.rate == 0 {
		return ""
	}
	seconds := float64(data) / float64(h.rate)
	if seconds > longest.Seconds() {
		return ""
	}
	duration := time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
	if duration == 0 {
		return ""
	}
	if !stated {
		return "at the rate that the header states, the file lasts " + duration.String()
	}
	return "the header states a duration of " + duration.String()
}
