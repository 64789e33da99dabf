package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Handler is a function of this process.
type Handler func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)

// InProcess runs functions in this process: faster than binaries, and without their isolation.
type InProcess struct {
	Authorisers map[string]AuthoriserHandler // by folder name
	Handlers    map[string]Handler           // by folder name
	Timeouts    map[string]time.Duration     // by folder name; none: only the gateway's
}

// AuthoriserHandler is an authoriser.
type AuthoriserHandler func(context.Context, events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error)

// Authorise runs an authoriser.
func (p InProcess) Authorise(ctx context.Context, function string, event events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	h, ok := p.Authorisers[function]
	if !ok {
		return events.APIGatewayCustomAuthorizerResponse{}, fmt.Errorf("there is no authoriser %s in this process", function)
	}
	return h(ctx, event)
}

// Invoke runs a handler and tells it the function's timeout through its context. On AWS the process would end then; a
// handler that does not listen is cut off by the gateway's timeout only.
func (p InProcess) Invoke(ctx context.Context, function string, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	h, ok := p.Handlers[function]
	if !ok {
		return events.APIGatewayProxyResponse{}, fmt.Errorf("there is no function %s in this process", function)
	}
	limit := p.Timeouts[function]
	if limit == 0 {
		return h(ctx, event)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, err := h(ctx, event)
	if err != nil && ctx.Err() != nil {
		return answer, fmt.Errorf("the task timed out after %v: %w", limit, err)
	}
	return answer, err
}
