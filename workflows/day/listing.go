package day

// The activities that read one of the vendor's lists, by the names that are recorded in
// histories.
const (
	ListSessions     = "ListSessions"
	ListInteractions = "ListInteractions"
)

// ListInput is the day that is listed.
type ListInput struct {
	BotID string `json:"botId"`
	Date  string `json:"date"`

	// Folder is where the rows are written; it ends with a slash.
	Folder string `json:"folder"`
}

// ListResult is what one list had of the day.
type ListResult struct {
	Sessions      int `json:"sessions"`
	Open          int `json:"open,omitempty"`
	OtherChannels int `json:"otherChannels,omitempty"`
	Unusable      int `json:"unusable,omitempty"`
	Calls         int `json:"calls"`

	// Incomplete says where the list did not add up: at most 20 texts of 200 bytes.
	Incomplete []string `json:"incomplete,omitempty"`

	// Unavailable says why the list cannot be read until an operator acts; then nothing
	// else is set.
	Unavailable string `json:"unavailable,omitempty"`
}
