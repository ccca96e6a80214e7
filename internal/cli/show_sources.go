package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/temporalclient"
	"github.com/callvault/callvault/workflows"
)

// sources are what is known of sessions: the archives of the configuration and Temporal.
type sources struct {
	served    *account.Served // nil without a configuration
	histories *histories      // nil without Temporal
	webUI     webUI
	botID     string // the only one that is asked for; empty for any
	missing   []string
}

// openSources opens what there is, and fails if that is nothing. The caller calls done at
// the end.
func openSources(command *cobra.Command, botID string) (s *sources, done func(), err error) {
	if botID != "" {
		if err := workflows.ValidateBotID(botID); err != nil {
			return nil, nil, program.Usage(err)
		}
	}
	s = &sources{botID: botID}
	if s.webUI, err = webUIFromEnvironment(); err != nil {
		return nil, nil, err
	}
	var unconfigured error
	if s.served, unconfigured = configuredAccounts(); unconfigured != nil {
		s.missing = append(s.missing, "The archive was not asked, since the configuration of a worker is missing or not valid: "+oneline.Of(unconfigured.Error()))
	}
	c, namespace, err := connect(command.Context(), command.ErrOrStderr())
	switch {
	case command.Context().Err() != nil:
		return nil, nil, program.ErrInterrupted
	case err == nil:
		payloads, err := temporalclient.DataConverter() // Its keys were read for the client already.
		if err != nil {
			c.Close()
			return nil, nil, program.Usage(err)
		}
		s.histories = &histories{client: c, namespace: namespace, payloads: payloads}
		return s, c.Close, nil
	case program.IsUsage(err):
		return nil, nil, err
	case unconfigured != nil:
		return nil, nil, errors.Join(unconfigured, err)
	}
	s.missing = append(s.missing, "Temporal was not asked, so the history is missing: "+oneline.Of(err.Error()))
	return s, func() {}, nil
}

// bots returns the bots that the session may be of.
func (s *sources) bots() ([]string, error) {
	switch {
	case s.botID != "":
		return []string{s.botID}, nil
	case s.served == nil:
		return nil, program.Usage(errors.New("the bot is not known without the configuration of a worker: give --bot st-…, or set CALLVAULT_CONFIG or the SMARTASSIST_ and S3_ variables"))
	}
	return botsOf(s.served, "")
}

// show puts together what is known of a session: of the first of the bots of which the
// archive has its manifest or, without one, Temporal a fetch.
func (s *sources) show(ctx context.Context, sessionID string) (*shownCall, error) {
	bots, err := s.bots()
	if err != nil {
		return nil, err
	}
	var shown *shownCall
	var unread []string
	bounded, cancel := context.WithTimeout(ctx, archiveTimeout) // Of all bots.
	defer cancel()
	for _, botID := range bots {
		one, err := s.archived(bounded, workflows.Session{BotID: botID, SessionID: sessionID})
		if err != nil {
			return nil, err
		}
		unread = append(unread, one.Missing...)
		if one.Manifest != nil || shown == nil && len(bots) == 1 {
			shown = one
			break
		}
	}
	for _, botID := range bots {
		if shown != nil || s.histories == nil {
			break
		}
		session := workflows.Session{BotID: botID, SessionID: sessionID}
		switch known, err := s.histories.isKnown(ctx, session); {
		case err != nil:
			return nil, err
		case known:
			if shown, err = s.archived(ctx, session); err != nil {
				return nil, err
			}
		}
	}
	if shown == nil {
		return nil, s.unknown(sessionID, unread)
	}
	shown.Missing = append(append([]string{}, s.missing...), shown.Missing...)
	if s.histories != nil {
		if err := s.histories.add(ctx, shown, s.webUI); err != nil {
			return nil, err
		}
	}
	shown.conclude()
	if shown.Manifest == nil && len(shown.Runs) == 0 && len(shown.Missing) == 0 {
		return nil, s.unknown(sessionID, nil)
	}
	return shown, nil
}

// unknown says what was asked and does not know the session. unread is why archives could not be read.
func (s *sources) unknown(sessionID string, unread []string) error {
	if len(unread) > 0 {
		return fmt.Errorf("%w %s, but it may be archived all the same: %s", errNothingKnown, sessionID, unread[0])
	}
	text := "the archive has no manifest of it and Temporal no fetch"
	switch {
	case s.histories == nil:
		text = "the archive has no manifest of it, and Temporal was not asked"
	case s.served == nil:
		text = "Temporal has no fetch of it, and the archive was not asked"
	}
	return fmt.Errorf("%w %s: %s: correct the id or give --bot; to have it fetched: %s",
		errNothingKnown, sessionID, text, followCommand(workflows.Session{BotID: orExample(s.botID), SessionID: sessionID}))
}

func orExample(botID string) string {
	if botID == "" {
		return "st-…"
	}
	return botID
}
