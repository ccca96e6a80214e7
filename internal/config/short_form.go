package config

import (
	"strconv"
	"strings"

	"github.com/callvault/callvault/workflows"
)

// shortForm reads the one account of the environment variables.
func (p *problems) shortForm(environment map[string]string) *written {
	w := &written{given: make(map[string]setting), environment: environment}
	for _, k := range keys {
		value, found := environment[k.variable]
		if !found || k.variable == "" {
			continue
		}
		s := setting{place: place{name: k.variable}, text: value}
		if k.kind == kindList {
			s.items = itemsOf(s.place, value)
		}
		if k.kind == kindVariable {
			s.text = k.variable // It holds the secret itself.
		}
		w.given[k.name] = s
	}
	w.given["budget.windows"] = p.windowsOf(environment)
	if id, found := w.given["token.clientId"]; found && !w.has("name") {
		w.given["name"] = setting{place: place{name: keyOf("name").variable}, text: id.text}
	}
	return w
}

// itemsOf splits a comma separated list.
func itemsOf(at place, value string) []setting {
	items := []setting{}
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, setting{place: at, text: item})
		}
	}
	return items
}

// windowsOf returns the call windows; an hour of 0 calls is none.
func (p *problems) windowsOf(environment map[string]string) setting {
	var windows setting
	for i, window := range windowVariables {
		item := setting{place: place{name: window.name}, text: keyOf("budget.windows").standard[i]}
		value, found := environment[window.name]
		n, err := strconv.Atoi(value)
		isHour := window.span == "1h"
		switch {
		case !found:
		case err == nil && n == 0 && isHour:
			continue
		case err != nil || n < 1 || n > workflows.MaxWindowCalls:
			none := ""
			if isHour {
				none = ", or 0 for no limit in an hour"
			}
			p.add(item.place, "%q is not a valid budget: want a whole number from 1 to %d%s", clip(value), workflows.MaxWindowCalls, none)
		default:
			item.text = strconv.Itoa(n) + "/" + window.span
		}
		windows.items = append(windows.items, item)
	}
	return windows
}
