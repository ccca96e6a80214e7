package doctor

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/slots"
	"github.com/callvault/callvault/internal/temporalclient"
	"github.com/callvault/callvault/workflows"
)

// maxAccounts bounds the accounts that are checked at a time.
const maxAccounts = 4

// Options are what [Run] needs.
type Options struct {
	// Connect connects to Temporal. Required.
	Connect func(context.Context) (*temporalclient.Connection, error)

	// Settings are the configuration of a worker, and SettingsErr what is wrong with it.
	// Present reports whether the environment says anything of an account.
	Settings    *config.Config
	SettingsErr error
	Present     bool

	// Session is the one that calls are made for. Its bot may be left out if one is configured.
	// Defaults to none, and no call is made.
	Session workflows.Session
}

// Run makes all checks, and returns their findings in order, within about a minute. Without a
// configuration it checks Temporal alone.
func Run(ctx context.Context, options Options) []Finding {
	ctx, cancel := context.WithTimeout(ctx, total)
	defer cancel()
	var head section
	served := new(account.Served)
	found := judgeConfiguration(options.Settings, options.SettingsErr, options.Present)
	if found.isUsable() {
		opened, err := account.OpenAll(options.Settings.Accounts)
		if err != nil {
			found = broken("%s", line(err)).wayOut("correct the configuration")
		} else {
			served = opened
		}
	}
	head.add(Configuration, found)

	t := &temporal{connect: options.Connect, accounts: served.Accounts}
	defer t.close()
	var all sync.WaitGroup
	all.Go(func() { t.check(ctx) })
	sections := make([][]Finding, len(served.Accounts))
	free := make(chan struct{}, maxAccounts)
	archives := make(map[string]*sync.Mutex)
	for i, a := range served.Accounts {
		place := a.Store.Place()
		if archives[place] == nil {
			archives[place] = new(sync.Mutex)
		}
		writing := archives[place]
		all.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			sections[i] = checkAccount(ctx, a, writing)
		})
	}
	all.Wait()
	findings := slices.Concat(head.findings, t.findings)
	for _, section := range sections {
		findings = append(findings, section...)
	}
	if options.Session.SessionID != "" {
		findings = append(findings, callFor(ctx, served, options.Session, t.connection, findings))
	}
	return findings
}

// checkAccount checks an account. writing is held while objects of its archive are written.
func checkAccount(ctx context.Context, a *account.Account, writing sync.Locker) []Finding {
	archives := &store{section: section{account: a.Name}, config: a.Archive, writing: writing}
	vendor := &upstream{section: section{account: a.Name}, api: a.API, credentials: a.Credentials, bot: a.BotIDs[0]}
	var both sync.WaitGroup
	both.Go(func() { archives.check(ctx) })
	both.Go(func() { vendor.check(ctx) })
	both.Wait()
	return append(archives.findings, vendor.findings...)
}

// callFor makes the calls for a session, if nothing speaks against it.
func callFor(ctx context.Context, served *account.Served, session workflows.Session, connection *temporalclient.Connection, earlier []Finding) Finding {
	owner, err := ownerOf(served, &session)
	if err != nil {
		text, remedy := cutLast(line(err), ": ")
		found := broken("no call was made: %s", text).wayOut("%s", remedy)
		if len(served.Accounts) == 0 {
			found = skipped("no call was made: it needs %s", Configuration)
		}
		found.Name = UpstreamCall
		return found
	}
	calls := section{account: owner.Name}
	for _, one := range earlier {
		if one.Account == owner.Name || one.Account == "" {
			calls.findings = append(calls.findings, one)
		}
	}
	calls.run(ctx, UpstreamCall, []Name{TemporalServer, TemporalNamespace, SharedQueues, AccountQueues, UpstreamDNS, UpstreamConnection, UpstreamTLS, UpstreamToken}, func(context.Context) Finding {
		handed := slots.New(slots.Options{Temporal: connection, Namespace: connection.Namespace, Logger: slog.New(slog.DiscardHandler), YieldLimits: true})
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), each)
			defer cancel()
			handed.Close(ctx)
		}()
		made := &caller{slots: handed, session: session, budget: func(ctx context.Context, name string) (status workflows.BudgetStatus, err error) {
			value, err := workflows.QueryCallBudget(ctx, connection, name)
			if err == nil {
				err = value.Get(&status)
			}
			return status, err
		}}
		return made.find(ctx, owner)
	})
	return calls.findings[len(calls.findings)-1]
}

// ownerOf returns the account of a session's bot, and sets that if there is one alone. Its error ends
// with the remedy.
func ownerOf(served *account.Served, session *workflows.Session) (*account.Account, error) {
	if session.BotID == "" {
		if len(served.Accounts) != 1 || len(served.Accounts[0].BotIDs) != 1 {
			return nil, errors.New("which of the bots the session is of is not known: give --bot")
		}
		session.BotID = served.Accounts[0].BotIDs[0]
	}
	return served.Of(session.BotID)
}
