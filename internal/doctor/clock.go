package doctor

import (
	"net/http"
	"time"

	"github.com/callvault/callvault/internal/timing"
)

// clockWarning is the difference between two clocks from which somebody should look at it. A
// machine that keeps its time by NTP is within a second; Date has whole seconds, and the response
// was on its way.
const clockWarning = 5 * time.Second

// tolerance is how far this machine's clock may be from another one before that refuses requests.
type tolerance struct {
	ahead, behind time.Duration
	refused       string // what follows
}

var (
	// s3Tolerance: S3 refuses a signature that is more than 15 minutes old or new
	// (RequestTimeTooSkewed; docs.aws.amazon.com, "Error responses").
	s3Tolerance = tolerance{15 * time.Minute, 15 * time.Minute, "the store refuses every request (RequestTimeTooSkewed)"}

	// tokenTolerance follows from the tokens: they are dated so far back, and are valid so long
	// after their use.
	tokenTolerance = tolerance{timing.ClockSkew, timing.TokenLife - timing.TokenUse, "tokens are not yet, or no longer, valid at the vendor"}
)

// aheadOf returns how far this machine's clock was ahead of the one that wrote Date when a
// response was received; known is false without a Date.
func aheadOf(header http.Header, received time.Time) (ahead time.Duration, known bool) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return received.Sub(date.Add(time.Second / 2)), true // It was cut to the second.
}

// judgeClock judges the difference between this machine's clock and that of a server.
func judgeClock(ahead time.Duration, known bool, allowed tolerance) Finding {
	const remedy = "set this machine's clock, best by NTP: timedatectl set-ntp true"
	text, direction := ahead.Abs().Round(time.Second), "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	switch {
	case !known:
		return skipped("the response has no Date: the clocks could not be compared")
	case ahead > allowed.ahead, -ahead > allowed.behind:
		return broken("this machine's clock is %s %s the server's: %s", text, direction, allowed.refused).wayOut("%s", remedy)
	case ahead.Abs() > clockWarning:
		return warning("this machine's clock is %s %s the server's; requests are refused from %s ahead or %s behind", text, direction, allowed.ahead, allowed.behind).wayOut("%s", remedy)
	}
	return ok("this machine's clock is within %s of the server's", clockWarning)
}
