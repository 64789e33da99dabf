package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/infra/local/iam/policy"
)

func parse(t testing.TB, kind policy.Kind, statements string) policy.Document {
	t.Helper()
	d, err := read(kind, statements)
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	return d
}

func read(kind policy.Kind, statements string) (policy.Document, error) {
	var v any
	if err := json.Unmarshal([]byte(`{"Version":"2012-10-17","Statement":`+statements+`}`), &v); err != nil {
		return policy.Document{}, err
	}
	return policy.Parse(v, kind)
}

const table = "arn:aws:dynamodb:eu-west-1:000000000000:table/Records"

// leading is the statement that isolates tenants.
const leading = `[{"Sid":"S","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:BatchGetItem","dynamodb:Query"],"Resource":"` + table + `",
	"Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["T#${aws:PrincipalTag/tenant}","T#${aws:PrincipalTag/tenant}#*"]},"Null":{"dynamodb:LeadingKeys":"false"}}}]`

// published is the shape of the samples for fine-grained access control, which lack the Null test.
const published = `[{"Sid":"S","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Scan"],"Resource":"` + table + `",
	"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${aws:PrincipalTag/tenant}"]}}}]`

func allow(action, resource, condition string) string {
	return fmt.Sprintf(`[{"Effect":"Allow","Action":%q,"Resource":%q,"Condition":%s}]`, action, resource, condition)
}

// TestDecide is the evaluator's table of cases. Keys are written name=value, several values with commas.
func TestDecide(t *testing.T) {
	on := func(condition string) string { return allow("a:B", "*", condition) }
	tenant := []string{"aws:PrincipalTag/tenant=one"}
	cases := []struct {
		name, policy, action, resource string
		keys                           []string
		want                           bool
	}{
		{"no statement", `[]`, "a:B", "r", nil, false},
		{"exact", allow("a:B", "r", `{}`), "a:B", "r", nil, true},
		{"actions are caseless", allow("A:b", "r", `{}`), "a:B", "r", nil, true},
		{"resources are not", allow("a:B", "R", `{}`), "a:B", "r", nil, false},
		{"another action", allow("a:B", "r", `{}`), "a:C", "r", nil, false},
		{"action with a star", allow("a:Get*", "r", `{}`), "a:GetItem", "r", nil, true},
		{"star does not reach over the service", allow("a:*", "r", `{}`), "b:C", "r", nil, false},
		{"question mark is one", allow("a:B", "r?", `{}`), "a:B", "r1", nil, true},
		{"question mark is not none", allow("a:B", "r?", `{}`), "a:B", "r", nil, false},
		{"question mark is not two", allow("a:B", "r?", `{}`), "a:B", "r12", nil, false},
		{"star is none too", allow("a:B", "r*", `{}`), "a:B", "r", nil, true},
		{"star in the middle goes back", allow("a:B", "a*bc", `{}`), "a:B", "abbbc", nil, true},
		{"two stars", allow("a:B", "*x*y", `{}`), "a:B", "1x2xy", nil, true},
		{"two stars without an end", allow("a:B", "*x*y", `{}`), "a:B", "1x2yz", nil, false},
		{"literal star", allow("a:B", "r${*}", `{}`), "a:B", "r*", nil, true},
		{"literal star only", allow("a:B", "r${*}", `{}`), "a:B", "rx", nil, false},
		{"literal question mark", allow("a:B", "r${?}", `{}`), "a:B", "rx", nil, false},
		{"literal dollar", allow("a:B", "r${$}", `{}`), "a:B", "r$", nil, true},
		{"NotAction", `[{"Effect":"Allow","NotAction":"a:B","Resource":"*"}]`, "a:C", "r", nil, true},
		{"NotAction of this", `[{"Effect":"Allow","NotAction":"a:B","Resource":"*"}]`, "a:B", "r", nil, false},
		{"NotResource", `[{"Effect":"Allow","Action":"a:B","NotResource":"x/*"}]`, "a:B", "y/1", nil, true},
		{"NotResource of this", `[{"Effect":"Allow","Action":"a:B","NotResource":"x/*"}]`, "a:B", "x/1", nil, false},
		{"deny wins", `[{"Effect":"Allow","Action":"a:B","Resource":"*"},{"Effect":"Deny","Action":"a:*","Resource":"*"}]`, "a:B", "r", nil, false},
		{"deny wins before", `[{"Effect":"Deny","Action":"a:*","Resource":"*"},{"Effect":"Allow","Action":"a:B","Resource":"*"}]`, "a:B", "r", nil, false},
		{"deny of something else", `[{"Effect":"Allow","Action":"a:B","Resource":"*"},{"Effect":"Deny","Action":"a:C","Resource":"*"}]`, "a:B", "r", nil, true},
		{"deny whose condition is not met", `[{"Effect":"Allow","Action":"a:B","Resource":"*"},{"Effect":"Deny","Action":"a:B","Resource":"*","Condition":{"Bool":{"k":"false"}}}]`, "a:B", "r", []string{"k=true"}, true},
		{"variable in the resource", allow("a:B", "b/${aws:PrincipalTag/tenant}/*", `{}`), "a:B", "b/one/x", tenant, true},
		{"variable of another", allow("a:B", "b/${aws:PrincipalTag/tenant}/*", `{}`), "a:B", "b/two/x", tenant, false},
		{"variable that is absent", allow("a:B", "b/${aws:PrincipalTag/tenant}/*", `{}`), "a:B", "b//x", nil, false},
		{"variable with a star in it", allow("a:B", "b/${aws:PrincipalTag/tenant}/*", `{}`), "a:B", "b/two/x", []string{"aws:PrincipalTag/tenant=*"}, false},
		{"variable with several values", allow("a:B", "b/${aws:PrincipalTag/tenant}/*", `{}`), "a:B", "b/one/x", []string{"aws:PrincipalTag/tenant=one,two"}, false},
		{"variable names are caseless", allow("a:B", "b/${AWS:principaltag/Tenant}", `{}`), "a:B", "b/one", tenant, true},
		{"StringEquals", on(`{"StringEquals":{"k":"v"}}`), "a:B", "r", []string{"k=v"}, true},
		{"StringEquals of a list", on(`{"StringEquals":{"k":["u","v"]}}`), "a:B", "r", []string{"k=v"}, true},
		{"StringEquals has case", on(`{"StringEquals":{"k":"v"}}`), "a:B", "r", []string{"k=V"}, false},
		{"StringEquals knows no star", on(`{"StringEquals":{"k":"v*"}}`), "a:B", "r", []string{"k=vv"}, false},
		{"StringEquals of an absent key", on(`{"StringEquals":{"k":"v"}}`), "a:B", "r", nil, false},
		{"StringEqualsIfExists of an absent key", on(`{"StringEqualsIfExists":{"k":"v"}}`), "a:B", "r", nil, true},
		{"StringEqualsIfExists of another value", on(`{"StringEqualsIfExists":{"k":"v"}}`), "a:B", "r", []string{"k=w"}, false},
		{"StringEqualsIgnoreCase", on(`{"StringEqualsIgnoreCase":{"k":"v"}}`), "a:B", "r", []string{"k=V"}, true},
		{"StringNotEquals", on(`{"StringNotEquals":{"k":"v"}}`), "a:B", "r", []string{"k=w"}, true},
		{"StringNotEquals of this", on(`{"StringNotEquals":{"k":["v","w"]}}`), "a:B", "r", []string{"k=w"}, false},
		{"StringNotEquals of an absent key", on(`{"StringNotEquals":{"k":"v"}}`), "a:B", "r", nil, true},
		{"StringLike", on(`{"StringLike":{"k":"v*"}}`), "a:B", "r", []string{"k=vv"}, true},
		{"StringNotLike", on(`{"StringNotLike":{"k":"v*"}}`), "a:B", "r", []string{"k=vv"}, false},
		{"StringLike with a variable", on(`{"StringLike":{"k":"${aws:PrincipalTag/tenant}#*"}}`), "a:B", "r", []string{"k=one#x", tenant[0]}, true},
		{"StringEquals with a variable", on(`{"StringEquals":{"k":"${aws:PrincipalTag/tenant}"}}`), "a:B", "r", []string{"k=one", tenant[0]}, true},
		{"StringEquals with an absent variable", on(`{"StringEquals":{"k":"${aws:PrincipalTag/tenant}"}}`), "a:B", "r", []string{"k=one"}, false},
		{"ArnLike", on(`{"ArnLike":{"k":"arn:aws:iam::*:role/x"}}`), "a:B", "r", []string{"k=arn:aws:iam::1:role/x"}, true},
		{"Bool", on(`{"Bool":{"k":"true"}}`), "a:B", "r", []string{"k=true"}, true},
		{"Bool is caseless", on(`{"Bool":{"k":"true"}}`), "a:B", "r", []string{"k=True"}, true},
		{"Bool of the other", on(`{"Bool":{"k":"true"}}`), "a:B", "r", []string{"k=false"}, false},
		{"Bool of an absent key", on(`{"Bool":{"k":"true"}}`), "a:B", "r", nil, false},
		{"Null true, absent", on(`{"Null":{"k":"true"}}`), "a:B", "r", nil, true},
		{"Null true, there", on(`{"Null":{"k":"true"}}`), "a:B", "r", []string{"k=v"}, false},
		{"Null false, absent", on(`{"Null":{"k":"false"}}`), "a:B", "r", nil, false},
		{"Null false, there", on(`{"Null":{"k":"false"}}`), "a:B", "r", []string{"k=v"}, true},
		{"NumericLessThan", on(`{"NumericLessThan":{"k":"1.2"}}`), "a:B", "r", []string{"k=1.1"}, true},
		{"NumericLessThan of the same", on(`{"NumericLessThan":{"k":"1.2"}}`), "a:B", "r", []string{"k=1.2"}, false},
		{"NumericLessThanEquals", on(`{"NumericLessThanEquals":{"k":"1.2"}}`), "a:B", "r", []string{"k=1.2"}, true},
		{"Numeric of text", on(`{"NumericLessThan":{"k":"1"}}`), "a:B", "r", []string{"k=x"}, false},
		{"NumericNotEquals", on(`{"NumericNotEquals":{"k":"1"}}`), "a:B", "r", []string{"k=2"}, true},
		{"ForAllValues, all", on(`{"ForAllValues:StringEquals":{"k":["u","v"]}}`), "a:B", "r", []string{"k=u,v"}, true},
		{"ForAllValues, one not", on(`{"ForAllValues:StringEquals":{"k":["u","v"]}}`), "a:B", "r", []string{"k=u,w"}, false},
		{"ForAllValues of an absent key: the hole", on(`{"ForAllValues:StringEquals":{"k":"v"}}`), "a:B", "r", nil, true},
		{"ForAllValues of an empty key", on(`{"ForAllValues:StringEquals":{"k":"v"}}`), "a:B", "r", []string{"k="}, true},
		{"ForAllValues:StringNotEquals", on(`{"ForAllValues:StringNotEquals":{"k":"v"}}`), "a:B", "r", []string{"k=u,v"}, false},
		{"ForAnyValue, one", on(`{"ForAnyValue:StringEquals":{"k":"v"}}`), "a:B", "r", []string{"k=u,v"}, true},
		{"ForAnyValue, none", on(`{"ForAnyValue:StringEquals":{"k":"v"}}`), "a:B", "r", []string{"k=u,w"}, false},
		{"ForAnyValue of an absent key", on(`{"ForAnyValue:StringEquals":{"k":"v"}}`), "a:B", "r", nil, false},
		{"ForAnyValue:StringNotEquals of an absent key", on(`{"ForAnyValue:StringNotEquals":{"k":"v"}}`), "a:B", "r", nil, false},
		{"keys are caseless", on(`{"StringEquals":{"K":"v"}}`), "a:B", "r", []string{"k=v"}, true},
		{"all conditions", on(`{"StringEquals":{"k":"v"},"Bool":{"b":"true"}}`), "a:B", "r", []string{"k=v"}, false},
		{"all keys of a condition", on(`{"StringEquals":{"k":"v","l":"w"}}`), "a:B", "r", []string{"k=v"}, false},
		{"own partition", leading, "dynamodb:GetItem", table, []string{tenant[0], "dynamodb:LeadingKeys=T#one"}, true},
		{"own partition below", leading, "dynamodb:Query", table, []string{tenant[0], "dynamodb:LeadingKeys=T#one#P#x"}, true},
		{"own partitions", leading, "dynamodb:BatchGetItem", table, []string{tenant[0], "dynamodb:LeadingKeys=T#one,T#one#M"}, true},
		{"another's partition", leading, "dynamodb:GetItem", table, []string{tenant[0], "dynamodb:LeadingKeys=T#two"}, false},
		{"a partition that begins alike", leading, "dynamodb:GetItem", table, []string{tenant[0], "dynamodb:LeadingKeys=T#one2"}, false},
		{"one of another's", leading, "dynamodb:BatchGetItem", table, []string{tenant[0], "dynamodb:LeadingKeys=T#one,T#two"}, false},
		{"without a key", leading, "dynamodb:Query", table, tenant, false},
		{"without a tag", leading, "dynamodb:GetItem", table, []string{"dynamodb:LeadingKeys=T#one"}, false},
		{"with an empty tag", leading, "dynamodb:GetItem", table, []string{"aws:PrincipalTag/tenant=", "dynamodb:LeadingKeys=T#"}, false},
		{"with a tag that is a star", leading, "dynamodb:GetItem", table, []string{"aws:PrincipalTag/tenant=*", "dynamodb:LeadingKeys=T#one"}, false},
		{"an index", leading, "dynamodb:Query", table + "/index/ByStatus", []string{tenant[0], "dynamodb:LeadingKeys=T#one"}, false},
		{"the published sample lets a Scan pass", published, "dynamodb:Scan", table, tenant, true},
	}
	if len(cases) < 60 {
		t.Errorf("only %d cases", len(cases))
	}
	for _, tc := range cases {
		d := policy.Decide(policy.Request{Action: tc.action, Resource: tc.resource, Keys: keys(tc.keys)}, parse(t, policy.Identity, tc.policy))
		if d.Allowed != tc.want {
			t.Errorf("%s: allowed is %v, want %v", tc.name, d.Allowed, tc.want)
		}
	}
}

func keys(all []string) policy.Keys {
	k := policy.Keys{}
	for _, one := range all {
		name, values, _ := strings.Cut(one, "=")
		if values == "" {
			k.Set(name)
			continue
		}
		k.Set(name, strings.Split(values, ",")...)
	}
	return k
}

// TestPrincipals holds that policies of roles and buckets look at who asks.
func TestPrincipals(t *testing.T) {
	trust := parse(t, policy.Trust, `[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:role/a"},"Action":"sts:AssumeRole"}]`)
	everybody := parse(t, policy.Resource, `[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]`)
	for name, tc := range map[string]struct {
		d       policy.Document
		who, do string
		want    policy.Decision
	}{
		"trusted":   {trust, "arn:aws:iam::1:role/a", "sts:AssumeRole", policy.Decision{Allowed: true}},
		"another":   {trust, "arn:aws:iam::1:role/b", "sts:AssumeRole", policy.Decision{}},
		"everybody": {everybody, "arn:aws:iam::1:role/b", "s3:GetObject", policy.Decision{Denied: true}},
	} {
		if got := policy.Decide(policy.Request{Action: tc.do, Resource: "r", Principal: tc.who}, tc.d); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

// TestUnknownIsRefused holds that nothing is read that is not understood.
func TestUnknownIsRefused(t *testing.T) {
	for name, statements := range map[string]string{
		"operator":               allow("a:B", "r", `{"IpAddress":{"k":"10.0.0.0/8"}}`),
		"quantified Null":        allow("a:B", "r", `{"ForAllValues:Null":{"k":"true"}}`),
		"Null of a word":         allow("a:B", "r", `{"Null":{"k":"no"}}`),
		"Bool of a word":         allow("a:B", "r", `{"Bool":{"k":"yes"}}`),
		"number":                 allow("a:B", "r", `{"NumericEquals":{"k":"x"}}`),
		"no keys":                allow("a:B", "r", `{"StringEquals":{}}`),
		"variable without end":   allow("a:B", "r${aws:x", `{}`),
		"variable with default":  allow("a:B", "r${aws:x, 'y'}", `{}`),
		"variable without colon": allow("a:B", "r${tenant}", `{}`),
		"element":                `[{"Effect":"Allow","Action":"a:B","Resource":"r","NotPrincipal":"*"}]`,
		"effect":                 `[{"Effect":"allow","Action":"a:B","Resource":"r"}]`,
		"no effect":              `[{"Action":"a:B","Resource":"r"}]`,
		"no action":              `[{"Effect":"Allow","Resource":"r"}]`,
		"two actions":            `[{"Effect":"Allow","Action":"a:B","NotAction":"a:C","Resource":"r"}]`,
		"no resource":            `[{"Effect":"Allow","Action":"a:B"}]`,
		"principal":              `[{"Effect":"Allow","Action":"a:B","Resource":"r","Principal":"*"}]`,
		"empty list":             `[{"Effect":"Allow","Action":[],"Resource":"r"}]`,
		"number as action":       `[{"Effect":"Allow","Action":[1],"Resource":"r"}]`,
		"text":                   `["Allow"]`,
	} {
		if _, err := read(policy.Identity, statements); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	if _, err := policy.Parse(map[string]any{"Version": "2008-10-17", "Statement": []any{}}, policy.Identity); err == nil {
		t.Error("an old version, which knows no variables, is read")
	}
}

// TestLint holds that the published sample is found, and the policy that isolates is not.
func TestLint(t *testing.T) {
	for name, tc := range map[string]struct {
		statements string
		want       []string
	}{
		"isolating":  {leading, nil},
		"published":  {published, []string{"action dynamodb:Scan reads every tenant", "ForAllValues on dynamodb:leadingkeys is met by a request without it; a Null test is missing"}},
		"no keys":    {allow("dynamodb:GetItem", table, `{}`), []string{"a table of tenants without a condition on dynamodb:LeadingKeys"}},
		"index":      {allow("dynamodb:Query", table+"/index/ByStatus", `{}`), []string{"a table of tenants without a condition on dynamodb:LeadingKeys"}},
		"all tables": {allow("dynamodb:Query", "*", `{"Null":{"dynamodb:LeadingKeys":"false"}}`), []string{"a table of tenants without a condition on dynamodb:LeadingKeys"}},
		"PartiQL":    {strings.ReplaceAll(leading, "dynamodb:Query", "dynamodb:PartiQLSelect"), []string{"action dynamodb:PartiQLSelect can read without a key"}},
		"wildcard":   {strings.ReplaceAll(leading, "dynamodb:Query", "dynamodb:*Item"), []string{"action dynamodb:*Item is a wildcard"}},
		"inverted":   {`[{"Effect":"Allow","NotAction":"a:B","Resource":"x"}]`, []string{"an Allow of everything but something"}},
		"deny":       {`[{"Effect":"Deny","Action":"*","Resource":"*"}]`, nil},
	} {
		var got []string
		for _, f := range policy.Lint(parse(t, policy.Identity, tc.statements), table) {
			got = append(got, f.Problem)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestLaws states what must hold of all policies: a Deny more never widens, an Allow more never narrows, a Null test more
// never widens, and order does not matter.
func TestLaws(t *testing.T) {
	word := rapid.SampledFrom([]string{"x", "y", "x*", "?", "*", "${aws:PrincipalTag/tenant}", "xy"})
	one := rapid.Custom(func(rt *rapid.T) string {
		condition := "{}"
		if rapid.Bool().Draw(rt, "conditional") {
			operator := rapid.SampledFrom([]string{"StringLike", "StringNotLike", "ForAllValues:StringLike", "ForAnyValue:StringLike", "StringLikeIfExists"}).Draw(rt, "operator")
			condition = fmt.Sprintf(`{%q:{"k":%q}}`, operator, word.Draw(rt, "value"))
		}
		return fmt.Sprintf(`{"Effect":%q,"Action":%q,"Resource":%q,"Condition":%s}`,
			rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(rt, "effect"), "a:"+word.Draw(rt, "action"), word.Draw(rt, "resource"), condition)
	})
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOfN(one, 1, 4).Draw(rt, "statements")
		r := policy.Request{Action: "a:" + rapid.SampledFrom([]string{"x", "y", "xy"}).Draw(rt, "action"), Resource: rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "resource"), Keys: policy.Keys{}}
		if rapid.Bool().Draw(rt, "tag") {
			r.Keys.Set("aws:PrincipalTag/tenant", "x")
		}
		if values := rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y"}), 0, 2).Draw(rt, "k"); len(values) > 0 {
			r.Keys.Set("k", values...)
		}
		allowed := func(statements ...string) bool {
			d, err := read(policy.Identity, "["+strings.Join(statements, ",")+"]")
			if err != nil {
				rt.Fatal(err)
			}
			return policy.Decide(r, d).Allowed
		}
		now := allowed(all...)
		more := one.Draw(rt, "one more")
		if strings.Contains(more, "Deny") && allowed(append(all, more)...) && !now {
			rt.Error("a Deny widens")
		}
		if strings.Contains(more, "Allow") && now && !allowed(append(all, more)...) {
			rt.Error("an Allow narrows")
		}
		tested := strings.ReplaceAll(strings.Join(all, ","), `"Effect":"Allow"`, `"Effect":"Allow","Sid":"t"`)
		tested = strings.ReplaceAll(tested, `"Condition":{`, `"Condition":{"Null":{"k":"false"}`+",")
		tested = strings.ReplaceAll(tested, ",}", "}")
		if !strings.Contains(tested, "Deny") && !now && allowed(tested) {
			rt.Error("a Null test widens")
		}
		back := append([]string{more}, all...)
		if allowed(back...) != allowed(append(all, more)...) {
			rt.Error("the order of statements matters")
		}
	})
}

// FuzzParse holds that no document breaks the reader, and that what is read can be evaluated.
func FuzzParse(f *testing.F) {
	for _, s := range []string{leading, published, `[]`, `[{"Effect":"Allow","Action":"${*}","Resource":"${aws:x}"}]`, `{"Effect":"Deny"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := read(policy.Identity, s)
		if err != nil {
			return
		}
		policy.Lint(d, table)
		policy.Decide(policy.Request{Action: "a:B", Resource: "r", Keys: policy.Keys{}.Set("aws:x", s)}, d)
	})
}
