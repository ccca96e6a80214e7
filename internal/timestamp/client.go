package timestamp

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"time"
)

// timeout bounds one request with its response.
const timeout = 30 * time.Second

// Request has the authority at the address stamp content, and returns its TimeStampResp, which
// is of content. A redirect is not followed.
func Request(ctx context.Context, authority *url.URL, content []byte) ([]byte, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, err
	}
	query, err := newRequest(content, nonce)
	if err != nil {
		return nil, err
	}
	answer, err := post(ctx, authority, query)
	if err != nil {
		return nil, fmt.Errorf("the authority %s gives no timestamp: %w", authority.Host, err)
	}
	stamp, err := Parse(answer)
	switch {
	case err != nil:
	case !stamp.Covers(content):
		err = errors.New("it has stamped something else")
	case stamp.nonce == nil || stamp.nonce.Cmp(nonce) != 0:
		err = errors.New("it has answered another request")
	default:
		return answer, nil
	}
	return nil, fmt.Errorf("the response of the authority %s cannot be used: %w", authority.Host, err)
}

func post(ctx context.Context, authority *url.URL, query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, authority.String(), bytes.NewReader(query))
	if err != nil {
		return nil, errors.New("its address is not valid")
	}
	request.Header.Set("Content-Type", "application/timestamp-query")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return nil, withoutAddress(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %d", response.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, MaxBytes+1))
	return answer, withoutAddress(err)
}

// withoutAddress removes the address from an error: its query may be a credential.
func withoutAddress(err error) error {
	var ofURL *url.Error
	if errors.As(err, &ofURL) {
		return ofURL.Err
	}
	return err
}
