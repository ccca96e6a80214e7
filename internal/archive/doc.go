// Package archive stores recordings, and a manifest for each session, in an
// S3-compatible store.
//
// The layout is
//
//	{prefix}{botId}/{yyyy}/{mm}/{dd}/{sessionId}/{fileName}
//	{prefix}{botId}/{yyyy}/{mm}/{dd}/{sessionId}/manifest.json
//
// and, if the account keeps them, what belongs to the call: call.json, transcript.json and
// voicemail-{source}.{extension},
//
// where the date is the UTC day on which the call began; a [Template] makes other
// folders. A file without a manifest is not archived; the manifest is written last. One
// that says archived replaces one that says otherwise, which it then contains; see
// [Store.WriteManifest].
package archive
