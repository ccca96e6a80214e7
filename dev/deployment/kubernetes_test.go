package deployment_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/observe"
	"github.com/callvault/callvault/internal/timing"
)

// secretsFolder is where the pods have the Secret.
const secretsFolder = "/run/secrets/callvault"

func TestPodsAreAllowedWherePodSecurityIsRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for name, pod := range build(t, "example-versions").pods() {
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
		require.True(t, result.Allowed, "%s: %s", name, result.ForbiddenDetail())
		require.False(t, *pod.Spec.AutomountServiceAccountToken, name)
		for _, container := range pod.Spec.Containers {
			require.True(t, *container.SecurityContext.ReadOnlyRootFilesystem, name)
			require.NotZero(t, container.Resources.Limits.Memory().Value(), name)
		}
	}
}

func TestTheNamespaceEnforcesRestrictedPodSecurity(t *testing.T) {
	namespaces := build(t, "example").namespaces
	require.Len(t, namespaces, 1)
	require.Equal(t, "restricted", namespaces[0].Labels["pod-security.kubernetes.io/enforce"])
}

func TestTwoWorkersOfWhichOneStays(t *testing.T) {
	o := build(t, "example")
	require.EqualValues(t, 2, *o.worker.Spec.Replicas)
	require.Zero(t, o.worker.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue(), "in a rolling update")
	require.Equal(t, 1, o.disruption.Spec.MaxUnavailable.IntValue(), "when nodes are drained")
}

func TestSelectorsFindThePods(t *testing.T) {
	o := build(t, "example")
	worker := labels.Set(o.worker.Spec.Template.Labels)
	for name, selector := range map[string]*metav1.LabelSelector{
		"Deployment":          o.worker.Spec.Selector,
		"PodDisruptionBudget": o.disruption.Spec.Selector,
		"NetworkPolicy":       &o.network.Spec.PodSelector,
		"first spread":        o.worker.Spec.Template.Spec.TopologySpreadConstraints[0].LabelSelector,
		"second spread":       o.worker.Spec.Template.Spec.TopologySpreadConstraints[1].LabelSelector,
	} {
		compiled, err := metav1.LabelSelectorAsSelector(selector)
		require.NoError(t, err, name)
		require.False(t, compiled.Empty(), "%s selects everything", name)
		require.True(t, compiled.Matches(worker), "%s: %s", name, compiled)
		require.Equal(t, name == "NetworkPolicy", compiled.Matches(labels.Set(o.setup.Spec.Template.Labels)), "%s and the setup's pod", name)
	}
}

func TestAWorkerHasTimeToStop(t *testing.T) {
	grace := time.Duration(*build(t, "base").worker.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	require.Greater(t, grace, timing.SlotStop+timing.WorkerStop)
	require.GreaterOrEqual(t, grace, timing.ContainerStop)
}

// What is served is asked of the worker's own mux, so that a path that was renamed is noticed.
func TestProbesAskWhatTheWorkerServes(t *testing.T) {
	worker := build(t, "base").worker.Spec.Template.Spec.Containers[0]
	mux := http.NewServeMux()
	observe.NewHealth(nil, "").Register(mux)
	for _, asked := range []struct {
		probe *corev1.Probe
		path  string
	}{{worker.StartupProbe, "/healthz"}, {worker.LivenessProbe, "/healthz"}, {worker.ReadinessProbe, "/readyz"}} {
		probe := asked.probe
		require.Equal(t, asked.path, probe.HTTPGet.Path)
		_, pattern := mux.Handler(httptest.NewRequest(http.MethodGet, probe.HTTPGet.Path, nil))
		require.NotEmpty(t, pattern, "the worker does not serve %s", probe.HTTPGet.Path)
		require.Equal(t, worker.Ports[0].Name, probe.HTTPGet.Port.String())
	}
	require.Equal(t, fmt.Sprintf(":%d", worker.Ports[0].ContainerPort), valueOf(worker.Env, "CALLVAULT_HEALTH_ADDRESS"))
}

func TestMetricsAreScrapedWhereTheWorkerServesThem(t *testing.T) {
	o := build(t, "example")
	worker := o.worker.Spec.Template
	port := worker.Spec.Containers[0].Ports[0]
	require.Equal(t, fmt.Sprint(port.ContainerPort), worker.Annotations["prometheus.io/port"])
	metrics, err := observe.NewMetrics(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, metrics.Close(context.Background())) }()
	mux := http.NewServeMux()
	metrics.Register(mux)
	_, pattern := mux.Handler(httptest.NewRequest(http.MethodGet, worker.Annotations["prometheus.io/path"], nil))
	require.NotEmpty(t, pattern, "the worker does not serve it")
	require.EqualValues(t, port.ContainerPort, o.network.Spec.Ingress[0].Ports[0].Port.IntValue())

	content, err := os.ReadFile(manifests + "components/pod-monitor/pod-monitor.yaml")
	require.NoError(t, err)
	var monitor struct {
		Spec struct {
			JobLabel            string               `json:"jobLabel"`
			Selector            metav1.LabelSelector `json:"selector"`
			PodMetricsEndpoints []struct {
				Port, Path string
			} `json:"podMetricsEndpoints"`
		} `json:"spec"`
	}
	require.NoError(t, yaml.Unmarshal(content, &monitor))
	require.Equal(t, port.Name, monitor.Spec.PodMetricsEndpoints[0].Port)
	require.Equal(t, worker.Annotations["prometheus.io/path"], monitor.Spec.PodMetricsEndpoints[0].Path)
	require.Equal(t, "callvault", worker.Labels[monitor.Spec.JobLabel], "the job that the rules ask for")
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
	require.NoError(t, err)
	require.True(t, selector.Matches(labels.Set(worker.Labels)))
}

func TestEveryVariableIsOneOfThePrograms(t *testing.T) {
	o := build(t, "example-versions")
	var variables []string
	for _, pod := range o.pods() {
		for _, variable := range pod.Spec.Containers[0].Env {
			variables = append(variables, variable.Name)
		}
		for _, source := range pod.Spec.Containers[0].EnvFrom {
			for name := range o.configOf(t, source.ConfigMapRef.Name).Data {
				variables = append(variables, name)
			}
		}
	}
	require.Contains(t, variables, "TEMPORAL_ADDRESS")
	requireKnown(t, variables)
}

// Workers of two versions run side by side, so nothing of one may have the other's name or find its pods; a pod with two
// disruption budgets could not be evicted.
func TestAVersionHasObjectsOfItsOwn(t *testing.T) {
	o := build(t, "example-versions")
	worker := o.worker.Spec.Template
	_, tag, _ := strings.Cut(worker.Spec.Containers[0].Image, ":")
	require.NotEmpty(t, tag)
	suffix := "-" + strings.ReplaceAll(tag, ".", "-")
	for _, name := range []string{o.worker.Name, o.setup.Name, o.disruption.Name, o.network.Name} {
		require.True(t, strings.HasSuffix(name, suffix), name)
	}
	require.Equal(t, "callvault", o.namespaces[0].Name)
	require.Equal(t, "callvault", worker.Spec.Volumes[1].Secret.SecretName, "it is not of this folder")
	for _, selector := range []*metav1.LabelSelector{o.worker.Spec.Selector, o.disruption.Spec.Selector, &o.network.Spec.PodSelector} {
		require.Equal(t, tag, selector.MatchLabels["app.kubernetes.io/version"])
	}
	require.Equal(t, tag, worker.Labels["app.kubernetes.io/version"])
	require.Equal(t, "callvault", valueOf(worker.Spec.Containers[0].Env, "CALLVAULT_DEPLOYMENT"))
	for _, variable := range worker.Spec.Containers[0].Env {
		if variable.Name == "CALLVAULT_BUILD_ID" {
			require.Equal(t, "metadata.labels['app.kubernetes.io/version']", variable.ValueFrom.FieldRef.FieldPath)
			return
		}
	}
	t.Fatal("no build id")
}

// The accounts of the example are read as a worker would, with made-up secrets in place of the Secret.
func TestTheExamplesAccountsAreValid(t *testing.T) {
	o := build(t, "example")
	worker := o.worker.Spec.Template.Spec
	folder := t.TempDir()
	secret, _, err := daylog.NewKey("acme.example/recordings")
	require.NoError(t, err)
	for name, content := range map[string]string{
		"acme-client-secret": "made up",
		"aws-credentials":    "[default]\naws_access_key_id = a\naws_secret_access_key = b\n",
		"log-key":            secret + "\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	mounts := make(map[string]string)
	for _, mount := range worker.Containers[0].VolumeMounts {
		require.True(t, mount.ReadOnly || mount.Name == "tmp", mount.Name)
		mounts[mount.Name] = mount.MountPath
	}
	require.Equal(t, secretsFolder, mounts["secrets"])
	file := valueOf(worker.Containers[0].Env, "CALLVAULT_CONFIG")
	require.Equal(t, mounts["accounts"], path.Dir(file))
	var accounts string
	for _, volume := range worker.Volumes {
		if volume.ConfigMap != nil {
			accounts = o.configOf(t, volume.ConfigMap.Name).Data[path.Base(file)]
		}
	}
	require.Contains(t, accounts, secretsFolder)
	accounts = strings.ReplaceAll(accounts, secretsFolder, folder)
	configured := filepath.Join(folder, "accounts.yaml")
	require.NoError(t, os.WriteFile(configured, []byte(accounts), 0o600))
	t.Setenv("CALLVAULT_CONFIG", configured)
	read, err := config.FromEnvironment()
	require.NoError(t, err)
	require.Len(t, read.Accounts, 1)
	require.NotNil(t, read.Accounts[0].LogKey)
}

// configOf returns a ConfigMap by the name that the pods have for it.
func (o *objects) configOf(t *testing.T, name string) corev1.ConfigMap {
	t.Helper()
	for _, config := range o.configs {
		if config.Name == name {
			return config
		}
	}
	t.Fatalf("no ConfigMap %s", name)
	return corev1.ConfigMap{}
}

func valueOf(variables []corev1.EnvVar, name string) string {
	for _, variable := range variables {
		if variable.Name == name {
			return variable.Value
		}
	}
	return ""
}
