package main

import (
	"encoding/json"
	"slices"
	"strings"
)

// delivery checks a webhook: its event is one for Apps, its headers and its payload fit.
func (c *checker) delivery(x *exchange) {
	c.deliveries++
	c.events[x.Path] = true
	for _, f := range c.payload(x) {
		c.fault(x, faultKey{"delivery", x.Path, f.String()}, string(x.RequestBody))
	}
}

func (c *checker) payload(x *exchange) []leaf {
	name := strings.NewReplacer("/", "-", "_", "-").Replace(x.Path)
	def := asObject(asObject(asObject(c.rest.doc["x-webhooks"])[name])["post"])
	if def == nil {
		return []leaf{{"event", "GitHub has no such event"}}
	}
	var out []leaf
	if types := asList(asObject(def["x-github"])["supported-webhook-types"]); !slices.Contains(types, any("app")) {
		out = append(out, leaf{"event", "not delivered to Apps"})
	}
	out = append(out, hookHeaders(x, def)...)
	var p struct{ Action string }
	if err := json.Unmarshal(x.RequestBody, &p); err != nil {
		return append(out, leaf{"body", "is not JSON"})
	}
	if event, action, _ := strings.Cut(x.Path, "/"); action != p.Action ||
		event != x.RequestHeaders.Get("X-Github-Event") {
		out = append(out, leaf{"body", "event and action are not those of header and payload"})
	}
	return append(out, c.fitsExactly("/x-webhooks/"+name+"/post/requestBody/content/"+token("application/json")+"/schema",
		x.RequestBody)...)
}

// hookHeaders checks that all headers that the description names are there, in the form of
// its examples.
func hookHeaders(x *exchange, def object) []leaf {
	var out []leaf
	for _, p := range asList(def["parameters"]) {
		name := asText(asObject(p)["name"])
		value := x.RequestHeaders.Get(name)
		prefix := ""
		switch strings.ToLower(name) {
		case "user-agent":
			prefix = "GitHub-Hookshot/"
		case "x-hub-signature-256":
			prefix = "sha256="
		}
		if value == "" || !strings.HasPrefix(value, prefix) {
			out = append(out, leaf{"header " + name, "missing or of another form"})
		}
	}
	if t := x.RequestHeaders.Get("Content-Type"); !isJSON(t) {
		out = append(out, leaf{"header Content-Type", "is not JSON's"})
	}
	return out
}
