package plan

import "slices"

// Side is a value before or after: the value (nil when absent, null or
// unknown), what of it is known after apply, and what of it is sensitive. The
// last two have the value's shape with true in the place of whole subtrees. The
// value is what encoding/json decodes with UseNumber; one that is hashed whole is
// known in all its parts.
type Side struct{ Value, Unknown, Sensitive any }

// shape of a side: an attribute that is unknown in part may have no value at all.
func (s Side) shape() (object, list bool, size int) {
	v, object := s.Value.(map[string]any)
	l, list := s.Value.([]any)
	if u, ok := s.Unknown.(map[string]any); ok && v == nil && !list && AnyMark(u) {
		object = true
	}
	if u, ok := s.Unknown.([]any); ok && !object && (list || s.Value == nil && AnyMark(u)) {
		return false, true, max(len(l), len(u))
	}
	return object, list, len(l)
}

func (s Side) absent() bool { return s.Value == nil && !AnyMark(s.Unknown) }

// Marked reports whether all of it is sensitive.
func (s Side) Marked() bool {
	object, _, size := s.shape()
	return !s.absent() && isMarked(s.Sensitive, object, size)
}

// wholeUnknown reports whether nothing of the side is known before apply.
func (s Side) wholeUnknown() bool {
	object, _, size := s.shape()
	return isMarked(s.Unknown, object, size)
}

// Key and Index go one step down.
func (s Side) Key(k string) Side {
	v, _ := s.Value.(map[string]any)
	return Side{Value: v[k], Unknown: markKey(s.Unknown, k), Sensitive: markKey(s.Sensitive, k)}
}

func (s Side) Index(i int) Side {
	return Side{Value: markIndex(s.Value, i), Unknown: markIndex(s.Unknown, i), Sensitive: markIndex(s.Sensitive, i)}
}

// keys are those of the value and of what is unknown.
func (s Side) keys() map[string]any {
	v, _ := s.Value.(map[string]any)
	u, _ := s.Unknown.(map[string]any)
	if len(u) == 0 {
		return v
	}
	all := make(map[string]any, len(v)+len(u))
	for k := range v {
		all[k] = nil
	}
	for k := range u {
		all[k] = nil
	}
	return all
}

// isMarked reports whether a value is sensitive (or unknown) as a whole. Where
// the marks do not have the value's shape we cannot say which part they mean,
// so all of it is. size is the list's length, unknown elements included; object
// says that the value is one.
func isMarked(marks any, object bool, size int) bool {
	switch m := marks.(type) {
	case nil:
		return false
	case bool:
		return m
	case map[string]any:
		return !object && AnyMark(m)
	case []any:
		return size != len(m) && AnyMark(m)
	}
	return true
}

// AnyMark reports whether any part is marked.
func AnyMark(marks any) bool {
	switch m := marks.(type) {
	case nil:
		return false
	case bool:
		return m
	case map[string]any:
		for _, e := range m {
			if AnyMark(e) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(m, AnyMark)
	}
	return true
}

// valueMarked is isMarked for a value without unknown parts.
func valueMarked(marks, v any) bool {
	_, object := v.(map[string]any)
	size := -1
	if l, ok := v.([]any); ok {
		size = len(l)
	}
	return isMarked(marks, object, size)
}

// markKey and markIndex go one step down in marks that have the value's shape.
func markKey(marks any, key string) any {
	m, _ := marks.(map[string]any)
	return m[key]
}

func markIndex(marks any, i int) any {
	if l, _ := marks.([]any); i < len(l) {
		return l[i]
	}
	return nil
}
