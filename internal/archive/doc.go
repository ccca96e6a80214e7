// Package archive puts recordings and the manifests that prove them into an
// S3-compatible store.
//
// The layout is
//
//	{prefix}{botId}/{yyyy}/{mm}/{dd}/{sessionId}/{fileName}
//	{prefix}{botId}/{yyyy}/{mm}/{dd}/{sessionId}/manifest.json
//
// with the day on which the call began, in UTC. A file without a manifest is
// not archived; the manifest is written last, once, and never replaced.
package archive
