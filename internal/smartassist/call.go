package smartassist

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/failure"
)

// maxResponseBytes bounds a response body. A real one has about 1 kB for each file
// or session.
const maxResponseBytes = 1 << 20

// maxPageBytes bounds a page of 100 rows of a session list. A row has a few kB.
const maxPageBytes = 8 << 20

// call is one request of the API, which uses up its token.
type call struct {
	endpoint   endpoint
	token      string
	botID      string
	accountID  string // of an endpoint of the account
	sessionIDs []string
	userID     string // may be empty
	query      url.Values
	body       []byte // nil for none
}

// secrets are those of [Redact] in what is said about the call.
func (c call) secrets() []string { return []string{c.token, c.userID} }

// send makes the call. A body with status 200 goes to parse, whose error says why it
// cannot be used; parse must not show any of it. noSession is not nil if the API
// itself says that it has nothing for the sessions of the call. Every error is an
// *[Error].
func (c *Client) send(ctx context.Context, made call, parse func(body []byte) error) (noSession *answer, err error) {
	request, err := c.newRequest(ctx, made)
	if err != nil {
		return nil, &Error{Kind: failure.Rejected, Text: "the request could not be built: check " + addressSetting + ", and the ids"}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, transportError(err, made.secrets()...)
	}
	defer response.Body.Close()

	maxBytes := cmp.Or(made.endpoint.maxBytes, maxResponseBytes)
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBytes+1))
	code := response.StatusCode
	if err != nil && (code == http.StatusOK || slices.Contains(sessionStatuses, code)) {
		// Without the body, whose fault it is remains unknown.
		return nil, transportError(err, made.secrets()...)
	}
	var unusable error
	if code == http.StatusOK {
		if int64(len(body)) > maxBytes {
			return nil, &Error{Kind: failure.Transient, Status: code, Text: fmt.Sprintf("the upstream's response is longer than %d bytes", maxBytes)}
		}
		if unusable = parse(body); unusable == nil {
			return nil, nil
		}
	}
	got := readAnswer(made, code, body)
	switch {
	case got.concernsSession():
		return &got, nil
	case unusable != nil && got.rules == http.StatusOK && !got.isRateLimit():
		return nil, &Error{Kind: failure.Transient, Status: code, Text: fmt.Sprintf("the upstream's response (%s) cannot be used: %s",
			contentType(response.Header), Redact(unusable.Error(), made.secrets()...))}
	default:
		return nil, responseError(got, response.Header, time.Now())
	}
}

func (c *Client) newRequest(ctx context.Context, made call) (*http.Request, error) {
	// The id must stay one segment of the path; JoinPath would resolve its dots
	// and slashes.
	address := *c.base
	plain, escaped := made.path()
	address.RawPath = strings.TrimSuffix(c.base.EscapedPath(), "/") + escaped
	address.Path = strings.TrimSuffix(c.base.Path, "/") + plain
	address.RawQuery = made.query.Encode()
	var body io.Reader
	if made.body != nil {
		body = bytes.NewReader(made.body)
	}
	request, err := http.NewRequestWithContext(ctx, made.endpoint.method, address.String(), body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("auth", made.token) // the raw token, no "Bearer"
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "callvault")
	if made.endpoint.ofAccount {
		request.Header.Set("accountId", made.accountID)
		request.Header.Set("iId", made.botID)
	}
	return request, nil
}

// decodeObject decodes a body that is one JSON object.
func decodeObject(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(into); err != nil {
		return errors.New("it is not the JSON object that the API documents")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is data after its JSON object")
	}
	return nil
}
