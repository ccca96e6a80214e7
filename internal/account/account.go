// Package account is what belongs to one account at the vendor: its bots, their
// credentials and call budget, the hosts that its media may come from, and the
// place of its recordings in the archive.
package account

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/smartassist"
)

// Settings describe an account. They are validated where they are read.
type Settings struct {
	// API is the base URL of the vendor's API; http only for a loopback host.
	// Defaults to https://smartassist.kore.ai.
	API *url.URL

	// BotIDs are the stream ids of the bots. Required.
	BotIDs []string

	// Credentials are those of the JWT app. Required.
	Credentials smartassist.Credentials

	// Budget is the call budget of each bot. Defaults to 60 calls a minute and
	// 1800 an hour.
	Budget Budget

	// MediaHosts are the hosts that media may come from in addition to the API's
	// own; "*." matches every name below a domain. Defaults to *.kore.ai and
	// *.korebots.com.
	MediaHosts []string

	// Archive is where the recordings are stored. Required.
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

// Open returns the account of settings. It connects to no one.
func Open(settings Settings, signer *credentials.Credentials) (*Account, error) {
	if signer != nil {
		settings.Archive.Credentials = signer
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
	return failure.New(failure.BotNotServed, fmt.Sprintf("bot %s is not served here: this worker has credentials for %s; correct botId, or add the bot to SMARTASSIST_BOT_ID and restart the workers",
		botID, strings.Join(a.BotIDs, ", ")))
}
