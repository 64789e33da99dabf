// Command probe is a Lambda function that does what its event says, for the tests of package runtimeapi.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do  string `json:"do"`
	URL string `json:"url"`
}

func handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var e event
	_ = json.Unmarshal(raw, &e)
	switch e.Do {
	case "environment":
		all := os.Environ()
		sort.Strings(all)
		return all, nil
	case "context":
		deadline, _ := ctx.Deadline()
		lc, _ := lambdacontext.FromContext(ctx)
		trace, _ := ctx.Value("x-amzn-trace-id").(string)
		return map[string]any{"deadline": deadline.UnixMilli(), "requestId": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "trace": trace, "pid": os.Getpid()}, nil
	case "fail":
		return nil, errors.New("as told")
	case "panic":
		panic("as told")
	case "exit":
		os.Exit(3)
	case "hang":
		select {}
	case "large":
		return strings.Repeat("x", 7<<20), nil
	case "print":
		fmt.Println("printed")
	case "visit": // tells the test that it runs, and goes on when the test lets it
		resp, err := http.Get(e.URL)
		if err != nil {
			return nil, err
		}
		return os.Getpid(), resp.Body.Close()
	case "stray":
		response, err := post("invocation/nobody/response", "{}")
		if err != nil {
			return nil, err
		}
		failure, err := post("invocation/nobody/error", "{}")
		return map[string]int{"response": response, "error": failure}, err
	case "answer":
		return map[string]any{"statusCode": 418, "body": "short and stout", "multiValueHeaders": map[string][]string{"Set-Cookie": {"a", "b"}}}, nil
	}
	return raw, nil
}

// proxy answers a gateway event with what it saw.
func proxy(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	trace, _ := ctx.Value("x-amzn-trace-id").(string)
	b, err := json.Marshal(map[string]string{"path": e.Path, "query": e.QueryStringParameters["q"], "body": e.Body, "trace": trace})
	return events.APIGatewayProxyResponse{StatusCode: http.StatusAccepted, Body: string(b)}, err
}

// post speaks to the Runtime API past the library.
func post(path, body string) (int, error) {
	resp, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func main() {
	switch os.Getenv("START") {
	case "exit":
		os.Exit(4)
	case "hang":
		time.Sleep(time.Hour) // a bare select would be found out as a deadlock
	case "report":
		_, _ = post("init/error", `{"errorType":"Config","errorMessage":"RECORDS_TABLE must be set"}`)
		os.Exit(1)
	case "gateway":
		lambda.Start(proxy)
	}
	lambda.Start(handle)
}
