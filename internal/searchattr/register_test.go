package searchattr

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc"

	"github.com/callvault/callvault/workflows"
)

// operator is an OperatorService that knows some attributes and records what
// it was asked to add.
type operator struct {
	operatorservice.OperatorServiceClient
	known            map[string]enumspb.IndexedValueType
	listErr, addErr  error
	asked            map[string]enumspb.IndexedValueType
	namespace, added string
}

func (o *operator) ListSearchAttributes(_ context.Context, request *operatorservice.ListSearchAttributesRequest, _ ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error) {
	o.namespace = request.GetNamespace()
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: o.known}, o.listErr
}

func (o *operator) AddSearchAttributes(_ context.Context, request *operatorservice.AddSearchAttributesRequest, _ ...grpc.CallOption) (*operatorservice.AddSearchAttributesResponse, error) {
	o.asked, o.added = request.GetSearchAttributes(), request.GetNamespace()
	return nil, o.addErr
}

func TestOnlyMissingAttributesAreRegistered(t *testing.T) {
	all := workflows.SearchAttributeTypes()
	without := maps.Clone(all)
	delete(without, "CallvaultBot")
	without["SomebodyElses"] = enumspb.INDEXED_VALUE_TYPE_INT
	for name, row := range map[string]struct {
		known map[string]enumspb.IndexedValueType
		want  []string
	}{
		"none":     {nil, slices.Sorted(maps.Keys(all))},
		"all":      {all, nil},
		"all less": {without, []string{"CallvaultBot"}},
	} {
		o := &operator{known: row.known}
		added, err := addMissing(t.Context(), o, "prod")
		require.NoError(t, err, name)
		require.Equal(t, row.want, added, name)
		require.Equal(t, "prod", o.namespace)
		require.Equal(t, len(row.want), len(o.asked), name)
	}
}

func TestConcurrentRegistrationIsNotAnError(t *testing.T) {
	o := &operator{addErr: serviceerror.NewAlreadyExists("there")}
	added, err := addMissing(t.Context(), o, "prod")
	require.NoError(t, err)
	require.Len(t, added, len(workflows.SearchAttributeTypes()))
}

func TestPermissionErrorNamesTheCommand(t *testing.T) {
	for name, o := range map[string]*operator{
		"may not list": {listErr: serviceerror.NewPermissionDenied("no", "")},
		"may not add":  {addErr: serviceerror.NewPermissionDenied("no", "")},
		"has no such":  {listErr: serviceerror.NewUnimplemented("no")},
	} {
		_, err := addMissing(t.Context(), o, "prod")
		require.ErrorIs(t, err, ErrNotAllowed, name)
		require.ErrorContains(t, err, "\n  temporal operator search-attribute create --namespace prod --name CallvaultBatch --type Keyword", name)
	}
}

func TestOtherFailuresAreNotPermissionErrors(t *testing.T) {
	down := serviceerror.NewUnavailable("down")
	_, err := addMissing(t.Context(), &operator{listErr: down}, "prod")
	require.ErrorIs(t, err, down)
	require.False(t, errors.Is(err, ErrNotAllowed))
}

func TestAttributeOfAnotherTypeIsNamedWithTheRemedy(t *testing.T) {
	known := workflows.SearchAttributeTypes()
	known["CallvaultBot"] = enumspb.INDEXED_VALUE_TYPE_TEXT
	_, err := addMissing(t.Context(), &operator{known: known}, "prod")
	require.EqualError(t, err, `the search attribute CallvaultBot of namespace "prod" is Text, not Keyword: remove it (temporal operator search-attribute remove --namespace prod --name CallvaultBot) and run this again`)
}

func TestMissingAttributesAreRecognisedAtAStart(t *testing.T) {
	require.True(t, IsMissing(serviceerror.NewInvalidArgument("Namespace default has no mapping defined for search attribute CallvaultBot")))
	require.False(t, IsMissing(serviceerror.NewInvalidArgument("another argument")))
	require.False(t, IsMissing(errors.New("CallvaultBot")))
}
