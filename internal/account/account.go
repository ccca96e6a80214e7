// Package account is what belongs to one account at the vendor: its bots, their
// credentials and call budget, the hosts that its media may come from, and the
// place of its recordings in the archive. Nothing of it is shared with another
// account in the same process.
package account

import (
	"cmp"
	"errors"
	"net/url"
	"time"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// Settings describe an account. Package config validates them and has the
// defaults of what operators may leave out.
type Settings struct {
	// Name identifies the account in task queues and workflow ids: up to 64
	// letters, digits, dots, underscores and hyphens. All workers of the account
	// have the same one. Required.
	Name string

	// API is the base URL of the vendor's API; http only for a loopback host.
	// Required.
	API *url.URL

	// BotIDs are the stream ids of the bots. Required.
	BotIDs []string

	// VendorAccountID is the id of the account at the vendor, which its list of interactions asks for: up to 64 letters,
	// digits, hyphens and underscores. Defaults to none: that list cannot be asked.
	VendorAccountID string

	// Credentials are those of the JWT app. Required.
	Credentials smartassist.Credentials

	// Budget is the call budget. Required.
	Budget Budget

	// Retention is how long the vendor keeps a recording after its call; sessions
	// that it purges soon are asked for first. Defaults to 0, which is not known.
	Retention time.Duration

	// UserHashKey is the key of the hashes of users' ids in the rows of sealed days: 16 bytes
	// or more. Defaults to none, and no hashes.
	UserHashKey []byte

	// MaxRecordingBytes is the most that a recording may have: 1 MiB to 5 TiB. Defaults to
	// media.DefaultMaxBytes.
	MaxRecordingBytes int64

	// SkipFLACDecoding leaves FLAC undecoded: its silence and its MD5 are not looked into.
	// Defaults to false.
	SkipFLACDecoding bool

	// AskWhenReady has batches ask the vendor's session list first whether a recent call
	// is over, if the app has the scope Bot Sessions: asking for its recording too early
	// wastes a call. Defaults to false.
	AskWhenReady bool

	// LogKey signs the log of sealed days in the archive. All accounts whose archive is the same
	// bucket and prefix have the same one. Defaults to none, and days wait for it.
	LogKey *daylog.Key

	// TimestampURL is the RFC 3161 authority that stamps the log's checkpoints; http only for a
	// loopback host. Defaults to none, and no timestamps.
	TimestampURL *url.URL
	// CallDetails keeps what the vendor's lists say of a call beside its recordings, as
	// call.json. Defaults to false.
	CallDetails bool

	// Voicemail keeps the voicemail of a call, which needs the scope SmartAssist Voicemail
	// and costs one call of a budget of its own. Defaults to false.
	Voicemail bool

	// Transcript keeps the messages of a call as transcript.json, which needs the scope Chat
	// History and costs at least one call of a budget of its own. Defaults to false.
	Transcript bool

	// MediaHosts are the hosts that media may come from in addition to the API's
	// own; "*." matches every name below a domain. Defaults to none.
	MediaHosts []string

	// Archive is where the recordings are stored, and with which credentials.
	// Required.
	Archive archive.Config

	// budgetSuffix is part of the name of a budget other than that of the recordings.
	budgetSuffix string
}

// BudgetName returns whose call budget a call about the bot counts against: the
// bot's or the account's.
func (s Settings) BudgetName(botID string) string {
	if s.Budget.Scope == PerAccount {
		return s.Name + s.budgetSuffix
	}
	return botID + s.budgetSuffix
}

// Account is an account in use. It is safe for concurrent use.
type Account struct {
	Settings
	Client  *smartassist.Client
	Sealer  *seal.Sealer
	Fetcher *media.Fetcher
	Store   *archive.Store
}

// Open returns the account of settings. It makes no request.
func Open(settings Settings) (*Account, error) {
	if settings.Name == "" || settings.API == nil || len(settings.BotIDs) == 0 || settings.Credentials.Key == nil {
		return nil, errors.New("the account needs a name, the API's address, a bot and credentials")
	}
	if err := settings.Budget.validate(); err != nil {
		return nil, err
	}
	store, err := archive.Open(settings.Archive)
	if err != nil {
		return nil, err
	}
	settings.MaxRecordingBytes = cmp.Or(settings.MaxRecordingBytes, media.DefaultMaxBytes)
	fetcher := media.NewFetcher(media.NewHostPolicy(settings.API, settings.MediaHosts))
	fetcher.MaxBytes = settings.MaxRecordingBytes
	fetcher.Inspection.DecodeFLAC = !settings.SkipFLACDecoding
	return &Account{
		Settings: settings,
		Client:   smartassist.NewClient(smartassist.Config{BaseURL: settings.API}),
		Sealer:   seal.New(settings.Credentials.Key),
		Fetcher:  fetcher,
		Store:    store,
	}, nil
}

// sessionListWindows are the vendor's limits of the session list, for each bot (vendor
// docs). The interactions' are not documented: these are assumed of them, for the account.
// What the vendor refuses corrects them.
var sessionListWindows = []workflows.CallWindow{{Calls: 60, Span: time.Minute}, {Calls: 1800, Span: time.Hour}}

// SessionList returns the account with the call budget of the vendor's session list, which
// is another one than that of the recordings. Its name is the bot's and ".sessions".
func (a *Account) SessionList() *Account {
	list := *a
	list.Budget = Budget{Scope: PerBot, Windows: sessionListWindows}
	list.budgetSuffix = ".sessions"
	return &list
}

// InteractionList returns the account with the call budget of the vendor's list of
// interactions, which all bots share. Its name is the account's and ".interactions".
func (a *Account) InteractionList() *Account {
	list := *a
	list.Budget = Budget{Scope: PerAccount, Windows: sessionListWindows}
	list.budgetSuffix = ".interactions"
	return &list
}
