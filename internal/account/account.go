// Package account is what belongs to one account at the vendor: its bots, their
// credentials and call budget, the hosts that its media may come from, and the
// place of its recordings in the archive.
package account

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/shortlist"
	"github.com/callvault/callvault/internal/smartassist"
)

// Settings describe an account. Package config validates them and has the
// defaults of what operators may leave out.
type Settings struct {
	// API is the base URL of the vendor's API; http only for a loopback host.
	// Required.
	API *url.URL

	// BotIDs are the stream ids of the bots. Required.
	BotIDs []string

	// Credentials are those of the JWT app. Required.
	Credentials smartassist.Credentials

	// Budget is the call budget of each bot. Required.
	Budget Budget

	// MediaHosts are the hosts that media may come from in addition to the API's
	// own; "*." matches every name below a domain. Defaults to none.
	MediaHosts []string

	// Archive is where the recordings are stored, and with which credentials.
	// Required.
	Archive archive.Config
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
	if settings.API == nil || len(settings.BotIDs) == 0 || settings.Budget.CallsPerSecond() <= 0 {
		// A rate of 0 would be no limit at all to Temporal.
		return nil, errors.New("the account needs the API's address, a bot and a call budget above 0")
	}
	store, err := archive.Open(settings.Archive)
	if err != nil {
		return nil, err
	}
	return &Account{
		Settings: settings,
		Client:   smartassist.NewClient(smartassist.Config{BaseURL: settings.API}),
		Sealer:   seal.New(settings.Credentials.ClientSecret),
		Fetcher:  media.NewFetcher(media.NewHostPolicy(settings.API, settings.MediaHosts)),
		Store:    store,
	}, nil
}

// Serves returns an error that names the bot if it is not one of the account's.
func (a *Account) Serves(botID string) error {
	if slices.Contains(a.BotIDs, botID) {
		return nil
	}
	return failure.New(failure.BotNotServed, fmt.Sprintf("no worker of this namespace serves bot %s (they serve %s): add the bot to SMARTASSIST_BOT_ID and restart the workers, or cancel the fetch if botId is wrong",
		botID, shortlist.Of(a.BotIDs, maxNamedBots)))
}

// maxNamedBots bounds how many bots an error names.
const maxNamedBots = 5
