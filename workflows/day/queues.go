package day

// AccountTaskQueue is the queue of what is done with the days of an account, apart from its
// other work.
func AccountTaskQueue(account string) string { return "callvault-day/" + account }

// ListTaskQueue is the queue of an account's listings, which wait for call slots: one may
// take an hour.
func ListTaskQueue(account string) string { return "callvault-day-list/" + account }
