package simulator

import (
	"net/http"
	"strings"
)

// route is what a request is for. botID is that of an API call, accountID that of a call of the account's endpoint.
type route struct {
	kind      CallKind
	botID     string
	accountID string
}

const (
	accountPrefix    = "/agentassist/api/public/analytics/account/"
	interactionsPath = "v2/interactionDetails"
)

// routeOf matches the media's prefix and the endpoints of the API; like Express it serves HEAD with GET.
func routeOf(r *http.Request) route {
	if strings.HasPrefix(r.URL.Path, mediaPrefix) {
		return route{kind: KindMedia}
	}
	if rest, ofAccount := strings.CutPrefix(r.URL.Path, accountPrefix); ofAccount {
		accountID, endpoint, _ := strings.Cut(rest, "/")
		if accountID != "" && endpoint == interactionsPath && r.Method == http.MethodPost {
			return route{kind: KindInteractions, botID: r.Header.Get("iId"), accountID: accountID}
		}
		return route{kind: KindOther}
	}
	rest, ofBot := strings.CutPrefix(r.URL.Path, "/api/public/bot/")
	botID, endpoint, _ := strings.Cut(rest, "/")
	switch {
	case !ofBot || botID == "":
	case endpoint == "v2/recordings" && isGetOrHead(r.Method):
		return route{kind: KindAPI, botID: botID}
	case endpoint == "getSessions" && r.Method == http.MethodPost:
		return route{kind: KindSessions, botID: botID}
	case endpoint == "voicemail" && isGetOrHead(r.Method):
		return route{kind: KindVoicemail, botID: botID}
	case endpoint == "getMessagesV2" && r.Method == http.MethodPost:
		return route{kind: KindMessages, botID: botID}
	}
	return route{kind: KindOther}
}

func isGetOrHead(method string) bool { return method == http.MethodGet || method == http.MethodHead }
