// Package runner puts the local engines, the gateway, the functions and the scheduler together on one machine, seeds a
// demo tenant on the first start and says where everything is.
package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/passportcraft/passportcraft/infra/local/backups"
	"github.com/passportcraft/passportcraft/infra/local/enginehost"
	"github.com/passportcraft/passportcraft/infra/local/gateway"
	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/infra/local/issuers"
	"github.com/passportcraft/passportcraft/infra/local/mailbox"
	"github.com/passportcraft/passportcraft/infra/local/runtimeapi"
	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// Options say how to run.
type Options struct {
	Root     string // repository
	Data     string // folder of everything that is kept
	Port     int
	Binaries bool // run the built functions instead of this process
	Manual   bool // the clock moves by POST /local/clock besides by itself
	Out      io.Writer
}

// ReadOptions reads PORT, LAMBDA, LOCAL_CLOCK and LOCAL_DATA through get (os.Getenv).
func ReadOptions(get func(string) string) (Options, error) {
	root, err := enginehost.Root()
	if err != nil {
		return Options{}, err
	}
	o := Options{Root: root, Data: filepath.Join(root, ".local"), Port: 8080, Out: os.Stdout}
	if s := get("LOCAL_DATA"); s != "" {
		o.Data = s
	}
	if s := get("PORT"); s != "" {
		if o.Port, err = strconv.Atoi(s); err != nil || o.Port < 0 || o.Port > 65535 {
			return o, errors.New("PORT must be a port number, for example PORT=9090")
		}
	}
	switch get("LAMBDA") {
	case "":
	case "binaries":
		o.Binaries = true
	default:
		return o, errors.New("LAMBDA can only be binaries (or be left out)")
	}
	switch get("LOCAL_CLOCK") {
	case "":
	case "manual":
		o.Manual = true
	default:
		return o, errors.New("LOCAL_CLOCK can only be manual (or be left out)")
	}
	if o.Manual && o.Binaries {
		return o, errors.New("LOCAL_CLOCK=manual works with functions in this process only: built functions read the machine's clock")
	}
	return o, nil
}

// site is what is running.
type site struct {
	options  Options
	template *template.Template
	engines  *enginehost.Host
	clock    *clock.Movable
	app      *tenancy.App
	gate     *iam.Gate
	signIn   *issuers.Issuers
	copies   *backups.Service
	runtime  *runtimeapi.Runtime // nil unless built functions run
	log      *os.File
	url      string

	arrivals sync.WaitGroup // object events under way

	stopClock func()       // ends what the clock drives; nil when nothing does
	closeGate func() error // nil when functions run in this process
}

// Run starts everything, tells that it is ready and runs until the context ends. What was acknowledged is on disk.
func Run(ctx context.Context, o Options) (err error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is taken by another program; stop it, or choose another port: PORT=%d make run", o.Port, o.Port+1)
	}
	if err != nil {
		return fmt.Errorf("port %d cannot be used: %w", o.Port, err)
	}
	defer listener.Close()
	s := &site{options: o, url: "http://" + listener.Addr().String()}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.start(ctx); err != nil {
		return err
	}
	handler, err := s.handler()
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	}()
	if err := s.welcome(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	case <-s.engines.Done():
		return errors.New("the local engines have ended; start again with make run, nothing acknowledged is lost")
	}
}

func (s *site) start(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.options.Data, 0o700); err != nil {
		return fmt.Errorf("the data folder cannot be made: %w", err)
	}
	if s.template, err = template.Read(filepath.Join(s.options.Root, "template.yaml")); err != nil {
		return err
	}
	if s.log, err = os.OpenFile(filepath.Join(s.options.Data, "requests.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("the log cannot be written: %w", err)
	}
	s.clock = clock.NewMovable(clock.System)
	if s.options.Manual {
		if err := s.restoreClock(); err != nil {
			return err
		}
	}
	s.engines, err = enginehost.Start(ctx, enginehost.Options{
		DataDir: filepath.Join(s.options.Data, "data"), Root: s.options.Root, Stderr: s.log,
	})
	if err != nil {
		return err
	}
	if err := s.startSignIn(); err != nil {
		return err
	}
	environments, common, err := s.environments(ctx)
	if err != nil {
		return err
	}
	if err := s.build(environments, common); err != nil {
		return err
	}
	if !s.options.Binaries {
		return nil
	}
	binaries := filepath.Join(s.options.Root, ".local", "functions")
	if _, err := os.Stat(binaries); err != nil {
		return errors.New("the functions are not built: run `make functions` first")
	}
	address, err := s.serveGate()
	if err != nil {
		return err
	}
	for function, environment := range environments {
		maps.Copy(environment, s.signInSettings())
		environment["RATE_PER_KEY"] = common["RATE_PER_KEY"]
		maps.Copy(environment, s.gate.Environment(function, address))
		environment["S3_PUBLIC_ENDPOINT"] = common["S3_PUBLIC_ENDPOINT"]
	}
	s.runtime, err = runtimeapi.New(runtimeapi.Options{Region: region, Output: s.log, Random: rand.Reader},
		runtimeapi.Functions(s.template, binaries, environments)...)
	return err
}

// serveGate gives functions in processes of their own a way to the engines, for as long as the site runs.
func (s *site) serveGate() (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("the policy gate has no port: %w", err)
	}
	server := &http.Server{Handler: s.gate, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	s.closeGate = server.Close
	return "http://" + listener.Addr().String(), nil
}

// build makes the platform of this process from the environments of all functions together.
func (s *site) build(environments map[string]map[string]string, common map[string]string) error {
	all := map[string]string{}
	for _, environment := range environments {
		for name, value := range environment {
			all[name] = value
		}
	}
	for name, value := range common {
		all[name] = value
	}
	if err := write(filepath.Join(s.options.Data, "operator.json"), all); err != nil { // for passportctl drill
		return err
	}
	config, err := wire.ReadConfig(func(name string) string { return all[name] })
	if err != nil {
		return err
	}
	s.app = tenancy.New(config, wire.Parts{Now: s.clock.Now, Log: s.log, HTTP: s.gate, Identity: s.gate.Identity})
	return nil
}

// handler is the gateway, and beside it what only this machine has.
func (s *site) handler() (http.Handler, error) {
	var invoker gateway.Invoker = s.runtime
	if s.runtime == nil {
		invoker = s.inProcess()
	}
	g, err := gateway.New(s.template, invoker, gateway.Options{
		Now: s.clock.Now, Random: rand.Reader,
		Failed: func(function, request string, err error) {
			fmt.Fprintf(s.log, "{\"level\":\"ERROR\",\"msg\":\"integration\",\"function\":%q,\"gatewayRequest\":%q,\"cause\":%q}\n", function, request, err)
		},
	})
	if err != nil {
		return nil, err
	}
	mail, err := mailbox.Open(filepath.Join(s.options.Data, "mail"), s.clock.Now)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+mailPath, mail.View())
	mux.Handle(mailPath+"/", mail.SES()) // taking mail, and the list of suppressed addresses
	mux.Handle(backupsPath, s.copies)    // calls of DynamoDB, which have no path
	mux.Handle(backupsPath+"/", http.StripPrefix(backupsPath, s.copies))
	scheduler, err := s.scheduler()
	if err != nil {
		return nil, err
	}
	if s.options.Manual {
		mux.Handle("POST /local/clock", s.moveClock(scheduler))
	} else {
		ctx, stop := context.WithCancel(context.Background())
		var done sync.WaitGroup
		done.Go(func() { s.tick(ctx, scheduler) })
		s.stopClock = func() { stop(); done.Wait() }
	}
	mux.Handle(storagePath+"/", s.gate)
	mux.Handle("/", untouched{g})
	return mux, nil
}

// storagePath is where those who fetch packages reach the object storage of this machine.
const storagePath = "/local/s3"

// backupsPath is where this machine's stand-in for AWS Backup answers.
const backupsPath = "/local/backups"

// mailPath is where this machine's mailbox is shown and takes mail.
const mailPath = "/local/mail"

// untouched keeps http.ServeMux from tidying paths on their way to the gateway.
type untouched struct{ http.Handler }

func (s *site) inProcess() gateway.InProcess {
	p := gateway.InProcess{Handlers: map[string]gateway.Handler{}, Timeouts: map[string]time.Duration{}}
	door := lambdahost.NewAuthoriser(httpapi.NewDoorkeeper(s.app.Private(), s.template.API.Authoriser))
	p.Authorisers = map[string]gateway.AuthoriserHandler{
		s.template.API.Authoriser: func(ctx context.Context, e events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
			return door(iam.As(ctx, s.template.API.Authoriser), e)
		},
	}
	all := routes.All(s.app)
	for _, f := range s.template.Functions {
		own := all[:0:0]
		for _, r := range all {
			if r.Function == f.Folder {
				own = append(own, r)
			}
		}
		handle := lambdahost.New(s.app.Private(), own...)
		p.Handlers[f.Folder] = func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
			return handle(iam.As(ctx, f.Folder), e)
		}
		p.Timeouts[f.Folder] = f.Timeout
	}
	return p
}

// stop ends what was started, last first.
func (s *site) stop() error {
	if s.stopClock != nil {
		s.stopClock()
	}
	s.arrivals.Wait()
	if s.runtime != nil {
		s.runtime.Close()
	}
	if s.signIn != nil {
		_ = s.signIn.Close()
	}
	if s.closeGate != nil {
		_ = s.closeGate()
	}
	var err error
	if s.engines != nil {
		err = s.engines.Stop()
	}
	if s.log != nil {
		err = errors.Join(err, s.log.Close())
	}
	return err
}
