// Package lambdahost runs routes as a Lambda function behind API Gateway. It is the only importer of aws-lambda-go and
// of the proxy adapter.
package lambdahost

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/signin"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/jobs"
)

// Handler answers API Gateway REST proxy events.
type Handler func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)

// New makes the handler of a function that serves the routes. The local runner uses it too, so that both take the same
// path through the adapter.
func New(g *httpapi.Gate, routes ...httpapi.Route) Handler {
	answer := httpadapter.New(httpapi.Mux(g, routes...)).ProxyWithContext
	files := map[string]bool{} // by path pattern
	for _, r := range routes {
		if _, path, _ := strings.Cut(r.Pattern, " "); r.Bytes {
			files[path] = true
		}
	}
	if len(files) == 0 {
		return answer
	}
	// The adapter sends as text what could be text, and within JSON a control character takes six bytes: a text file of a
	// size that we took would come to more than Lambda passes on. As base64 every file grows by a third.
	return func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		a, err := answer(ctx, e)
		if err == nil && files[e.Resource] && a.StatusCode == http.StatusOK && !a.IsBase64Encoded {
			a.Body, a.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(a.Body)), true
		}
		return a, err
	}
}

// ServeHTTP runs the function until the environment ends.
func ServeHTTP(g *httpapi.Gate, routes ...httpapi.Route) {
	debug.SetGCPercent(400) // a function's heap is a few megabytes of its 512: collecting less often saves billed time
	lambda.Start(New(g, routes...))
}

// Authoriser answers whether API Gateway may pass a request on (REST API, Lambda authorizer of the type REQUEST).
type Authoriser func(context.Context, events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error)

// NewAuthoriser makes the handler of the authoriser. Its answer is for this one request: the gateway must not keep it. A
// refusal is an answer and no error, so that callers without a credential raise no alarm; the gateway makes 401 of it.
func NewAuthoriser(d *httpapi.Doorkeeper) Authoriser {
	return func(ctx context.Context, e events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
		r, err := http.NewRequestWithContext(ctx, e.HTTPMethod, "/", http.NoBody)
		if err != nil {
			return events.APIGatewayCustomAuthorizerResponse{}, errors.New("the event names no method")
		}
		r.RemoteAddr = e.RequestContext.Identity.SourceIP
		for name, values := range e.MultiValueHeaders {
			for _, v := range values {
				r.Header.Add(name, v)
			}
		}
		effect := "Allow"
		if err := d.Admit(r, e.RequestContext.HTTPMethod+" "+e.RequestContext.ResourcePath); err != nil {
			if f := fault.Of(err); f.Code != fault.CodeUnauthenticated {
				return events.APIGatewayCustomAuthorizerResponse{}, errors.New(string(f.Code))
			}
			effect = "Deny"
		}
		return events.APIGatewayCustomAuthorizerResponse{
			PrincipalID: "caller", // who it is, the function finds out for itself
			PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{
				Version:   "2012-10-17",
				Statement: []events.IAMPolicyStatement{{Action: []string{"execute-api:Invoke"}, Effect: effect, Resource: []string{e.MethodArn}}},
			},
		}, nil
	}
}

// ServeAuthoriser runs the authoriser until the environment ends.
func ServeAuthoriser(d *httpapi.Doorkeeper) {
	debug.SetGCPercent(400)
	lambda.Start(NewAuthoriser(d))
}

// Stamp is the trigger with which Amazon Cognito asks what to write into the tokens of somebody who has just signed in
// (pre token generation, version 2).
type Stamp func(context.Context, events.CognitoEventUserPoolsPreTokenGenV2_0) (events.CognitoEventUserPoolsPreTokenGenV2_0, error)

// NewStamp writes how they signed in. authenticator tells whether a user has set up an authenticator app; when that
// cannot be found out, the tokens say that none was used: they may claim less than is true, never more.
func NewStamp(authenticator func(ctx context.Context, pool, user string) (bool, error), log io.Writer) Stamp {
	return func(ctx context.Context, e events.CognitoEventUserPoolsPreTokenGenV2_0) (events.CognitoEventUserPoolsPreTokenGenV2_0, error) {
		federated := e.Request.UserAttributes["identities"] != ""
		has := false
		if !federated {
			var err error
			if has, err = authenticator(ctx, e.UserPoolID, e.UserName); err != nil {
				fmt.Fprintf(log, "{\"level\":\"ERROR\",\"msg\":\"stamp\",\"cause\":%q}\n", err.Error())
			}
		}
		claims := map[string]any{signin.MethodsClaim: signin.MethodsOf(federated, has)}
		d := &e.Response.ClaimsAndScopeOverrideDetails
		d.AccessTokenGeneration.ClaimsToAddOrOverride, d.IDTokenGeneration.ClaimsToAddOrOverride = claims, claims
		return e, nil
	}
}

// ServeStamp runs the trigger until the environment ends.
func ServeStamp(s Stamp) { lambda.Start(s) }

// NewObjects makes the handler of object events (S3 event notifications). One failure fails the event, which Lambda then
// delivers again: what has been handled must bear that.
func NewObjects(a jobs.Arrival) func(context.Context, events.S3Event) error {
	return func(ctx context.Context, e events.S3Event) error {
		for _, r := range e.Records {
			object, err := url.QueryUnescape(r.S3.Object.Key) // keys come as in a query
			if err != nil {
				return fmt.Errorf("the key of an object event cannot be read: %w", err)
			}
			if err := a.Run(ctx, r.S3.Bucket.Name, object); err != nil {
				return err
			}
		}
		return nil
	}
}

// ServeObjects runs the function until the environment ends.
func ServeObjects(a jobs.Arrival) { lambda.Start(NewObjects(a)) }

// ServeJob runs a job whenever its schedule fires, until the environment ends. What the event says is not read: the job
// goes by the clock.
func ServeJob(now clock.Clock, j jobs.Job) {
	lambda.Start(func(ctx context.Context, _ json.RawMessage) error { return j.Run(ctx, now()) })
}
