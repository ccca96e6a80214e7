package deployment_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/callvault/callvault/internal/timing"
)

const root = "../../"

// composeFile is what the tests look at of docker-compose.yml.
type composeFile struct {
	Services map[string]struct {
		Image           string             `json:"image"`
		Environment     map[string]*string `json:"environment"`
		Secrets         []string           `json:"secrets"`
		Ports           []string           `json:"ports"`
		Volumes         []string           `json:"volumes"`
		StopGracePeriod string             `json:"stop_grace_period"`
		Profiles        []string           `json:"profiles"`
	} `json:"services"`
	Secrets map[string]struct {
		File string `json:"file"`
	} `json:"secrets"`
}

func compose(t *testing.T) (parsed composeFile) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal(read(t, "docker-compose.yml"), &parsed))
	require.Contains(t, parsed.Services, "worker")
	return parsed
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return content
}

func TestComposeGivesTheWorkerNoVariableThatItDoesNotKnow(t *testing.T) {
	var variables []string
	for name := range compose(t).Services["worker"].Environment {
		variables = append(variables, name)
	}
	requireKnown(t, variables)
}

// A secret in a variable would be shown by `docker inspect`; a file has to be mounted.
func TestComposePassesOnEverySettingButSecretsAndFiles(t *testing.T) {
	given := compose(t).Services["worker"].Environment
	secret := []string{
		"SMARTASSIST_CLIENT_SECRET", "CALLVAULT_USER_HASH_KEY", "CALLVAULT_LOG_KEY", // their files are given
		"SMARTASSIST_PRIVATE_KEY_FILE", "SMARTASSIST_ENCRYPTION_KEY_FILE", "SMARTASSIST_ENCRYPTION_KEY_ALGORITHM",
		"SMARTASSIST_CONTENT_ENCRYPTION", "S3_CA_FILE", "CALLVAULT_CONFIG",
	}
	for _, variable := range configurationVariables(t) {
		if slices.Contains(secret, variable) {
			require.NotContains(t, given, variable)
		} else {
			require.Contains(t, given, variable)
		}
	}
}

func TestTheCommandLineIsConfiguredAsTheWorkerIs(t *testing.T) {
	services := compose(t).Services
	worker, starter := services["worker"], services["starter"]
	require.Equal(t, worker.Image, starter.Image)
	require.Equal(t, worker.Secrets, starter.Secrets)
	delete(worker.Environment, "CALLVAULT_HEALTH_ADDRESS")
	for _, own := range []string{"CALLVAULT_WEB_UI", "USER", "SUDO_USER"} {
		require.Contains(t, starter.Environment, own)
		delete(starter.Environment, own)
	}
	require.Equal(t, worker.Environment, starter.Environment)
}

// The hints of the programs are commands that can be typed here.
func TestHintsNameServicesOfCompose(t *testing.T) {
	parsed := compose(t)
	for variable, command := range map[string]string{"CALLVAULT_STARTER_COMMAND": "docker-compose run --rm ", "CALLVAULT_WORKER_COMMAND": "docker-compose up -d "} {
		service, found := strings.CutPrefix(valueOr(parsed.Services["worker"].Environment[variable]), command)
		require.True(t, found, variable)
		require.Contains(t, parsed.Services, service)
	}
}

func TestComposeGivesAWorkerTimeToStop(t *testing.T) {
	grace, err := time.ParseDuration(compose(t).Services["worker"].StopGracePeriod)
	require.NoError(t, err)
	require.Equal(t, timing.ContainerStop, grace)
}

// None of the servers but Grafana and MinIO authenticates.
func TestComposePublishesPortsOnThisMachineAlone(t *testing.T) {
	for name, service := range compose(t).Services {
		for _, port := range service.Ports {
			require.True(t, strings.HasPrefix(port, "127.0.0.1:"), "%s publishes %s", name, port)
		}
	}
}

func TestImagesHaveAVersion(t *testing.T) {
	for name, service := range compose(t).Services {
		require.Regexp(t, `:([A-Za-z-]*[.]?v?[0-9]+[.-][0-9].*|local)$`, service.Image, name)
	}
}

func TestEachSecretIsDeclaredAndMadeByTheScript(t *testing.T) {
	parsed := compose(t)
	script := string(read(t, "deploy/make-secrets.sh"))
	for name, secret := range parsed.Secrets {
		require.Equal(t, "./secrets/"+name, secret.File)
		require.Regexp(t, `(create|secrets/)\s*`+name+`\b`, script)
	}
	for name, service := range parsed.Services {
		for _, secret := range service.Secrets {
			require.Contains(t, parsed.Secrets, secret, name)
		}
		for _, value := range service.Environment {
			if file, found := strings.CutPrefix(valueOr(value), "/run/secrets/"); found {
				require.Contains(t, service.Secrets, file, "%s has no secret %s", name, file)
			}
		}
	}
}

func TestEveryVariableOfTheExampleIsUsed(t *testing.T) {
	text := string(read(t, "docker-compose.yml"))
	variables := regexp.MustCompile(`(?m)^#?([A-Z0-9_]+)=`).FindAllStringSubmatch(string(read(t, ".env.example")), -1)
	require.NotEmpty(t, variables)
	for _, variable := range variables {
		if strings.HasPrefix(variable[1], "COMPOSE_") {
			continue // It is docker-compose's own.
		}
		require.Regexp(t, `(?m)(\$\{`+variable[1]+`[:}?-]|^ +`+variable[1]+`:$)`, text)
	}
}

func TestMountedFilesExist(t *testing.T) {
	for name, service := range compose(t).Services {
		for _, volume := range service.Volumes {
			if source, _, _ := strings.Cut(volume, ":"); strings.HasPrefix(source, "./") {
				require.DirExists(t, filepath.Join(root, source), name)
			}
		}
	}
}

func valueOr(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}
