// Command interop proves that our tokens are what other implementations read, and
// that the simulator reads what others write: the npm packages jsonwebtoken and
// jose verify a token of every form, and mint one of every form themselves,
// which the simulator has to accept. It needs node and npm, and installs the
// packages into a temporary folder.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/callvault/callvault/internal/simulator"
)

// timeLimit bounds the whole run, most of which is the installation.
const timeLimit = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	err := run(ctx)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

// tokenOf is a token and its form.
type tokenOf struct {
	form
	Token string `json:"token"`
}

func run(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "callvault-interop-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := install(ctx, folder); err != nil {
		return err
	}
	app, err := newApp()
	if err != nil {
		return err
	}
	if err := writeTokens(folder, app); err != nil {
		return err
	}
	if err := verify(ctx, folder); err != nil {
		return err
	}
	fromNode, err := readTokens(folder)
	if err != nil {
		return err
	}
	for _, one := range fromNode {
		if err := send(ctx, app, one); err != nil {
			return fmt.Errorf("the simulator refuses node's token of the form %s: %w", one.form, err)
		}
		fmt.Println("the simulator accepted", one.form)
	}
	fmt.Printf("%d forms of tokens, verified by node, minted by node and accepted\n", len(fromNode))
	return nil
}

// writeTokens writes what node needs to verify a token of every form, and to mint
// its own.
func writeTokens(folder string, app *app) error {
	contents := struct {
		ClientID    string          `json:"clientId"`
		BotID       string          `json:"botId"`
		SharedKey   string          `json:"sharedKey"`
		SigningKey  string          `json:"signingKey"`
		PlatformKey string          `json:"platformKey"`
		PlatformJWK json.RawMessage `json:"platformJWK"`
		Tokens      []tokenOf       `json:"tokens"`
	}{
		ClientID: simulator.DefaultClientID, BotID: simulator.DefaultBotID, SharedKey: app.clientSecret,
		SigningKey: pemOf(app.signing), PlatformKey: pemOf(app.platform), PlatformJWK: json.RawMessage(app.jwk()),
	}
	for _, f := range forms() {
		token, _, err := app.credentials(f).Mint(simulator.DefaultBotID, time.Now())
		if err != nil {
			return fmt.Errorf("form %s: %w", f, err)
		}
		contents.Tokens = append(contents.Tokens, tokenOf{f, token})
	}
	text, err := json.Marshal(contents)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "from-go.json"), text, 0o600)
}

// readTokens returns the tokens that node has minted, one of each form.
func readTokens(folder string) ([]tokenOf, error) {
	text, err := os.ReadFile(filepath.Join(folder, "from-node.json"))
	if err != nil {
		return nil, err
	}
	var tokens []tokenOf
	if err := json.Unmarshal(text, &tokens); err != nil {
		return nil, err
	}
	missing := make(map[form]bool)
	for _, f := range forms() {
		missing[f] = true
	}
	for _, one := range tokens {
		delete(missing, one.form)
	}
	if len(missing) > 0 {
		return nil, errors.New("node did not mint a token of every form: correct verify.mjs")
	}
	return tokens, nil
}
