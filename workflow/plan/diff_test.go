package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func decoded(t *testing.T, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestDiffer compares small values; sides are [value, unknown, marks] as JSON.
func TestDiffer(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after [3]string
		want          string
		unchanged     int
	}{
		{"nothing", [3]string{`{"a":1}`}, [3]string{`{"a":1}`}, ``, 1},
		{"id and name orient", [3]string{`{"id":"x","name":"n","inner":{"id":"y"},"a":1}`}, [3]string{`{"id":"x","name":"n","inner":{"id":"y"},"a":2}`},
			"~ a: 1 -> 2\n  id: \"x\" -> \"x\"\n  name: \"n\" -> \"n\"", 1},
		{"null is absent", [3]string{`{"a":null,"b":null}`}, [3]string{`{"a":false}`}, "+ a:  -> false", 0},
		{"out of the middle", [3]string{`{"l":[1,2,3,4]}`}, [3]string{`{"l":[1,3,4]}`}, "- l[1]: 2 -> ", 3},
		{"into the middle", [3]string{`{"l":[1,3]}`}, [3]string{`{"l":[1,2,3]}`}, "+ l[1]:  -> 2", 2},
		{"scalars one by one", [3]string{`{"l":["a","b"]}`}, [3]string{`{"l":["a","c"]}`}, "~ l[1]: \"b\" -> \"c\"", 1},
		{"scalars of another number", [3]string{`{"l":["a"]}`}, [3]string{`{"l":["b","c"]}`}, "- l[0]: \"a\" -> \n+ l[0]:  -> \"b\"\n+ l[1]:  -> \"c\"", 0},
		{"a set in another order", [3]string{`{"s":[{"p":1},{"p":2}]}`}, [3]string{`{"s":[{"p":2},{"p":3}]}`}, "- s[0].p: 1 -> \n+ s[1].p:  -> 3", 1},
		{"a block changes", [3]string{`{"s":[{"p":1,"q":1}]}`}, [3]string{`{"s":[{"p":2,"q":1}]}`}, "~ s[0].p: 1 -> 2", 1},
		{"nulls in lists", [3]string{`{"l":[null,1]}`}, [3]string{`{"l":["a",1]}`}, "+ l[0]:  -> \"a\"", 1},
		{"another kind", [3]string{`{"v":{"a":1}}`}, [3]string{`{"v":"text"}`}, "- v.a: 1 -> \n+ v:  -> \"text\"", 0},
		{"emptied", [3]string{`{"v":{"a":1}}`}, [3]string{`{"v":{}}`}, "- v.a: 1 -> ", 0},
		{"odd keys", [3]string{`{"m":{}}`}, [3]string{`{"m":{"a.b":1,"c-d":2,"9":3,"":4,"\"":5}}`},
			"+ m[\"\"]:  -> 4\n+ m[\"\\\"\"]:  -> 5\n+ m[\"9\"]:  -> 3\n+ m[\"a.b\"]:  -> 1\n+ m.c-d:  -> 2", 0},
		{"unknown in a list", [3]string{`{"l":["a","b"]}`}, [3]string{`{"l":["a",null]}`, `{"l":[false,true]}`}, "~ l[1]: \"b\" -> (known after apply)", 1},
		{"unknown inside of what is not there", [3]string{`{}`}, [3]string{`{"o":{}}`, `{"o":{"p":true}}`}, "+ o.p:  -> (known after apply)", 0},
		{"unknown and sensitive", [3]string{`{"p":"a"}`, ``, `{"p":true}`}, [3]string{`{}`, `{"p":true}`, `{"p":true}`}, "~ p: (sensitive value) -> (known after apply)", 0},
		{"marked before only", [3]string{`{"p":"a"}`, ``, `{"p":true}`}, [3]string{`{"p":"b"}`}, "~ p: (sensitive value) -> (sensitive value)", 0},
		{"marked as a whole", [3]string{`{"o":{"p":"a"}}`, ``, `{"o":true}`}, [3]string{`{"o":{"p":"b"}}`, ``, `{"o":{"p":true}}`}, "~ o: (sensitive value) -> (sensitive value)", 0},
		{"sensitive and the same", [3]string{`{"id":"a"}`, ``, `{"id":true}`}, [3]string{`{"id":"a"}`, ``, `{"id":true}`}, "", 1},
		{"marks of another shape", [3]string{`{}`}, [3]string{`{"l":["a","b"]}`, ``, `{"l":[true]}`}, "+ l:  -> (sensitive value)", 0},
		{"marks below a string", [3]string{`{}`}, [3]string{`{"s":"a"}`, ``, `{"s":{"x":true}}`}, "+ s:  -> (sensitive value)", 0},
		{"JSON in a string", [3]string{`{"p":"{\"a\":[1,2],\"b\":1}"}`}, [3]string{`{"p":"{\"b\":2,\"a\":[2]}"}`}, "- p.a[0]: 1 -> \n~ p.b: 1 -> 2", 0},
		{"JSON with a key twice", [3]string{`{"p":"{\"a\":1}"}`}, [3]string{`{"p":"{\"a\":\"*\",\"a\":1}"}`}, `~ p: "{\"a\":1}" -> "{\"a\":\"*\",\"a\":1}"`, 0},
		{"a key twice deep down", [3]string{`{}`}, [3]string{`{"p":"[{\"a\":[{\"b\":\"a value that makes it long enough for lines\"},{\"b\":1,\"b\":2}]}]"}`},
			`+ p:  -> "[{\"a\":[{\"b\":\"a value that makes it long enough for lines\"},{\"b\":1,\"b\":2}]}]"`, 0},
		{"one key in two objects", [3]string{`{"p":"[{\"a\":1},{\"a\":1}]"}`}, [3]string{`{"p":"[{\"a\":1},{\"a\":2}]"}`}, "~ p[1].a: 1 -> 2", 0},
		{"text that is nearly JSON", [3]string{`{"p":"{a}"}`}, [3]string{`{"p":"{b}"}`}, "~ p: \"{a}\" -> \"{b}\"", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			side := func(s [3]string) Side {
				return Side{decoded(t, s[0]), decoded(t, s[1]), decoded(t, s[2])}
			}
			d := differ{mask: maskerOf(nil, escaped)}
			d.walk(place{}, side(c.before), side(c.after))
			var lines []string
			for _, a := range d.out {
				lines = append(lines, string(a.Mark)+" "+a.Path+": "+a.Before+" -> "+a.After)
			}
			if diff := cmp.Diff(c.want, strings.Join(lines, "\n")); diff != "" || d.unchanged != c.unchanged {
				t.Errorf("unchanged %d, want %d; -want +got:\n%s", d.unchanged, c.unchanged, diff)
			}
		})
	}
}

// TestHugeLists: what is too long to be aligned is compared by index, and ends.
func TestHugeLists(t *testing.T) {
	before, after := make([]any, 3000), make([]any, 3000)
	for i := range before {
		before[i], after[i] = json.Number("1"), json.Number("2")
	}
	d := differ{mask: maskerOf(nil, escaped)}
	d.walk(place{text: "value"}, Side{Value: before}, Side{Value: after})
	if len(d.out) != 3000 || d.out[2999].Path != "value[2999]" {
		t.Errorf("%d attributes", len(d.out))
	}
}
