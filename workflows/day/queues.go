package day

// AccountTaskQueue is the queue of what is done for the days of an account, apart from its other work: a listing may take an
// hour.
func AccountTaskQueue(account string) string { return "callvault-day/" + account }
