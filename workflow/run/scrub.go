package run

import "reflect"

var plainString = reflect.TypeFor[string]()

// scrub changes every string that is reachable from a pointer through exported
// fields, elements and map values. Words of ours (outcomes, actions, marks) have
// their own types and stay.
func scrub(v reflect.Value, change func(string) string) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); v.CanSet() && v.Type() == plainString {
			if to := change(s); to != s {
				v.SetString(to)
			}
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			scrub(v.Elem(), change)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scrub(v.Field(i), change)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			scrub(v.Index(i), change)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			elem := reflect.New(v.Type().Elem()).Elem()
			elem.Set(v.MapIndex(key))
			scrub(elem, change)
			v.SetMapIndex(key, elem)
		}
	}
}
