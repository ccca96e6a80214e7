package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// decodeStrictly decodes one JSON object into the struct v points to. Its
// error names the key that is unknown or has a value of the wrong type.
func decodeStrictly(data []byte, v any) error {
	if err := checkKeys(data, reflect.TypeOf(v).Elem()); err != nil {
		return err
	}
	err := json.Unmarshal(data, v)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
	case errors.As(err, &wrongType) && wrongType.Field == "":
		return fmt.Errorf("want one JSON object, got a JSON %s", wrongType.Value)
	case errors.As(err, &wrongType):
		key := wrongType.Field[strings.LastIndexByte(wrongType.Field, '.')+1:] // without embedded structs
		return fmt.Errorf("%s: want a JSON %s, got a %s", key, jsonKind(wrongType), wrongType.Value)
	}
	return err
}

// checkKeys returns an error for the keys of the JSON object data that the
// struct does not have. encoding/json itself would accept "BOTID" for "botId".
func checkKeys(data []byte, structure reflect.Type) error {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) == nil { // Otherwise decoding it gives the better error.
		for _, field := range reflect.VisibleFields(structure) {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" { // An embedded struct has no name.
				delete(object, name)
			}
		}
	}
	return unknownKeys(object, "")
}

// unknownKeys returns an error for the keys that are left in object.
func unknownKeys(object map[string]json.RawMessage, hint string) error {
	if len(object) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(object))
	names = names[:min(len(names), 5)]
	for i, name := range names {
		names[i] = fmt.Sprintf("%.80q", name)
	}
	return fmt.Errorf("unknown key %s: remove it or correct its spelling%s", strings.Join(names, ", "), hint)
}

func jsonKind(err *json.UnmarshalTypeError) string {
	switch err.Type.Kind() {
	case reflect.Int, reflect.Pointer:
		return "number"
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Slice:
		return "array"
	default:
		return err.Type.Kind().String()
	}
}
