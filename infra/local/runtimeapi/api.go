package runtimeapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// api serves the Lambda Runtime API to one process.
func (e *environment) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", e.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", e.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", e.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", e.initFailure)
	return mux
}

// next holds the request until there is an invocation.
func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	e.first.Do(func() { e.function.ready(e.function.runtime.options.Now().Sub(e.started)) })
	select {
	case inv := <-e.work:
		e.mu.Lock()
		e.current = inv
		e.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(inv.payload)))
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		deadline := e.function.runtime.options.Now().Add(e.function.Timeout)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", e.arn())
		if inv.trace != "" {
			h.Set("Lambda-Runtime-Trace-Id", inv.trace)
		}
		_, _ = w.Write(inv.payload) // a process that is gone is seen by watch
	case <-r.Context().Done():
	case <-e.over:
	}
}

func (e *environment) arn() string {
	region := e.function.runtime.options.Environment["AWS_REGION"]
	return "arn:aws:lambda:" + region + ":000000000000:function:" + e.function.Name
}

// settle gives the outcome to the invocation of that id; false if it is not under way.
func (e *environment) settle(id string, o outcome) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil || e.current.id != id {
		return false
	}
	e.current.done <- o // holds one, and is sent to once
	e.current = nil
	return true
}

func (e *environment) response(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, MaxPayload))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		e.settle(r.PathValue("id"), failed(TypeTooLarge, "the answer is larger than the %d bytes that Lambda passes on", MaxPayload))
		reply(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the answer is too large")
		return
	case err != nil:
		reply(w, http.StatusBadRequest, "TruncatedBody", "the answer broke off")
		return
	}
	o := outcome{body: b}
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" { // it failed while it was writing
		o = failed(kind, "the function failed while it wrote its answer")
	}
	if !e.settle(r.PathValue("id"), o) {
		reply(w, http.StatusBadRequest, "InvalidRequestID", "this invocation is not under way")
		return
	}
	accept(w)
}

// report is the body of both error calls.
func report(w http.ResponseWriter, r *http.Request) *FunctionError {
	var body struct {
		ErrorMessage string `json:"errorMessage"`
		ErrorType    string `json:"errorType"`
	}
	e := &FunctionError{Type: "Runtime.Unknown", Message: "the function failed without saying why"}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, MaxPayload)).Decode(&body)
	if err == nil && body.ErrorMessage != "" {
		e.Message = body.ErrorMessage
	}
	if body.ErrorType != "" {
		e.Type = body.ErrorType
	}
	return e
}

func (e *environment) failure(w http.ResponseWriter, r *http.Request) {
	if !e.settle(r.PathValue("id"), outcome{err: report(w, r)}) {
		reply(w, http.StatusBadRequest, "InvalidRequestID", "this invocation is not under way")
		return
	}
	accept(w)
}

func (e *environment) initFailure(w http.ResponseWriter, r *http.Request) {
	reported := report(w, r)
	e.mu.Lock()
	e.initErr = reported
	e.mu.Unlock()
	accept(w)
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func reply(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}
