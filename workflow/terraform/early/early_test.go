package early

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

func code(texts ...string) *Code {
	c := &Code{}
	for i, text := range texts {
		name := fmt.Sprintf("%d.tofu", i)
		if strings.HasPrefix(text, "{") {
			name += ".json"
		}
		for _, b := range syntax.Blocks(name, []byte(text)) {
			c.Add(b)
		}
	}
	return c
}

// TestSource: what is known of a source is exactly what OpenTofu makes of it; all else is unknown.
func TestSource(t *testing.T) {
	t.Parallel()
	const unknown = "?"
	vars := "variable \"env\" {}\nvariable \"n\" {\n type = number\n default = \"01\"\n}\nvariable \"o\" {\n default = { prod = { m = \"p\" }, \"dev\" = { m = \"d\" } }\n}\nvariable \"l\" {\n default = [\"a\", \"b\"]\n}\n"
	for _, tt := range []struct{ e, more, want string }{
		{e: `"../m"`, want: "../m"},
		{e: `"../${var.env}"`, want: "../prod"},
		{e: `var.env`, want: "prod"},
		{e: `(var.env)`, want: "prod"},
		{e: `local.a`, more: "locals {\n a = \"${local.b}/${var.env}\"\n b = \"..\"\n}", want: "../prod"},
		{e: `local.a`, more: "locals {\n a = local.b\n b = local.a\n}", want: unknown},
		{e: `"${local.a}${local.a}"`, more: "locals {\n a = \"x\"\n}", want: "xx"},
		{e: `var.o[var.env].m`, want: "p"},
		{e: `var.o["dev"].m`, want: "d"},
		{e: `var.o.dev["m"]`, want: "d"},
		{e: `var.o.qa.m`, want: unknown},
		{e: `var.o`, want: unknown},
		{e: `var.l[1]`, want: "b"},
		{e: `var.l[2]`, want: unknown},
		{e: `"v${var.n}"`, want: "v1"},
		{e: `var.env == "prod" ? "../p" : "../d"`, want: "../p"},
		{e: `var.env != "prod" ? var.missing : "../d"`, want: "../d"},
		{e: `var.n > 0 && !false ? "a" : "b"`, want: "a"},
		{e: `var.missing`, want: unknown},
		{e: `var.empty`, more: "variable \"empty\" {}", want: unknown},
		{e: `var.nothing`, more: "variable \"nothing\" {\n default = null\n}", want: unknown},
		{e: `"${path.module}/../m"`, want: "./../m"},
		{e: `"${path.root}/m"`, want: "./m"},
		{e: `path.cwd`, want: unknown},
		{e: `terraform.workspace`, want: "default"},
		{e: `upper(trimspace(" ${var.env} "))`, want: "PROD"},
		{e: `format("../%s-%d%%", var.env, 2)`, want: "../prod-2%"},
		{e: `format("%05d", 2)`, want: unknown},
		{e: `format("%s")`, want: unknown},
		{e: `join("/", ["..", var.env])`, want: "../prod"},
		{e: `join("/", var.l)`, want: "a/b"},
		{e: `lookup(var.o, "dev").m`, want: "d"},
		{e: `lookup({ a = "x" }, "b", "../m")`, want: "../m"},
		{e: `lookup({ b = var.missing }, "b", "../m")`, want: unknown},
		{e: `replace("../a_b", "_", "-")`, want: "../a-b"},
		{e: `replace("../a_b", "/_/", "-")`, want: unknown},
		{e: `core::lower("A")`, want: "a"},
		{e: `dirname("../a/b")`, want: "../a"},
		{e: `try(var.env, "x")`, want: "prod"},
		{e: `try(var.o["prod"].m, "x")`, want: "p"},
		{e: `try(var.missing, "x")`, want: unknown},
		{e: `try(var.o, "x").dev.m`, want: unknown},
		{e: `coalesce("", var.env)`, want: "prod"},
		{e: `coalesce(var.env, 1)`, want: unknown},
		{e: `coalesce(var.missing, "x")`, want: unknown},
		{e: `coalesce("")`, want: unknown},
		{e: `merge(var.o, { dev = { m = "e" } }).dev.m`, want: "e"},
		{e: `merge({ dev = { m = "e" } }, var.o).dev.m`, want: "d"},
		{e: `merge({ a = "x" }, { b = "y" }).a`, want: "x"},
		{e: `lookup(merge({ a = "x" }, { b = "y" }), "c", "z")`, want: "z"},
		{e: `merge({ a = "x" }, { (var.missing) = "y" }).a`, want: unknown},
		{e: `merge({ a = "x" }, var.missing).a`, want: unknown},
		{e: `split("/", "a/b/c")[1]`, want: "b"},
		{e: `split(".", "a/b")[0]`, want: "a/b"},
		{e: `split("", "ab")[1]`, want: "b"},
		{e: `join("-", split("/", "a/b"))`, want: "a-b"},
		{e: `split("/", "a/b")[2]`, want: unknown},
		{e: `element(split("-", "eu-prod"), 1)`, want: "prod"},
		{e: `element(var.l, 3)`, want: "b"},
		{e: `element([], 0)`, want: unknown},
		{e: `var.t.b`, more: "variable \"t\" {\n type = object({ a = string })\n default = { a = \"x\", b = \"y\" }\n}", want: unknown},
		{e: `try(var.t.b, "z")`, more: "variable \"t\" {\n type = object({ a = string })\n default = { a = \"x\", b = \"y\" }\n}", want: unknown},
		{e: `var.t.a`, more: "variable \"t\" {\n type = object({ a = string })\n default = {}\n}", want: unknown},
		{e: `var.t.a`, more: `{"variable": {"t": {"type": "map(number)", "default": {"a": "01"}}}}`, want: "1"},
		{e: `var.t.a`, more: `{"variable": {"t": {"type": "map(", "default": {"a": "01"}}}}`, want: unknown},
		{e: `element(var.t, 0)`, more: "variable \"t\" {\n type = set(string)\n default = [\"b\", \"a\"]\n}", want: unknown},
		{e: `join("", var.t)`, more: "variable \"t\" {\n type = set(string)\n default = [\"b\", \"a\"]\n}", want: unknown},
		{e: `format("%d", "x")`, want: unknown},
		{e: `lookup(var.l, 0, "x")`, want: unknown},
		{e: `true ? 1 : var.missing`, want: unknown},
		{e: `(true ? 1 : "x") == "1" ? "../text" : "../number"`, want: "../text"},
		{e: `(true ? 1 : 2) == 1 ? "../number" : "../text"`, want: "../number"},
		{e: `true ? 1 : false`, want: unknown},
		{e: `true ? 1 : var.o`, want: unknown},
		{e: `startswith(var.env, "pr") ? "../p" : "../d"`, want: "../p"},
		{e: `endswith(var.env, "pr") ? "../p" : "../d"`, want: "../d"},
		{e: `file("x")`, want: unknown},
		{e: `uuid()`, want: unknown},
		{e: `terraform_data.x.output`, want: unknown},
		{e: `module.x.y`, want: unknown},
		{e: `each.key`, want: unknown},
		{e: `[for x in var.l : x][0]`, want: unknown},
		{e: `var.l[*]`, want: unknown},
		{e: `{ (var.missing) = "x", a = "y" }.a`, want: unknown},
		{e: `{ (var.env) = "x" }.prod`, want: "x"},
	} {
		c := code(vars, tt.more, "module \"m\" {\n source = "+tt.e+"\n}\n")
		got, ok := Root(c, syntax.Values("x.tfvars", []byte("env = \"prod\"\nundeclared = var.env")), "default").Source("m")
		if !ok {
			got = unknown
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.e, got, tt.want)
		}
	}
}

// TestCalled: a module is given what its caller says, in the caller's own words.
func TestCalled(t *testing.T) {
	t.Parallel()
	root := Root(code("variable \"env\" {\n default = \"dev\"\n}\nlocals {\n env = \"${var.env}1\"\n}\nmodule \"a\" {\n source = \"./a\"\n env = local.env\n}\nmodule \"b\" {\n source = \"./a\"\n}\n"), nil, "")
	a := code(`{"variable": {"env": {"default": "none", "type": "string"}}, "module": {"m": {"source": "${path.module}/${var.env}"}}}`)
	for name, want := range map[string]string{"a": "../x/dev1", "b": "../x/none"} {
		if got, ok := root.Call(name, a, "../x").Source("m"); got != want || !ok {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got, ok := root.Call("a", code("module \"m\" {\n source = terraform.workspace\n}\n"), "../x").Source("m"); ok {
		t.Errorf("got %q of a workspace that is selected later", got)
	}
}

// TestAskedWorkspace: a workspace that is selected later counts wherever a source asks for it, and not in the
// result of a condition that is not taken.
func TestAskedWorkspace(t *testing.T) {
	t.Parallel()
	for e, want := range map[string]bool{
		`"../${terraform.workspace}"`:                                true,
		`"${var.missing}/${terraform.workspace}"`:                    true,
		`terraform.workspace == "x" ? "../a" : "../b"`:               true,
		`true ? terraform.workspace : "../a"`:                        true,
		`true ? "../a" : terraform.workspace`:                        false,
		`true ? 1 : terraform.workspace`:                             false,
		`"${terraform.workspace}${true ? 1 : terraform.workspace}"`:  true,
		`"${true ? 1 : terraform.workspace}/${terraform.workspace}"`: true,
		`"${true ? 1 : terraform.workspace}/${var.missing}"`:         false,
		`var.missing ? terraform.workspace : "../a"`:                 false,
	} {
		s := Root(code("variable \"missing\" {}\nmodule \"m\" {\n source = "+e+"\n}\n"), nil, "")
		s.Source("m")
		if got := s.AskedWorkspace(); got != want {
			t.Errorf("%s: asked for: %v, want %v", e, got, want)
		}
	}
}

func TestFlatten(t *testing.T) {
	t.Parallel()
	c := code("variable \"env\" {\n default = \"prod\"\n}\nlocals {\n x = { bucket = \"b-${var.env}\", endpoints = { s3 = \"e\" }, tags = [\"t\", var.none], none = var.none }\n}\n")
	got := map[string]string{}
	open := Root(c, nil, "").Flatten(got, "x", hclTraversal(t, "local.x"))
	if diff := cmp.Diff(map[string]string{"x.bucket": "b-prod", "x.endpoints.s3": "e", "x.tags.0": "t"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"x.tags.1", "x.none"}, open); diff != "" {
		t.Error(diff)
	}
}

func hclTraversal(t *testing.T, e string) hclsyntax.Expression {
	t.Helper()
	return syntax.Values("x.tfvars", []byte("x = "+e))["x"]
}

// What one project may take: what is asked for after the last step costs one more each.
const (
	mostWork = maxSteps + 10_000
	mostMB   = 400
)

// work is how many steps were taken, and how many MB asked for, by what a scope does. Tests that ask
// for it are not parallel to others. It counts no time: a machine may be busy.
func work(s *Scope, do func()) (steps int, mb uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return *s.steps, (after.TotalAlloc - before.TotalAlloc) >> 20
}

// TestBounds: code that would be too much ends soon, and is not known.
func TestBounds(t *testing.T) {
	long, chain, costly := "locals {\n a0 = \"x\"\n", "locals {\n", "locals {\n s = \""+strings.Repeat("a", 4000)+"\"\n"
	for i := range 60 {
		long += fmt.Sprintf(" a%d = \"${local.a%d}${local.a%d}\"\n", i+1, i, i)
	}
	var links strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&links, " a%d = local.a%d\n", i, i+1)
	}
	chain += links.String()
	all := []string{}
	for i := range 5000 {
		costly += fmt.Sprintf(" a%d = lookup({}, replace(local.s, \"a\", local.s), \"\")\n", i)
		all = append(all, fmt.Sprintf("local.a%d", i))
	}
	for name, text := range map[string]string{
		"doubling": long + "}\nmodule \"m\" {\n source = local.a60\n}\n", "a chain": chain + "}\nmodule \"m\" {\n source = local.a0\n}\n",
		"long texts": costly + "}\nmodule \"m\" {\n source = join(\"\", [" + strings.Join(all, ", ") + "])\n}\n",
	} {
		s := Root(code(text), nil, "")
		steps, mb := work(s, func() {
			if got, ok := s.Source("m"); ok {
				t.Errorf("%s: got %d bytes", name, len(got))
			}
		})
		if steps > mostWork || mb > mostMB {
			t.Errorf("%s: it took %d steps and %d MB", name, steps, mb)
		}
	}
	into := map[string]string{}
	s := Root(code(costly+"}\n"), nil, "")
	steps, mb := work(s, func() {
		for _, e := range all {
			s.Flatten(into, e, hclTraversal(t, e))
		}
	})
	if len(into) > 0 || steps > mostWork || mb > mostMB {
		t.Errorf("%d known, it took %d steps and %d MB", len(into), steps, mb)
	}
}

// TestEndless: what has no end, or would be written out for hours, is not known, and soon.
func TestEndless(t *testing.T) {
	key := strings.Repeat("k", 1000)
	optional, loop, numbers := "", "[1]", "["+strings.Repeat("1, ", 1000)+"]"
	for i := range 9000 {
		optional += fmt.Sprintf("a%d = optional(string, \"x\"), ", i)
	}
	for range 4 {
		loop = "[for x in " + numbers + " : " + loop + "]"
	}
	merges := ""
	for i := range 40 {
		merges += fmt.Sprintf(" m%d = merge(local.m%d, local.m%d)\n", i, i+1, i+1)
	}
	for name, text := range map[string]string{
		"merged, ever larger":     "locals {\n a = local.m0\n" + merges + " m40 = { k = { k = 1 } }\n}\n",
		"merged with itself":      "locals {\n a = { k = merge(local.a, { k = local.a }) }\n}\n",
		"an object within itself": "locals {\n a = { " + key + " = local.a }\n}\n",
		"a list within itself":    "locals {\n a = [local.a, local.a]\n}\n",
		"a long key":              "locals {\n a = { " + strings.Repeat("k", 2*maxText) + " = 1 }\n}\n",
		"a large number":          "locals {\n a = 1e600000000\n}\n",
		"a default many times":    "variable \"a\" {\n type = list(object({ " + optional + " }))\n default = [" + strings.Repeat("{}, ", 9000) + "]\n}\nlocals {\n a = var.a\n}\n",
		"a default with no end":   "variable \"a\" {\n type = object({ a = optional(list(list(list(list(number)))), " + loop + ") })\n default = {}\n}\nlocals {\n a = var.a\n}\n",
		"a product":               "locals {\n a = 1e300000000 * 1e300000000\n}\n",
	} {
		into := map[string]string{}
		s := Root(code(text), nil, "")
		steps, mb := work(s, func() { s.Flatten(into, "x", hclTraversal(t, "local.a")) })
		if len(into) > 0 || steps > mostWork || mb > mostMB {
			t.Errorf("%s: %d known, it took %d steps and %d MB", name, len(into), steps, mb)
		}
	}
}

// FuzzEarly: whatever the code is, what it says is bounded, and there is no panic.
func FuzzEarly(f *testing.F) {
	f.Add("local.a", "locals {\n a = \"x\"\n}\nvariable \"v\" {\n default = 1\n}")
	f.Add(`substr("abc", var.v, -1)`, "variable \"v\" {\n default = { a = [1, true, null] }\n}")
	f.Add(`1 / 0 == 1 % 0 ? {}.a : [][0]`, `{"variable": {"v": {"default": "${x}"}}, "locals": [{"a": "${var.v}"}]}`)
	f.Add(`format("%s%%", join(",", [1, true]))`, "")
	f.Add(`lookup({ "a" = 1 }, null, !1)`, "")
	f.Add(`var.v["a"]`, "variable \"v\" {\n type = object({ a = optional(map(any), { b = 1 }), c = set(string), d = tuple([bool]) })\n default = { c = [1, null], d = [\"true\"] }\n}")
	f.Add(`merge({ a = split("", "ab") }, { b = try(1, 2) }).a[element([0, 1], 3)]`, "")
	f.Add(`startswith(coalesce("", "a"), "") ? endswith(1, "a") : merge()`, "")
	f.Fuzz(func(t *testing.T, e, text string) {
		c := code(text, "module \"m\" {\n source = "+e+"\n}\n")
		s := Root(c, nil, "default")
		if got, _ := s.Source("m"); len(got) > maxText {
			t.Errorf("got %d bytes", len(got))
		}
		if e := c.calls["m"]["source"]; e != nil {
			s.Flatten(map[string]string{}, "x", e)
		}
	})
}
