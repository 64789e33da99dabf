package runtimeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/passportcraft/passportcraft/infra/local/gateway"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// routes serve the Lambda Runtime API to one process.
func (p *process) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", p.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", p.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", p.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", p.initFailure)
	return mux
}

// next holds the request until there is an invocation.
func (p *process) next(w http.ResponseWriter, r *http.Request) {
	now := clock.System()
	p.mu.Lock()
	first := !p.asked
	p.asked = true
	p.mu.Unlock()
	if first {
		p.pool.ready(now.Sub(p.started))
	}
	select {
	case inv := <-p.work:
		p.hand(w, inv)
	case <-r.Context().Done():
	case <-p.exited:
	}
}

// hand gives an invocation to the process. The deadline is by the machine's clock, with which the process compares it.
func (p *process) hand(w http.ResponseWriter, inv *invocation) {
	p.mu.Lock()
	p.current = inv
	p.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(inv.event)))
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(clock.System().Add(p.pool.function.Timeout).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", p.pool.arn())
	if inv.trace != "" {
		h.Set("Lambda-Runtime-Trace-Id", inv.trace)
	}
	_, _ = w.Write(inv.event) // a process that has gone is noticed by wait
}

// settle ends the invocation of that id; false if it is not under way.
func (p *process) settle(id string, answer []byte, err error) bool {
	p.mu.Lock()
	inv := p.current
	if inv == nil || inv.id != id {
		p.mu.Unlock()
		return false
	}
	p.current = nil
	p.mu.Unlock()
	inv.finish(answer, err)
	return true
}

func (p *process) response(w http.ResponseWriter, r *http.Request) {
	name := p.pool.function.Name
	answer, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, gateway.MaxPayload))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		p.settle(r.PathValue("id"), nil, fmt.Errorf("function %s: %w", name, gateway.ErrResponseTooLarge))
		reply(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the answer is too large")
		return
	}
	if err != nil {
		reply(w, http.StatusBadRequest, "TruncatedBody", "the answer broke off")
		return
	}
	// A runtime that fails while it writes says so in a trailer, after a part of the answer.
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		err = &FunctionError{Function: name, Type: kind, Message: "the function failed while it wrote its answer"}
	}
	p.accept(w, p.settle(r.PathValue("id"), answer, err))
}

func (p *process) failure(w http.ResponseWriter, r *http.Request) {
	p.accept(w, p.settle(r.PathValue("id"), nil, p.report(r)))
}

func (p *process) initFailure(w http.ResponseWriter, r *http.Request) {
	e := p.report(r)
	p.mu.Lock()
	p.initError = e.Type + ": " + e.Message
	p.mu.Unlock()
	p.accept(w, true)
}

// report reads the body of both error calls. One that cannot be read is still a failure.
func (p *process) report(r *http.Request) *FunctionError {
	var body struct {
		ErrorMessage string `json:"errorMessage"`
		ErrorType    string `json:"errorType"`
	}
	e := &FunctionError{Function: p.pool.function.Name, Type: "Runtime.Unknown", Message: "the function failed without saying why"}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, gateway.MaxPayload)).Decode(&body); err != nil {
		return e
	}
	if body.ErrorType != "" {
		e.Type = body.ErrorType
	}
	if body.ErrorMessage != "" {
		e.Message = body.ErrorMessage
	}
	return e
}

// accept answers a report of the process; known is false when its invocation is not under way.
func (p *process) accept(w http.ResponseWriter, known bool) {
	if !known {
		reply(w, http.StatusBadRequest, "InvalidRequestID", "this invocation is not under way")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func reply(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}
