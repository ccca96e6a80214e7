package payloadcodec

import (
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/callvault/callvault/workflows"
)

// dataConverter encrypts all but what is read without the keys and tells nothing of anybody.
type dataConverter struct {
	converter.DataConverter // with the codec
	clear                   converter.DataConverter
}

// NewDataConverter returns the SDK's data converter with a codec.
//
// Two things stay in clear, because callers read them outside of any converter: the flow in a
// fetch's memo, which is a number, and the input of a schedule of days, which has the bot's id
// and a policy.
func NewDataConverter(codec *Codec) converter.DataConverter {
	plain := converter.GetDefaultDataConverter()
	return &dataConverter{DataConverter: converter.NewCodecDataConverter(plain, codec), clear: plain}
}

// ToPayload encodes a value.
func (c *dataConverter) ToPayload(value any) (*commonpb.Payload, error) {
	if staysClear(value) {
		return c.clear.ToPayload(value)
	}
	return c.DataConverter.ToPayload(value)
}

// ToPayloads encodes values. One that stays in clear comes alone.
func (c *dataConverter) ToPayloads(values ...any) (*commonpb.Payloads, error) {
	if len(values) == 1 && staysClear(values[0]) {
		return c.clear.ToPayloads(values...)
	}
	return c.DataConverter.ToPayloads(values...)
}

func staysClear(value any) bool {
	switch value.(type) {
	case workflows.Flow, workflows.DaysRequest:
		return true
	}
	return false
}
