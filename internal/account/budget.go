package account

// Budget is how many calls of the vendor's API one bot may make. Both windows
// are rolling and hold at once.
type Budget struct {
	CallsPerMinute int
	CallsPerHour   int
}

// The share of each window that is handed out. The rest is for calls that are
// not spaced quite like their slots: a few in an hour, more of them in a minute.
const (
	hourShare   = 0.98
	minuteShare = 0.90
)

// partitionBurst is how many call slots may be handed out at once on a queue
// that was idle: one from each partition, of which a server has four by default.
const partitionBurst = 4

// CallsPerSecond returns the rate at which call slots of one bot are handed out,
// so that neither window is exceeded: the hour's is the sustained one, the
// minute's bounds bursts. A budget of fewer than eight calls a minute can be
// exceeded by a burst on a server with several partitions for each queue.
func (b Budget) CallsPerSecond() float64 {
	minute := float64(b.CallsPerMinute)
	return min(hourShare*float64(b.CallsPerHour)/3600, max(minuteShare*minute-partitionBurst, minute/2)/60)
}
