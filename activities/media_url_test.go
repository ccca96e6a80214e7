package activities

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The results are pinned: sources in manifests are digests of them.
func TestUnsignedPartIsStable(t *testing.T) {
	for _, row := range []struct{ url, want string }{
		{"https://h/api/getMediaStream/a.wav?e=1&n=2&s=x$$", "/api/getMediaStream/a.wav?"},
		{"https://h/a?s=y%24%24&n=3&e=4", "/a?"},
		{"https://h/a", "/a?"},
		{"https://h/a%20b?e=1", "/a%20b?"},
		{"https://h/a?part=1&e=1&leg=2", "/a?leg=2&part=1"},
		{"https://h/a?E=1&N=2&S=3", "/a?E=1&N=2&S=3"},
		{"https://h/a?e&n&s", "/a?"},
		{"https://h/a?%65=1", "/a?%65=1"},
		{"https://h/a?es=1&ns=2&x=e", "/a?es=1&ns=2&x=e"},
		{"https://h/%zz?a=1", ""},
	} {
		require.Equal(t, row.want, unsignedPart(row.url), row.url)
	}
}

func TestParametersOfCommonSignersAreDropped(t *testing.T) {
	for name, parameters := range map[string]string{
		"S3":                "X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Date=c&X-Amz-Expires=1&X-Amz-Security-Token=d&X-Amz-SignedHeaders=host&X-Amz-Signature=e",
		"S3, version 2":     "AWSAccessKeyId=a&Expires=1&Signature=b",
		"Google":            "X-Goog-Algorithm=a&X-Goog-Credential=b&X-Goog-Signature=c&x-goog-date=d",
		"Google, version 2": "GoogleAccessId=a&Expires=1&Signature=b",
		"CloudFront":        "Expires=1&Policy=a&Signature=b&Key-Pair-Id=c",
		"Azure":             "sv=2024&st=1&se=2&sr=b&sp=r&sig=x%3D",
		"capitals":          "SIG=b&x-AMZ-date=c&SE=d&SP=e&SR=f&ST=g&SV=h&POLICY=i",
	} {
		require.Equal(t, "/a?leg=2&part=1", unsignedPart("https://h/a?part=1&"+parameters+"&leg=2"), name)
	}
	const kept = "X-Am=1&file=b&filetoken=c&key=d&signer=e&srv=f&token=z&tokens=g&versionId=h&x-amzn-id=i"
	require.Equal(t, "/a?"+kept, unsignedPart("https://h/a?"+kept))
}
