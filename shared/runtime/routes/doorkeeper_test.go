package routes_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// door asks the authoriser as API Gateway does. The answer is Allow, Deny or the error.
func door(t *testing.T, k *testkit.Kit) func(method, token string, headers ...string) string {
	t.Helper()
	authorise := lambdahost.NewAuthoriser(httpapi.NewDoorkeeper(k.Function(t, "authorise-request"), "authorise-request"))
	return func(method, token string, headers ...string) string {
		t.Helper()
		all := map[string][]string{}
		if token != "" {
			all["Authorization"] = []string{"Bearer " + token}
		}
		for i := 0; i+1 < len(headers); i += 2 {
			all[headers[i]] = append(all[headers[i]], headers[i+1])
		}
		const arn = "arn:aws:execute-api:eu-west-1:000000000000:local/live/GET/v1/passports"
		e := events.APIGatewayCustomAuthorizerRequestTypeRequest{Type: "REQUEST", MethodArn: arn, HTTPMethod: method, MultiValueHeaders: all}
		e.RequestContext.ResourcePath, e.RequestContext.HTTPMethod = "/v1/passports", method
		e.RequestContext.Identity.SourceIP = "192.0.2.7"
		answer, err := authorise(iam.As(context.Background(), "authorise-request"), e)
		if err != nil {
			return err.Error()
		}
		s := answer.PolicyDocument.Statement
		if answer.PrincipalID != "caller" || len(answer.Context) > 0 || len(s) != 1 || s[0].Resource[0] != arn || s[0].Action[0] != "execute-api:Invoke" {
			t.Errorf("the authoriser answers %+v", answer)
		}
		return s[0].Effect
	}
}

// TestDoorkeeper asks the authoriser with every credential of the attack matrix: it turns away exactly those that the
// functions would answer with 401 whatever the route, and writes the attempt into the trail of whom it concerns.
func TestDoorkeeper(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	mine, other, closed := found(t, k, "mine"), found(t, k, "other"), found(t, k, "closed")
	suspend(t, k, closed.tenant)
	ask := door(t, k)
	denied := 0
	for _, a := range attackers(t, k, mine, other, closed) {
		want := "Allow"
		for _, r := range routes.All(k.App) {
			if rule, ok := access.Find(r.Action); ok && !rule.Personal && a.want(rule) == "unauthenticated" {
				want = "Deny"
			}
		}
		if got := ask("GET", a.token, a.headers...); got != want {
			t.Errorf("%s: %s, want %s", a.name, got, want)
		}
		if want == "Deny" {
			denied++
		}
	}
	if denied < 5 {
		t.Errorf("only %d credentials are bad", denied)
	}
	if got := ask("OPTIONS", ""); got != "Allow" {
		t.Errorf("OPTIONS: %s", got)
	}
	session := "__Host-session=" + k.SignIn(t, mine.people["owner"])
	if got := ask("GET", "", "Cookie", session, "Sec-Fetch-Site", "same-origin"); got != "Allow" {
		t.Errorf("a browser: %s", got)
	}
	if got := ask("GET", "", "Cookie", "__Host-session=x", "Sec-Fetch-Site", "same-origin"); got != "Deny" {
		t.Errorf("a browser with a wrong session: %s", got)
	}
	if refused := trail(t, k, k.SignIn(t, mine.people["owner"]), "?event=authentication.failed"); len(refused) == 0 {
		t.Error("the revoked key is not in the trail")
	}
}

// TestGatewayRefusesAlike holds that what the gateway answers for the authoriser is what a function would.
func TestGatewayRefusesAlike(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	w := k.Do(t, "GET", "/v1/passports", "", "")
	r := testkit.Template(t).API.Responses["ACCESS_DENIED"]
	var own, gateway httpapi.Problem
	for text, into := range map[string]*httpapi.Problem{w.Body.String(): &own, r.Body: &gateway} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		into.RequestID = ""
	}
	if d := cmp.Diff(own, gateway); d != "" || r.Status != w.Code || r.Headers["WWW-Authenticate"] != w.Header().Get("WWW-Authenticate") {
		t.Errorf("%d %s: %s", r.Status, r.Headers, d)
	}
}
