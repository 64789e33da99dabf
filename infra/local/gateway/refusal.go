package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/passportcraft/passportcraft/infra/local/template"
)

// refusal is why the gateway answers itself: the response types of API Gateway that can occur here. functionFailed and
// malformedAnswer have no type of their own there and fall under DEFAULT_5XX.
type refusal string

const (
	missingAuthenticationToken refusal = "MISSING_AUTHENTICATION_TOKEN" // nothing is served at the address
	accessDenied               refusal = "ACCESS_DENIED"                // by the authoriser
	authorizerFailure          refusal = "AUTHORIZER_FAILURE"
	badRequestParameters       refusal = "BAD_REQUEST_PARAMETERS"
	badRequestBody             refusal = "BAD_REQUEST_BODY"
	requestTooLarge            refusal = "REQUEST_TOO_LARGE"
	integrationFailure         refusal = "INTEGRATION_FAILURE"
	integrationTimeout         refusal = "INTEGRATION_TIMEOUT"
	functionFailed             refusal = "function failed"
	malformedAnswer            refusal = "malformed answer"
)

// defaults are the status, the error type and the message that API Gateway gives when the template says nothing.
func (r refusal) defaults() (status int, kind, message string) {
	switch r {
	case missingAuthenticationToken:
		return http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token"
	case accessDenied:
		return http.StatusForbidden, "AccessDeniedException", "User is not authorized to access this resource with an explicit deny"
	case authorizerFailure:
		return http.StatusInternalServerError, "AuthorizerConfigurationException", "Internal server error"
	case badRequestParameters, badRequestBody:
		return http.StatusBadRequest, "BadRequestException", "Bad Request"
	case requestTooLarge:
		return http.StatusRequestEntityTooLarge, "RequestTooLargeException", "Request Too Long"
	case integrationTimeout:
		return http.StatusGatewayTimeout, "InternalServerErrorException", "Endpoint request timed out"
	case integrationFailure:
		return http.StatusGatewayTimeout, "InternalServerErrorException", "Network error communicating with endpoint"
	default:
		return http.StatusBadGateway, "InternalServerErrorException", "Internal server error"
	}
}

// response is the gateway response of the template: the one of this type, or of its class. API Gateway gives the
// status of a class to all responses that have none of their own.
func (g *Gateway) response(r refusal, status int) (template.GatewayResponse, int) {
	class := "DEFAULT_4XX"
	if status >= 500 {
		class = "DEFAULT_5XX"
	}
	own, ok := g.api.Responses[string(r)]
	if !ok {
		own = g.api.Responses[class]
	}
	if own.Status == 0 {
		own.Status = g.api.Responses[class].Status
	}
	if own.Status == 0 {
		own.Status = status
	}
	return own, own.Status
}

// refuse answers in place of the function.
func (x *exchange) refuse(r refusal, cause error) {
	if cause != nil && x.options.Failed != nil {
		x.options.Failed(x.function, x.requestID, cause)
	}
	status, kind, message := r.defaults()
	response, status := x.response(r, status)
	body, contentType := response.Body, response.ContentType
	if contentType == "" {
		body, contentType = `{"message":$context.error.messageString}`, "application/json"
	}
	body = x.fill(body, r, message)
	h := x.w.Header()
	h.Set("Content-Type", contentType)
	for name, value := range response.Headers {
		h.Set(name, value)
	}
	h.Set("X-Amzn-Errortype", kind)
	x.stamp()
	x.send(status, len(body), func() error { _, err := x.w.Write([]byte(body)); return err })
}

// fill puts the values of variables into a body template. Values that come from the caller are escaped for JSON.
func (x *exchange) fill(body string, r refusal, message string) string {
	if !strings.Contains(body, "$context.") {
		return body
	}
	kind := string(r)
	if r == functionFailed || r == malformedAnswer {
		kind = "DEFAULT_5XX"
	}
	quote := func(s string) string {
		s = strings.Map(func(c rune) rune {
			if c < 0x20 {
				return -1
			}
			return c
		}, s)
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
	}
	return strings.NewReplacer(
		"$context.error.messageString", `"`+message+`"`,
		"$context.error.message", message,
		"$context.error.responseType", kind,
		"$context.extendedRequestId", x.extendedID(),
		"$context.requestId", x.requestID,
		"$context.requestTimeEpoch", strconv.FormatInt(x.at.UnixMilli(), 10),
		"$context.httpMethod", quote(x.r.Method),
		"$context.resourcePath", quote(x.resource),
		"$context.path", quote(x.r.URL.EscapedPath()),
		"$context.stage", x.api.Stage,
	).Replace(body)
}
