package simulator

import "time"

// shortCall is how long a call lasts, at most, of whose length neither Session.Length nor the script tells.
const shortCall = time.Minute

// end returns when the call ended, or zero if it is in progress at now. The caller holds the simulator's mutex.
func (st *sessionState) end(now time.Time) time.Time {
	st.skipElapsed(now)
	end := st.hungUp
	if st.Length > 0 {
		end = st.begin.Add(st.Length)
	}
	if end.IsZero() {
		return time.Time{}
	}
	if end.Before(st.begin) {
		end = st.begin
	}
	if now.Before(end) {
		return time.Time{}
	}
	return end
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
