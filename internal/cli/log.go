package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/program"
)

func newLog() *cobra.Command {
	command := &cobra.Command{
		Use:     "log",
		Short:   "Make the key that signs the log of sealed days",
		Example: "  " + exampleLogKeygen(),
		Args:    program.NoArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			command.SetOut(command.ErrOrStderr()) // stdout is for results
			_ = command.Help()
			return program.Usage(errors.New("no command: give one of the commands above"))
		},
	}
	command.AddCommand(newLogKeygen())
	return command
}

func exampleLogKeygen() string {
	return program.Command("starter") + " log keygen --name acme.example/recordings --file log.key"
}

// publicSuffix is what the file of the public key has in addition.
const publicSuffix = ".pub"

func newLogKeygen() *cobra.Command {
	var name, file string
	command := &cobra.Command{
		Use:   "keygen --name NAME --file FILE",
		Short: "Make a key for the log of sealed days",
		Long: "Make the key that signs the log of sealed days, an Ed25519 key. The private one is written\n" +
			"to FILE, which only its owner may read, the public one to FILE" + publicSuffix + " and stdout. A file that\n" +
			"exists is not overwritten.\n\n" +
			"NAME is the name of the log, which its checkpoints begin with: a name that is yours, such\n" +
			"as a domain with a path. It stays the same for good. Name FILE in archive.logKeyFile\n" +
			"(CALLVAULT_LOG_KEY_FILE), keep a copy of it where you keep such secrets, and give the\n" +
			"public key to whoever is to verify the archive: see verify.",
		Example: "  " + exampleLogKeygen(),
		Args:    program.NoArguments,
	}
	output := addOutputFlag(command)
	command.Flags().StringVar(&name, "name", "", "name of the log, up to 200 letters, digits, dots, slashes, underscores and hyphens (required)")
	command.Flags().StringVar(&file, "file", "", "file for the private key (required)")
	command.RunE = func(command *cobra.Command, _ []string) error {
		if file == "" {
			return program.Usage(errors.New("--file is empty: name the file for the private key"))
		}
		secret, public, err := daylog.NewKey(name)
		if err != nil {
			return program.Usage(fmt.Errorf("--name: %w", err))
		}
		if err := writeKeys(file, secret, public); err != nil {
			return err
		}
		if *output == formatJSON {
			return printJSON(command.OutOrStdout(), map[string]string{"name": name, "file": file, "publicFile": file + publicSuffix, "publicKey": public})
		}
		_, err = fmt.Fprintln(command.OutOrStdout(), public)
		return err
	}
	return command
}

// writeKeys writes both files, or none if one of them is there.
func writeKeys(file, secret, public string) error {
	for _, path := range []string{file, file + publicSuffix} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return program.Usage(fmt.Errorf("%s is there already, and is not overwritten: a log that was begun needs its key; give another --file", path))
		}
	}
	if err := createFile(file, secret+"\n", 0o600); err != nil {
		return program.Usage(err)
	}
	if err := createFile(file+publicSuffix, public+"\n", 0o644); err != nil {
		return program.Usage(err)
	}
	return nil
}

// createFile creates a file and writes it to the disk.
func createFile(path, content string, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Sync(), file.Close())
}
