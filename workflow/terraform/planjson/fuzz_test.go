package planjson

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// planMaker makes random plans. Every value that it marks as sensitive holds a
// canary of its own, and some of them turn up again where nothing marks them.
type planMaker struct {
	r        *rand.Rand
	canaries []string // to look for
	secrets  []string // the values that hold them
}

func newPlanMaker(seed uint64) *planMaker { return &planMaker{r: rand.New(rand.NewPCG(seed, 1))} }

func (m *planMaker) one(list ...string) string { return list[m.r.IntN(len(list))] }

func (m *planMaker) chance(percent int) bool { return m.r.IntN(100) < percent }

// canary is a value that must not be seen again: a string, one of several lines
// or with quotes, a number, a JSON document.
func (m *planMaker) canary() any {
	number := m.chance(15)
	c := fmt.Sprintf("canary-%04d-%x", len(m.canaries), m.r.Uint32())
	if number {
		c = fmt.Sprintf("8888%08d", len(m.canaries))
	}
	m.canaries = append(m.canaries, c)
	if number {
		return json.Number(c)
	}
	value := m.one(c, c, "-----BEGIN\n"+c+"\nEND-----\n", `say "`+c+`" \ twice`, `{"user":"u","list":["`+c+`"]}`)
	m.secrets = append(m.secrets, value)
	return value
}

func (m *planMaker) scalar() any {
	switch m.r.IntN(9) {
	case 0:
		return json.Number(fmt.Sprint(m.r.IntN(1000)))
	case 1:
		return m.chance(50)
	case 2:
		return nil
	case 3:
		return "line one\nline two\n"
	case 4:
		return fmt.Sprintf(`{"Version":"1","Statement":[{"n":%d},{"Action":"go to the end of the line"}]}`, m.r.IntN(3))
	case 5:
		if len(m.secrets) > 0 { // the mark is lost on the way
			s := m.secrets[m.r.IntN(len(m.secrets))]
			inner := jsonText(s)
			return m.one(s, strings.TrimSpace(s), "postgres://u:"+s+"@db", `{"a":[`+inner+`,1],"b":"a document long enough for lines of its own"}`, "not JSON {"+inner)
		}
	}
	return m.one("a", "b", "eu-west-1", "")
}

// value makes a value with its marks and what of it is unknown, in the shapes
// that terraform prints, and now and then in one that it should not.
func (m *planMaker) value(depth int, unknowns bool) (v, marks, unknown any) {
	switch {
	case m.chance(12):
		return m.secretTree(depth), true, nil
	case unknowns && m.chance(10):
		return nil, false, true
	case depth > 0 && m.chance(40):
		object, ms, us := map[string]any{}, map[string]any{}, map[string]any{}
		for range m.r.IntN(4) {
			k := m.one("id", "name", "tags", "policy", "a.b", "x/y", "~", "0")
			if _, taken := ms[k]; taken {
				continue
			}
			v, mark, u := m.value(depth-1, unknowns)
			if u != true {
				object[k] = v
			}
			ms[k] = mark
			if u != nil {
				us[k] = u
			}
		}
		return object, ms, us
	case depth > 0 && m.chance(30):
		if m.chance(5) { // marks of another length: all of it is meant
			return []any{m.canary(), m.canary()}, []any{true}, nil
		}
		list, ms, us := []any{}, []any{}, []any{}
		for range m.r.IntN(4) {
			v, mark, u := m.value(depth-1, unknowns)
			list, ms = append(list, v), append(ms, mark)
			if u == nil {
				u = false
			}
			us = append(us, u)
		}
		return list, ms, us
	}
	return m.scalar(), m.noMark(), nil
}

func (m *planMaker) noMark() any {
	if m.chance(50) {
		return nil
	}
	return false
}

// secretTree is a value that is sensitive as a whole.
func (m *planMaker) secretTree(depth int) any {
	if depth > 0 && m.chance(30) {
		return map[string]any{"user": m.canary(), "list": []any{m.canary(), m.canary()}}
	}
	return m.canary()
}

// plan makes a whole document.
func (m *planMaker) plan() map[string]any {
	variables, declared := map[string]any{}, map[string]any{}
	for i := range 3 {
		name := fmt.Sprintf("v%d", i)
		variables[name] = map[string]any{"value": m.secretTree(1)}
		declared[name] = map[string]any{"sensitive": true}
	}
	outputs := map[string]any{}
	for i := range 3 {
		outputs[fmt.Sprintf("o%d", i)] = m.change([]any{m.one("create", "update", "delete", "no-op")})
	}
	return map[string]any{
		"format_version": "1.2", "variables": variables,
		"configuration":    map[string]any{"root_module": map[string]any{"variables": declared}},
		"resource_changes": m.resources(6), "resource_drift": m.resources(2), "output_changes": outputs,
		"something_new": map[string]any{"values": m.canary(), "sensitive_values": true},
		"checks":        []any{map[string]any{"status": "fail", "instances": []any{map[string]any{"problems": []any{map[string]any{"message": m.scalarText()}}}}}},
		"complete":      true, "errored": false,
	}
}

func (m *planMaker) scalarText() string {
	s, _ := m.scalar().(string)
	return s
}

func (m *planMaker) resources(n int) []any {
	var out []any
	for i := range n {
		actions := []any{m.one("create", "update", "delete", "forget", "read", "no-op")}
		switch m.r.IntN(6) {
		case 0:
			actions = []any{"delete", "create"}
		case 1:
			actions = []any{"create", "delete"}
		}
		c := m.change(actions)
		c["replace_paths"] = []any{[]any{"id"}, []any{"tags", json.Number("0")}}
		if m.chance(20) {
			c["importing"] = map[string]any{"id": "i-1"}
		}
		out = append(out, map[string]any{"address": fmt.Sprintf("x_y.r%d", i), "mode": "managed", "type": "x_y", "provider_name": "x", "change": c})
	}
	return out
}

func (m *planMaker) change(actions []any) map[string]any {
	c := map[string]any{"actions": actions, "before": nil, "after": nil}
	if actions[0] != "create" || len(actions) > 1 {
		c["before"], c["before_sensitive"], _ = m.value(3, false)
	}
	switch {
	case actions[0] == "no-op":
		c["after"], c["after_sensitive"] = c["before"], c["before_sensitive"]
	case actions[0] != "delete" && actions[0] != "forget" || len(actions) > 1:
		c["after"], c["after_sensitive"], c["after_unknown"] = m.value(3, true)
	}
	return c
}

// jsonText is a value that can be encoded, as JSON.
func jsonText(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// FuzzProjection: no marked leaf survives the projection, wherever it stands and
// wherever else it turns up, with and without a key; and the redactor is told of it.
func FuzzProjection(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		m := newPlanMaker(seed)
		in := planInput(encode(t, m.plan()))
		if seed%2 == 0 {
			in.Key = nil
		}
		plan, secrets := readPlan(t, in)
		shown, told := string(encode(t, plan)), strings.Join(secrets, "\n")
		for _, c := range m.canaries {
			if strings.Contains(shown, c) {
				t.Fatalf("%q survives in %s\nof %s", c, shown, in.Raw)
			}
			if !strings.Contains(told, c) {
				t.Fatalf("%q is not among the secrets %q", c, secrets)
			}
		}
	})
}

// FuzzReadPlan: whatever the JSON, reading it ends with a plan or an error.
func FuzzReadPlan(f *testing.F) {
	for _, name := range []string{"cloud.json", "newer.json"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "plan", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add(encode(f, newPlanMaker(1).plan()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		plan, _, err := Read(planInput(raw))
		if (plan == nil) == (err == nil) {
			t.Fatalf("got plan %v and error %v", plan, err)
		}
		if plan != nil && plan.NoChanges && !plan.Counts.Zero() {
			t.Fatalf("no changes with counts %+v", plan.Counts)
		}
	})
}

// bigPlan is a plan of n resources as large as those of a cloud provider.
func bigPlan(b testing.TB, n int) []byte {
	var list []any
	for i := range n {
		attributes := func(size int) map[string]any {
			return map[string]any{"id": fmt.Sprintf("i-%08d", i), "ami": "ami-0123456789", "size": json.Number(fmt.Sprint(size)), "password": fmt.Sprintf("password-%d", i),
				"tags": map[string]any{"Name": fmt.Sprintf("node-%d", i), "team": "network"}, "zones": []any{"a", "b", "c"},
				"policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}`}
		}
		list = append(list, map[string]any{"address": fmt.Sprintf("aws_instance.node[%d]", i), "mode": "managed", "type": "aws_instance", "provider_name": "registry.terraform.io/hashicorp/aws",
			"change": map[string]any{"actions": []any{"update"}, "before": attributes(i), "after": attributes(i + 1), "after_unknown": map[string]any{},
				"before_sensitive": map[string]any{"password": true}, "after_sensitive": map[string]any{"password": true}}})
	}
	return encode(b, map[string]any{"format_version": "1.2", "resource_changes": list})
}

func BenchmarkReadPlan(b *testing.B) {
	in := planInput(bigPlan(b, 5000))
	b.SetBytes(int64(len(in.Raw)))
	for b.Loop() {
		if _, _, err := Read(in); err != nil {
			b.Fatal(err)
		}
	}
}
