// Package vary changes one fact after another, for tests that ask about all of them: a field that is new
// fails there until somebody says what it means.
package vary

import (
	"reflect"
	"testing"
	"time"
)

// Each gives every field of the struct that a pointer names, and of the structs within it, another
// value in turn. It calls each with the field's name, like "Head.SHA", and puts the old value back.
func Each(t testing.TB, of any, each func(field string)) {
	t.Helper()
	fields(t, "", reflect.ValueOf(of).Elem(), each)
}

func fields(t testing.TB, within string, v reflect.Value, each func(string)) {
	t.Helper()
	for i := range v.NumField() {
		name, field := within+v.Type().Field(i).Name, v.Field(i)
		if _, isTime := field.Interface().(time.Time); field.Kind() == reflect.Struct && !isTime {
			fields(t, name+".", field, each)
			continue
		}
		was := reflect.ValueOf(field.Interface())
		other(t, name, field)
		each(name)
		field.Set(was)
	}
}

// other gives a field another value than the one it has.
func other(t testing.TB, name string, field reflect.Value) {
	t.Helper()
	switch field.Kind() {
	case reflect.String:
		field.SetString(field.String() + "other")
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.Int, reflect.Int64:
		field.SetInt(field.Int() + 1)
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), field.Len()+1, field.Len()+1))
	case reflect.Struct:
		field.Set(reflect.ValueOf(field.Interface().(time.Time).Add(time.Hour)))
	default:
		t.Fatalf("%s: no other value of a %s", name, field.Type())
	}
}
