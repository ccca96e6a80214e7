package payloadcodec_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"github.com/callvault/callvault/internal/payloadcodec"
	"github.com/callvault/callvault/workflows"
)

const canary = "canary-user@example.com"

// aKey returns a line of a file of keys.
func aKey(id, secret string) string {
	return id + " " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(secret, 32))) + "\n"
}

func codecOf(t testing.TB, text string) *payloadcodec.Codec {
	t.Helper()
	codec, err := payloadcodec.New(func() (string, error) { return text, nil })
	require.NoError(t, err)
	return codec
}

func encoded(t testing.TB, codec *payloadcodec.Codec, value any) *commonpb.Payload {
	t.Helper()
	payload, err := payloadcodec.NewDataConverter(codec).ToPayload(value)
	require.NoError(t, err)
	return payload
}

func decoded(codec *payloadcodec.Codec, payload *commonpb.Payload) (text string, err error) {
	err = payloadcodec.NewDataConverter(codec).FromPayload(payload, &text)
	return text, err
}

func TestPayloadIsReadOnlyWithItsKey(t *testing.T) {
	codec := codecOf(t, aKey("2026-11", "a"))
	payload := encoded(t, codec, canary)
	require.Equal(t, "binary/encrypted", string(payload.GetMetadata()["encoding"]))
	require.Equal(t, "2026-11", string(payload.GetMetadata()["encryption-key-id"]))
	raw, err := proto.Marshal(payload)
	require.NoError(t, err)
	require.NotContains(t, string(raw), canary)
	require.NotEqual(t, payload.GetData(), encoded(t, codec, canary).GetData(), "equal values do not look equal")
	text, err := decoded(codec, payload)
	require.NoError(t, err)
	require.Equal(t, canary, text)

	_, err = decoded(codecOf(t, aKey("another", "a")), payload)
	require.ErrorContains(t, err, `its key "2026-11" is not in the file of CALLVAULT_PAYLOAD_KEYS_FILE`)
	_, err = decoded(codecOf(t, aKey("2026-11", "b")), payload)
	require.ErrorContains(t, err, "altered, or encrypted with another key")
}

func TestAlteredPayloadIsRefused(t *testing.T) {
	codec := codecOf(t, aKey("one", "a")+aKey("two", "a")) // The same bytes, under two ids.
	for name, alter := range map[string]func(*commonpb.Payload){
		"a bit":          func(p *commonpb.Payload) { p.Data[len(p.Data)/2] ^= 1 },
		"cut off":        func(p *commonpb.Payload) { p.Data = p.Data[:len(p.Data)-1] },
		"empty":          func(p *commonpb.Payload) { p.Data = nil },
		"another key id": func(p *commonpb.Payload) { p.Metadata["encryption-key-id"] = []byte("two") },
		"another cipher": func(p *commonpb.Payload) { p.Metadata["encryption-cipher"] = []byte("ROT13") },
		"no key id":      func(p *commonpb.Payload) { delete(p.Metadata, "encryption-key-id") },
	} {
		t.Run(name, func(t *testing.T) {
			payload := encoded(t, codec, canary)
			alter(payload)
			_, err := decoded(codec, payload)
			require.ErrorContains(t, err, "decrypt a payload: ")
			require.NotContains(t, err.Error(), canary)
		})
	}
}

func TestWhatWasNotEncryptedIsReadAsItIs(t *testing.T) {
	plain, err := converter.GetDefaultDataConverter().ToPayload(canary)
	require.NoError(t, err)
	text, err := decoded(codecOf(t, aKey("one", "a")), plain)
	require.NoError(t, err)
	require.Equal(t, canary, text, "a history that began before, or the temporal CLI without a codec")
}

func TestKeysAreRotatedWithoutARestart(t *testing.T) {
	file := aKey("old", "a")
	var unreadable error
	codec, err := payloadcodec.New(func() (string, error) { return file, unreadable })
	require.NoError(t, err)
	before := encoded(t, codec, canary)

	file = "# the new one comes first\n\n" + aKey("new", "b") + aKey("old", "a")
	after := encoded(t, codec, canary)
	require.Equal(t, "new", string(after.GetMetadata()["encryption-key-id"]))
	for _, payload := range []*commonpb.Payload{before, after} {
		text, err := decoded(codec, payload)
		require.NoError(t, err)
		require.Equal(t, canary, text)
	}
	for _, broken := range []string{"", "half a ke"} {
		file = broken
		require.Equal(t, "new", string(encoded(t, codec, canary).GetMetadata()["encryption-key-id"]), "the last keys serve while the file is written")
	}
	unreadable = errors.New("permission denied")
	require.Equal(t, "new", string(encoded(t, codec, canary).GetMetadata()["encryption-key-id"]))
}

func TestFileWithoutUsableKeysIsRefused(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte("canary-canary-canary-canary-cana"))
	for name, row := range map[string]struct{ text, says string }{
		"empty":         {"# no key\n", "it has no key"},
		"no id":         {secret + "\n", "line 1 is not a key"},
		"odd id":        {"\na/b " + secret, "line 2 is not a key"},
		"short key":     {"one " + base64.StdEncoding.EncodeToString([]byte("canary")), `line 1: what follows the id is not 32 bytes`},
		"not base64":    {"one canary!", `line 1: what follows the id is not 32 bytes`},
		"swapped":       {"canary" + strings.Repeat("0a", 29) + " one", `line 1: what follows the id is not 32 bytes`},
		"the same id":   {"one " + secret + "\none " + secret, `line 2: there is a key "one" already`},
		"too many keys": {manyKeys(101), "more than 100 keys"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := payloadcodec.New(func() (string, error) { return row.text, nil })
			require.ErrorContains(t, err, row.says)
			require.NotContains(t, err.Error(), "canary")
			require.NotContains(t, err.Error(), secret)
		})
	}
}

func manyKeys(count int) string {
	var b strings.Builder
	for i := range count {
		b.WriteString(aKey("k"+strings.Repeat("x", i%60)+string(rune('a'+i/60)), "a"))
	}
	return b.String()
}

func TestMemoAndScheduleStayReadable(t *testing.T) {
	dc := payloadcodec.NewDataConverter(codecOf(t, aKey("one", "a")))
	memo, err := dc.ToPayload(workflows.FetchStartOptions(workflows.FetchRequest{}).Memo[workflows.MemoFlow])
	require.NoError(t, err)
	require.Equal(t, workflows.FlowPurgeAlarm, workflows.FlowOf(&commonpb.Memo{Fields: map[string]*commonpb.Payload{workflows.MemoFlow: memo}}))
	schedule, err := dc.ToPayloads(workflows.DaysRequest{BotID: "st-1"})
	require.NoError(t, err)
	require.Contains(t, string(schedule.GetPayloads()[0].GetData()), "st-1")

	none, err := dc.ToPayloads()
	require.NoError(t, err)
	require.Nil(t, none)
	raw, err := dc.ToPayloads(converter.NewRawValue(memo), canary)
	require.NoError(t, err)
	require.Len(t, raw.GetPayloads(), 2)
	require.NotContains(t, string(raw.GetPayloads()[1].GetData()), canary)
}

func TestFailureSaysNothingWithoutTheKeys(t *testing.T) {
	dc := payloadcodec.NewDataConverter(codecOf(t, aKey("one", "a")))
	failures := temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: dc, EncodeCommonAttributes: true})
	failure := failures.ErrorToFailure(temporal.NewApplicationError("no access for "+canary, "Rejected", canary))
	raw, err := proto.Marshal(failure)
	require.NoError(t, err)
	require.NotContains(t, string(raw), canary)
	require.ErrorContains(t, failures.FailureToError(failure), canary)
}
