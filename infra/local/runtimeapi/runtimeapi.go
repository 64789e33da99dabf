// Package runtimeapi runs built Lambda binaries on one machine as Lambda does: each in processes of its own, with its
// own environment and nothing else, one invocation at a time in a process, spoken to through the Lambda Runtime API
// (version 2018-06-01).
//
// What it does differently from Lambda: processes are not confined (they see this machine's files and network, and
// memory is not limited), there are no extensions and no streamed answers, an idle process is kept until Close, and of
// one function there are only a few at a time; further invocations wait.
//
// A process ends by itself when the program that uses this package is gone, since it can no longer ask for work.
package runtimeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// MaxPayload is the most bytes that Lambda takes or gives in one synchronous invocation.
const MaxPayload = 6_291_556

// initTimeout is how long Lambda lets a process start before it gives up.
const initTimeout = 10 * time.Second

// defaultLimit of processes per function.
const defaultLimit = 4

// Function is one deployed function.
type Function struct {
	Name        string            // folder name
	Binary      string            // path of the program
	Environment map[string]string // as in the template, resolved
	Timeout     time.Duration
	MemoryMB    int // told to the function, not enforced
}

// Functions are those of a template, with programs in a folder under their folder names and environments as
// template.Resolve gives them.
func Functions(t *template.Template, binaries string, environments map[string]map[string]string) []Function {
	var all []Function
	for _, f := range t.Functions {
		all = append(all, Function{
			Name: f.Folder, Binary: filepath.Join(binaries, f.Folder), Environment: environments[f.Folder],
			Timeout: f.Timeout, MemoryMB: f.MemoryMB,
		})
	}
	return all
}

// Options are what all functions have in common.
type Options struct {
	Functions   []Function
	Environment map[string]string // for all functions: region, credentials, addresses of local engines
	Limit       int               // processes per function at a time; 0: 4
	Output      io.Writer         // what the functions write to standard output and error, whole lines; nil drops it
	Random      io.Reader         // crypto/rand.Reader
	Now         clock.Clock       // the machine's clock: processes compare their deadlines with it
}

// FunctionError is a failure that the function reported, or its end.
type FunctionError struct {
	Type    string // for example Runtime.ExitError or the Go type of the error
	Message string
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Types of failures that Lambda itself finds.
const (
	TypeExit         = "Runtime.ExitError"         // the process ended
	TypeTimeout      = "Sandbox.Timedout"          // the function's timeout passed; the process was killed
	TypeStart        = "Runtime.InvalidEntrypoint" // the process could not be started
	TypeTooLarge     = "Function.ResponseSizeTooLarge"
	TypeNotJSON      = "Runtime.MalformedResponse" // not the answer of a proxy integration
	TypeClosed       = "Runtime.Closed"
	TypeUnknown      = "ResourceNotFoundException"
	TypeEventTooLong = "RequestTooLargeException"
)

// Stats is what is known about a function's processes.
type Stats struct {
	Starts      int             // processes started
	Running     int             // processes alive
	Invocations int             // invocations finished
	Failures    int             // of them with an error
	Init        []time.Duration // from process start to its first request for work, of the last 1,000 starts
}

// Runtime runs functions; safe for concurrent use.
type Runtime struct {
	options   Options
	output    *output
	functions map[string]*function
}

// New prepares functions; a process starts when its function is first used.
func New(o Options) (*Runtime, error) {
	if o.Random == nil || o.Now == nil {
		return nil, errors.New("runtimeapi: a clock and a source of randomness are needed")
	}
	if o.Limit <= 0 {
		o.Limit = defaultLimit
	}
	if o.Output == nil {
		o.Output = io.Discard
	}
	r := &Runtime{options: o, output: &output{to: o.Output}, functions: make(map[string]*function, len(o.Functions))}
	for _, spec := range o.Functions {
		if spec.Timeout <= 0 {
			return nil, fmt.Errorf("runtimeapi: function %s has no timeout", spec.Name)
		}
		r.functions[spec.Name] = &function{Function: spec, runtime: r, slots: make(chan struct{}, o.Limit), alive: map[*environment]bool{}}
	}
	return r, nil
}

// Invoke runs a function with a gateway event. It is the Invoker of package gateway.
func (r *Runtime) Invoke(ctx context.Context, name string, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	var answer events.APIGatewayProxyResponse
	payload, err := json.Marshal(event)
	if err != nil {
		return answer, fmt.Errorf("the event cannot be written as JSON: %w", err)
	}
	b, err := r.invoke(ctx, name, payload, event.Headers["X-Amzn-Trace-Id"])
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return answer, &FunctionError{Type: TypeNotJSON, Message: err.Error()}
	}
	return answer, nil
}

// InvokeJSON runs a function with any event and gives its answer, both as JSON.
func (r *Runtime) InvokeJSON(ctx context.Context, name string, payload []byte) ([]byte, error) {
	return r.invoke(ctx, name, payload, "")
}

// invoke waits for the answer or the end of ctx. After that the function goes on until its own timeout, as on Lambda.
func (r *Runtime) invoke(ctx context.Context, name string, payload []byte, trace string) ([]byte, error) {
	f, ok := r.functions[name]
	if !ok {
		return nil, &FunctionError{Type: TypeUnknown, Message: "there is no function " + name}
	}
	if len(payload) > MaxPayload {
		return nil, &FunctionError{Type: TypeEventTooLong, Message: fmt.Sprintf("the event has %d bytes; Lambda takes %d", len(payload), MaxPayload)}
	}
	inv, err := r.invocation(payload, trace)
	if err != nil {
		return nil, err
	}
	select {
	case f.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	done := make(chan outcome, 1)
	go func() {
		o := f.run(inv)
		f.count(o)
		<-f.slots
		done <- o
	}()
	select {
	case o := <-done:
		return o.body, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Stats of a function; zero for one that is not known.
func (r *Runtime) Stats(name string) Stats {
	f, ok := r.functions[name]
	if !ok {
		return Stats{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Running = len(f.alive)
	s.Init = append([]time.Duration(nil), s.Init...)
	return s
}

// Close kills every process, by its id, and waits until all are gone. Invocations under way fail.
func (r *Runtime) Close() {
	var wait sync.WaitGroup
	for _, f := range r.functions {
		f.mu.Lock()
		f.closed = true
		for e := range f.alive {
			wait.Go(e.kill)
		}
		f.mu.Unlock()
	}
	wait.Wait()
}
