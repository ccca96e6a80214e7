// Package simulator simulates three endpoints of the vendor's API (SmartAssist), "Fetch Call Recording (Version 2)", the
// session list (getSessions) and the account's interactions (interactionDetails, version 2), for tests and for development: an HTTP server that behaves like the real one as far as that
// is known, and that injects faults on demand.
//
// It is strict, so that the client is proven against the strictest settings of the vendor: it refuses a token that the
// platform would refuse, a media URL that was re-encoded on the way and a call over the budget, with the vendor's texts.
//
// # Order of the checks
//
// A call of any endpoint passes these checks in order; the first that fails decides the response.
//
//  1. An outage set with SetOutage: nothing else is checked.
//  2. Path and method; anything else gets a 404 as Express formats it. DELETE, which the platform has, is not simulated.
//  3. The token: present, decrypted (with "Enforce JWE"), shaped like a JWT, bot known, signature, client id, exp/nbf/iat,
//     the jti rules, the scope of the endpoint: "SmartAssist Recordings", "Bot Sessions" or "SmartAssist Analytics". A call of
//     the interactions without iId or accountId is an invalid argument (412) before that; another account than
//     Config.AccountID is handled like an unknown bot.
//     The jti is used up here, so a token that is refused for its scope or for the call budget cannot be used again.
//  4. The call budget: the hour before the minute. For recordings it is that of the bot, or of all bots with
//     Config.SharedBudget; for the session list it is another one, always of the bot; for the
//     interactions a third one, of the account.
//  5. The arguments.
//  6. For recordings the script of the session.
//
// # Undocumented behaviour and the choices made
//
//   - A call that fails its authentication (3) costs the bot nothing; a call that fails later (5, 6) costs one.
//     A call refused for the budget (4) costs nothing unless Config.RefusedCallsCount is set.
//   - An unknown session returns "media_unavailable" with an empty list, not 404: the documented statuses have no value
//     for it, and the platform does not reveal whether an id exists. The same holds for a session requested with
//     another user's id.
//   - NoSuchSession, set as a Step.Fault, is the other possible response about an unknown session: 404, 403, 409 or 410 with
//     the error envelope. No public source shows one, so its texts are invented and it is not the default.
//   - The statuses of the console (see the constants) are sent when a script has them; whether the API sends them is unknown.
//   - A 429 carries code 429 and no Retry-After; Config.RetryAfter adds one. Its text names the window, unless
//     Config.GenericLimitText is set: public clients received both.
//   - SetBudget changes the limits without a sign to the client, as the vendor may. All calls of the last hour count against
//     the new ones, those included that SpendCalls counted for another client.
//   - A recording whose retention has passed (Config.Retention, Session.Retention, Purge) is media_unavailable, as the vendor's page
//     says of deleted media, and its script stands still. Its media URLs give 404; a response that has begun is not cut.
//   - Every status other than success has an empty "recording" list.
//   - Expired, not-yet-valid and mistyped time claims return 401 with "error verifying the jwt: …".
//   - An algorithm other than the app's, "none" included, is handled like a bad signature.
//   - A token that is not encrypted as "Enforce JWE" asks, by another algorithm or for another kid included, is handled like a
//     text that is not a JWT. So is one without cty "JWT", which RFC 7519 asks of a nested JWT. Without "Enforce JWE", so is
//     an encrypted one.
//   - A media URL that is wrong, expired or of a step with URLsRefused returns 403, a signed one for a file that no longer
//     exists 404. A file that stays refused (403) or deleted (404, 410) is a Fault with a negative Times.
//   - Media is WAV with a true header. HeaderLies has recordings whose headers lie or that have another format.
//   - Media responses carry Content-Length, Last-Modified, an ETag and honour Range and If-Range; Range, and ETag with
//     Last-Modified, can be switched off, and a file may have a weak ETag or Last-Modified alone. See File.Validator.
//
// # Undocumented behaviour of the session list
//
//   - Documented are the keys, that sessionId has at most 50 ids, repeated ones included, and makes everything else be
//     ignored, a range of at most 7 days, the default range, the order, the two values of sessionStatus, and invalidSessions
//     for the ids that were not found. What follows is chosen.
//   - Only skip, limit, dateFrom, dateTo and sessionId are simulated. Any other key, a value of another type, a body over 100
//     KiB or of another Content-Type than application/json is an invalid argument (412), so that a filter that the client
//     got wrong does not go unnoticed. So is an empty sessionId, a range over 7 days and an unknown containmentType. All is
//     checked before sessionId makes the rest be ignored. No body at all is the first page of the last 7 days.
//   - limit is 25 by default and 100 at most.
//   - A range selects by the begin of the call, both ends included. A day is its midnight in UTC.
//   - A session that is active has no end_time. When the call has ended, it is closed at once; the platform may take longer.
//     See Session.Length.
//   - Every session has the channel korevg or rtm, no tags and the containmentType selfService. Keys of the platform that say
//     nothing of the call's end are left out.
//   - Steps and their faults concern recordings alone; SetOutage concerns the session list too.
//
// # Undocumented behaviour of the interactions
//
//   - Documented are the keys of the request, the headers, that limit and offset are at most 100 and 10 and that offset counts
//     pages, a range of at most 7 days, the sign of timeZoneOffset, and the keys of a row. What follows is chosen.
//   - Any other key or value is an invalid argument (412). limit is 100 by default.
//   - A range selects by the begin of the call, both ends included; see Config.InteractionEndExcluded.
//   - The order of the rows follows from the ids, but is none by time, since none is documented.
//   - numResults counts the rows of the page; see Config.InteractionTotals.
//   - A row of a session without a direction lacks conversationId and isVoicemail too, as in the vendor's sample. A filter by
//     direction does not select it.
//
// # Undocumented behaviour of the voicemail and the messages
//
//   - Documented are the keys, that both arguments of the voicemail are required, that its list has a space in its key (in the
//     sample), that a request asks for at most 10,000 messages, and a range of less than 7 days. What follows is chosen.
//   - A session without a voicemail, or an unknown one, has the status success and an empty list. No transcriptions are sent.
//   - Exactly one sessionId, dateFrom and dateTo are required of the messages, limit is 100 by default, skip counts messages,
//     and any other key is an invalid argument (412). All messages are of the channel korevg.
//   - Each has a scope and a budget of the bot of its own; see SetScopeOf, SetBudgetOf and SetOutageOf.
//
// # Time
//
// Tokens, call windows, scripts and URL expiry follow Config.Now, so that a test can skip a day instantly. Delays, slow
// bodies and stalls happen on a socket and follow the wall clock.
//
// Resets and cut bodies need a real connection: serve the simulator with net/http or httptest.Server. On a
// ResponseRecorder they panic with http.ErrAbortHandler.
package simulator
