package audio

import "time"

// maxDuration is the longest duration that is believed.
const maxDuration = 30 * 24 * time.Hour

// duration returns a sentence on how long a file of length bytes lasts, or
// nothing if the header does not say enough. If it states no length of the
// data, or more than there is, the bytes found are counted.
func (h Header) duration(length uint64) string {
	data, stated := h.data, h.dataStated
	if h.dataAt > 0 {
		if length <= h.dataAt {
			return ""
		}
		if found := length - h.dataAt; !stated || data > found {
			data, stated = found, false
		}
	}
	if h.rate == 0 {
		return ""
	}
	seconds := float64(data) / float64(h.rate)
	if seconds > maxDuration.Seconds() {
		return ""
	}
	duration := time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
	switch {
	case duration == 0:
		return ""
	case stated:
		return "the header states a duration of " + duration.String()
	default:
		return "at the rate that the header states, the file lasts " + duration.String()
	}
}
