package temporalclient

import (
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/payloadcodec"
	"github.com/callvault/callvault/internal/secret"
)

// keysVariable names the file with the keys that encrypt payloads. It belongs to the connection,
// so all that connect have the same one.
const keysVariable = "CALLVAULT_PAYLOAD_KEYS_FILE"

// PayloadCodec returns the codec of CALLVAULT_PAYLOAD_KEYS_FILE; nil if it is not set. Its error
// is a [ConfigError].
func PayloadCodec() (*payloadcodec.Codec, error) {
	path := os.Getenv(keysVariable)
	if path == "" {
		return nil, nil //nolint:nilnil // nothing is encrypted
	}
	codec, err := payloadcodec.New(secret.File(path).Read)
	if err != nil {
		return nil, &ConfigError{keysVariable, err}
	}
	return codec, nil
}

// DataConverter returns the converter of what clients of [Dial] write: it decrypts what they
// encrypt.
func DataConverter() (converter.DataConverter, error) {
	codec, err := PayloadCodec()
	if err != nil || codec == nil {
		return converter.GetDefaultDataConverter(), err
	}
	return payloadcodec.NewDataConverter(codec), nil
}

// setConverters makes a client encrypt its payloads and failures, if there are keys.
func setConverters(options *client.Options) error {
	codec, err := PayloadCodec()
	if err != nil || codec == nil {
		return err
	}
	options.DataConverter = payloadcodec.NewDataConverter(codec)
	options.FailureConverter = temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: options.DataConverter, EncodeCommonAttributes: true, // messages and stack traces
	})
	return nil
}
