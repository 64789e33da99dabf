package iam

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/passportcraft/passportcraft/infra/local/iam/policy"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// maxBody is more than any call of DynamoDB, KMS or STS may hold.
const maxBody = 20 << 20

// admitted is a call that may be made, or has been answered.
type admitted struct {
	request *http.Request // to the engine
	answer  *answer       // of STS
	stores  bool          // an object will be there when it succeeds
}

// signed is what a signature says of its maker.
type signed struct {
	key, region, service string
	headers              []string
	at                   time.Time
	presigned            string // the signature of a presigned request
}

// attempt is one call being judged.
type attempt struct {
	*Gate
	signed
	r      *http.Request
	body   []byte // of DynamoDB, KMS and STS
	hash   string // of the body as signed
	caller *caller

	relayed bool // the address is the gate's, not the engine's
}

// authorization is the header of AWS Signature Version 4.
func (g *Gate) readAuthorization(r *http.Request) (signed, bool) {
	m := g.header.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return signed{}, false
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	return signed{key: m[1], region: m[2], service: m[3], headers: strings.Split(m[4], ";"), at: at}, err == nil
}

// admit finds out who calls, checks that it is they, and that they may.
func (g *Gate) admit(r *http.Request, relayed bool) (admitted, *answer) {
	s, ok := g.readAuthorization(r)
	if !ok {
		s, ok = readPresigned(r)
	}
	if !ok {
		return admitted{}, refuse("s3", missingToken, "Requests must be signed.")
	}
	a := &attempt{Gate: g, signed: s, r: r, relayed: relayed}
	if problem := a.read(); problem != nil {
		return admitted{}, problem
	}
	if problem := a.identify(); problem != nil {
		return admitted{}, problem
	}
	switch a.service {
	case "dynamodb":
		if a.aboutBackups() {
			return a.forward(g.options.Engines.Backup, a.dynamodbBackups)
		}
		return a.forward(g.options.Engines.DynamoDB, a.dynamodb)
	case "backup":
		return a.forward(g.options.Engines.Backup, a.backup)
	case "kms":
		return a.forward(g.options.Engines.KMS, a.kms)
	case "s3":
		return a.forward(g.options.Engines.S3, a.s3)
	case "ses":
		return a.forward(g.options.Engines.SES, a.ses)
	case "cognito-idp":
		return a.forward(g.options.Engines.Cognito, a.cognito)
	case "sts":
		return a.sts()
	}
	return admitted{}, refuse(a.service, accessDenied, "The gate knows no service "+a.service+".")
}

func (a *attempt) read() *answer {
	if a.presigned != "" {
		a.hash = "UNSIGNED-PAYLOAD"
		return nil
	}
	if a.hash = a.r.Header.Get("X-Amz-Content-Sha256"); a.hash != "" {
		if strings.HasPrefix(a.hash, "STREAMING-AWS4") {
			return refuse(a.service, accessDenied, "The gate does not take bodies signed in chunks.")
		}
		return nil
	}
	if a.r.Body != nil {
		b, err := io.ReadAll(io.LimitReader(a.r.Body, maxBody+1))
		_ = a.r.Body.Close()
		if err != nil || len(b) > maxBody {
			return refuse(a.service, accessDenied, "The body cannot be read.")
		}
		a.body = b
	}
	sum := sha256.Sum256(a.body)
	a.hash = hex.EncodeToString(sum[:])
	return nil
}

// identify finds the caller of the access key and signs the request again to see whether they made the signature.
func (a *attempt) identify() *answer {
	a.mu.Lock()
	a.caller = a.callers[a.key]
	a.mu.Unlock()
	switch {
	case a.caller == nil:
		return refuse(a.service, unknownKey, "The security token included in the request is invalid.")
	case subtle.ConstantTimeCompare([]byte(a.caller.token), []byte(a.token())) == 0:
		return refuse(a.service, unknownKey, "The security token included in the request is invalid.")
	case a.caller.token != "" && !a.options.Now().Before(a.caller.expires):
		return refuse(a.service, expiredToken, "The security token included in the request is expired.")
	}
	if a.presigned != "" {
		return a.identifyPresigned()
	}
	again := &http.Request{Method: a.r.Method, URL: clone(a.r.URL), Host: a.r.Host, Header: http.Header{}}
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
	err := a.signer.SignHTTP(a.r.Context(), credentials, again, a.hash, a.service, a.region, a.at, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = a.service == "s3"
	})
	if err != nil || subtle.ConstantTimeCompare([]byte(again.Header.Get("Authorization")), []byte(a.r.Header.Get("Authorization"))) == 0 {
		return refuse(a.service, wrongSignature, "The request signature we calculated does not match the signature you provided.")
	}
	return nil
}

func clone(u *url.URL) *url.URL {
	c := *u
	return &c
}

// forward judges a call and sends it on, signed for the engine.
func (a *attempt) forward(engine string, requests func() ([]policy.Request, string)) (admitted, *answer) {
	all, unknown := requests()
	if unknown != "" {
		return admitted{}, a.denied(policy.Request{Action: a.service + ":" + unknown, Resource: "*"}, "the gate does not know this call")
	}
	for _, r := range all {
		if problem := a.judge(r); problem != nil {
			return admitted{}, problem
		}
	}
	out := a.r.Clone(a.r.Context())
	if a.relayed || a.aboutBackups() {
		base, err := url.Parse(engine)
		if err != nil {
			return admitted{}, refuse(a.service, accessDenied, "The engine has no address.")
		}
		out.URL.Scheme, out.URL.Host, out.Host = base.Scheme, base.Host, base.Host
		out.URL.Path = base.Path + out.URL.Path
	}
	if a.service != "s3" {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(a.body)), int64(len(a.body))
		return admitted{request: out}, nil
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		out.Header.Del(name)
	}
	a.strip(out.URL)
	if out.Header.Get("X-Amz-Content-Sha256") == "" {
		out.Header.Set("X-Amz-Content-Sha256", a.hash)
	}
	e := a.options.Engines
	err := a.signer.SignHTTP(out.Context(), aws.Credentials{AccessKeyID: e.AccessKey, SecretAccessKey: e.SecretKey}, out, a.hash, "s3", a.region, clock.System(), // the engine lives in real time, whatever time it is here
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		return admitted{}, refuse("s3", accessDenied, "The call cannot be signed for the engine.")
	}
	return admitted{request: out, stores: stores(out)}, nil
}

// judge holds one request against the policies of the caller's role and of the bucket.
func (a *attempt) judge(r policy.Request) *answer {
	if a.caller.role == nil {
		return nil
	}
	if r.Keys == nil {
		r.Keys = policy.Keys{}
	}
	r.Principal = a.caller.role.arn
	r.Keys.Set("aws:SecureTransport", "true").Set("s3:TlsVersion", "1.3").Set("aws:PrincipalArn", a.caller.role.arn)
	for name, v := range a.caller.tags {
		r.Keys.Set("aws:PrincipalTag/"+name, v)
	}
	d := policy.Decide(r, a.caller.role.policies...)
	if d.Allowed && a.service == "s3" { // what the policy of the bucket denies, nobody may do
		bucket, _, _ := strings.Cut(strings.TrimPrefix(r.Resource, "arn:aws:s3:::"), "/")
		if b := policy.Decide(r, a.buckets[bucket]...); b.Denied {
			d = b
		}
	}
	if !d.Allowed {
		why := "no policy of " + a.caller.role.id + " allows it"
		if d.Denied {
			why = "the statement " + d.Sid + " denies it"
		}
		return a.denied(r, why)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used[Grant{a.caller.role.id, d.Sid, r.Action}] = true
	return nil
}

// denied keeps a refusal for whoever looks for its cause and answers as the service would.
func (a *attempt) denied(r policy.Request, why string) *answer {
	role := "nobody"
	if a.caller.role != nil {
		role = a.caller.role.id
	}
	d := Denial{Role: role, Action: r.Action, Resource: r.Resource, LeadingKeys: r.Keys["dynamodb:leadingkeys"], Why: why}
	if a.options.Denied != nil {
		a.options.Denied(d)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.denials) < maxDenials {
		a.denials = append(a.denials, d)
	}
	return refuse(a.service, accessDenied, "User: "+a.caller.arn+" is not authorized to perform: "+r.Action+" on resource: "+r.Resource+" because "+why)
}
