package cli

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/callvault/callvault/internal/program"
)

// webUIVariable is where the address of the Temporal Web UI may be told; nothing else knows it.
const webUIVariable = "CALLVAULT_WEB_UI"

// webUI is the address of the Temporal Web UI, without a slash at its end; empty if it is
// not known.
type webUI string

// webUIFromEnvironment returns what the variable says.
func webUIFromEnvironment() (webUI, error) {
	text := os.Getenv(webUIVariable)
	if text == "" {
		return "", nil
	}
	address, err := url.Parse(text)
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" || address.User != nil || address.RawQuery != "" || address.Fragment != "" {
		return "", program.Usage(fmt.Errorf("%s is not the address of a Web UI: want one such as http://localhost:8233", webUIVariable))
	}
	return webUI(strings.TrimRight(text, "/")), nil
}

// workflow returns the page of a run; empty if the address is not known.
func (w webUI) workflow(namespace, workflowID, runID string) string {
	if w == "" || namespace == "" {
		return ""
	}
	return fmt.Sprintf("%s/namespaces/%s/workflows/%s/%s/history", w, url.PathEscape(namespace), url.PathEscape(workflowID), url.PathEscape(runID))
}
