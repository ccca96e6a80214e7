package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

// The vendor answers most of what can be wrong with a token by one 401. What is behind it is found
// out by up to three calls for one session. The first is that of a fetch; a further one differs from it
// in one thing. "Passed" means any answer but the one in question that comes later at the vendor:
// a status, no such session, a scope, a rule of the jti or a rate limit.
//
//	first answer               further call                     its answer  proves
//	a status, no such session  none                                         token, bot, scope, jti and form are accepted
//	"Scope is incorrect"       none                                         the app lacks the scope, or it is not published
//	a rate limit               none                                         others use the budget, or it is smaller than configured
//	"possibly a replay"        the same with a new token        passed      another client of the app used the same jti, or one request was sent twice
//	                                                            the same    something on the way sends every request twice
//	"error verifying the jwt"  none                                         a rule of the time: the clocks, or what the text says
//	"Invalid JWT token",       the token as it is before it     passed      the app does not enforce JWE
//	  JWE configured             is encrypted                   the same    the platform's key, its kid or an algorithm of the JWE is wrong; which, stays open
//	"Invalid JWT token",       none                                         the app enforces JWE, or something changes the header "auth"; which, stays open
//	  no JWE configured
//	"Invalid SDK credentials"  another bot of the account       passed      the bot's id is wrong, or the app is not linked to the bot
//	                           the other algorithm, same key    passed      the app has the other algorithm
//	                           the client id as iss, or back    passed      the app takes the other claim
//	                             as appId                       none passed the client id, the key or the bot's id: the vendor answers all alike
//
// A token that is unsigned, or signed by a wrong key, is not tried: its answer is the same as that
// about an unknown bot, and so proves nothing. That the vendor looks at the bot and the signature before the
// jti, and at the scope after it, is inferred.

const (
	// maxCalls bounds the calls of the API.
	maxCalls = 3

	// slotWait is how long a slot is waited for, and callWait how long its call may take.
	slotWait = 15 * time.Second
	callWait = 10 * time.Second
)

// callSlots hands out call slots; see slots.Client.
type callSlots interface {
	Take(ctx context.Context, served *account.Account, want callbudget.Want) (slot *callbudget.Slot, in time.Duration, err error)
	IsVoid(slot callbudget.Slot) bool
	Report(ctx context.Context, served *account.Account, report callbudget.CallReport)
}

// caller makes the calls.
type caller struct {
	slots   callSlots
	session workflows.Session
	// budget tells the state of a budget, for a call that got no slot.
	budget func(ctx context.Context, name string) (workflows.BudgetStatus, error)

	made int
}

// attempt is one call: of a bot of an account, perhaps with other credentials.
type attempt struct {
	what   string
	served *account.Account
	botID  string
	// isFetch: the call is as a fetch makes it, so that its answer tells of fetches.
	isFetch bool
}

// answer is what came back.
type answer struct {
	status string             // the session's, if the call was accepted
	failed *smartassist.Error // nil if it was
}

func (a answer) cause() smartassist.Cause {
	if a.failed == nil {
		return ""
	}
	return a.failed.Cause
}

// hasPassed reports whether the vendor has accepted the signature and the bot, as far as can be inferred.
func (a answer) hasPassed() bool {
	switch a.cause() {
	case smartassist.CauseScope, smartassist.CauseRules, smartassist.CauseReplay:
		return true
	case smartassist.CauseForm, smartassist.CauseCredentials:
		return false
	}
	return a.failed == nil || a.failed.Kind == failure.RateLimited || a.failed.Kind == failure.Rejected
}

// find finds out what is behind the vendor's answer about the session.
func (c *caller) find(ctx context.Context, served *account.Account) Finding {
	fetch := attempt{what: "the call of a fetch", served: served, botID: c.session.BotID, isFetch: true}
	first, err := c.call(ctx, fetch)
	if err != nil {
		return skipped("no call was made: %s", line(err)).wayOut("see what the budget says: %s budget show; a call is made only in a slot that its workflow hands out", program.Command("starter"))
	}
	found := c.explain(ctx, fetch, first)
	found.Text += fmt.Sprintf(" (%s made)", count(c.made, "call"))
	return found
}

func (c *caller) explain(ctx context.Context, fetch attempt, first answer) Finding {
	switch {
	case first.failed == nil && first.status == status.NoSuchSession:
		return ok("token, bot, scope and rate are accepted; the API does not know the session")
	case first.failed == nil:
		return ok("token, bot, scope and rate are accepted; the session's status is %q", first.status)
	}
	switch first.cause() {
	case smartassist.CauseScope:
		return refused(first, "scope").wayOut("grant the JWT app the scope \"SmartAssist Recordings\" in the console, and publish the bot")
	case smartassist.CauseReplay:
		return c.replay(ctx, fetch, first)
	case smartassist.CauseRules:
		return refused(first, "jti").wayOut("set this machine's clock (see %s); check that the app's algorithm is the one in use here", UpstreamClock)
	case smartassist.CauseForm:
		return c.form(ctx, fetch, first)
	case smartassist.CauseCredentials:
		return c.credentials(ctx, fetch, first)
	}
	text, remedy := cutLast(first.failed.Text, ": ")
	switch first.failed.Kind {
	case failure.RateLimited:
		return warning("rate limit: %s", text).wayOut("find out who else uses the API, and lower the limits (SMARTASSIST_CALLS_PER_MINUTE, budget.windows) if they are the vendor's for others too; %s budget show tells what was learned", program.Command("starter"))
	case failure.Transient:
		return broken("%s", first.failed.Text).wayOut("run this again; if it stays, ask the vendor, or look at what is between")
	default:
		return broken("%s", text).wayOut("%s", remedy)
	}
}

// refused begins with the word for what is refused, and quotes the vendor.
func refused(first answer, what string) Finding {
	said, _ := cutLast(first.failed.Text, `": `)
	return broken("%s: %s\"", what, said)
}

func (c *caller) replay(ctx context.Context, fetch attempt, first answer) Finding {
	again, err := c.call(ctx, fetch)
	switch {
	case err != nil:
		return refused(first, "jti").wayOut("a token was used twice: look for another client of the JWT app, or a proxy that repeats requests (no further call could be made: %s)", line(err))
	case again.cause() == smartassist.CauseReplay:
		return refused(first, "jti, of a second token too").wayOut("something between here and the vendor sends each request twice: look for a proxy or firewall that repeats requests")
	case again.hasPassed():
		return warning("jti: one token was refused as used before, and the next one accepted").wayOut("look for another client of the JWT app that has the same token, or a proxy that repeats some requests")
	}
	return c.explain(ctx, fetch, again)
}

func (c *caller) form(ctx context.Context, fetch attempt, first answer) Finding {
	if fetch.served.Credentials.Encryption == nil {
		return refused(first, "JWE").wayOut("if the app's \"Enforce JWE\" is on, configure it here (token.encryption); otherwise something changes the header \"auth\" on its way: the vendor answers both alike")
	}
	plain := fetch
	plain.what, plain.isFetch, plain.served = "a token that is not encrypted", false, withCredentials(fetch.served, func(credentials *smartassist.Credentials) { credentials.Encryption = nil })
	second, err := c.call(ctx, plain)
	switch {
	case err != nil:
		return refused(first, "JWE").wayOut("check whether the app's \"Enforce JWE\" is on, its key and its algorithms (no further call could be made: %s)", line(err))
	case second.cause() == smartassist.CauseForm:
		return refused(first, "JWE: an encrypted token and a plain one").wayOut("the app enforces JWE, and the platform's key, its kid or an algorithm is another one here: copy the key from the console again, and compare token.encryption with the app's settings")
	case second.hasPassed(), second.cause() == smartassist.CauseCredentials:
		return refused(first, "JWE: an encrypted token, and not a plain one").wayOut("the app does not enforce JWE: remove token.encryption, or switch \"Enforce JWE\" on in the app")
	}
	return refused(first, "JWE").wayOut("check whether the app's \"Enforce JWE\" is on, its key and its algorithms")
}

// credentials makes calls that differ in one thing each, until one passes.
func (c *caller) credentials(ctx context.Context, fetch attempt, first answer) Finding {
	var alike []string
	for _, other := range others(fetch) {
		if c.made >= maxCalls {
			break
		}
		got, err := c.call(ctx, other.attempt)
		if err != nil {
			alike = append(alike, fmt.Sprintf("%s could not be tried: %s", other.what, line(err)))
			break
		}
		if got.hasPassed() {
			return refused(first, other.culprit).wayOut("%s", other.remedy)
		}
		alike = append(alike, other.what+" is refused alike")
	}
	found := refused(first, "client id, client secret or bot id: the vendor answers all alike")
	for _, text := range alike {
		found.Text += "; " + text
	}
	return found.wayOut("compare the client id and the secret with the JWT app's in the console, then the bot's stream id, and whether the app is linked to that bot")
}

// candidate is a call that proves something if it passes.
type candidate struct {
	attempt
	culprit, remedy string
}

// others returns the calls that tell more of refused credentials, the most likely cause first.
func others(fetch attempt) []candidate {
	var all []candidate
	for _, botID := range fetch.served.BotIDs {
		if botID != fetch.botID {
			all = append(all, candidate{attempt{"bot " + botID, fetch.served, botID, false}, "bot id",
				fmt.Sprintf("the same credentials are accepted for bot %s: correct the stream id %s, or link the JWT app to that bot in the console", botID, fetch.botID)})
			break
		}
	}
	if algorithm := otherAlgorithm(fetch.served.Credentials); algorithm != "" {
		all = append(all, candidate{attempt{algorithm, withCredentials(fetch.served, func(c *smartassist.Credentials) { c.Algorithm = algorithm }), fetch.botID, false}, "algorithm",
			fmt.Sprintf("a token that is signed by %s is accepted: set token.algorithm to that, or the app to %s", algorithm, algorithmOf(fetch.served.Credentials))})
	}
	claim, change := otherClaim(fetch.served.Credentials)
	return append(all, candidate{attempt{"the client id as " + claim, withCredentials(fetch.served, change), fetch.botID, false}, "claims",
		fmt.Sprintf("a token whose claim %s is the client id is accepted: set token.claims, see docs/configuration.md", claim)})
}

func otherAlgorithm(credentials smartassist.Credentials) string {
	return map[string]string{
		smartassist.HS256: smartassist.HS512, smartassist.HS512: smartassist.HS256, smartassist.RS256: smartassist.RS512, smartassist.RS512: smartassist.RS256,
	}[algorithmOf(credentials)]
}

// otherClaim returns the claim that has not the client id yet, of the two that are known to work.
func otherClaim(credentials smartassist.Credentials) (name string, change func(*smartassist.Credentials)) {
	claims := maps.Clone(credentials.Claims)
	if claims == nil {
		claims = make(map[string]any)
	}
	if appID, set := claims["appId"]; set && appID == nil {
		delete(claims, "appId")
		delete(claims, "iss")
		return "appId", func(c *smartassist.Credentials) { c.Claims = claims }
	}
	claims["appId"], claims["iss"] = nil, credentials.ClientID
	return "iss", func(c *smartassist.Credentials) { c.Claims = claims }
}

// withCredentials returns the account with other credentials, and the same budget.
func withCredentials(served *account.Account, change func(*smartassist.Credentials)) *account.Account {
	other := *served
	change(&other.Credentials)
	return &other
}

// call makes one call in a slot of the bot's budget, unless maxCalls were made. Its error says why none was made.
func (c *caller) call(ctx context.Context, made attempt) (answer, error) {
	if c.made >= maxCalls {
		return answer{}, fmt.Errorf("%s were made", count(maxCalls, "call"))
	}
	slot, in, err := c.take(ctx, made)
	if err != nil {
		return answer{}, err
	}
	report := callbudget.CallReport{BotID: made.botID, Slot: *slot, Result: callbudget.Unused}
	defer func() {
		if slot.Probe || report.Result != callbudget.Answered {
			c.slots.Report(context.WithoutCancel(ctx), made.served, report)
		}
	}()
	token, _, err := made.served.Credentials.Mint(made.botID, time.Now())
	if err != nil {
		return answer{}, err
	}
	if err := c.await(ctx, *slot, in); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	c.made++
	response, err := made.served.Client.FetchRecordings(ctx, token, workflows.Session{BotID: made.botID, SessionID: c.session.SessionID}, "")
	failed, isRefused := errors.AsType[*smartassist.Error](err)
	report.Result = resultOf(failed, slot.Probe, made.isFetch)
	if isRefused {
		if report.Result == callbudget.Refused {
			if !made.isFetch { // That a call is refused by rate does not unblock those with other credentials.
				report.Slot.Probe, report.Slot.ForAccount = false, false
			}
			report.Span, report.RetryAfter = failed.Window, 0
			if failed.Asked {
				report.RetryAfter = failed.Wait
			}
		}
		return answer{failed: failed}, nil
	}
	return answer{status: response.Status}, nil
}

// resultOf returns what the budget is told of a call. That its credentials are refused is not: they
// may be others than those of the workers. A probe that tells nothing of fetches counts as one without
// a response.
func resultOf(failed *smartassist.Error, isProbe, isFetch bool) callbudget.CallResult {
	switch {
	case failed != nil && failed.Kind == failure.RateLimited:
		return callbudget.Refused
	case isProbe && (failed != nil || !isFetch):
		return callbudget.Unknown
	}
	return callbudget.Answered
}

// take waits for a slot. Somebody waits for the call, so that it goes before all others.
func (c *caller) take(ctx context.Context, made attempt) (*callbudget.Slot, time.Duration, error) {
	began := time.Now()
	waiting, cancel := context.WithTimeout(ctx, slotWait)
	defer cancel()
	slot, in, err := c.slots.Take(waiting, made.served, callbudget.Want{BotID: made.botID, Level: callbudget.FrontLevel, Front: true})
	if err == nil {
		return slot, in, nil
	}
	name, waited := made.served.BudgetName(made.botID), time.Since(began).Round(time.Second)
	asked, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	state, queryErr := c.budget(asked, name)
	switch {
	case queryErr != nil:
		return nil, 0, fmt.Errorf("the budget %s handed out no slot within %s, and did not say why (%w)", name, waited, queryErr)
	case state.State == workflows.BudgetOpen:
		return nil, 0, fmt.Errorf("the budget %s handed out no slot within %s", name, waited)
	}
	return nil, 0, fmt.Errorf("the budget %s is %s: %s", name, state.State, state.Reason)
}

// await waits until the call of a slot is to be made. One that is late would make a burst.
func (c *caller) await(ctx context.Context, slot callbudget.Slot, in time.Duration) error {
	late, err := timing.Wait(ctx, in)
	switch {
	case err != nil:
		return err
	case c.slots.IsVoid(slot):
		return errors.New("the slot was withdrawn: all calls of the budget have stopped")
	case late > slot.Within:
		return fmt.Errorf("the slot came %s too late", (late - slot.Within).Round(time.Millisecond))
	}
	return nil
}
