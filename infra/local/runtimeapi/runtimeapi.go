// Package runtimeapi runs built Lambda binaries on one machine as Lambda does: each in processes of its own, with its
// own environment and nothing else, one invocation at a time in a process, spoken to through the Lambda Runtime API
// (version 2018-06-01).
//
// What it does differently from Lambda: processes are not confined (they see this machine's files and network, and
// memory is not limited), there are no extensions and no streamed answers, an idle process is kept until Close, and of
// one function there are only a few processes at a time; further invocations wait.
//
// A process ends by itself when the program that uses this package is gone, since it can no longer ask for work.
package runtimeapi

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/passportcraft/passportcraft/infra/local/gateway"
	"github.com/passportcraft/passportcraft/infra/local/template"
)

const (
	accountID       = "000000000000"
	defaultLimit    = 4                // processes per function
	defaultInitTime = 10 * time.Second // what Lambda gives a process to start
)

// Function is one deployed function.
type Function struct {
	Name     string            // folder name
	Binary   string            // path of the program
	Env      map[string]string // as in the template, resolved; it cannot replace what Lambda itself sets
	Timeout  time.Duration
	MemoryMB int // told to the function, not enforced
}

// Functions are those of a template, with their programs in one folder under their folder names and with environments
// as template.Resolve gives them.
func Functions(t *template.Template, binaries string, environments map[string]map[string]string) []Function {
	var all []Function
	for _, f := range t.Functions {
		all = append(all, Function{
			Name: f.Folder, Binary: filepath.Join(binaries, f.Folder), Env: environments[f.Folder], Timeout: f.Timeout, MemoryMB: f.MemoryMB,
		})
	}
	return all
}

// Options are what all functions have in common.
type Options struct {
	Region                               string
	AccessKeyID, SecretKey, SessionToken string
	MaxProcesses                         int           // per function at a time; 0: 4
	InitTimeout                          time.Duration // from process start to its first request for work; 0: 10 s
	Output                               io.Writer     // what functions print, whole lines; nil drops it
	Random                               io.Reader     // crypto/rand.Reader
}

// FunctionError is a failure that the function reported, or its end.
type FunctionError struct {
	Function string
	Type     string // the Go type of the error, or Runtime.ExitError, Sandbox.Timedout, …
	Message  string
}

func (e *FunctionError) Error() string {
	return "function " + e.Function + ": " + e.Type + ": " + e.Message
}

// Stats is what is known about a function's processes.
type Stats struct {
	Processes   int             // alive
	Invocations int             // finished
	Failures    int             // finished with an error
	Starts      []time.Duration // from process start to its first request for work, of every start that came so far
}

// Runtime runs functions; safe for concurrent use.
type Runtime struct {
	options Options
	output  *output
	pools   map[string]*pool
}

// New prepares functions. A process starts when its function is first used.
func New(o Options, functions ...Function) (*Runtime, error) {
	if o.Random == nil {
		return nil, errors.New("runtimeapi: a source of randomness is needed")
	}
	if o.MaxProcesses <= 0 {
		o.MaxProcesses = defaultLimit
	}
	if o.InitTimeout <= 0 {
		o.InitTimeout = defaultInitTime
	}
	if o.Output == nil {
		o.Output = io.Discard
	}
	r := &Runtime{options: o, output: &output{to: o.Output}, pools: make(map[string]*pool, len(functions))}
	for _, f := range functions {
		if r.pools[f.Name] != nil {
			return nil, fmt.Errorf("runtimeapi: there are two functions named %s", f.Name)
		}
		if f.Timeout <= 0 {
			return nil, fmt.Errorf("runtimeapi: function %s has no timeout", f.Name)
		}
		r.pools[f.Name] = newPool(f, r)
	}
	return r, nil
}

// Invoke runs a function with a gateway event; with it a Runtime is the Invoker of package gateway.
func (r *Runtime) Invoke(ctx context.Context, function string, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	var answer events.APIGatewayProxyResponse
	b, err := json.Marshal(event)
	if err != nil {
		return answer, fmt.Errorf("the event cannot be written as JSON: %w", err)
	}
	if b, err = r.call(ctx, function, b, event.Headers["X-Amzn-Trace-Id"]); err != nil {
		return answer, err
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return answer, &FunctionError{Function: function, Type: "Runtime.MalformedResponse", Message: err.Error()}
	}
	return answer, nil
}

// Authorise runs an authoriser, as gateway.Authoriser.
func (r *Runtime) Authorise(ctx context.Context, function string, event events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	var answer events.APIGatewayCustomAuthorizerResponse
	b, err := json.Marshal(event)
	if err != nil {
		return answer, fmt.Errorf("the event cannot be written as JSON: %w", err)
	}
	if b, err = r.call(ctx, function, b, event.Headers["X-Amzn-Trace-Id"]); err != nil {
		return answer, err
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return answer, &FunctionError{Function: function, Type: "Runtime.MalformedResponse", Message: err.Error()}
	}
	return answer, nil
}

// Call runs a function with any event and gives its answer, both as JSON. It waits until ctx ends at the longest; the
// function then goes on until its own timeout, as on Lambda.
func (r *Runtime) Call(ctx context.Context, function string, event []byte) ([]byte, error) {
	return r.call(ctx, function, event, "")
}

func (r *Runtime) call(ctx context.Context, function string, event []byte, trace string) ([]byte, error) {
	p, ok := r.pools[function]
	if !ok {
		return nil, fmt.Errorf("there is no function %s", function)
	}
	if len(event) > gateway.MaxPayload {
		return nil, fmt.Errorf("function %s: the event has %d bytes, more than Lambda takes (%d)", function, len(event), gateway.MaxPayload)
	}
	id, err := requestID(r.options.Random)
	if err != nil {
		return nil, err
	}
	return p.call(ctx, &invocation{id: id, event: event, trace: trace, done: make(chan outcome, 1)})
}

// requestID is a UUID, version 4, as Lambda's are.
func requestID(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("no randomness for a request id: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	u := hex.EncodeToString(b[:])
	return u[:8] + "-" + u[8:12] + "-" + u[12:16] + "-" + u[16:20] + "-" + u[20:], nil
}

// Stats of a function; zero for one that is not known.
func (r *Runtime) Stats(function string) Stats {
	if p, ok := r.pools[function]; ok {
		return p.snapshot()
	}
	return Stats{}
}

// Close kills every process, by its id, and waits until all are gone. Invocations under way fail.
func (r *Runtime) Close() {
	var wait sync.WaitGroup
	for _, p := range r.pools {
		wait.Go(p.close)
	}
	wait.Wait()
}
