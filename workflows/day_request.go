package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
)

// DefaultSettleAfter is how long after the last listing that had something new a day is
// listed again.
const DefaultSettleAfter = 48 * time.Hour

// Day is one day of a bot, in UTC. A call belongs to the day at which it began, by its id.
type Day struct {
	// BotID is the bot's stream id. Required.
	BotID string `json:"botId"`

	// Date is the day, such as "2026-11-20". Required.
	Date string `json:"date"`
}

// Begin returns when the day begins, in UTC. It fails if the date is malformed.
func (d Day) Begin() (time.Time, error) {
	begin, err := time.Parse(time.DateOnly, d.Date)
	if err != nil {
		return time.Time{}, fmt.Errorf("date %.40q is malformed: want a day in UTC, such as 2026-11-20", d.Date)
	}
	return begin, nil
}

// validate reports what is wrong with the day. A zero now leaves unchecked whether it has begun.
func (d Day) validate(now time.Time) error {
	begin, malformed := d.Begin()
	switch {
	case malformed != nil:
	case begin.Before(earliestCall):
		malformed = fmt.Errorf("date %s is before %d, when there were no calls: correct it", d.Date, earliestCall.Year())
	case !now.IsZero() && begin.After(now):
		malformed = fmt.Errorf("date %s is in the future (now is %s, in UTC): wait for the day, or check the clock", d.Date, now.UTC().Format(time.RFC3339))
	}
	return errors.Join(ValidateBotID(d.BotID), malformed)
}

// WorkflowID returns the id of the workflow that archives the day.
func (d Day) WorkflowID() string { return "day/" + d.BotID + "/" + d.Date }

// DayPolicy says how a day is archived. The zero value of a field stands for its default.
type DayPolicy struct {
	// SettleAfter is how long after a listing that had something new the day is listed
	// again; it is sealed once such a listing has nothing new. At most 7 years. Defaults to 48
	// hours.
	SettleAfter time.Duration

	// Fetch is the policy of each fetch. Defaults to [DefaultFetchPolicy], field by field.
	Fetch FetchPolicy

	// Priority is that of each fetch, from 1, served first, to 5. Defaults to 4.
	Priority int
}

// dayPolicyJSON is a [DayPolicy] as it is in JSON.
type dayPolicyJSON struct {
	SettleAfter string      `json:"settleAfter,omitempty"`
	Policy      FetchPolicy `json:"policy,omitzero"`
	Priority    int         `json:"priority,omitempty"`
}

func (p DayPolicy) json() dayPolicyJSON {
	encoded := dayPolicyJSON{Policy: p.Fetch, Priority: p.Priority}
	if p.SettleAfter != 0 {
		encoded.SettleAfter = p.SettleAfter.String()
	}
	return encoded
}

func (p dayPolicyJSON) policy() (DayPolicy, error) {
	decoded := DayPolicy{Fetch: p.Policy, Priority: p.Priority}
	if p.SettleAfter == "" {
		return decoded, nil
	}
	settleAfter, err := time.ParseDuration(p.SettleAfter)
	if err != nil || settleAfter <= 0 {
		return decoded, fmt.Errorf(`settleAfter: %.40q is not a duration, or not a positive one: want one such as "48h"`, p.SettleAfter)
	}
	decoded.SettleAfter = settleAfter
	return decoded, nil
}

// EffectiveSettleAfter returns how long after a listing the day is listed again.
func (p DayPolicy) EffectiveSettleAfter() time.Duration {
	if p.SettleAfter == 0 {
		return DefaultSettleAfter
	}
	return p.SettleAfter
}

func (p DayPolicy) validate() error {
	var settle error
	if p.SettleAfter < 0 || p.SettleAfter > maxPolicyDuration {
		settle = fmt.Errorf("settleAfter is %s: want up to %s", p.SettleAfter, maxPolicyDuration)
	}
	return errors.Join(settle, p.Fetch.Validate(), validatePriority(p.Priority))
}

// DayRequest asks for a complete day: every call of it, with an outcome, sealed in the
// archive. Its JSON form is flat:
//
//	{"botId": "st-…", "date": "2026-11-20", "settleAfter": "48h", "policy": {}, "priority": 4}
//
// Unknown keys and values of the wrong type are errors that name the key.
type DayRequest struct {
	Day
	DayPolicy
}

type dayRequestJSON struct {
	Day
	dayPolicyJSON
}

// MarshalJSON implements [json.Marshaler].
func (r DayRequest) MarshalJSON() ([]byte, error) {
	return json.Marshal(dayRequestJSON{r.Day, r.json()})
}

// UnmarshalJSON decodes the request strictly.
func (r *DayRequest) UnmarshalJSON(data []byte) (err error) {
	var decoded dayRequestJSON
	if err := decodeStrictly(data, &decoded); err != nil {
		return err
	}
	r.Day = decoded.Day
	r.DayPolicy, err = decoded.policy()
	return err
}

// ValidateAt reports everything that is wrong with the request at a given time, in one
// error. A zero now leaves unchecked whether the day has begun.
func (r DayRequest) ValidateAt(now time.Time) error {
	return invalidInput(errors.Join(r.Day.validate(now), r.DayPolicy.validate()))
}

// SearchAttributes returns the attributes with which the workflow of the day starts.
func (r DayRequest) SearchAttributes() temporal.SearchAttributes {
	updates := []temporal.SearchAttributeUpdate{
		SearchAttributeBot.ValueSet(r.BotID),
		SearchAttributePhase.ValueSet(string(DayListing)),
	}
	if begin, err := r.Begin(); err == nil {
		updates = append(updates, SearchAttributeCallTime.ValueSet(begin))
	}
	return temporal.NewSearchAttributes(updates...)
}

// MaxDays bounds the days of a request with a last day: the vendor keeps recordings for at
// most 7 years. One without, as that of a schedule, runs for as long as it is wanted.
const MaxDays = 7 * 366

// DaysRequest asks for all days from one to another of a bot. Its JSON form is flat, like
// that of a [DayRequest].
type DaysRequest struct {
	BotID string

	// From is the first day. Required.
	From string

	// To is the last day. Defaults to the one before the workflow starts, in UTC.
	To string

	// AtOnce is how many days are listed and fetched at a time, oldest first; those that
	// wait to be listed again do not count, and none counts for longer than six hours, so that
	// one slow day does not hold up the others. 1 to 20. Defaults to 3.
	AtOnce int

	// Again has days listed again that are sealed; they are sealed again only if something
	// has changed. Defaults to false.
	Again bool

	DayPolicy
}

type daysRequestJSON struct {
	BotID  string `json:"botId"`
	From   string `json:"from"`
	To     string `json:"to,omitempty"`
	AtOnce int    `json:"atOnce,omitempty"`
	Again  bool   `json:"again,omitempty"`
	dayPolicyJSON
}

// MarshalJSON implements [json.Marshaler].
func (r DaysRequest) MarshalJSON() ([]byte, error) {
	return json.Marshal(daysRequestJSON{r.BotID, r.From, r.To, r.AtOnce, r.Again, r.json()})
}

// UnmarshalJSON decodes the request strictly.
func (r *DaysRequest) UnmarshalJSON(data []byte) error {
	var decoded daysRequestJSON
	if err := decodeStrictly(data, &decoded); err != nil {
		return err
	}
	policy, err := decoded.policy()
	*r = DaysRequest{BotID: decoded.BotID, From: decoded.From, To: decoded.To, AtOnce: decoded.AtOnce, Again: decoded.Again, DayPolicy: policy}
	return err
}

// The bounds of [DaysRequest.AtOnce].
const (
	DefaultDaysAtOnce = 3
	MaxDaysAtOnce     = 20
)

// EffectiveAtOnce returns how many days are listed and fetched at a time.
func (r DaysRequest) EffectiveAtOnce() int {
	if r.AtOnce == 0 {
		return DefaultDaysAtOnce
	}
	return r.AtOnce
}

// ValidateAt reports everything that is wrong with the request at a given time, in one
// error. A zero now leaves unchecked whether the first day has begun.
func (r DaysRequest) ValidateAt(now time.Time) error {
	first, last := Day{r.BotID, r.From}, Day{r.BotID, r.To}
	faults := []error{first.validate(now), r.validate()}
	if r.To != "" {
		_, err := last.Begin()
		switch days := r.days(); {
		case err != nil:
			faults = append(faults, fmt.Errorf("to: %w", err))
		case r.To < r.From:
			faults = append(faults, fmt.Errorf("to %s is before from %s: swap them", r.To, r.From))
		case days > MaxDays:
			faults = append(faults, fmt.Errorf("from %s to %s are %d days, more than %d: split them", r.From, r.To, days, MaxDays))
		}
	}
	if r.AtOnce < 0 || r.AtOnce > MaxDaysAtOnce {
		faults = append(faults, fmt.Errorf("atOnce is %d: want 1 to %d", r.AtOnce, MaxDaysAtOnce))
	}
	return invalidInput(errors.Join(faults...))
}

// days is how many there are from From to To; 0 if one of them is malformed or none is left.
func (r DaysRequest) days() int {
	from, err := Day{Date: r.From}.Begin()
	to, toErr := Day{Date: r.To}.Begin()
	if err != nil || toErr != nil || to.Before(from) {
		return 0
	}
	return int(to.Sub(from)/(24*time.Hour)) + 1
}

// Request returns the request of one of the days.
func (r DaysRequest) Request(date string) DayRequest {
	return DayRequest{Day: Day{BotID: r.BotID, Date: date}, DayPolicy: r.DayPolicy}
}

func invalidInput(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("invalid input: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
}

var (
	_ json.Unmarshaler = (*DayRequest)(nil)
	_ json.Unmarshaler = (*DaysRequest)(nil)
)

// SearchAttributes returns the attributes with which the workflow of the days starts.
func (r DaysRequest) SearchAttributes() temporal.SearchAttributes {
	return temporal.NewSearchAttributes(SearchAttributeBot.ValueSet(r.BotID))
}
