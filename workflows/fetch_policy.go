package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds of a policy. They keep a typing mistake ("720000h") from making a
// fetch wait for longer than the vendor can keep a recording (7 years).
const (
	maxPolicyDuration = 7 * 366 * 24 * time.Hour
	maxPartialRetries = 1000
)

// FetchPolicy says how patient a fetch is. The zero value of a field stands for
// its default, and no wait is shorter than 50 milliseconds.
//
// In JSON durations are strings such as "90s" or "24h"; "0s" and negative
// durations are errors there.
type FetchPolicy struct {
	// PollMin is the first wait for a call or its media in progress; each
	// further one is longer. Defaults to 1 minute, or to PollMax if that is
	// shorter.
	PollMin time.Duration

	// PollMax is the longest wait between two checks during the first three hours
	// of a call. After that the longest wait is 4 times as long until the call is
	// a day old, 16 times until the third day, then 48 times, and never more than
	// a day unless PollMax is. The same holds for a fetch that is blocked, by the
	// age of the block. Defaults to 30 minutes, or to PollMin if that is longer.
	PollMax time.Duration

	// PartialRetryAfter is how long a fetch waits, never less, after
	// partial_download_failed or partial_upload_failed. Defaults to 24 hours,
	// as the vendor's page says.
	PartialRetryAfter time.Duration

	// PartialMaxRetries is how many times a fetch retries after a partial
	// failure before it gives up; 0 gives up at the first one. At most 1000.
	// Defaults to 7.
	PartialMaxRetries *int

	// UnavailableSettlesAfter is the age of a call, counted from its begin, at
	// which media_unavailable becomes final. The vendor pulls media about 10
	// minutes after a call and again after 24 hours, so a younger call is checked
	// again. Of a call whose retention has passed it is final at once. Defaults to
	// 48 hours.
	UnavailableSettlesAfter time.Duration

	// GiveUpAfter is how long a fetch tries in all, from its start; then it makes
	// one last check and ends with the answer, for which it waits as long as it
	// takes. The time that it is blocked does not count: what needs operator
	// action waits for the operator. Defaults to 720 hours (30 days).
	GiveUpAfter time.Duration
}

// DefaultFetchPolicy returns the policy of a request that says nothing about it.
func DefaultFetchPolicy() FetchPolicy { return FetchPolicy{}.WithDefaults() }

// WithDefaults returns the policy with every unset field at its default.
func (p FetchPolicy) WithDefaults() FetchPolicy {
	switch {
	case p.PollMin == 0 && p.PollMax == 0:
		p.PollMin, p.PollMax = time.Minute, 30*time.Minute
	case p.PollMin == 0:
		p.PollMin = min(time.Minute, p.PollMax)
	case p.PollMax == 0:
		p.PollMax = max(30*time.Minute, p.PollMin)
	}
	if p.PartialRetryAfter == 0 {
		p.PartialRetryAfter = 24 * time.Hour
	}
	if p.PartialMaxRetries == nil {
		p.PartialMaxRetries = new(7)
	}
	if p.UnavailableSettlesAfter == 0 {
		p.UnavailableSettlesAfter = 48 * time.Hour
	}
	if p.GiveUpAfter == 0 {
		p.GiveUpAfter = 720 * time.Hour
	}
	return p
}

// Validate reports every field that is out of bounds.
func (p FetchPolicy) Validate() error {
	var faults []error
	for _, field := range p.durations() {
		if *field.value < 0 || *field.value > maxPolicyDuration {
			faults = append(faults, fmt.Errorf("policy.%s is %s: want a positive duration of at most 7 years", field.key, *field.value))
		}
	}
	if n := p.PartialMaxRetries; n != nil && (*n < 0 || *n > maxPartialRetries) {
		faults = append(faults, fmt.Errorf("policy.partialMaxRetries is %d: want 0 to %d", *n, maxPartialRetries))
	}
	if p.PollMin > 0 && p.PollMax > 0 && p.PollMin > p.PollMax {
		faults = append(faults, fmt.Errorf("policy.pollMin (%s) is longer than policy.pollMax (%s): swap them or leave one out", p.PollMin, p.PollMax))
	}
	return errors.Join(faults...)
}

type policyDuration struct {
	key   string
	value *time.Duration
}

func (p *FetchPolicy) durations() []policyDuration {
	return []policyDuration{
		{"pollMin", &p.PollMin},
		{"pollMax", &p.PollMax},
		{"partialRetryAfter", &p.PartialRetryAfter},
		{"unavailableSettlesAfter", &p.UnavailableSettlesAfter},
		{"giveUpAfter", &p.GiveUpAfter},
	}
}

// MarshalJSON writes what is set, durations as strings.
func (p FetchPolicy) MarshalJSON() ([]byte, error) {
	object := make(map[string]any)
	for _, field := range p.durations() {
		if *field.value != 0 {
			object[field.key] = field.value.String()
		}
	}
	if p.PartialMaxRetries != nil {
		object["partialMaxRetries"] = *p.PartialMaxRetries
	}
	return json.Marshal(object)
}

// UnmarshalJSON reads the form that [FetchPolicy.MarshalJSON] writes. An unknown
// key, and a duration that is not a string, does not parse or is not positive,
// is an error that names it.
func (p *FetchPolicy) UnmarshalJSON(data []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return errors.New("policy: want a JSON object")
	}
	var decoded FetchPolicy
	var faults []error
	for _, field := range decoded.durations() {
		if raw, ok := object[field.key]; ok {
			delete(object, field.key)
			value, err := parsePolicyDuration(raw)
			if err != nil {
				faults = append(faults, fmt.Errorf("policy.%s: %w", field.key, err))
			}
			*field.value = value
		}
	}
	if raw, ok := object["partialMaxRetries"]; ok {
		delete(object, "partialMaxRetries")
		if err := json.Unmarshal(raw, &decoded.PartialMaxRetries); err != nil {
			faults = append(faults, fmt.Errorf("policy.partialMaxRetries: want a whole number, got %.40s", raw))
		}
	}
	if err := unknownKeys(object, ": a policy has pollMin, pollMax, partialRetryAfter, partialMaxRetries, unavailableSettlesAfter and giveUpAfter"); err != nil {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return errors.New(strings.ReplaceAll(errors.Join(faults...).Error(), "\n", "; "))
	}
	*p = decoded
	return nil
}

func parsePolicyDuration(raw json.RawMessage) (time.Duration, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return 0, fmt.Errorf(`want a duration as a string, such as "90s" or "24h", got %.40s`, raw)
	}
	value, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf(`%.40q is not a duration: want one such as "90s" or "24h"`, text)
	case value <= 0:
		return 0, fmt.Errorf(`%.40q is not positive: want a duration such as "90s" or "24h", or leave the key out for the default`, text)
	}
	return value, nil
}
