package deployment_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const manifests = "../../deploy/kubernetes/"

// objects are what kustomize makes of a folder, each decoded as the API server would do it.
type objects struct {
	worker     appsv1.Deployment
	setup      batchv1.Job
	disruption policyv1.PodDisruptionBudget
	network    networkingv1.NetworkPolicy
	namespaces []corev1.Namespace
	configs    []corev1.ConfigMap
}

// build builds a folder below deploy/kubernetes. A key that the API does not have fails the test.
func build(t *testing.T, folder string) *objects {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), manifests+folder)
	require.NoError(t, err)
	o := new(objects)
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		require.NoError(t, err)
		var target any
		id := resource.CurId()
		switch id.Gvk.String() {
		case "Deployment.v1.apps":
			target = &o.worker
		case "Job.v1.batch":
			target = &o.setup
		case "PodDisruptionBudget.v1.policy":
			target = &o.disruption
		case "NetworkPolicy.v1.networking.k8s.io":
			target = &o.network
		case "Namespace.v1.[noGrp]":
			o.namespaces = append(o.namespaces, corev1.Namespace{})
			target = &o.namespaces[len(o.namespaces)-1]
		case "ConfigMap.v1.[noGrp]":
			o.configs = append(o.configs, corev1.ConfigMap{})
			target = &o.configs[len(o.configs)-1]
		default:
			t.Fatalf("%s: add its kind here", id)
		}
		require.NoError(t, yaml.UnmarshalStrict(text, target), "%s\n%s", id, text)
	}
	return o
}

// pods are the pods of the worker and of the setup.
func (o *objects) pods() map[string]corev1.PodTemplateSpec {
	return map[string]corev1.PodTemplateSpec{"worker": o.worker.Spec.Template, "setup": o.setup.Spec.Template}
}
