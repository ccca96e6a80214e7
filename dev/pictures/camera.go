package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/callvault/callvault/dev/internal/stack"
)

// The size of a picture, in CSS pixels.
const (
	width  = 1280
	height = 1000
)

const (
	// pageTimeout is how long a page may take, and attempts is how often it is asked for.
	pageTimeout = 15 * time.Second
	attempts    = 4
)

// subject is the page of a workflow, and a text that is on it once it is complete.
type subject struct{ workflowID, runID, text string }

// camera is a browser that looks at the Web UI.
type camera struct {
	ctx   context.Context //nolint:containedctx // chromedp keeps its browser in one.
	ui    string
	close func()
}

func openCamera(ctx context.Context, ui string) (*camera, error) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		return nil, errors.New("no Chromium is installed: on Debian, apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.WindowSize(width, height),
		chromedp.NoSandbox) // It sees pages of this machine alone, also where it runs as root in a container.
	allocated, stop := chromedp.NewExecAllocator(ctx, options...)
	opened, end := chromedp.NewContext(allocated)
	return &camera{opened, ui, func() { end(); stop() }}, nil
}

// take returns the picture of a workflow's page. A page that a busy machine has not completed in
// time is asked for again.
func (c *camera) take(s subject) (picture []byte, err error) {
	if err := chromedp.Do(c.ctx); err != nil { // The browser lives as long as the first context that runs it.
		return nil, fmt.Errorf("start the browser: %w", err)
	}
	for range attempts {
		if picture, err = c.tryToTake(s); err == nil || c.ctx.Err() != nil {
			break
		}
	}
	return picture, err
}

func (c *camera) tryToTake(s subject) ([]byte, error) {
	ctx, cancel := context.WithTimeout(c.ctx, pageTimeout)
	defer cancel()
	address := fmt.Sprintf("%s/namespaces/%s/workflows/%s/%s/user-metadata", c.ui, stack.Namespace, url.PathEscape(s.workflowID), s.runID)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height), chromedp.Navigate(address)); err != nil {
		return nil, err
	}
	// The details are Markdown, which the Web UI renders in frames.
	complete := fmt.Sprintf("[...document.querySelectorAll('iframe')].some(f => f.contentDocument?.body?.innerText.includes(%q))", s.text)
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](complete, chromedp.WithPollingTimeout(pageTimeout))); err != nil {
		return nil, fmt.Errorf("wait for %q on %s: %w", s.text, address, err)
	}
	return chromedp.Run(ctx, chromedp.CaptureScreenshot())
}
