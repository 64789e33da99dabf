// Package template reads template.yaml, so that what runs on one machine is what is deployed: routes, limits, gateway
// answers, tables, buckets, schedules and the environment of each function.
//
// It reads the parts of SAM and CloudFormation that the template uses and refuses what it would have to guess. It does
// not validate the template (cfn-lint does) and makes nothing (package provision does).
package template

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Any is the method of a route that takes every method for which no other function has a route of the same path.
const Any = "ANY"

// Template is what the local runner needs to know of template.yaml. Lists are in the order of the file.
type Template struct {
	Functions []Function
	Tables    []Table
	Buckets   []Bucket
	Vaults    []Vault
	Plans     []BackupPlan
	API       API

	parameters  map[string]*string // default value; nil: has none
	conditions  map[string]value
	permissions permissions
}

// Function is one AWS::Serverless::Function with the Globals merged in.
type Function struct {
	ID           string // logical id, for example GetPassportFunction
	Folder       string // folder under functions/, for example get-passport
	Timeout      time.Duration
	MemoryMB     int
	Routes       []Route
	Schedules    []Schedule
	ObjectEvents []ObjectEvent

	environment map[string]value
}

// Route is a method (upper case, or Any) and a path with {name} or, as the last segment, {name+}.
type Route struct {
	Method, Path string
	Open         bool // the gateway passes requests on without asking the authoriser
}

// Schedule runs a function by the clock.
type Schedule struct {
	Name       string // function folder and event name, for example sweep-deletions.Daily
	Expression string // rate(…) or cron(…), in UTC
	Input      string // JSON text given to the function; "" for the scheduler's own event
	Enabled    bool
}

// ObjectEvent runs a function when something happens to an object.
type ObjectEvent struct {
	Bucket         string   // logical id
	Events         []string // for example s3:ObjectCreated:*
	Prefix, Suffix string   // of the object's key
}

// Table is one AWS::DynamoDB::Table.
type Table struct {
	ID          string // logical id, for example RecordsTable
	Hash, Range string // attribute names; Range is "" when there is none
	TTL         string // attribute name, "" for none
	Indexes     []Index
	Recovery    int // days of point-in-time recovery; 0: off
	Protected   bool
}

// Index is a global secondary index.
type Index struct {
	Name, Hash, Range string
	Projection        string   // ALL, KEYS_ONLY or INCLUDE
	Include           []string // attribute names, with INCLUDE
}

// Bucket is one AWS::S3::Bucket.
type Bucket struct {
	ID        string // logical id
	Versioned bool
}

// API is the one AWS::Serverless::Api.
type API struct {
	ID, Stage        string
	BinaryMediaTypes []string
	Authoriser       string  // folder of the function that judges credentials; "" for none
	RateLimit        float64 // requests a second of all callers together; 0: the limit of the account
	BurstLimit       int
	Responses        map[string]GatewayResponse // by response type, for example THROTTLED
}

// GatewayResponse is an answer that the gateway makes itself.
type GatewayResponse struct {
	Status      int               // 0: that of the response type
	Headers     map[string]string // static values only
	ContentType string            // media type of the body template
	Body        string            // with $context.… variables still in it
}

// Read parses a file.
func Read(path string) (*Template, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the template cannot be read: %w", err)
	}
	return Parse(b)
}

// Parse reads a template. Its errors begin with the line of the cause.
func Parse(source []byte) (*Template, error) {
	if len(source) > 1<<20 { // CloudFormation takes 1 MB
		return nil, fmt.Errorf("the template is larger than CloudFormation takes (1 MB)")
	}
	var root yaml.Node
	if err := yaml.Unmarshal(source, &root); err != nil {
		return nil, fmt.Errorf("the template is not YAML: %w", err)
	}
	p := &parser{budget: 1 << 20}
	t := p.template(cursor{p: p, node: &root}.document())
	if p.err != nil {
		return nil, p.err
	}
	return t, nil
}

func (p *parser) template(root cursor) *Template {
	t := &Template{parameters: map[string]*string{}, conditions: map[string]value{}}
	t.permissions = permissions{functions: map[string][]document{}, buckets: map[string][]document{}, resources: map[string]string{}}
	for name, c := range root.get("Parameters").entries() {
		t.parameters[name] = nil
		if d := c.get("Default"); d.there() {
			text := d.text()
			t.parameters[name] = &text
		}
	}
	for name, c := range root.get("Conditions").entries() {
		t.conditions[name] = c.value()
	}
	global := root.get("Globals").get("Function")
	var selections []cursor
	for id, c := range root.get("Resources").entries() {
		properties := c.get("Properties")
		t.permission(id, c.get("Type").text(), properties)
		switch c.get("Type").text() {
		case "AWS::Serverless::Function":
			t.Functions = append(t.Functions, p.function(id, properties, global))
		case "AWS::Serverless::Api":
			if t.API.ID != "" {
				p.fail(c, "there is more than one AWS::Serverless::Api")
			}
			t.API = p.api(id, properties)
		case "AWS::DynamoDB::Table":
			t.Tables = append(t.Tables, p.table(id, properties))
		case "AWS::S3::Bucket":
			versioned := properties.get("VersioningConfiguration").get("Status").text() == "Enabled"
			t.Buckets = append(t.Buckets, Bucket{ID: id, Versioned: versioned})
		case "AWS::Backup::BackupVault":
			t.Vaults = append(t.Vaults, vault(id, properties))
		case "AWS::Backup::BackupPlan":
			t.Plans = append(t.Plans, p.plan(id, properties))
		case "AWS::Backup::BackupSelection":
			selections = append(selections, properties)
		}
	}
	p.selections(t, selections)
	p.unique(t.Functions)
	return t
}

// unique refuses two functions for one route: API Gateway would keep one of them, and not say which.
func (p *parser) unique(functions []Function) {
	seen := map[Route]string{}
	for _, f := range functions {
		for _, r := range f.Routes {
			at := Route{Method: r.Method, Path: r.Path}
			if other, ok := seen[at]; ok && p.err == nil {
				p.err = fmt.Errorf("%s %s belongs to both %s and %s", r.Method, r.Path, other, f.ID)
			}
			seen[at] = f.ID
		}
	}
}

// Folder is the folder under functions/ of a logical id: GetPassportFunction is in get-passport. The Makefile does the
// same for sam build.
func Folder(logicalID string) string {
	name := strings.TrimSuffix(logicalID, "Function")
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' && !(name[i-1] >= 'A' && name[i-1] <= 'Z') {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

func (p *parser) function(id string, c, global cursor) Function {
	f := Function{
		ID: id, Folder: Folder(id), environment: map[string]value{},
		Timeout:  time.Duration(c.get("Timeout").or(global.get("Timeout")).number(3)) * time.Second, // 3 is Lambda's default
		MemoryMB: c.get("MemorySize").or(global.get("MemorySize")).number(128),
	}
	for _, from := range []cursor{global, c} {
		for name, v := range from.get("Environment").get("Variables").entries() {
			f.environment[name] = v.value()
		}
	}
	for name, event := range c.get("Events").entries() {
		at := event.get("Properties")
		switch kind := event.get("Type").text(); kind {
		case "Api":
			f.Routes = append(f.Routes, p.route(at))
		case "Schedule", "ScheduleV2":
			f.Schedules = append(f.Schedules, p.schedule(f.Folder+"."+name, at))
		case "S3":
			f.ObjectEvents = append(f.ObjectEvents, p.objectEvent(at))
		default:
			p.fail(event, "event %s of %s has the type %q, which the local runner does not know", name, id, kind)
		}
	}
	return f
}

// methods are those that an API Gateway method can have.
func method(s string) (string, bool) {
	s = strings.ToUpper(s)
	if s == Any || s == "*" {
		return Any, true
	}
	known := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	return s, slices.Contains(known, s)
}

func (p *parser) route(c cursor) Route {
	m, ok := method(c.get("Method").text())
	if !ok {
		p.fail(c, "%q is not a method of API Gateway", c.get("Method").text())
	}
	path := c.get("Path").text()
	if err := checkPath(path); err != nil {
		p.fail(c, "path %q: %v", path, err)
	}
	auth := c.get("Auth").get("Authorizer").text()
	if auth != "" && auth != "NONE" {
		p.fail(c, "a route is either open (NONE) or asks the default authorizer, not %q", auth)
	}
	return Route{Method: m, Path: path, Open: auth == "NONE"}
}

// checkPath accepts what API Gateway accepts: a parameter is a whole segment, and a greedy one is the last.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("it must start with a slash")
	}
	if path == "/" {
		return nil
	}
	segments := strings.Split(path[1:], "/")
	seen := map[string]bool{}
	for i, s := range segments {
		name, isParameter := strings.CutPrefix(s, "{")
		if !isParameter {
			if s == "" || strings.ContainsAny(s, "{}+?#%") {
				return fmt.Errorf("segment %q is neither plain nor a {parameter}", s)
			}
			continue
		}
		name, closed := strings.CutSuffix(name, "}")
		name, greedy := strings.CutSuffix(name, "+")
		switch {
		case !closed || name == "" || strings.ContainsAny(name, "{}+"):
			return fmt.Errorf("segment %q is not a {parameter}", s)
		case greedy && i != len(segments)-1:
			return fmt.Errorf("the greedy parameter %q must be last", s)
		case seen[name]:
			return fmt.Errorf("the parameter %q is there twice", name)
		}
		seen[name] = true
	}
	return nil
}
