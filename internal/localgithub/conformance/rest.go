package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// exchange checks one line of a file.
func (c *checker) exchange(x *exchange) {
	switch x.Kind {
	case "rest":
		c.restCall(x)
	case "graphql":
		c.query(x)
	case "delivery":
		c.delivery(x)
	default:
		c.fault(x, faultKey{"request", x.Kind, "this kind of exchange is unknown here"}, x.Path)
	}
}

func (c *checker) restCall(x *exchange) {
	c.requests++
	op, values := c.rest.find(x.Method, x.Path)
	if x.product() {
		c.product++
	}
	if op == nil {
		if x.product() || x.Status != http.StatusNotFound && !x.Faulted {
			c.fault(x, faultKey{"request", x.Method + " " + x.Path, "GitHub has no such operation"}, x.Query)
		}
		return
	}
	c.operations[op.name] = true
	if x.product() {
		c.ours[op.name] = true
	}
	if x.product() || x.accepted() {
		for _, f := range c.request(x, op, values) {
			c.fault(x, faultKey{"request", op.name, f.String()}, x.Query+" "+string(x.RequestBody))
		}
	}
	if !x.Faulted && x.Status != 0 {
		c.answers++
		for _, f := range c.answer(x, op) {
			c.fault(x, faultKey{"answer", op.name + " " + strconv.Itoa(x.Status), f.String()}, string(x.ResponseBody))
		}
	}
}

// request tells what is wrong with a request.
func (c *checker) request(x *exchange, op *operation, values map[string]string) []leaf {
	out := c.parameters(x, op, values)
	out = append(out, tokenKind(x, op)...)
	return append(out, c.requestBody(x, op)...)
}

// tokenKind: endpoints that need an App's JWT say so in their description; those that take an installation's token
// have a flag.
func tokenKind(x *exchange, op *operation) []leaf {
	needsJWT := strings.Contains(asText(op.def["description"]), "You must use a [JWT]")
	enabled := asObject(op.def["x-github"])["enabledForGitHubApps"] == true
	switch {
	case x.Actor == "app" && !needsJWT:
		return []leaf{{"token", "an App's JWT is not taken here"}}
	case x.Actor != "app" && needsJWT:
		return []leaf{{"token", "GitHub wants an App's JWT here"}}
	case x.Actor == "installation" && !enabled:
		return []leaf{{"token", "not enabled for GitHub Apps"}}
	}
	return nil
}

// largestPage is what GitHub says in the text of every per_page parameter, but not in its
// schema. It returns no more than that, and does not complain either.
const largestPage = 100

func (c *checker) parameters(x *exchange, op *operation, values map[string]string) []leaf {
	query, err := url.ParseQuery(x.Query)
	if err != nil {
		return []leaf{{"query", "cannot be parsed"}}
	}
	var out []leaf
	check := func(in, name, value string) {
		i := slices.IndexFunc(op.params, func(p object) bool { return p["in"] == in && p["name"] == name })
		if i < 0 {
			out = append(out, leaf{in + " " + name, "GitHub knows no such parameter"})
			return
		}
		for _, l := range c.parameter(op, i, value) {
			out = append(out, leaf{in + " " + name, l.what})
		}
	}
	for name, value := range values {
		check("path", name, value)
	}
	for name, all := range query {
		check("query", name, all[0])
		if len(all) > 1 {
			out = append(out, leaf{"query " + name, "given more than once"})
		}
	}
	for _, p := range op.params {
		if name := asText(p["name"]); p["in"] == "query" && p["required"] == true && !query.Has(name) {
			out = append(out, leaf{"query " + name, "required, but not given"})
		}
	}
	if n, err := strconv.Atoi(query.Get("per_page")); err == nil && n > largestPage && x.product() {
		out = append(out, leaf{"query per_page", "more than 100"})
	}
	return out
}

// parameter checks a value against the schema of the operation's i-th parameter, also read as
// a number or boolean.
func (c *checker) parameter(op *operation, i int, value string) []leaf {
	pointer := op.pointer + "/parameters/" + strconv.Itoa(i)
	if ref, isRef := asObject(asList(op.def["parameters"])[i])["$ref"].(string); isRef {
		pointer = strings.TrimPrefix(ref, "#")
	}
	s, err := c.rest.schema(pointer + "/schema")
	if err != nil {
		return []leaf{{"", err.Error()}}
	}
	var first []leaf
	for _, v := range readings(value) {
		l := unfit(s, v)
		if l == nil {
			return nil
		}
		if first == nil {
			first = l
		}
	}
	return first
}

// readings are all the values that a parameter's text may stand for.
func readings(s string) []any {
	out := []any{s}
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		out = append(out, json.Number(s))
	}
	if s == "true" || s == "false" {
		out = append(out, s == "true")
	}
	list := []any{}
	for part := range strings.SplitSeq(s, ",") {
		list = append(list, part)
	}
	return append(out, list)
}

func (c *checker) requestBody(x *exchange, op *operation) []leaf {
	def := c.rest.resolve(op.def["requestBody"])
	// The library that makes our tokens has always sent "null" when it has nothing to send; that
	// counts as no body.
	empty := len(x.RequestBody) == 0 || string(x.RequestBody) == "null"
	switch {
	case def == nil && !empty && string(x.RequestBody) != "{}":
		return []leaf{{"body", "GitHub takes none here"}}
	case def == nil || empty && def["required"] != true:
		return nil
	case empty:
		return []leaf{{"body", "required, but empty"}}
	}
	if t := x.RequestHeaders.Get("Content-Type"); t != "" && !isJSON(t) && x.product() {
		return []leaf{{"header Content-Type", "is " + t}}
	}
	pointer := op.pointer + "/requestBody"
	if ref, isRef := asObject(op.def["requestBody"])["$ref"].(string); isRef {
		pointer = strings.TrimPrefix(ref, "#")
	}
	return c.fitsExactly(pointer+"/content/"+token("application/json")+"/schema", x.RequestBody)
}

// fits says what in a body does not fit the schema at a pointer.
func (c *checker) fits(pointer string, raw []byte) []leaf {
	s, err := c.rest.schema(pointer)
	if err != nil {
		return []leaf{{"body", err.Error()}}
	}
	return fitsJSON(s, raw)
}

// fitsExactly also says what the schema does not name, once the rest fits: where a part of a
// schema does not fit, nothing counts as named by it.
func (c *checker) fitsExactly(pointer string, raw []byte) []leaf {
	if out := c.fits(pointer, raw); out != nil {
		return out
	}
	s, err := c.rest.strictSchema(pointer)
	if err != nil {
		return []leaf{{"body", err.Error()}}
	}
	return fitsJSON(s, raw)
}

func fitsJSON(s *jsonschema.Schema, raw []byte) []leaf {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return []leaf{{"body", "is not JSON"}}
	}
	return unfit(s, v)
}

func isJSON(contentType string) bool {
	base, _, _ := strings.Cut(contentType, ";")
	base = strings.TrimSpace(base)
	return base == "application/json" ||
		strings.HasPrefix(base, "application/vnd.github") && strings.HasSuffix(base, "+json")
}

// elsewhere are statuses that any operation may answer with and that GitHub documents outside the description.
var elsewhere = map[int]struct{ schema, reason string }{
	301: {"basic-error", "301: a renamed repository (Best practices for using the REST API: follow redirects)"},
	307: {"basic-error", "307: a renamed repository, other methods than GET (the same page)"},
	304: {"", "304: a conditional request (Best practices for using the REST API)"},
	400: {"basic-error", "400: the body is no JSON (Troubleshooting the REST API)"},
	401: {"basic-error", "401: bad or missing credentials (Authenticating to the REST API)"},
	403: {"basic-error", "403: no permission, suspended, or limited (Troubleshooting; Rate limits for the REST API)"},
	404: {"basic-error", "404: what one may not see is not there (Troubleshooting the REST API)"},
	415: {"basic-error", "415: Accept asks for what there is not (Getting started: media types)"},
	422: {"validation-error", "422: a value is not valid (Troubleshooting the REST API)"},
	429: {"basic-error", "429: limited (Rate limits for the REST API)"},
}

// answer tells what is wrong with an answer.
func (c *checker) answer(x *exchange, op *operation) []leaf {
	pointer := op.pointer + "/responses/" + strconv.Itoa(x.Status)
	raw, documented := asObject(op.def["responses"])[strconv.Itoa(x.Status)]
	if !documented {
		rule, known := elsewhere[x.Status]
		if !known {
			return []leaf{{"status", "not documented"}}
		}
		c.allowed[rule.reason]++
		if rule.schema == "" {
			return emptyBody(x)
		}
		return c.answerBody(x, "/components/schemas/"+rule.schema)
	}
	if ref, isRef := asObject(raw)["$ref"].(string); isRef {
		pointer = strings.TrimPrefix(ref, "#")
	}
	content := asObject(c.rest.resolve(raw)["content"])
	if len(content) == 0 {
		return emptyBody(x)
	}
	media := "application/json"
	if content[media] == nil {
		media = sortedKeys(content)[0]
	}
	return c.answerBody(x, pointer+"/content/"+token(media)+"/schema")
}

func emptyBody(x *exchange) []leaf {
	// A 301 that has no content in the description has a body nevertheless; its message is not
	// part of the contract.
	if len(x.ResponseBody) > 0 && x.Status < 300 {
		return []leaf{{"body", "GitHub sends none here"}}
	}
	return nil
}

func (c *checker) answerBody(x *exchange, pointer string) []leaf {
	var out []leaf
	if t := x.ResponseHeaders.Get("Content-Type"); !isJSON(t) {
		out = append(out, leaf{"header Content-Type", fmt.Sprintf("is %q", t)})
	}
	if len(x.ResponseBody) == 0 {
		return append(out, leaf{"body", "is empty"})
	}
	if x.Status < 400 {
		return append(out, c.fitsExactly(pointer, x.ResponseBody)...)
	}
	var e struct{ Message string } // the schemas of errors require nothing, and name little
	if err := json.Unmarshal(x.ResponseBody, &e); err != nil || e.Message == "" {
		out = append(out, leaf{"body", "an error without a message"})
	}
	return append(out, c.fits(pointer, x.ResponseBody)...)
}
