package iam

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
)

// kind of a refusal; the services name them differently.
type kind int

const (
	accessDenied kind = iota
	unknownKey
	expiredToken
	wrongSignature
	missingToken
)

// answer is what the gate answers itself.
type answer struct {
	status      int
	contentType string
	body        []byte
}

func (a *answer) response(r *http.Request) *http.Response {
	body := string(a.body)
	if r.Method == http.MethodHead {
		body = ""
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header:        http.Header{"Content-Type": {a.contentType}, "X-Amzn-Requestid": {"gate"}},
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
	}
}

// refuse answers in the words and the form of a service.
func refuse(service string, k kind, message string) *answer {
	switch service {
	case "dynamodb", "kms", "ses", "cognito-idp", "backup":
		names := map[kind]string{
			accessDenied: "com.amazon.coral.service#AccessDeniedException", unknownKey: "com.amazon.coral.service#UnrecognizedClientException",
			expiredToken: "com.amazon.coral.service#ExpiredTokenException", wrongSignature: "com.amazon.coral.service#InvalidSignatureException",
		}
		b, err := json.Marshal(map[string]string{"__type": names[k], "message": message, "Message": message})
		if err != nil {
			b = nil
		}
		return &answer{http.StatusBadRequest, "application/x-amz-json-1.0", b}
	case "sts":
		names := map[kind]string{accessDenied: "AccessDenied", unknownKey: "InvalidClientTokenId", expiredToken: "ExpiredToken", wrongSignature: "SignatureDoesNotMatch"}
		return &answer{http.StatusForbidden, "text/xml", document("ErrorResponse", struct {
			Error     fault
			RequestID string `xml:"RequestId"`
		}{fault{"Sender", names[k], message}, "gate"})}
	}
	names := map[kind]string{
		accessDenied: "AccessDenied", unknownKey: "InvalidAccessKeyId", expiredToken: "ExpiredToken", wrongSignature: "SignatureDoesNotMatch", missingToken: "AccessDenied",
	}
	return &answer{http.StatusForbidden, "application/xml", document("Error", struct{ Code, Message, RequestId string }{names[k], message, "gate"})} //nolint:staticcheck // the name in the document
}

type fault struct{ Type, Code, Message string }

// document is an XML document with a root of that name.
func document(root string, v any) []byte {
	var b strings.Builder
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	if err := e.EncodeElement(v, xml.StartElement{Name: xml.Name{Local: root}}); err != nil {
		return nil
	}
	return []byte(b.String())
}
