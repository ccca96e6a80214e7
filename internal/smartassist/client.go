package smartassist

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// maxAnswerBytes bounds an answer. A real one has about 1 kB for each file.
	maxAnswerBytes = 1 << 20

	// maxFiles bounds the files of one call.
	maxFiles = 100

	// maxNameBytes and maxURLBytes bound what is taken over of a file.
	maxNameBytes = 1 << 10
	maxURLBytes  = 8 << 10

	callTimeout = 30 * time.Second
)

// Config says where the API is.
type Config struct {
	// BaseURL is the environment's address without a path, for example
	// https://smartassist.kore.ai. Required.
	BaseURL *url.URL

	// Transport carries the requests. It must send each of them once. Defaults to
	// a clone of http.DefaultTransport that reuses no connection.
	Transport http.RoundTripper
}

// Client calls the API. It is safe for concurrent use.
type Client struct {
	base *url.URL
	http *http.Client
}

// NewClient returns a client of the API at config.BaseURL.
func NewClient(config Config) *Client {
	transport := config.Transport
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		// On a reused connection that turns out to be dead, Go sends a GET once
		// more by itself: the same token twice, which the vendor takes for a
		// replay.
		own.DisableKeepAlives = true
		transport = own
	}
	return &Client{
		base: config.BaseURL,
		http: &http.Client{
			Transport: transport,
			Timeout:   callTimeout,
			// A redirect would carry the token to somebody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Answer is the API's answer about one session.
type Answer struct {
	// Status is the vendor's word, at most 300 bytes, known or not.
	Status string

	// Files are the call's files, at most 100; never empty if the status is
	// "success".
	Files []File
}

// File is one file of a call. Its URL is a bearer credential.
type File struct {
	Name string
	URL  string
}

// FetchRecordings asks for the recordings of one session, as the vendor's page
// "Fetch Call Recording (Version 2)" has it. userID may be empty. Every error
// is an *[Error].
func (c *Client) FetchRecordings(ctx context.Context, token, botID, sessionID, userID string) (*Answer, error) {
	request, err := c.newRequest(ctx, token, botID, sessionID, userID)
	if err != nil {
		return nil, &Error{Permanent, 0, 0, "the request could not be made: check SMARTASSIST_URL and the ids"}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, transportError(err, token, userID)
	}
	defer response.Body.Close()

	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	switch {
	case response.StatusCode != http.StatusOK:
		// The status counts even if the text beside it broke off.
		return nil, answerError(response.StatusCode, response.Header, body, time.Now(), token, userID)
	case err != nil:
		return nil, transportError(err, token, userID)
	case len(body) > maxAnswerBytes:
		return nil, &Error{Transient, response.StatusCode, 0, fmt.Sprintf("the upstream's answer is longer than %d bytes", maxAnswerBytes)}
	}
	answer, err := parseAnswer(body, token, userID)
	if err != nil {
		// A spent budget may be told by its text alone.
		if refused := answerError(response.StatusCode, response.Header, body, time.Now(), token, userID); refused.Kind == RateLimited {
			return nil, refused
		}
		return nil, &Error{Transient, response.StatusCode, 0, fmt.Sprintf("the upstream's answer (%s) cannot be used: %s",
			contentType(response.Header), Redact(err.Error(), token, userID))}
	}
	return answer, nil
}

func (c *Client) newRequest(ctx context.Context, token, botID, sessionID, userID string) (*http.Request, error) {
	// The id is one segment of the path, whatever it holds; JoinPath would
	// resolve its dots and slashes.
	address := *c.base
	address.RawPath = strings.TrimSuffix(c.base.EscapedPath(), "/") + "/api/public/bot/" + url.PathEscape(botID) + "/v2/recordings"
	address.Path = strings.TrimSuffix(c.base.Path, "/") + "/api/public/bot/" + botID + "/v2/recordings"
	query := url.Values{"sessionId": {sessionID}}
	if userID != "" {
		query.Set("userId", userID)
	}
	address.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("auth", token) // the raw token, no "Bearer"
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "callvault")
	return request, nil
}

// parseAnswer is strict about what a fetch relies on, a status and files with
// a success, and tolerant about the rest.
func parseAnswer(body []byte, secrets ...string) (*Answer, error) {
	var raw struct {
		Status    *string         `json:"status"`
		Recording json.RawMessage `json:"recording"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&raw); err != nil {
		return nil, errors.New("it is not the JSON object that the API documents")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind its JSON object")
	}
	if raw.Status == nil {
		return nil, errors.New("it has no status")
	}
	// What is handed on is what is judged: a status that only white space tells
	// from "success" is handed on as "success", so it needs files as well.
	answer := &Answer{Status: Redact(*raw.Status, secrets...)}
	switch answer.Status {
	case "":
		return nil, errors.New("it has no status")
	case StatusSuccess:
		files, err := parseFiles(raw.Recording, secrets...)
		if err != nil {
			return nil, err
		}
		answer.Files = files
	}
	return answer, nil
}

func parseFiles(raw json.RawMessage, secrets ...string) ([]File, error) {
	var entries []struct {
		FileName string `json:"fileName"`
		FileURL  string `json:"fileUrl"`
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &entries); err != nil {
			return nil, errors.New("its recording is no list of fileName and fileUrl")
		}
	}
	switch {
	case len(entries) == 0:
		return nil, errors.New("its status is success, but it names no file")
	case len(entries) > maxFiles:
		return nil, fmt.Errorf("it names %d files, more than %d", len(entries), maxFiles)
	}
	files := make([]File, 0, len(entries))
	for i, entry := range entries {
		address, err := url.Parse(entry.FileURL)
		switch {
		case entry.FileURL == "":
			return nil, fmt.Errorf("file %d has no fileUrl", i+1)
		case err != nil || address.Host == "" || len(entry.FileURL) > maxURLBytes:
			return nil, fmt.Errorf("the fileUrl of file %d is no URL of at most %d bytes", i+1, maxURLBytes)
		}
		files = append(files, File{Name: cleanName(entry.FileName, secrets...), URL: entry.FileURL})
	}
	return files, nil
}

// cleanName is the name as the vendor wrote it, at most 1 KiB of it, unless it
// holds what must not be kept.
func cleanName(name string, secrets ...string) string {
	name = strings.ToValidUTF8(name[:min(len(name), maxNameBytes)], "\uFFFD")
	holdsSecret := slices.ContainsFunc(secrets, func(secret string) bool { return len(secret) >= minSecretBytes && strings.Contains(name, secret) })
	if holdsSecret || strings.Contains(name, "://") || strings.Contains(strings.ToLower(name), "%3f") || jwtPattern.MatchString(name) || signedPattern.MatchString(name) {
		return Redact(name, secrets...)
	}
	return name
}

func contentType(header http.Header) string {
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return "of no declared type"
	}
	return Redact(mediaType)
}
