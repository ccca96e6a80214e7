package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
)

// Bounds of an account.
const (
	maxBots      = 500
	maxHosts     = 100
	day          = 24 * time.Hour
	minRetention = day           // The bounds of what the vendor's console
	maxRetention = 7 * 366 * day // accepts: a day and seven years.

	minMaxRecording = 1 << 20
)

// The vendor's samples have 24 hexadecimal digits, but its documentation says no more than "string".
var vendorAccountPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

var namePattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$`)

// settings validates an account.
func (p *problems) settings(w *written) account.Settings {
	return account.Settings{
		Name:        p.name(w),
		API:         p.baseURL(w.get("url")),
		BotIDs:      p.botIDs(w),
		Credentials: p.credentials(w),

		VendorAccountID: p.vendorAccountID(w.get("accountId")),

		MediaHosts: p.hosts(w.get("mediaHosts")),
		Budget:     account.Budget{Scope: p.scope(w.get("budget.scope")), Windows: p.windows(w.get("budget.windows"))},
		Retention:  p.retention(w.get("retention")),

		UserHashKey: p.userHashKey(w),

		SkipFLACDecoding:  !p.isOn(w.get("decodeFlac")),
		MaxRecordingBytes: p.size(w.get("maxRecordingSize"), minMaxRecording, archive.MaxObjectBytes),

		AskWhenReady: p.askWhenReady(w.get("askWhenReady")),
		LogKey:       p.logKey(w),
		TimestampURL: p.timestampURL(w.get("archive.timestampUrl")),
		CallDetails:  p.isOn(w.get("callDetails")),
		Voicemail:    p.isOn(w.get("voicemail")),
		Transcript:   p.isOn(w.get("transcript")),
		Archive:      p.archive(w),
	}
}

func (p *problems) required(w *written, name, what string) string {
	s := w.get(name)
	if s.text == "" && !w.isMisread(name) {
		p.add(s.place, "is not set: set it to %s", what)
	}
	return s.text
}

func (p *problems) name(w *written) string {
	if w.isShortForm() && !w.has("name") {
		return "" // The client id, which stands for it, is missing, and is reported.
	}
	name := p.required(w, "name", "a name for the account, which stays the same for good")
	switch at := w.place("name"); {
	case name == "":
	case w.isShortForm() && name == w.get("token.clientId").text && !namePattern.MatchString(name):
		p.add(at, "is not set, and the client id cannot be the account's name: set it to one of up to 64 letters, digits, dots, underscores and hyphens")
	case !namePattern.MatchString(name):
		p.add(at, "%q is not a name: want up to 64 letters, digits, dots, underscores and hyphens, beginning with a letter or digit", clip(name))
	case workflows.ValidateBotID(name) == nil:
		p.add(at, "%q has the form of a bot's stream id, with which it must not be confused: want another one", name)
	}
	return name
}

func (p *problems) botIDs(w *written) []string {
	list := w.get("bots")
	if len(list.items) == 0 && !w.isMisread("bots") {
		p.add(list.place, `is not set: set it to the bots' stream ids ("st-…"), which each bot's General Settings page shows`)
	}
	if len(list.items) > maxBots {
		p.add(list.place, "names %d bots, more than %d: spread them over several installations", len(list.items), maxBots)
		return nil
	}
	var ids []string
	for _, item := range list.items {
		if err := workflows.ValidateBotID(item.text); err != nil {
			p.add(item.place, "%q is not a stream id: want \"st-\" and letters, digits and hyphens", clip(item.text))
		} else if slices.Contains(ids, item.text) {
			p.add(item.place, "%q is named twice: remove one", item.text)
		}
		ids = append(ids, item.text)
	}
	return ids
}

func (p *problems) vendorAccountID(s setting) string {
	if s.text != "" && !vendorAccountPattern.MatchString(s.text) {
		p.add(s.place, "%q is not an account's id: want the one that the vendor's console shows, up to 64 letters, digits, hyphens and underscores", clip(s.text))
		return ""
	}
	return s.text
}

func (p *problems) scope(s setting) account.Scope {
	scope := account.Scope(s.text)
	if scope != account.PerBot && scope != account.PerAccount {
		p.add(s.place, "%q is not a scope: want %s, if each bot has a budget of its own, or %s, if all bots share one", clip(s.text), account.PerBot, account.PerAccount)
	}
	return scope
}

func (p *problems) windows(list setting) []workflows.CallWindow {
	if len(list.items) == 0 || len(list.items) > workflows.MaxWindows {
		p.add(list.place, "has %d call windows: want 1 to %d, such as [60/1m, 1800/1h]", len(list.items), workflows.MaxWindows)
		return nil
	}
	var windows []workflows.CallWindow
	for _, item := range list.items {
		window, err := workflows.ParseCallWindow(item.text)
		if err != nil {
			p.add(item.place, "%v", err)
		} else if slices.ContainsFunc(windows, func(other workflows.CallWindow) bool { return other.Span == window.Span }) {
			p.add(item.place, "%q is the second window of this length: remove one", clip(item.text))
		}
		windows = append(windows, window)
	}
	return windows
}

func (p *problems) retention(s setting) time.Duration {
	if s.text == "" {
		return 0
	}
	retention, err := time.ParseDuration(s.text)
	if days, found := strings.CutSuffix(s.text, "d"); found {
		var n int
		if n, err = strconv.Atoi(days); err == nil {
			retention = time.Duration(min(n, int(maxRetention/day)+1)) * day
		}
	}
	if err != nil || retention < minRetention || retention > maxRetention {
		p.add(s.place, `%q is not a retention: want one such as "90d" or "2160h", from 1 day to 7 years`, clip(s.text))
		return 0
	}
	return retention
}

func (p *problems) askWhenReady(s setting) bool {
	if s.text != "auto" && s.text != "off" {
		p.add(s.place, "%q is neither auto, which asks the session list if the app has the scope Bot Sessions, nor off", clip(s.text))
	}
	return s.text == "auto"
}

func (p *problems) isOn(s setting) bool {
	if s.text != "on" && s.text != "off" {
		p.add(s.place, "%q is neither on nor off", clip(s.text))
	}
	return s.text == "on"
}

// unique reports names and bots that two accounts claim.
func (p *problems) unique(accounts []*written) {
	names, bots := make(map[string]string), make(map[string]string)
	for _, w := range accounts {
		if name := w.get("name").text; name != "" {
			if other := names[name]; other != "" {
				p.add(w.place("name"), "%q is the name of %s too: rename one", clip(name), other)
			}
			names[name] = w.at
		}
		for _, bot := range w.get("bots").items {
			if other := bots[bot.text]; other != "" && other != w.at {
				p.add(bot.place, "%q is a bot of %s too: remove it from one", clip(bot.text), other)
			}
			bots[bot.text] = w.at
		}
	}
}
