// Package lambdahost runs routes as a Lambda function behind API Gateway. It is the only importer of aws-lambda-go and
// of the proxy adapter.
package lambdahost

import (
	"context"
	"encoding/json"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/jobs"
)

// Handler answers API Gateway REST proxy events.
type Handler func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)

// New makes the handler of a function that serves the routes. The local runner uses it too, so that both take the same
// path through the adapter.
func New(g *httpapi.Gate, routes ...httpapi.Route) Handler {
	return httpadapter.New(httpapi.Mux(g, routes...)).ProxyWithContext
}

// ServeHTTP runs the function until the environment ends.
func ServeHTTP(g *httpapi.Gate, routes ...httpapi.Route) {
	debug.SetGCPercent(400) // a function's heap is a few megabytes of its 512: collecting less often saves billed time
	lambda.Start(New(g, routes...))
}

// ServeJob runs a job whenever its schedule fires, until the environment ends. What the event says is not read: the job
// goes by the clock.
func ServeJob(now clock.Clock, j jobs.Job) {
	lambda.Start(func(ctx context.Context, _ json.RawMessage) error { return j.Run(ctx, now()) })
}
