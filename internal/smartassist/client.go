package smartassist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows"
)

const (
	// maxFiles bounds the number of files of one call.
	maxFiles = 100

	// maxNameBytes and maxURLBytes bound the name and the URL of a file.
	maxNameBytes = 1 << 10
	maxURLBytes  = 8 << 10
)

// Config holds the address of the API and how to reach it.
type Config struct {
	// BaseURL is the environment's address without a path, for example
	// https://smartassist.kore.ai. Required.
	BaseURL *url.URL

	// Transport carries the requests. It must send each request exactly once.
	// Defaults to a clone of http.DefaultTransport that reuses no connection.
	Transport http.RoundTripper
}

// Client calls the API. It is safe for concurrent use.
type Client struct {
	base *url.URL
	http *http.Client
}

// NewClient returns a client for the API at config.BaseURL.
func NewClient(config Config) *Client {
	transport := config.Transport
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		// Go repeats a GET by itself if a reused connection turns out to be
		// dead. The token would be sent twice, which the vendor treats as a
		// replay.
		own.DisableKeepAlives = true
		transport = own
	}
	return &Client{
		base: config.BaseURL,
		http: &http.Client{
			Transport: transport,
			Timeout:   timing.CallTimeout,
			// A redirect would send the token to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Response is the API's response about one session.
type Response struct {
	// Status is the vendor's status, at most 300 bytes, documented or not; or
	// status.NoSuchSession, if the API says that it does not know the session.
	Status string

	// Text is what the upstream returned with status.NoSuchSession, for example
	// `the upstream returned 404 "session not found"`. It contains no secret.
	// Empty for every other status.
	Text string

	// Files are the call's files, at most 100; never empty if Status is
	// "success".
	Files []File
}

// File is one file of a call. Its URL is a bearer credential.
type File struct {
	Name string
	URL  string
}

// FetchRecordings requests the recordings of one session, as documented on the
// vendor's page "Fetch Call Recording (Version 2)". userID may be empty. Every
// error is an *[Error]: that the API does not know the session is a [Response],
// whereas an error concerns the installation, the request, or the moment.
func (c *Client) FetchRecordings(ctx context.Context, token string, session workflows.Session, userID string) (*Response, error) {
	made := call{endpoint: recordings, token: token, botID: session.BotID, sessionIDs: []string{session.SessionID}, userID: userID,
		query: url.Values{"sessionId": {session.SessionID}}}
	if userID != "" {
		made.query.Set("userId", userID)
	}
	var parsed *Response
	noSession, err := c.send(ctx, made, func(body []byte) (err error) {
		parsed, err = parseResponse(body, made.secrets()...)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case noSession != nil:
		return &Response{Status: status.NoSuchSession, Text: noSession.said}, nil
	default:
		return parsed, nil
	}
}

// parseResponse is strict about what a fetch needs (a status, and files if it is
// success) and tolerant of everything else.
func parseResponse(body []byte, secrets ...string) (*Response, error) {
	var raw struct {
		Status    *string         `json:"status"`
		Recording json.RawMessage `json:"recording"`
	}
	if err := decodeObject(body, &raw); err != nil {
		return nil, err
	}
	if raw.Status == nil {
		return nil, errors.New("it has no status")
	}
	// Check the status that is returned: " success " is returned as "success",
	// so it needs files as well.
	parsed := &Response{Status: strings.TrimSpace(*raw.Status)}
	if status.Of(parsed.Status) == status.Of("") { // a known one may contain a user's name: "call"
		parsed.Status = Redact(parsed.Status, secrets...)
	}
	switch parsed.Status {
	case "":
		return nil, errors.New("it has no status")
	case status.Success:
		files, err := parseFiles(raw.Recording, secrets...)
		if err != nil {
			return nil, err
		}
		parsed.Files = files
	}
	return parsed, nil
}

func parseFiles(raw json.RawMessage, secrets ...string) ([]File, error) {
	var entries []struct {
		FileName string `json:"fileName"`
		FileURL  string `json:"fileUrl"`
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &entries); err != nil {
			return nil, errors.New("its recording is not a list of fileName and fileUrl")
		}
	}
	if len(entries) == 0 {
		return nil, errors.New("its status is success, but it lists no files")
	}
	if len(entries) > maxFiles {
		return nil, fmt.Errorf("it lists %d files, more than %d", len(entries), maxFiles)
	}
	files := make([]File, 0, len(entries))
	for i, entry := range entries {
		if entry.FileURL == "" {
			return nil, fmt.Errorf("file %d has no fileUrl", i+1)
		}
		address, err := url.Parse(entry.FileURL)
		if err != nil || address.Host == "" || len(entry.FileURL) > maxURLBytes {
			return nil, fmt.Errorf("the fileUrl of file %d is not a valid URL of at most %d bytes", i+1, maxURLBytes)
		}
		files = append(files, File{Name: cleanName(entry.FileName, secrets...), URL: entry.FileURL})
	}
	return files, nil
}

// cleanName returns the vendor's name, cut to 1 KiB, and redacted if it
// contains a credential.
func cleanName(name string, secrets ...string) string {
	name = strings.ToValidUTF8(name[:min(len(name), maxNameBytes)], "\uFFFD")
	visible := dropInvisible(name)
	holdsSecret := replaceSecrets(visible, "", withLocalParts(secrets)) != visible
	if holdsSecret || strings.Contains(visible, "://") || strings.Contains(strings.ToLower(visible), "%3f") || jwtPattern.MatchString(visible) || signedPattern.MatchString(visible) {
		return Redact(name, secrets...)
	}
	return name
}

func contentType(header http.Header) string {
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return "no valid Content-Type"
	}
	return Redact(mediaType)
}
