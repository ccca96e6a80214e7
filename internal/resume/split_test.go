package resume_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/resume"
)

type state struct {
	N int `json:"n"`
}

func TestStateIsSplitFromTheRequest(t *testing.T) {
	for name, row := range map[string]struct {
		input string
		state *state
		rest  string
	}{
		"a state":               {`{"a": 1, "resume": {"n": 2}}`, &state{2}, `{"a":1}`},
		"none":                  {`{"a": 1}`, nil, `{"a": 1}`},
		"a value of that text":  {`{"a": "resume"}`, nil, `{"a": "resume"}`},
		"what is no object":     {`["resume"]`, nil, `["resume"]`},
		"what is no JSON":       {`{"resume": `, nil, `{"resume": `},
		"a state that is empty": {`{"resume": {}}`, &state{}, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, rest, err := resume.Split[state]([]byte(row.input))
			require.NoError(t, err)
			require.Equal(t, row.state, got)
			require.Equal(t, row.rest, string(rest))
		})
	}
}

func TestStateThatCannotBeDecodedIsThereAllTheSame(t *testing.T) {
	got, _, err := resume.Split[state]([]byte(`{"resume": {"n": "two"}}`))
	require.ErrorContains(t, err, "resume: ")
	require.NotNil(t, got)
}
