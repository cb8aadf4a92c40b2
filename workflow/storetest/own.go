package storetest

import (
	"reflect"
	"sync"
	"time"
)

// own is a copy of a record that shares no memory with it that could be changed.
func own[T any](v T) T {
	if at := reflect.ValueOf(&v).Elem(); !plain(at.Type()) {
		ownIn(at)
	}
	return v
}

var timeType = reflect.TypeFor[time.Time]()

var plainTypes sync.Map // reflect.Type -> bool

// plain reports whether a value of the type is copied by assigning it.
func plain(t reflect.Type) bool {
	if known, ok := plainTypes.Load(t); ok {
		return known.(bool)
	}
	is := true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		is = false
	case reflect.Array:
		is = plain(t.Elem())
	case reflect.Struct:
		for i := 0; t != timeType && is && i < t.NumField(); i++ {
			is = plain(t.Field(i).Type)
		}
	}
	plainTypes.Store(t, is)
	return is
}

// ownIn replaces what a settable value shares by copies.
func ownIn(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		to := reflect.New(v.Type().Elem())
		to.Elem().Set(v.Elem())
		ownInside(to.Elem())
		v.Set(to)
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		to := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(to, v)
		if !plain(v.Type().Elem()) {
			for i := range to.Len() {
				ownIn(to.Index(i))
			}
		}
		v.Set(to)
	case reflect.Map:
		if v.IsNil() {
			return
		}
		to := reflect.MakeMapWithSize(v.Type(), v.Len())
		for from := v.MapRange(); from.Next(); {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(from.Value())
			ownInside(value)
			to.SetMapIndex(from.Key(), value)
		}
		v.Set(to)
	case reflect.Struct:
		for i := range v.NumField() {
			ownInside(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			ownInside(v.Index(i))
		}
	}
}

func ownInside(v reflect.Value) {
	if !plain(v.Type()) {
		ownIn(v)
	}
}
