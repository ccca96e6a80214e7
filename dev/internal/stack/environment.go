package stack

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Variable is one variable of the environment.
type Variable struct{ Name, Value string }

// Environment points worker, starter and the temporal CLI at the stack.
func (s *Stack) Environment() []Variable {
	upstream := s.Upstream.Config()
	return []Variable{
		{"TEMPORAL_ADDRESS", s.Temporal.Address()},
		{"TEMPORAL_NAMESPACE", Namespace},
		{"CALLVAULT_WEB_UI", s.Temporal.UIURL()},
		{"SMARTASSIST_URL", s.upstreamURL.String()},
		{"SMARTASSIST_BOT_ID", strings.Join(upstream.BotIDs, ",")},
		{"SMARTASSIST_CLIENT_ID", upstream.ClientID},
		{"SMARTASSIST_CLIENT_SECRET", upstream.ClientSecret},
		{"SMARTASSIST_ACCOUNT_ID", upstream.AccountID},
		{"SMARTASSIST_CALLS_PER_MINUTE", strconv.Itoa(upstream.CallsPerMinute)},
		{"SMARTASSIST_CALLS_PER_HOUR", strconv.Itoa(max(0, upstream.CallsPerHour))},
		{"S3_ENDPOINT", s.Store.Endpoint()},
		{"S3_BUCKET", Bucket},
		{"S3_REGION", Region},
		{"CALLVAULT_LOG_KEY_FILE", s.logKeyFile},
		{"AWS_ACCESS_KEY_ID", accessKey},
		{"AWS_SECRET_ACCESS_KEY", secretKey},
	}
}

// PrintEnvironment writes the environment in the form that a shell reads.
func (s *Stack) PrintEnvironment(w io.Writer) error {
	for _, variable := range s.Environment() {
		if _, err := fmt.Fprintf(w, "export %s='%s'\n", variable.Name, variable.Value); err != nil {
			return err
		}
	}
	return nil
}
