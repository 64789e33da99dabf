package runtimeapi

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// invocation is one event on its way through a process.
type invocation struct {
	id    string
	event []byte
	trace string // X-Ray header; "" for none
	done  chan outcome
}

// outcome is what an invocation came to.
type outcome struct {
	answer []byte
	err    error
}

// finish keeps the first outcome.
func (i *invocation) finish(answer []byte, err error) {
	select {
	case i.done <- outcome{answer, err}:
	default:
	}
}

// process is one execution environment: a running binary and the Runtime API that only it talks to.
type process struct {
	pool    *pool
	command *exec.Cmd
	server  *http.Server
	out     *lines
	started time.Time
	work    chan *invocation // handed over when the process asks for it
	exited  chan struct{}    // closed when the process is gone

	mu        sync.Mutex
	current   *invocation
	asked     bool   // has asked for work at least once
	initError string // what it said before it gave up starting
	killed    string // why it was ended from here
}

// start starts a process. The caller holds the pool's lock.
func start(p *pool) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("function %s: no address for its Runtime API: %w", p.function.Name, err)
	}
	proc := &process{pool: p, work: make(chan *invocation), exited: make(chan struct{})}
	proc.server = &http.Server{Handler: proc.routes(), ReadHeaderTimeout: 10 * time.Second}
	binary, err := filepath.Abs(p.function.Binary)
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("function %s: %w", p.function.Name, err)
	}
	c := exec.Command(binary)
	c.Dir = filepath.Dir(binary)
	c.Env = p.environment(listener.Addr().String(), c.Dir)
	out := p.runtime.output.lines()
	c.Stdout, c.Stderr = out, out
	separate(c)
	c.WaitDelay = time.Second // for a child of the function that keeps its output open
	proc.command, proc.out, proc.started = c, out, clock.System()
	if err := c.Start(); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("function %s does not start; build it with make functions: %w", p.function.Name, err)
	}
	go func() { _ = proc.server.Serve(listener) }()
	go proc.wait()
	return proc, nil
}

// environment is what Lambda gives a process on provided.al2023. The function's own variables come first: they cannot
// replace those that Lambda reserves.
func (p *pool) environment(api, folder string) []string {
	o, f := p.runtime.options, p.function
	var all []string
	for name, value := range f.Env {
		all = append(all, name+"="+value)
	}
	all = append(all,
		"AWS_LAMBDA_RUNTIME_API="+api,
		"AWS_LAMBDA_FUNCTION_NAME="+f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/"+f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=local",
		"AWS_REGION="+o.Region,
		"AWS_DEFAULT_REGION="+o.Region,
		"LAMBDA_TASK_ROOT="+folder,
		"_HANDLER=bootstrap",
		"TZ=:UTC",
		"LANG=en_US.UTF-8",
	)
	if f.Env["AWS_ACCESS_KEY_ID"] == "" { // it may have credentials of its own
		all = append(all, "AWS_ACCESS_KEY_ID="+o.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+o.SecretKey)
	}
	if o.SessionToken != "" {
		all = append(all, "AWS_SESSION_TOKEN="+o.SessionToken)
	}
	return all
}

// arn is the function's name as AWS would write it.
func (p *pool) arn() string {
	return "arn:aws:lambda:" + p.runtime.options.Region + ":" + accountID + ":function:" + p.function.Name
}

// wait follows the process to its end.
func (p *process) wait() {
	_ = p.command.Wait() // how it ended is in ProcessState
	p.out.end()
	p.pool.gone(p)
	close(p.exited)
	_ = p.server.Close()
}

// kill ends the process, and only it.
func (p *process) kill() { _ = p.command.Process.Kill() }

// stop ends the process for a reason that its invocation is told.
func (p *process) stop(why string) {
	p.mu.Lock()
	p.killed = why
	p.mu.Unlock()
	p.kill()
	<-p.exited
}

// invoke gives the process an event and waits for its answer, its end or its timeout. It returns errGone if the process
// never took the event.
func (p *process) invoke(inv *invocation, fresh bool) ([]byte, error) {
	f := p.pool.function
	limit := p.pool.runtime.options.InitTimeout
	if !fresh { // it has only to come back for more
		limit = f.Timeout
	}
	patience := time.NewTimer(limit)
	defer patience.Stop()
	select {
	case p.work <- inv:
	case <-p.exited:
		return nil, errGone
	case <-patience.C:
		p.stop(fmt.Sprintf("it did not ask for work within %v", limit))
		return nil, p.exitError()
	}
	timeout := time.NewTimer(f.Timeout)
	defer timeout.Stop()
	select {
	case o := <-inv.done:
		return o.answer, o.err
	case <-p.exited:
		select { // it answered and then ended
		case o := <-inv.done:
			return o.answer, o.err
		default:
			return nil, p.exitError()
		}
	case <-timeout.C:
		p.stop("timeout")
		select { // the answer came at the last moment
		case o := <-inv.done:
			return o.answer, o.err
		default:
		}
		return nil, &FunctionError{Function: f.Name, Type: "Sandbox.Timedout", Message: fmt.Sprintf("task timed out after %v", f.Timeout)}
	}
}

// exitError says why a process is gone.
func (p *process) exitError() error {
	<-p.exited
	p.mu.Lock()
	defer p.mu.Unlock()
	e := &FunctionError{Function: p.pool.function.Name, Type: "Runtime.ExitError", Message: "function exited: " + p.command.ProcessState.String()}
	switch {
	case p.killed != "":
		e.Message = "function was ended: " + p.killed
	case p.initError != "":
		e.Message = "function gave up starting: " + p.initError
	}
	return e
}
