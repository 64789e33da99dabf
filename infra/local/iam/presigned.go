package iam

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// readPresigned reads a request whose signature is in its query.
func readPresigned(r *http.Request) (signed, bool) {
	q := r.URL.Query()
	scope := strings.Split(q.Get("X-Amz-Credential"), "/")
	at, err := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	if len(scope) != 5 || scope[3] != "s3" || err != nil || q.Get("X-Amz-Signature") == "" {
		return signed{}, false
	}
	return signed{
		key: scope[0], region: scope[2], service: scope[3], headers: strings.Split(q.Get("X-Amz-SignedHeaders"), ";"), at: at, presigned: q.Get("X-Amz-Signature"),
	}, true
}

func (a *attempt) token() string {
	if a.presigned != "" {
		return a.r.URL.Query().Get("X-Amz-Security-Token")
	}
	return a.r.Header.Get("X-Amz-Security-Token")
}

// identifyPresigned makes the signature of a presigned request again. Its life is counted by this machine's clock, since
// that is what the signer took.
func (a *attempt) identifyPresigned() *answer {
	q := a.r.URL.Query()
	seconds, err := strconv.Atoi(q.Get("X-Amz-Expires"))
	if err != nil || seconds < 1 || seconds > 7*24*3600 || !clock.System().Before(a.at.Add(time.Duration(seconds)*time.Second)) {
		return refuse("s3", expiredToken, "Request has expired")
	}
	q.Del("X-Amz-Signature")
	again := &http.Request{Method: a.r.Method, URL: clone(a.r.URL), Host: a.r.Host, Header: http.Header{}}
	again.URL.RawQuery = q.Encode()
	for _, name := range a.headers {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = a.r.ContentLength
		default:
			again.Header[http.CanonicalHeaderKey(name)] = a.r.Header.Values(name)
		}
	}
	credentials := aws.Credentials{AccessKeyID: a.key, SecretAccessKey: a.caller.secret, SessionToken: a.caller.token}
	made, _, err := a.signer.PresignHTTP(a.r.Context(), credentials, again, a.hash, "s3", a.region, a.at, func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		return refuse("s3", wrongSignature, "The request cannot be signed.")
	}
	u, err := url.Parse(made)
	if err != nil || subtle.ConstantTimeCompare([]byte(u.Query().Get("X-Amz-Signature")), []byte(a.presigned)) == 0 {
		return refuse("s3", wrongSignature, "The request signature we calculated does not match the signature you provided.")
	}
	return nil
}

// strip takes off what the engine must not see: the path under which the gate stands, and a presigned signature.
func (a *attempt) strip(u *url.URL) {
	if a.options.Mount != "" && strings.HasPrefix(u.Path, a.options.Mount+"/") {
		u.Path, u.RawPath = strings.TrimPrefix(u.Path, a.options.Mount), strings.TrimPrefix(u.RawPath, a.options.Mount)
	}
	if a.presigned == "" {
		return
	}
	q := u.Query()
	for name := range q {
		if strings.HasPrefix(name, "X-Amz-") {
			q.Del(name)
		}
	}
	u.RawQuery = q.Encode()
}

// stores reports whether a call of S3 makes an object: a plain upload, or the end of one in parts.
func stores(r *http.Request) bool {
	q := r.URL.Query()
	return r.Method == http.MethodPut && !q.Has("uploadId") || r.Method == http.MethodPost && q.Has("uploadId")
}
