package routes_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/adapters/userpool"
	"github.com/passportcraft/passportcraft/shared/domain/signin"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestAuthenticatorOpensTheDoor holds the way of somebody whose organisation comes to demand a second factor: they are
// refused everything of the organisation, can set up an authenticator all the same, and with it are let in again.
func TestAuthenticatorOpensTheDoor(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	stamped := func(methods ...string) func(map[string]any) {
		return func(c map[string]any) {
			delete(c, "amr")
			c[signin.MethodsClaim] = methods
		}
	}
	_, owner := k.Organisation(t, "anna", "Nordeiche")
	bert := k.Join(t, owner, "bert", "editor")
	strong := k.SignIn(t, "anna", stamped("pwd", "otp"))
	tag := k.Do(t, "GET", "/v1/tenant/sign-in-policy", strong, "").Header().Get("ETag")
	if w := k.Do(t, "PUT", "/v1/tenant/sign-in-policy", strong, `{"requireMfa":true}`, "If-Match", tag); w.Code != 200 {
		t.Fatalf("policy: %d %s", w.Code, w.Body)
	}
	k.Clock.Advance(31 * time.Second)
	for name, token := range map[string]string{
		"password": k.SignIn(t, "bert", stamped("pwd")), "Google": k.SignIn(t, "bert", stamped("fed")), "no word of it": k.SignIn(t, "bert", func(c map[string]any) { delete(c, "amr") }),
	} {
		expect(t, k, 403, "second-factor-required", "GET", "/v1/passports", token, "")
		if name == "password" {
			bert = token
		}
	}
	old := k.SignIn(t, "bert", stamped("pwd"), func(c map[string]any) { c["auth_time"] = k.Clock.Now().Add(-time.Hour).Unix() })
	expect(t, k, 401, "reauthentication-required", "POST", "/v1/me/authenticator", old, "")
	first := k.Do(t, "POST", "/v1/me/authenticator", bert, "")
	got := answer(t, first, 201)
	secret := got["secret"].(string)
	if got["address"] != "otpauth://totp/PassportCraft:bert@nordeiche.example?issuer=PassportCraft&secret="+secret || !strings.HasPrefix(got["picture"].(string), "<svg") {
		t.Errorf("what the app needs: %v", got)
	}
	expect(t, k, 422, "authenticator-code-wrong", "PUT", "/v1/me/authenticator", bert, `{"code":"000000"}`)
	expect(t, k, 204, "", "PUT", "/v1/me/authenticator", bert, `{"code":"123 456"}`)
	want := []string{"AssociateSoftwareToken", "VerifySoftwareToken", "VerifySoftwareToken", "SetUserMFAPreference", "GlobalSignOut"}
	if d := cmp.Diff(want, k.Issuer.Asked); d != "" {
		t.Error(d)
	}
	expect(t, k, 200, "", "GET", "/v1/passports", k.SignIn(t, "bert", stamped("pwd", "otp")), "")
	set := trail(t, k, strong, "?event=member.authenticator-set")
	if len(set) != 1 {
		t.Errorf("in the trail: %+v", set)
	}
	if everything := strings.Join(append(k.Dump(t), k.Log.String()), "\n"); strings.Contains(everything, secret) {
		t.Error("the secret is kept")
	}
}

// TestStamp holds what the pool's trigger writes into tokens, and that the tokens say no more than is known.
func TestStamp(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	pools := userpool.Open(k.App.AWS(), k.Env["COGNITO_ENDPOINT"])
	k.Issuer.AddUser("plain-subject", "plain")
	for name, tc := range map[string]struct {
		user       string
		attributes map[string]string
		pools      *userpool.Pools
		want       []string
		logged     bool
	}{
		"password":          {"plain", nil, pools, []string{"pwd"}, false},
		"with a code":       {"strong", nil, pools, []string{"pwd", "otp"}, false},
		"another service":   {"strong", map[string]string{"identities": `[{"providerName":"Google"}]`}, pools, []string{"fed"}, false},
		"service is silent": {"strong", nil, userpool.Open(k.App.AWS(), "http://127.0.0.1:1"), []string{"pwd"}, true},
	} {
		var log strings.Builder
		e := events.CognitoEventUserPoolsPreTokenGenV2_0{}
		e.UserPoolID, e.UserName, e.Request.UserAttributes = "eu-west-1_x", tc.user, tc.attributes
		got, err := lambdahost.NewStamp(tc.pools.Authenticator, &log)(k.AsFunction("stamp-token"), e)
		if err != nil {
			t.Fatal(err)
		}
		d := got.Response.ClaimsAndScopeOverrideDetails
		for _, claims := range []map[string]any{d.AccessTokenGeneration.ClaimsToAddOrOverride, d.IDTokenGeneration.ClaimsToAddOrOverride} {
			if diff := cmp.Diff(map[string]any{signin.MethodsClaim: tc.want}, claims); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if (log.Len() > 0) != tc.logged {
			t.Errorf("%s: log %q", name, log.String())
		}
	}
}
