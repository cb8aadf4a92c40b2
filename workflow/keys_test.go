package workflow_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cardea-iac/cardea/workflow"
)

// TestSettingsInJSON: whatever key is not a project's own is kept with it, and written
// behind its engine, wherever it stood.
func TestSettingsInJSON(t *testing.T) {
	for _, tt := range []struct{ name, from, settings, to string }{
		{"none", `{"name":"a","dir":"a","terraform_workspace":"default","engine":"x","watch":["b"]}`, "",
			`{"name":"a","dir":"a","terraform_workspace":"default","engine":"x","watch":["b"]}`},
		{"in their place", `{"name":"a","dir":"a","terraform_workspace":"default","engine":"x","own":{"b":[1,"}"],"engine":{}},"z":"\\\"{","whole_tree":true}`,
			`{"own":{"b":[1,"}"],"engine":{}},"z":"\\\"{"}`,
			`{"name":"a","dir":"a","terraform_workspace":"default","engine":"x","own":{"b":[1,"}"],"engine":{}},"z":"\\\"{","whole_tree":true}`},
		{"elsewhere, and with spaces", "{ \"own\" : [ \"b\" ,\n \"c\" ] , \"engine\" : \"x\", \"name\":\"\\\"engine\\\":\", \"empty\": {}\n}",
			`{"own":["b","c"],"empty":{}}`,
			`{"name":"\"engine\":","dir":"","terraform_workspace":"","engine":"x","own":["b","c"],"empty":{}}`},
		{"of an engine with a strange name", `{"name":"a","dir":"a","terraform_workspace":"","engine":"<\u2028\"","n":null}`, `{"n":null}`,
			`{"name":"a","dir":"a","terraform_workspace":"","engine":"\u003c\u2028\"","n":null}`},
		{"with odd names", `{"engine":"x","a\\\"":1,"\"":2,"":3,"a:{\\":4}`, `{"a\\\"":1,"\"":2,"":3,"a:{\\":4}`,
			`{"name":"","dir":"","terraform_workspace":"","engine":"x","a\\\"":1,"\"":2,"":3,"a:{\\":4}`},
		{"its own keys, as encoding/json takes them too", `{"Name":"a","engine":"x","own":1,"\u0053trictest":true,"\u017ftrictest":true}`, `{"own":1}`,
			`{"name":"a","dir":"","terraform_workspace":"","engine":"x","own":1,"strictest":true}`},
		{"nothing", `null`, "", `{"name":"","dir":"","terraform_workspace":"","engine":""}`},
		{"an empty object", `{}`, "", `{"name":"","dir":"","terraform_workspace":"","engine":""}`},
	} {
		var p workflow.Project
		if err := json.Unmarshal([]byte(tt.from), &p); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := string(p.Settings); got != tt.settings {
			t.Errorf("%s: the settings are %s, want %s", tt.name, got, tt.settings)
		}
		if got, err := json.Marshal(p); err != nil || string(got) != tt.to {
			t.Errorf("%s: got  %s, %v\nwant %s", tt.name, got, err, tt.to)
		}
	}
	for _, faulty := range []string{`{"name":7}`, `{"engine":"x","own":}`, `[]`} {
		var p workflow.Project
		if err := json.Unmarshal([]byte(faulty), &p); err == nil {
			t.Errorf("%s is read as a project", faulty)
		}
	}
}

// FuzzProjectJSON: whatever is read as a project is written as the same project again.
func FuzzProjectJSON(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","engine":"x","own":{"b":[1,"}"]},"z":"\\\"{","watch":["*"]}`, `{"engine":"x","engine":"y","n":1,"n":[2]}`,
		`{"n\"":1,"ENGINE":"\"engine\":","\u0064ir":"d"}`, `null`, "{\"a\u2028<\" :\t{} }",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var p, again workflow.Project
		if json.Unmarshal([]byte(text), &p) != nil {
			return
		}
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		second, err := json.Marshal(again)
		if err != nil || string(second) != string(data) {
			t.Errorf("%s, then %s, %v", data, second, err)
		}
		p.Settings, again.Settings = nil, nil
		if diff := cmp.Diff(p, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("-read +read again:\n%s", diff)
		}
	})
}

// TestSettings: what an entry says for its engine's keys has one form, and is found in it.
func TestSettings(t *testing.T) {
	kind := workflow.Kind{Name: "x", Keys: []workflow.Key{
		{Name: "word"}, {Name: "files", Form: workflow.KeyFiles}, {Name: "number", Form: workflow.KeyNumber},
		{Name: "more", Form: workflow.KeyFiles},
	}}
	p := workflow.Project{Engine: "x", Settings: kind.Settings(map[string][]string{
		"more": {"a,b", "<é>"}, "word": {`q"u\o}`}, "files": nil, "number": {""}, "of another": {"z"}})}
	if got, want := string(p.Settings), `{"word":"q\"u\\o}","more":["a,b","\u003cé\u003e"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got := string(p.Setting("word")) + string(p.Setting("files")) + string(p.Setting("of another"))
	if got != `"q\"u\\o}"` {
		t.Errorf("single settings: got %s", got)
	}
	var named []string
	for _, key := range kind.Keys {
		named = append(named, p.Files(key)...)
	}
	if diff := cmp.Diff([]string{"a,b", "<é>"}, named); diff != "" {
		t.Errorf("files: -want +got:\n%s", diff)
	}
	if p.Files(kind.Keys[0]) != nil {
		t.Error("a word is a list of files")
	}
	if got := kind.Settings(map[string][]string{"word": {""}, "files": {}}); got != nil {
		t.Errorf("of nothing: got %s", got)
	}
}
