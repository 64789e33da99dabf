package gateway

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/aws/aws-lambda-go/events"
)

// answer sends what the function returned. An answer in the wrong shape is a failed integration, as on API Gateway.
func (x *exchange) answer(a events.APIGatewayProxyResponse) {
	if a.StatusCode < 200 || a.StatusCode > 599 {
		x.refuse(malformedAnswer, fmt.Errorf("the function answered with status %d, which cannot end a request", a.StatusCode))
		return
	}
	if answerExceeds(a, MaxPayload) {
		x.refuse(functionFailed, ErrResponseTooLarge)
		return
	}
	var body []byte
	if a.IsBase64Encoded && x.isBinary(x.r.Header.Get("Accept")) {
		var err error
		if body, err = base64.StdEncoding.DecodeString(a.Body); err != nil {
			x.refuse(malformedAnswer, errors.New("the function's body is not the base64 that it says it is"))
			return
		}
	}
	h := x.w.Header()
	for name, value := range a.Headers {
		if name, ok := outward(name); ok {
			h.Set(name, value)
		}
	}
	for name, values := range a.MultiValueHeaders { // of a header in both maps, these values count
		name, ok := outward(name)
		if !ok {
			continue
		}
		h.Del(name)
		for _, v := range values {
			h.Add(name, v)
		}
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json") // what API Gateway says when the function does not
	}
	x.stamp()
	if body != nil {
		x.send(a.StatusCode, len(body), func() error { _, err := x.w.Write(body); return err })
		return
	}
	x.send(a.StatusCode, len(a.Body), func() error { _, err := io.WriteString(x.w, a.Body); return err })
}

// send writes status and body. A status without a body (RFC 9110, section 6.4.1) gets none; the HTTP server drops that of
// a HEAD. That the caller has gone away is nothing that could be told to anybody.
func (x *exchange) send(status, length int, body func() error) {
	bodiless := status == http.StatusNoContent || status == http.StatusNotModified
	if bodiless {
		x.w.Header().Del("Content-Type")
	} else if length > 0 || x.r.Method != http.MethodHead {
		x.w.Header().Set("Content-Length", strconv.Itoa(length))
	}
	x.w.WriteHeader(status)
	if !bodiless && length > 0 {
		_ = body()
	}
}

// stamp sets what API Gateway adds to every answer.
func (x *exchange) stamp() {
	h := x.w.Header()
	h.Set("X-Amzn-Requestid", x.requestID)
	h.Set("X-Amz-Apigw-Id", x.extendedID())
	h.Set("X-Amzn-Trace-Id", x.traceID)
}

// outward is the name under which a header of the function reaches the caller. API Gateway keeps some to itself and
// renames others, WWW-Authenticate among them.
func outward(name string) (string, bool) {
	switch name = http.CanonicalHeaderKey(name); name {
	case "Content-Length", "Expect", "Host", "Proxy-Authenticate", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Via":
		return "", false
	case "Authorization", "Connection", "Content-Md5", "Date", "Max-Forwards", "Server", "User-Agent", "Www-Authenticate":
		return "X-Amzn-Remapped-" + name, true
	}
	return name, true
}

// answerExceeds reports whether an answer is larger as JSON than limit.
func answerExceeds(a events.APIGatewayProxyResponse, limit int) bool {
	n := 100
	if a.IsBase64Encoded {
		n += len(a.Body)
	} else {
		n += jsonLength(a.Body, limit)
	}
	for name, value := range a.Headers {
		n += len(name) + len(value) + 6
	}
	for name, values := range a.MultiValueHeaders {
		n += len(name) + 6
		for _, v := range values {
			n += len(v) + 3
		}
	}
	return n > limit
}
