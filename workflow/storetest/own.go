package storetest

import (
	"reflect"
	"sync"
	"time"
)

// own is a copy of a record that shares no changeable memory with it.
func own[T any](v T) T {
	if separate := separator(reflect.TypeFor[T]()); separate != nil {
		separate(reflect.ValueOf(&v).Elem())
	}
	return v
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	separators sync.Map // reflect.Type -> func(reflect.Value), for no type that contains itself
)

// separator returns a function that replaces everything that a settable value of a type
// shares with others by copies; nil for a type that is copied by assignment.
func separator(t reflect.Type) func(reflect.Value) {
	if known, ok := separators.Load(t); ok {
		return known.(func(reflect.Value))
	}
	made := makeSeparator(t)
	separators.Store(t, made)
	return made
}

func makeSeparator(t reflect.Type) func(reflect.Value) {
	if t == timeType {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		inside := separator(t.Elem())
		return func(v reflect.Value) {
			if v.IsNil() {
				return
			}
			to := reflect.New(t.Elem())
			to.Elem().Set(v.Elem())
			if inside != nil {
				inside(to.Elem())
			}
			v.Set(to)
		}
	case reflect.Slice:
		inside := separator(t.Elem())
		return func(v reflect.Value) {
			if v.IsNil() {
				return
			}
			to := reflect.MakeSlice(t, v.Len(), v.Len())
			reflect.Copy(to, v)
			for i := 0; inside != nil && i < to.Len(); i++ {
				inside(to.Index(i))
			}
			v.Set(to)
		}
	case reflect.Map:
		inside := separator(t.Elem())
		return func(v reflect.Value) {
			if v.IsNil() {
				return
			}
			to := reflect.MakeMapWithSize(t, v.Len())
			for from := v.MapRange(); from.Next(); {
				value := reflect.New(t.Elem()).Elem()
				value.Set(from.Value())
				if inside != nil {
					inside(value)
				}
				to.SetMapIndex(from.Key(), value)
			}
			v.Set(to)
		}
	case reflect.Struct:
		return fieldsSeparator(t)
	case reflect.Array, reflect.Interface, reflect.Chan, reflect.Func:
		panic("storetest: a record holds a " + t.String())
	}
	return nil
}

func fieldsSeparator(t reflect.Type) func(reflect.Value) {
	var fields []int
	var inside []func(reflect.Value)
	for i := range t.NumField() {
		if separate := separator(t.Field(i).Type); separate != nil {
			fields, inside = append(fields, i), append(inside, separate)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return func(v reflect.Value) {
		for i, f := range fields {
			inside[i](v.Field(f))
		}
	}
}
