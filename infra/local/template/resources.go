package template

import (
	"strings"
)

func (p *parser) schedule(name string, c cursor) Schedule {
	s := Schedule{
		Name:       name,
		Expression: c.get("ScheduleExpression").or(c.get("Schedule")).text(),
		Input:      c.get("Input").text(),
		Enabled:    !strings.EqualFold(c.get("State").text(), "DISABLED") && !strings.EqualFold(c.get("Enabled").text(), "false"),
	}
	if s.Expression == "" {
		p.fail(c, "schedule %s has no expression", name)
	}
	if zone := c.get("ScheduleExpressionTimezone").text(); zone != "" && zone != "UTC" {
		p.fail(c, "schedule %s is in time zone %s; schedules run in UTC", name, zone)
	}
	return s
}

func (p *parser) objectEvent(c cursor) ObjectEvent {
	e := ObjectEvent{Events: c.get("Events").texts()}
	if v := c.get("Bucket").value(); v.op == opRef {
		e.Bucket = v.text
	} else {
		p.fail(c, "the bucket of an object event must be a !Ref to a bucket of the template")
	}
	for _, rule := range c.get("Filter").get("S3Key").get("Rules").list() {
		switch name := rule.get("Name").text(); name {
		case "prefix":
			e.Prefix = rule.get("Value").text()
		case "suffix":
			e.Suffix = rule.get("Value").text()
		default:
			p.fail(rule, "%q is not a filter of object keys", name)
		}
	}
	return e
}

func (p *parser) table(id string, c cursor) Table {
	t := Table{ID: id}
	t.Hash, t.Range = p.keys(c.get("KeySchema"))
	if ttl := c.get("TimeToLiveSpecification"); ttl.get("Enabled").text() == "true" {
		t.TTL = ttl.get("AttributeName").text()
	}
	if r := c.get("PointInTimeRecoverySpecification"); r.get("PointInTimeRecoveryEnabled").text() == "true" {
		t.Recovery = r.get("RecoveryPeriodInDays").number(35)
	}
	t.Protected = c.get("DeletionProtectionEnabled").text() == "true"
	for _, x := range c.get("GlobalSecondaryIndexes").list() {
		index := Index{
			Name:       x.get("IndexName").text(),
			Projection: x.get("Projection").get("ProjectionType").text(),
			Include:    x.get("Projection").get("NonKeyAttributes").texts(),
		}
		index.Hash, index.Range = p.keys(x.get("KeySchema"))
		t.Indexes = append(t.Indexes, index)
	}
	types := map[string]string{}
	for _, a := range c.get("AttributeDefinitions").list() {
		types[a.get("AttributeName").text()] = a.get("AttributeType").text()
	}
	for name, kind := range types {
		if kind != "S" {
			p.fail(c, "key attribute %s of %s is of type %s; keys are text here", name, id, kind)
		}
	}
	return t
}

func (p *parser) keys(c cursor) (hash, sort string) {
	for _, k := range c.list() {
		switch kind := k.get("KeyType").text(); kind {
		case "HASH":
			hash = k.get("AttributeName").text()
		case "RANGE":
			sort = k.get("AttributeName").text()
		default:
			p.fail(k, "%q is not a key type", kind)
		}
	}
	if hash == "" {
		p.fail(c, "a key schema has no HASH attribute")
	}
	return hash, sort
}

func (p *parser) api(id string, c cursor) API {
	a := API{
		ID: id, Stage: c.get("StageName").text(), BinaryMediaTypes: c.get("BinaryMediaTypes").texts(),
		Responses: map[string]GatewayResponse{},
	}
	for i, m := range a.BinaryMediaTypes {
		a.BinaryMediaTypes[i] = strings.ReplaceAll(m, "~1", "/") // SAM also takes the escape of API definitions
	}
	for _, s := range c.get("MethodSettings").list() {
		if s.get("ResourcePath").text() == "/*" && s.get("HttpMethod").text() == "*" {
			a.RateLimit = s.get("ThrottlingRateLimit").decimal()
			a.BurstLimit = s.get("ThrottlingBurstLimit").number(0)
		}
	}
	a.Authoriser = p.authoriser(c.get("Auth"))
	for kind, r := range c.get("GatewayResponses").entries() {
		a.Responses[kind] = p.gatewayResponse(r)
	}
	return a
}

// authoriser is the function behind the default authorizer of an API. One that is kept by the gateway is refused: who may
// do what would outlive its end.
func (p *parser) authoriser(c cursor) string {
	name := c.get("DefaultAuthorizer").text()
	if name == "" {
		return ""
	}
	a := c.get("Authorizers").get(name)
	of := a.get("FunctionArn").value()
	id, isARN := strings.CutSuffix(of.text, ".Arn")
	if of.op != opGetAtt || !isARN || a.get("FunctionPayloadType").text() != "REQUEST" || a.get("Identity").get("ReauthorizeEvery").text() != "0" {
		p.fail(c, "the authorizer %q must be a function of the template of the type REQUEST whose answers are not kept (ReauthorizeEvery: 0)", name)
	}
	return Folder(id)
}

func (p *parser) gatewayResponse(c cursor) GatewayResponse {
	r := GatewayResponse{Status: c.get("StatusCode").number(0), Headers: map[string]string{}}
	for name, v := range c.get("ResponseParameters").get("Headers").entries() {
		// A static value is quoted once more; the other form maps a part of the request.
		s := v.text()
		if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' {
			p.fail(v, "header %s of a gateway response is not a static value in single quotes", name)
			continue
		}
		r.Headers[name] = s[1 : len(s)-1]
	}
	for media, body := range c.get("ResponseTemplates").entries() {
		if r.ContentType != "" {
			p.fail(c, "a gateway response has templates for several media types; which one is used would depend on the request")
		}
		r.ContentType, r.Body = media, body.text()
	}
	return r
}
