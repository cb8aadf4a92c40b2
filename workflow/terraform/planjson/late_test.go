package planjson

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// TestLateValues plans, with the real terraform, two configurations that do
// different things while the plan shows the same: the approval of the one must not
// become one of the other.
func TestLateValues(t *testing.T) {
	const a = "resource \"terraform_data\" \"a\" { input = 1 }\n"
	for _, c := range []struct{ name, text, one, two, late string }{
		{"an expression", a + `resource "terraform_data" "b" { input = "${terraform_data.a.id} X" }`, "good", "evil",
			"`input` of `terraform_data.b` is known only after apply"},
		{"a function of nothing", a + `resource "terraform_data" "b" { input = "${timestamp()} X" }`, "good", "evil",
			"`input` of `terraform_data.b` is known only after apply"},
		{"a local behind it", a + `locals { x = "${terraform_data.a.id} X" }
			resource "terraform_data" "b" { input = { n = [local.x, 1] } }`, "good", "evil", "`input` of `terraform_data.b` is known only after apply"},
		{"data that is read while applying", a + `data "terraform_remote_state" "r" {
			backend = "local"
			config = { path = "X.tfstate" }
			depends_on = [terraform_data.a]
		}`, "good", "evil", "`data.terraform_remote_state.r` is read only during the apply"},
		{"an output", a + `output "o" { value = "${terraform_data.a.id} X" }`, "good", "evil", "`output.o` is known only after apply"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newTerraformDir(t)
			d.write("main.tf", strings.ReplaceAll(c.text, "X", c.one))
			d.run("init", "-no-color")
			one, _ := readPlan(t, d.plan(workflow.PlanOptions{}))
			d.write("main.tf", strings.ReplaceAll(c.text, "X", c.two))
			two, _ := readPlan(t, d.plan(workflow.PlanOptions{}))
			if one.Late != c.late || two.Late != c.late {
				t.Errorf("late: %q and %q, want %q", one.Late, two.Late, c.late)
			}
			if one.Fingerprint != two.Fingerprint {
				t.Error("terraform shows the difference: this case proves nothing")
			}
		})
	}
}

// TestNotLate: what only a provider makes is nobody's secret way.
func TestNotLate(t *testing.T) {
	d := newTerraformDir(t)
	d.write("main.tf", `
		variable "v" { default = null }
		resource "terraform_data" "a" {
			input = 1
			triggers_replace = var.v
		}
		check "c" {
			data "terraform_remote_state" "r" {
				backend = "local"
				config = { path = "none.tfstate" }
				defaults = { x = 1 }
			}
			assert {
				condition = terraform_data.a.input == 1 && data.terraform_remote_state.r.workspace == null
				error_message = "no"
			}
		}`)
	d.run("init", "-no-color")
	if plan, _ := readPlan(t, d.plan(workflow.PlanOptions{})); plan.Late != "" || plan.Counts.Add != 1 {
		t.Errorf("late: %q, counts %+v", plan.Late, plan.Counts)
	}
}

// configured is a plan of one resource a_b.c with its expressions, and of what else the configuration says.
func configured(change, expressions, more string) []byte {
	return []byte(fmt.Sprintf(`{"format_version":"1.2","variables":{"region":{"value":"eu"},"token":{"value":"s3cret"}},
		"resource_changes":[{"address":"a_b.c[0]","mode":"managed","type":"a_b","provider_name":"p/a","change":%s}],
		"configuration":{"provider_config":{"a":{"name":"a","full_name":"p/a"%s}},"root_module":{
			"variables":{"region":{},"token":{"sensitive":true}},
			"resources":[{"address":"a_b.c","mode":"managed","type":"a_b","provider_config_key":"a","expressions":%s}]}}}`, change, more, expressions))
}

func TestLateness(t *testing.T) {
	create := func(after, unknown string) string {
		return fmt.Sprintf(`{"actions":["create"],"before":null,"after":%s,"after_unknown":%s}`, after, unknown)
	}
	const ref, lit = `{"references":["x_y.z"]}`, `{"constant_value":1}`
	for _, c := range []struct {
		name, change, expressions string
		dynamic                   []string
		want                      string
	}{
		{"a provider's id", create(`{"n":1}`, `{"id":true}`), `{"n":` + lit + `}`, nil, ""},
		{"a provider's part of a block", create(`{"disk":[{"size":1}]}`, `{"disk":[{"id":true}]}`), `{"disk":[{"size":` + lit + `}]}`, nil, ""},
		{"an expression in a block", create(`{"disk":[{}]}`, `{"disk":[{"size":true}]}`), `{"disk":[{"size":` + ref + `}]}`, nil, "`disk` of `a_b.c[0]` is known only after apply"},
		{"in a single block", create(`{"disk":{}}`, `{"disk":{"size":true}}`), `{"disk":{"size":` + ref + `}}`, nil, "`disk` of `a_b.c[0]` is known only after apply"},
		{"in a nested one", create(`{"disk":[{"x":[{}]}]}`, `{"disk":[{"x":[{"y":true}]}]}`), `{"disk":[{"x":[{"y":{}}]}]}`, nil, "`disk` of `a_b.c[0]` is known only after apply"},
		{"a whole block of literals", create(`{}`, `{"disk":true}`), `{"disk":[{"size":` + lit + `}]}`, nil, ""},
		{"a whole block", create(`{}`, `{"disk":true}`), `{"disk":[{"size":` + lit + `,"x":` + ref + `}]}`, nil, "`disk` of `a_b.c[0]` is known only after apply"},
		{"part of a map", create(`{"tags":{}}`, `{"tags":{"x":true}}`), `{"tags":` + ref + `}`, nil, "`tags` of `a_b.c[0]` is known only after apply"},
		{"a dynamic block", create(`{}`, `{"rule":true}`), `{}`, []string{"rule"}, "`rule` of `a_b.c[0]` is known only after apply"},
		{"a dynamic block of another name", create(`{}`, `{"rule":true}`), `{}`, []string{"other"}, ""},
		{"files that could not be read", create(`{}`, `{"rule":true}`), `{}`, []string{"*"}, "`rule` of `a_b.c[0]` is known only after apply"},
		{"a write-only argument", create(`{"pw":null}`, `{}`), `{"pw":{"constant_value":"x"}}`, nil, "`pw` of `a_b.c[0]` is write-only"},
		{"a computed one", create(`{"pw_wo":null}`, `{}`), `{"pw_wo":` + ref + `}`, nil, "`pw_wo` of `a_b.c[0]` is write-only"},
		{"one in a block", create(`{"auth":[{"pw":null}]}`, `{}`), `{"auth":[{"pw":{"constant_value":"x"}}]}`, nil, "`auth` of `a_b.c[0]` is write-only"},
		{"one in a single block", create(`{"auth":{"pw":null}}`, `{}`), `{"auth":{"pw":{"constant_value":"x"}}}`, nil, "`auth` of `a_b.c[0]` is write-only"},
		{"an optional argument that is null", create(`{"n":null}`, `{}`), `{"n":` + ref + `}`, nil, ""},
		{"an update", `{"actions":["update"],"before":{"n":1},"after":{},"after_unknown":{"n":true}}`, `{"n":` + ref + `}`, nil, "`n` of `a_b.c[0]` is known only after apply"},
		{"a replacement", `{"actions":["delete","create"],"before":{"n":1},"after":{},"after_unknown":{"n":true}}`, `{"n":` + ref + `}`, nil, "`n` of `a_b.c[0]` is known only after apply"},
		{"a deletion", `{"actions":["delete"],"before":{"id":"1"},"after":null,"after_unknown":{}}`, `{"n":` + ref + `}`, nil, ""},
		{"what nobody knows", `{"actions":["create"],"after":null,"after_unknown":true}`, `{}`, nil, "`a_b.c[0]` is known only after apply"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := planInput(configured(c.change, c.expressions, ""))
			in.Written.Dynamic = c.dynamic
			if plan, _ := readPlan(t, in); plan.Late != c.want {
				t.Errorf("late: %q, want %q", plan.Late, c.want)
			}
		})
	}
	in := planInput([]byte(strings.Replace(string(configured(create(`{}`, `{}`), `{}`, "")), `"resources":[`, `"resources":[{"address":"ephemeral.e.f","mode":"ephemeral"},`, 1)))
	if plan, _ := readPlan(t, in); plan.Late != "`ephemeral.e.f` is opened during the apply" {
		t.Errorf("with an ephemeral resource, late: %q", plan.Late)
	}
}

// TestProvidersCount: the same change through another configuration of its
// provider, or one with other values, is another plan.
func TestProvidersCount(t *testing.T) {
	const change = `{"actions":["create"],"after":{"n":1},"after_unknown":{"id":true}}`
	with := func(expressions string) string {
		return string(configured(change, `{"n":{"constant_value":1}}`, `,"expressions":`+expressions))
	}
	read := func(raw string, dynamic ...string) *workflow.Plan {
		in := planInput([]byte(raw))
		in.Written.Dynamic = dynamic
		plan, _ := readPlan(t, in)
		return plan
	}
	region := with(`{"region":{"references":["var.region"]}}`)
	plain := read(region)
	for name, raw := range map[string]string{
		"another value":   strings.Replace(region, `"eu"`, `"us"`, 1),
		"another alias":   strings.ReplaceAll(region, `"provider_config_key":"a"`, `"provider_config_key":"a.west"`),
		"another account": with(`{"role":[{"arn":{"references":["var.region"]}}],"x":{"references":["var.token"]}}`),
	} {
		if got := read(raw); got.Fingerprint == plain.Fingerprint || got.Late != "" {
			t.Errorf("%s: fingerprint the same %v, late %q", name, got.Fingerprint == plain.Fingerprint, got.Late)
		}
	}
	token := with(`{"x":{"references":["var.token"]}}`)
	if read(token).Fingerprint == read(strings.Replace(token, "s3cret", "other", 1)).Fingerprint {
		t.Error("another secret for the provider: the same fingerprint")
	}
	const computed = "the configuration of the provider `a` is computed"
	for name, c := range map[string]struct {
		plan *workflow.Plan
		late string
	}{
		"literals":                {read(with(`{"region":{"constant_value":"eu"},"x":{"references":["terraform.workspace","terraform"]}}`)), ""},
		"a file's content":        {read(with(`{"x":{"references":["path.module"]}}`)), computed},
		"a local":                 {read(with(`{"region":{"references":["local.region"]}}`)), computed},
		"a local in a block":      {read(with(`{"role":[{"arn":{"references":["var.region","local.x"]}}]}`)), computed},
		"a function":              {read(with(`{"region":{}}`)), computed},
		"an ephemeral variable":   {read(with(`{"region":{"references":["var.gone"]}}`)), computed},
		"a module's variable":     {read(with(`{"region":{"references":["var.region"]}},"module_address":"module.m"`)), computed},
		"a strange reference":     {read(with(`{"region":{"references":["var"]}}`)), computed},
		"a dynamic block":         {read(region, "provider.role"), "the configuration of a provider is computed"},
		"a dynamic of something":  {read(region, "role"), ""},
		"files nobody could read": {read(strings.Replace(region, `"id":true`, "", 1), "*"), "the configuration of a provider is computed"},
	} {
		if c.plan.Late != c.late {
			t.Errorf("%s: late %q, want %q", name, c.plan.Late, c.late)
		}
	}
	in := planInput([]byte(with(`{"exec":[{"command":{"constant_value":"sh get-token.sh"},"args":{"constant_value":["none","dir/kube config"]}}],"x":{"references":["var.region"]}}`)))
	in.Written.Find = func(word string) []workflow.Place {
		if !slices.Contains([]string{"get-token.sh", "dir/kube config", "eu"}, word) {
			return nil
		}
		return []workflow.Place{{Path: word}}
	}
	files, _ := readPlan(t, in)
	var said []string
	for _, e := range files.Hidden {
		said = append(said, e.Text)
	}
	if diff := cmp.Diff([]string{"the provider `a` is configured with the file `dir/kube config`", "the provider `a` is configured with the file `eu`",
		"the provider `a` is configured with the file `get-token.sh`"}, said); diff != "" {
		t.Errorf("hidden (-want +got):\n%s", diff)
	}
	west := read(strings.ReplaceAll(region, `"provider_config_key":"a"`, `"provider_config_key":"a.west"`))
	if plain.Changes[0].ProviderConfig != "" || west.Changes[0].ProviderConfig != "a.west" {
		t.Errorf("the changes go through %q and %q", plain.Changes[0].ProviderConfig, west.Changes[0].ProviderConfig)
	}
}
