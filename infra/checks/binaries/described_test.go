package binaries_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/passportcraft/passportcraft/infra/openapi"
)

// described validates an answer against what openapi.yaml says of its operation and status.
func described(t *testing.T, event events.APIGatewayProxyRequest, answer events.APIGatewayProxyResponse) {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal(openapi.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	if event.HTTPMethod == "OPTIONS" {
		return // answered by the layers for every path
	}
	operation := descend(t, doc, "paths", event.Resource, strings.ToLower(event.HTTPMethod))
	response, ok := operation["responses"].(map[string]any)[fmt.Sprint(answer.StatusCode)].(map[string]any)
	if !ok {
		t.Errorf("openapi.yaml has no answer %d for %s %s", answer.StatusCode, event.HTTPMethod, event.Resource)
		return
	}
	if ref, ok := response["$ref"].(string); ok {
		response = descend(t, doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	if len(answer.MultiValueHeaders["Content-Type"]) == 0 {
		return // nothing to describe
	}
	media, _, _ := strings.Cut(answer.MultiValueHeaders["Content-Type"][0], ";")
	content, ok := response["content"].(map[string]any)
	if !ok || content[media] == nil {
		if media == "text/html" && answer.StatusCode >= 400 {
			return // people see a page instead of problem+json
		}
		t.Errorf("openapi.yaml has no %s in answer %d of %s %s", media, answer.StatusCode, event.HTTPMethod, event.Resource)
		return
	}
	if !strings.HasSuffix(media, "json") || media == "application/x-ndjson" {
		return
	}
	ref := descend(t, content, media, "schema")["$ref"].(string)
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("https://passportcraft.dev/openapi", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("https://passportcraft.dev/openapi" + ref)
	if err != nil {
		t.Fatal(err)
	}
	body, err := jsonschema.UnmarshalJSON(strings.NewReader(answer.Body))
	if err == nil {
		err = compiled.Validate(body)
	}
	if err != nil {
		t.Errorf("the answer is not what openapi.yaml describes: %v", err)
	}
}

func descend(t *testing.T, m map[string]any, path ...string) map[string]any {
	t.Helper()
	for _, p := range path {
		next, ok := m[p].(map[string]any)
		if !ok {
			t.Fatalf("openapi.yaml has no %s", strings.Join(path, " / "))
		}
		m = next
	}
	return m
}
