package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
)

// authorise asks the authoriser whether the request may go on; "" says yes. It is asked before the body is read, as API
// Gateway does.
func (x *exchange) authorise(path string, hit found) (refusal, error) {
	e, err := x.event(path, hit, nil)
	if err != nil {
		return badRequestParameters, err
	}
	method := "arn:aws:execute-api:eu-west-1:" + accountID + ":local/" + x.api.Stage + "/" + x.r.Method + path
	c := e.RequestContext
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), x.options.Timeout)
	defer cancel()
	answer, err := x.invoker.(Authoriser).Authorise(ctx, x.api.Authoriser, events.APIGatewayCustomAuthorizerRequestTypeRequest{
		Type: "REQUEST", MethodArn: method, Resource: e.Resource, Path: path, HTTPMethod: e.HTTPMethod,
		Headers: e.Headers, MultiValueHeaders: e.MultiValueHeaders,
		QueryStringParameters: e.QueryStringParameters, MultiValueQueryStringParameters: e.MultiValueQueryStringParameters, PathParameters: e.PathParameters,
		RequestContext: events.APIGatewayCustomAuthorizerRequestTypeRequestContext{
			Path: c.Path, AccountID: c.AccountID, ResourceID: c.ResourceID, Stage: c.Stage, RequestID: c.RequestID,
			Identity:     events.APIGatewayCustomAuthorizerRequestTypeRequestIdentity{SourceIP: c.Identity.SourceIP},
			ResourcePath: c.ResourcePath, HTTPMethod: c.HTTPMethod, APIID: c.APIID,
		},
	})
	if err != nil {
		return authorizerFailure, err
	}
	return verdict(answer, method)
}

// verdict reads the policy that the authoriser answers with: it must allow this method or deny it, and no other form is
// taken for a yes.
func verdict(answer events.APIGatewayCustomAuthorizerResponse, method string) (refusal, error) {
	if answer.PrincipalID == "" || len(answer.PolicyDocument.Statement) != 1 {
		return authorizerFailure, errors.New("the authoriser's answer is no policy")
	}
	s := answer.PolicyDocument.Statement[0]
	if len(s.Action) != 1 || s.Action[0] != "execute-api:Invoke" || len(s.Resource) != 1 || s.Resource[0] != method {
		return authorizerFailure, fmt.Errorf("the authoriser's answer is about %v", s.Resource)
	}
	if s.Effect != "Allow" {
		return accessDenied, nil
	}
	return "", nil
}
