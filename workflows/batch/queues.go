package batch

import (
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// AccountTaskQueue is the queue of the batches of an account, apart from its other work: a
// pass may take a minute.
func AccountTaskQueue(account string) string { return "callvault-batch/" + account }

// BucketTaskQueue is the queue of lists that are in a bucket: which account a list belongs
// to is known once it has been read.
func BucketTaskQueue(bucket string) string { return "callvault-batch-list/" + bucket }

// prepareQueue returns the queue of the first activity. Workers of several accounts may
// share a bucket's; elsewhere is a bot of the list whose workers it is for, if that is known.
func prepareQueue(request workflows.BatchRequest, elsewhere string) string {
	switch {
	case elsewhere != "":
		return fetchrecording.BackfillTaskQueue(elsewhere)
	case request.Source != nil:
		return BucketTaskQueue(request.Source.Bucket)
	}
	return fetchrecording.BackfillTaskQueue(request.Sessions[0].BotID)
}
