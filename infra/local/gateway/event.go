package gateway

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// accountID is the account that events and ARNs of the local runner name.
const accountID = "000000000000"

// identify gives the request its identifiers: a UUID (version 4, as API Gateway's), and a trace, continued if the caller
// started one.
func (x *exchange) identify() error {
	var b [28]byte
	if _, err := io.ReadFull(x.options.Random, b[:]); err != nil {
		return fmt.Errorf("no randomness: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	u := hex.EncodeToString(b[:16])
	x.requestID = u[:8] + "-" + u[8:12] + "-" + u[12:16] + "-" + u[16:20] + "-" + u[20:]
	x.traceID = x.r.Header.Get("X-Amzn-Trace-Id")
	if !strings.Contains(x.traceID, "Root=") {
		x.traceID = fmt.Sprintf("Root=1-%08x-%s", uint32(x.at.Unix()), hex.EncodeToString(b[16:]))
	}
	return nil
}

// extendedID is made of the request's own identifier; on AWS it has nothing to do with it.
func (x *exchange) extendedID() string {
	return base64.StdEncoding.EncodeToString([]byte(x.requestID[:11])) + "="
}

// event is the request in the shape of a Lambda proxy integration of a REST API. Path and path parameters stay
// percent-encoded and a final slash stays in the path; query parameters are decoded. Of repeated headers and query
// parameters the single-value maps have the last.
func (x *exchange) event(path string, hit found, body []byte) (events.APIGatewayProxyRequest, error) {
	single, multi := x.headers()
	query, queries, err := queryParameters(x.r.URL.RawQuery)
	if err != nil {
		return events.APIGatewayProxyRequest{}, err
	}
	host, ip := hostname(x.r.Host), hostname(x.r.RemoteAddr)
	prefix, _, _ := strings.Cut(host, ".")
	e := events.APIGatewayProxyRequest{
		Resource: hit.route.path, Path: path, HTTPMethod: x.r.Method,
		Headers: single, MultiValueHeaders: multi,
		QueryStringParameters: query, MultiValueQueryStringParameters: queries,
		RequestContext: events.APIGatewayProxyRequestContext{
			AccountID: accountID, ResourceID: x.function, Stage: x.api.Stage, DomainName: host, DomainPrefix: prefix,
			RequestID: x.requestID, ExtendedRequestID: x.extendedID(), Protocol: x.r.Proto,
			Identity:     events.APIGatewayRequestIdentity{SourceIP: ip, UserAgent: x.r.UserAgent()},
			ResourcePath: hit.route.path, Path: path, HTTPMethod: x.r.Method, APIID: "local",
			RequestTime: x.at.Format("02/Jan/2006:15:04:05 -0700"), RequestTimeEpoch: x.at.UnixMilli(),
		},
	}
	if len(hit.names) > 0 {
		e.PathParameters = make(map[string]string, len(hit.names))
		for i, name := range hit.names {
			e.PathParameters[name] = hit.values[i]
		}
	}
	if len(body) == 0 {
		return e, nil
	}
	if x.isBinary(x.r.Header.Get("Content-Type")) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	} else {
		e.Body = strings.ToValidUTF8(string(body), "\uFFFD") // what is not text is lost on API Gateway too
	}
	return e, nil
}

// dropped says which request headers do not reach the function: those of one connection, those that API Gateway's
// documentation lists as dropped, and those that it writes itself.
func dropped(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Expect", "Content-Length",
		"Content-Md5", "Max-Forwards", "Proxy-Authenticate", "Proxy-Authorization", "Server", "Www-Authenticate",
		"X-Forwarded-Port", "X-Forwarded-Proto", "X-Amzn-Trace-Id":
		return true
	}
	return false
}

// headers are the caller's, with what API Gateway adds.
func (x *exchange) headers() (map[string]string, map[string][]string) {
	own := x.r.Header
	single := make(map[string]string, len(own)+5)
	multi := make(map[string][]string, len(own)+5)
	var hops []string // headers that Connection names belong to this connection too (RFC 9110, section 7.6.1)
	if c := own.Get("Connection"); c != "" && !strings.EqualFold(c, "keep-alive") && !strings.EqualFold(c, "close") {
		hops = strings.Split(c, ",")
	}
	for name, values := range own {
		if len(values) == 0 || dropped(name) || contains(hops, name) {
			continue
		}
		single[name], multi[name] = values[len(values)-1], values
	}
	set := func(name, value string) { single[name], multi[name] = value, []string{value} }
	set("Host", x.r.Host)
	set("X-Amzn-Trace-Id", x.traceID)
	set("X-Forwarded-Proto", "http")
	if _, port, err := net.SplitHostPort(x.r.Host); err == nil {
		set("X-Forwarded-Port", port)
	} else {
		set("X-Forwarded-Port", "80")
	}
	ip := hostname(x.r.RemoteAddr)
	if earlier := own.Values("X-Forwarded-For"); len(earlier) > 0 {
		ip = strings.Join(earlier, ", ") + ", " + ip
	}
	set("X-Forwarded-For", ip)
	return single, multi
}

func contains(list []string, name string) bool {
	for _, s := range list {
		if strings.EqualFold(strings.TrimSpace(s), name) {
			return true
		}
	}
	return false
}

// queryParameters decodes a query string; both maps are nil when it is empty. A semicolon separates, as on API Gateway,
// where the ampersand does.
func queryParameters(raw string) (map[string]string, map[string][]string, error) {
	if raw == "" {
		return nil, nil, nil
	}
	single, multi := map[string]string{}, map[string][]string{}
	for part := range strings.FieldsFuncSeq(raw, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, nil, err
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return nil, nil, err
		}
		single[name] = value
		multi[name] = append(multi[name], value)
	}
	if len(single) == 0 {
		return nil, nil, nil
	}
	return single, multi, nil
}

// hostname is an address without its port.
func hostname(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// isBinary reports whether a media type is among the API's binary media types.
func (x *exchange) isBinary(contentType string) bool {
	if x.binary {
		return true
	}
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	kind, _, _ := strings.Cut(media, "/")
	for _, m := range x.api.BinaryMediaTypes {
		if m == media || m == kind+"/*" {
			return true
		}
	}
	return false
}

// exceeds reports whether an event is larger as JSON than limit.
func exceeds(e events.APIGatewayProxyRequest, limit int) bool {
	n := 1200 + len(e.Path)*2 + len(e.Resource)*2 // the members that every event has
	if e.IsBase64Encoded {
		n += len(e.Body)
	} else {
		n += jsonLength(e.Body, limit)
	}
	for name, values := range e.MultiValueHeaders {
		for _, v := range values {
			n += 2*(len(name)+jsonLength(v, limit)) + 12
		}
	}
	for name, values := range e.MultiValueQueryStringParameters {
		for _, v := range values {
			n += 2*(jsonLength(name, limit)+jsonLength(v, limit)) + 12
		}
	}
	return n > limit
}

// jsonLength is the length of a string within JSON quotes. Short strings count as they are: their escapes cannot decide.
func jsonLength(s string, limit int) int {
	if len(s) <= limit/16 {
		return len(s)
	}
	n := len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f':
			n++
		case c < 0x20:
			n += 5
		}
	}
	return n
}
