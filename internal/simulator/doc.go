// Package simulator is a stand-in for the vendor's "Fetch Call Recording (Version 2)" API: an HTTP server that a
// client cannot tell from the real one as far as the real one is known, and that fails on demand.
//
// It checks what the vendor checks and answers in the vendor's words. It never makes room for a client: a token
// that the platform would refuse is refused, a media URL that was re-encoded on the way is refused, a call over the
// budget is refused.
//
// # Order of the checks
//
// A call of the recordings endpoint passes these in turn; the first that fails is the answer.
//
//  1. An outage that was set with SetOutage: nothing else is looked at.
//  2. Path and method; anything else is a 404 as Express words it. DELETE, which the platform has, is not simulated.
//  3. The token: present, shaped like a JWT, bot known, signature, client id, exp/nbf/iat, the jti rules, the scope.
//     The jti is burnt here, so a token that is refused for its scope or for the call budget cannot be used again.
//  4. The call budget of the bot: the hour before the minute.
//  5. The arguments.
//  6. The script of the session.
//
// # What nobody documents, and what was chosen
//
//   - A call that fails its authentication (3) costs the bot nothing; a call that fails later (5, 6) costs one.
//     A call refused for the budget (4) costs nothing unless Config.RefusedCallsCount says so.
//   - A session that is not known answers "media_unavailable" with an empty list, not 404: the documented statuses
//     have no word for it, and the platform tells nobody whether an id exists. So does a session asked for with
//     another user's id.
//   - A 429 carries code 429 and no Retry-After; Config.RetryAfter adds one.
//   - Every status other than success has an empty "recording" list.
//   - Expired, not-yet-valid and mistyped time claims answer 401 with "error verifying the jwt: …".
//   - An algorithm other than the app's, "none" included, answers as a bad signature does.
//   - A media URL that is wrong or expired answers 403, a signed one for a file that is gone 404.
//   - Media answers carry Content-Length, Last-Modified, an ETag and honour Range; each can be switched off.
//
// # Time
//
// Tokens, call windows, scripts and URL expiry follow Config.Now, so that a test moves a day in no time. Delays, slow
// bodies and stalls happen on a socket and follow the wall clock.
//
// Resets and cut bodies need a real connection: serve the simulator with net/http or httptest.Server. On a
// ResponseRecorder they panic with http.ErrAbortHandler.
package simulator
