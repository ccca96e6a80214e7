package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/callvault/callvault/internal/simulator"
)

const (
	manyAccounts   = 5
	botsPerAccount = 10

	// idleTime is for how long the workers are measured once they are ready.
	idleTime = time.Minute
)

// BenchmarkFiftyBots compares a worker with 50 bots of 5 accounts with one that has one
// bot. Both are idle, and run at the same time, so that the machine's load is the same.
func BenchmarkFiftyBots(b *testing.B) {
	var many []accountOf
	for i := range manyAccounts {
		account := accountOf{name: fmt.Sprintf("account-%d", i)}
		for j := range botsPerAccount {
			account.bots = append(account.bots, fmt.Sprintf("st-00000000-0000-4000-8000-%06d%06d", i, j))
		}
		many = append(many, account)
	}
	one := newSite(b, 1, usualWindows, nil, accountOf{name: "bench", bots: []string{simulator.DefaultBotID}}).startWorkers(1)[0]
	fifty := newSite(b, 1, usualWindows, nil, many...).startWorkers(1)[0]
	oneBefore, fiftyBefore := one.usage(b), fifty.usage(b)
	time.Sleep(idleTime)
	oneAfter, fiftyAfter := one.usage(b), fifty.usage(b)
	oneSpent, fiftySpent := oneAfter.cpu-oneBefore.cpu, fiftyAfter.cpu-fiftyBefore.cpu
	const mebibyte = 1 << 20
	report(b, "one bot: RSS in MiB", float64(oneAfter.rss)/mebibyte, "")
	report(b, "50 bots: RSS in MiB", float64(fiftyAfter.rss)/mebibyte, "")
	report(b, "RSS, 50 bots/one bot", float64(fiftyAfter.rss)/float64(oneAfter.rss), "")
	report(b, "one bot: CPU seconds a minute", oneSpent.Seconds()/idleTime.Minutes(), "")
	report(b, "50 bots: CPU seconds a minute", fiftySpent.Seconds()/idleTime.Minutes(), "")
	report(b, "CPU, 50 bots/one bot", fiftySpent.Seconds()/max(oneSpent, time.Second/ticksPerSecond).Seconds(), "")
	b.ReportMetric(0, "ns/op")
}
