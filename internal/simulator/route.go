package simulator

import (
	"net/http"
	"strings"
)

// route is what a request is for. BotID is that of an API call.
type route struct {
	kind  CallKind
	botID string
}

// routeOf matches the media's prefix and the two endpoints of the API; like Express it serves HEAD with GET.
func routeOf(r *http.Request) route {
	if strings.HasPrefix(r.URL.Path, mediaPrefix) {
		return route{kind: KindMedia}
	}
	rest, ofBot := strings.CutPrefix(r.URL.Path, "/api/public/bot/")
	botID, endpoint, _ := strings.Cut(rest, "/")
	switch {
	case !ofBot || botID == "":
	case endpoint == "v2/recordings" && isGetOrHead(r.Method):
		return route{KindAPI, botID}
	case endpoint == "getSessions" && r.Method == http.MethodPost:
		return route{KindSessions, botID}
	}
	return route{kind: KindOther}
}

func isGetOrHead(method string) bool { return method == http.MethodGet || method == http.MethodHead }
