package day

// AccountTaskQueue is the queue of the days of an account, apart from its other work: a
// listing may take minutes.
func AccountTaskQueue(account string) string { return "callvault-day/" + account }
