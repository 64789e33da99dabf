// Package openapi holds the description of the HTTP API (OpenAPI 3.1).
package openapi

import _ "embed"

//go:embed openapi.yaml
var document []byte

// Document is openapi.yaml.
func Document() []byte { return document }
