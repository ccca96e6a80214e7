package simulator

import (
	"crypto/rsa"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Defaults that callers may want to name.
const (
	// DefaultBotID is the bot served when Config.BotIDs is empty.
	DefaultBotID = "st-fd81a2b1-43af-544d-8082-831bc09c0001"
	// DefaultClientID is the JWT app's client id when Config.ClientID is empty.
	DefaultClientID = "cs-5f1c6f0e-2d0b-5c5e-9a55-6d9d5f7e0001"
	// DefaultClientSecret signs tokens when Config.ClientSecret is empty. It protects nothing.
	DefaultClientSecret = "simulator-only-client-secret-000000000000000"
	// DefaultAccountID is the account of all bots when Config.AccountID is empty.
	DefaultAccountID = "66050d249f946671f64a0001"
	// DefaultCallsPerMinute is the usual row of the vendor's rate-limit matrix.
	DefaultCallsPerMinute = 60
	// DefaultCallsPerHour is the usual row of the vendor's rate-limit matrix.
	DefaultCallsPerHour = 1800
)

// Unlimited as CallsPerMinute or CallsPerHour switches that window off.
const Unlimited = -1

const maxBots = 1000

// Config configures a Simulator. The zero value gives a working simulator of one bot with the vendor's usual limits.
type Config struct {
	// BotIDs are the bots (stream ids) that exist, at most 1,000. Any other gets the vendor's response for an unknown
	// bot: 401, code 4002. Defaults to DefaultBotID alone.
	BotIDs []string
	// AccountID is the account that all bots belong to: the path and the header accountId of an interactions call must name
	// it. Defaults to DefaultAccountID.
	AccountID string
	// ClientID is the JWT app's client id, expected in the claim appId or iss. Defaults to DefaultClientID.
	ClientID string
	// ClientSecret is the key of HS256 and HS512 signatures. Defaults to DefaultClientSecret.
	ClientSecret string
	// ScopeWithdrawn starts the simulator with the scope "SmartAssist Recordings" not granted; see SetScope.
	// Defaults to false: granted.
	ScopeWithdrawn bool
	// SessionsScopeWithdrawn starts the simulator with the scope "Bot Sessions" not granted; see SetSessionsScope.
	// Defaults to false: granted.
	SessionsScopeWithdrawn bool
	// AnalyticsScopeWithdrawn starts the simulator with the scope "SmartAssist Analytics" not granted; see SetAnalyticsScope.
	// Defaults to false: granted.
	AnalyticsScopeWithdrawn bool
	// Algorithm is the one signature algorithm that the app accepts: HS256, HS512, RS256 or RS512. The RS ones need
	// PublicKey. Defaults to HS256.
	Algorithm string
	// PublicKey verifies RS256 and RS512 signatures, like the key that a customer uploads to the app. Defaults to none.
	PublicKey *rsa.PublicKey
	// EnforceJTI is the app's setting of that name: every token needs a jti, an exp at most one hour ahead, and is valid
	// for one request. When off, jti is neither required nor stored. Defaults to false.
	EnforceJTI bool
	// DecryptionKey switches the app's setting "Enforce JWE" on: a token must be a JWS nested in a compact JWE for this
	// key. Defaults to none: tokens are plain JWS.
	DecryptionKey *rsa.PrivateKey
	// KeyAlgorithm is the one algorithm for the content's key that "Enforce JWE" accepts: RSA-OAEP or RSA1_5. It is used
	// only with DecryptionKey. Defaults to both.
	KeyAlgorithm string
	// ContentEncryption is the one encryption of the token that "Enforce JWE" accepts: A256GCM, A128GCM or A128CBC-HS256.
	// It is used only with DecryptionKey. Defaults to all three.
	ContentEncryption string
	// DecryptionKeyID is the kid that the JWE header must carry; it is used only with DecryptionKey.
	// Defaults to "simulator-key-1".
	DecryptionKeyID string
	// RequireUserID refuses calls without userId with 412, as the vendor's page specifies; the vendor's own samples omit
	// it. Defaults to false.
	RequireUserID bool

	// CallsPerMinute is each bot's budget of recordings calls in a rolling window of 60 s: 1 to 1,000,000, or Unlimited; see SetBudget.
	// Defaults to 60.
	CallsPerMinute int
	// CallsPerHour is each bot's budget of recordings calls in a rolling window of 1 h: 1 to 1,000,000, or Unlimited; see SetBudget.
	// Defaults to 1800.
	CallsPerHour int
	// SessionCallsPerMinute is each bot's budget of the session list in a rolling window of 60 s: 1 to 1,000,000, or
	// Unlimited. Defaults to 60.
	SessionCallsPerMinute int
	// SessionCallsPerHour is each bot's budget of the session list in a rolling window of 1 h: 1 to 1,000,000, or
	// Unlimited. Defaults to 1800.
	SessionCallsPerHour int
	// InteractionCallsPerMinute is the account's budget of the interactions in a rolling window of 60 s: 1 to 1,000,000, or
	// Unlimited. Defaults to 60.
	InteractionCallsPerMinute int
	// InteractionCallsPerHour is the account's budget of the interactions in a rolling window of 1 h: 1 to 1,000,000, or
	// Unlimited. Defaults to 1800.
	InteractionCallsPerHour int
	// SessionListFaults and InteractionFaults are what is wrong with the two lists from the start; see SetListFaults. Default
	// to nothing.
	SessionListFaults ListFaults
	InteractionFaults ListFaults
	// InteractionTotals makes numResults count the rows of the whole window. Defaults to false: those of the page.
	InteractionTotals bool
	// InteractionEndExcluded makes endDate exclude the sessions that began in that second. Defaults to false: they are
	// included.
	InteractionEndExcluded bool
	// SharedBudget makes all bots share one pair of windows, as a limit of the account does; not those of the session list.
	// Defaults to false: each bot has its own.
	SharedBudget bool
	// GenericLimitText makes a call refused for the budget say that the rate limit of the API has been reached, without
	// telling which window. Defaults to false: it names the minute or the hour.
	GenericLimitText bool
	// RefusedCallsCount counts a call that is refused for the budget against it too, so that a client that retries without
	// backoff stays locked out. Defaults to false.
	RefusedCallsCount bool
	// RetryAfter adds a Retry-After header, in whole seconds, to a call refused for the budget. The vendor documents none.
	// Defaults to false.
	RetryAfter bool

	// URLLifetime is how long a media URL is valid. Defaults to 1h.
	URLLifetime time.Duration
	// Retention is how long a recording is kept from the begin of its call; then it is purged, see Purge. The vendor's is a
	// day to 7 years. Session.Retention goes before it. Defaults to forever.
	Retention time.Duration
	// MediaURL is the scheme and host of the returned media URLs, for example "http://127.0.0.1:9001", when media is to
	// come from another host than the API. Defaults to the scheme and host of the API call.
	MediaURL string
	// Environment is the {ENV} segment of a media URL. Defaults to "UAT".
	Environment string
	// OrgID is the o-… segment of a media URL. Defaults to "o-ddda92ea-9174-5c0d-8938-4b5f13ab0001".
	OrgID string
	// DisableRange makes media ignore Range and not advertise it. Defaults to false.
	DisableRange bool
	// DisableETag omits ETag and Last-Modified from media responses, whatever File.Validator says. Defaults to false.
	DisableETag bool
	// StallLimit ends a stalled response, by the wall clock, when neither the client nor Close did. Defaults to 10m.
	StallLimit time.Duration

	// MaxSessions is the most sessions that AddSession accepts. Defaults to 10000.
	MaxSessions int
	// LedgerSize is how many calls the ledger stores; older ones are dropped but still counted. Defaults to 10000.
	LedgerSize int
	// Now is the clock for everything except waits on a socket. It is called from many goroutines. Defaults to time.Now.
	Now func() time.Time
}

// withDefaults returns the configuration with all defaults set, or an error that names the invalid field.
func (c Config) withDefaults() (Config, error) {
	defaultString(&c.AccountID, DefaultAccountID)
	defaultString(&c.ClientID, DefaultClientID)
	defaultString(&c.ClientSecret, DefaultClientSecret)
	defaultString(&c.Algorithm, "HS256")
	defaultString(&c.DecryptionKeyID, "simulator-key-1")
	defaultString(&c.Environment, "UAT")
	defaultString(&c.OrgID, "o-ddda92ea-9174-5c0d-8938-4b5f13ab0001")
	defaultInt(&c.CallsPerMinute, DefaultCallsPerMinute)
	defaultInt(&c.CallsPerHour, DefaultCallsPerHour)
	defaultInt(&c.SessionCallsPerMinute, DefaultCallsPerMinute)
	defaultInt(&c.SessionCallsPerHour, DefaultCallsPerHour)
	defaultInt(&c.InteractionCallsPerMinute, DefaultCallsPerMinute)
	defaultInt(&c.InteractionCallsPerHour, DefaultCallsPerHour)
	defaultInt(&c.MaxSessions, 10_000)
	defaultInt(&c.LedgerSize, 10_000)
	defaultDuration(&c.URLLifetime, time.Hour)
	defaultDuration(&c.StallLimit, 10*time.Minute)
	if len(c.BotIDs) == 0 {
		c.BotIDs = []string{DefaultBotID}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, c.check()
}

func (c Config) check() error {
	if len(c.BotIDs) > maxBots {
		return fmt.Errorf("simulator: BotIDs holds %d bots, at most %d are allowed: remove some", len(c.BotIDs), maxBots)
	}
	for _, bot := range c.BotIDs {
		if !isPathSegment(bot) {
			return fmt.Errorf("simulator: BotIDs holds %q, which is not a URL path segment: use letters, digits, '-' and '_'", bot)
		}
	}
	switch c.Algorithm {
	case "HS256", "HS512":
	case "RS256", "RS512":
		if c.PublicKey == nil {
			return fmt.Errorf("simulator: Algorithm %s has no key to verify signatures: set PublicKey", c.Algorithm)
		}
	default:
		return fmt.Errorf("simulator: Algorithm %q is not one of HS256, HS512, RS256, RS512", c.Algorithm)
	}
	if err := checkJWESettings(c.KeyAlgorithm, c.ContentEncryption); err != nil {
		return err
	}
	if err := checkBudget("", c.CallsPerMinute, c.CallsPerHour); err != nil {
		return err
	}
	if err := checkBudget("Session", c.SessionCallsPerMinute, c.SessionCallsPerHour); err != nil {
		return err
	}
	if err := checkBudget("Interaction", c.InteractionCallsPerMinute, c.InteractionCallsPerHour); err != nil {
		return err
	}
	if !isPathSegment(c.AccountID) {
		return fmt.Errorf("simulator: AccountID %q is not a URL path segment: use letters, digits, '-' and '_'", c.AccountID)
	}
	for name, n := range map[string]int{"MaxSessions": c.MaxSessions, "LedgerSize": c.LedgerSize} {
		if n < 1 {
			return fmt.Errorf("simulator: %s is %d: use at least 1", name, n)
		}
	}
	for name, d := range map[string]time.Duration{"URLLifetime": c.URLLifetime, "StallLimit": c.StallLimit, "Retention": c.Retention} {
		if d < 0 {
			return fmt.Errorf("simulator: %s is %s: use a positive duration", name, d)
		}
	}
	if !isPathSegment(c.Environment) || !isPathSegment(c.OrgID) {
		return fmt.Errorf("simulator: Environment %q and OrgID %q must each be one segment of a URL path", c.Environment, c.OrgID)
	}
	return checkMediaBase("MediaURL", c.MediaURL)
}

// checkMediaBase accepts an empty base or a bare scheme and host.
func checkMediaBase(name, base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil ||
		strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("simulator: %s %q is not a bare scheme and host: write it like https://media.example.org", name, base)
	}
	return nil
}

// isPathSegment reports whether s can be a segment of a URL path without escaping.
func isPathSegment(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func defaultString(p *string, fallback string) {
	if *p == "" {
		*p = fallback
	}
}

func defaultInt(p *int, fallback int) {
	if *p == 0 {
		*p = fallback
	}
}

func defaultDuration(p *time.Duration, fallback time.Duration) {
	if *p == 0 {
		*p = fallback
	}
}
