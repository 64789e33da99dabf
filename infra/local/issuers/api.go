package issuers

import (
	"encoding/base32"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
)

// call is the input of every operation served (Amazon Cognito user pools API reference).
type call struct {
	AccessToken, UserCode, UserPoolId, Username, Token, ClientId, Filter string // the names are Cognito's

	SoftwareTokenMfaSettings struct{ Enabled, PreferredMfa bool }
}

// problem is an answer of Cognito's API that is no success.
type problem struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}

// api is Cognito's JSON API, the few operations of it that the product or a test uses. Signatures of AWS on the
// administrator's operation are not checked: the listener is this machine's alone.
func (i *Issuers) api(w http.ResponseWriter, q *http.Request) {
	const kind = "application/x-amz-json-1.1"
	var in call
	operation, ours := strings.CutPrefix(q.Header.Get("X-Amz-Target"), "AWSCognitoIdentityProviderService.")
	var out any
	var bad *problem
	switch {
	case !ours || q.Header.Get("Content-Type") != kind:
		bad = &problem{"UnknownOperationException", "Send an operation of Cognito as " + kind + "."}
	case json.NewDecoder(q.Body).Decode(&in) != nil:
		bad = &problem{"SerializationException", "The body is not the JSON expected."}
	default:
		out, bad = i.operate(operation, in)
	}
	if bad != nil {
		status := http.StatusBadRequest
		if bad.Type == "InternalErrorException" {
			status = http.StatusInternalServerError
		}
		w.Header().Set("X-Amzn-Errortype", bad.Type)
		answer(w, status, kind, bad)
		return
	}
	answer(w, http.StatusOK, kind, out)
}

func (i *Issuers) operate(operation string, in call) (any, *problem) {
	switch operation {
	case "AdminGetUser", "AdminUserGlobalSignOut", "AdminDeleteUser", "ListUsers":
		if in.UserPoolId == "" {
			return nil, &problem{"InvalidParameterException", "UserPoolId is missing."}
		}
		return i.administer(operation, in)
	case "RevokeToken":
		g, ok := i.state.grant(in.Token)
		if ok && in.ClientId != g.Client || in.ClientId != i.o.ClientID {
			return nil, &problem{"UnauthorizedException", "The client may not revoke this token."}
		}
		if ok {
			return map[string]any{}, failure(i.state.end(g.ID))
		}
		return map[string]any{}, nil
	case "AssociateSoftwareToken", "VerifySoftwareToken", "SetUserMFAPreference", "GetUser", "GlobalSignOut":
		a, ok := i.bearer(in.AccessToken)
		if !ok {
			return nil, &problem{"NotAuthorizedException", "Access Token is not valid, has expired or was revoked."}
		}
		return i.personal(operation, in, a)
	}
	return nil, &problem{"UnknownOperationException", "This operation is not served here."}
}

// administer serves the operations of an administrator.
func (i *Issuers) administer(operation string, in call) (any, *problem) {
	if operation == "ListUsers" {
		sub, quoted := strings.CutPrefix(in.Filter, `sub = "`)
		sub, ended := strings.CutSuffix(sub, `"`)
		if !quoted || !ended {
			return nil, &problem{"InvalidParameterException", "Only the filter sub = \"…\" is served here."}
		}
		users := []any{}
		if a, ok := i.state.byID(sub, Cognito); ok {
			users = append(users, map[string]any{"Username": a.Username})
		}
		return map[string]any{"Users": users}, nil
	}
	a, ok := i.state.find(func(a *account) bool {
		return a.Provider == Cognito && in.Username != "" && (a.Username == in.Username || a.ID == in.Username || a.Password != nil && a.Email == tidy(in.Username))
	})
	if !ok {
		return nil, &problem{"UserNotFoundException", "User does not exist."}
	}
	switch operation {
	case "AdminUserGlobalSignOut":
		return map[string]any{}, failure(i.state.endAll(a.ID))
	case "AdminDeleteUser":
		return map[string]any{}, failure(i.state.remove(a.ID))
	}
	out := describe(a)
	out["UserStatus"], out["Enabled"], out["UserCreateDate"] = "CONFIRMED", true, a.Created.Unix()
	if a.Identity != nil {
		out["UserStatus"] = "EXTERNAL_PROVIDER"
	}
	return out, nil
}

// personal serves the operations that an access token authorises.
func (i *Issuers) personal(operation string, in call, a account) (any, *problem) {
	switch operation {
	case "AssociateSoftwareToken":
		if a.Identity != nil { // Cognito: multi-factor authentication is for local users
			return nil, &problem{"InvalidParameterException", "Federated users have their second factor at their identity provider."}
		}
		secret := i.draw(totpSecret)
		// The new secret replaces one in use only when it is proved, so that a lost phone is not made worse.
		_, err := i.state.change(a.ID, func(a *account) bool { a.Pending = secret; return true })
		return map[string]any{"SecretCode": base32.StdEncoding.EncodeToString(secret)}, failure(err)
	case "VerifySoftwareToken":
		right, err := i.state.change(a.ID, func(a *account) bool {
			t := totp{Secret: a.Pending, Proved: true, Enabled: a.TOTP.Enabled}
			ok := t.accept(in.UserCode, i.o.Now())
			a.TOTP, a.Pending = t, nil
			return ok
		})
		if err == nil && !right {
			return nil, &problem{"EnableSoftwareTokenMFAException", "Code mismatch."}
		}
		return map[string]any{"Status": "SUCCESS"}, failure(err)
	case "SetUserMFAPreference":
		set, err := i.state.change(a.ID, func(a *account) bool {
			a.TOTP.Enabled = in.SoftwareTokenMfaSettings.Enabled
			return a.TOTP.Proved
		})
		if err == nil && !set {
			return nil, &problem{"InvalidParameterException", "User has not verified software token mfa."}
		}
		return map[string]any{}, failure(err)
	case "GlobalSignOut": // ends the tokens; the browser's session with the pool goes on, as on Cognito
		return map[string]any{}, failure(i.state.endAll(a.ID))
	default:
		return describe(a), nil
	}
}

func failure(err error) *problem {
	if err != nil {
		return &problem{"InternalErrorException", err.Error()}
	}
	return nil
}

// bearer finds the account of an access token of the pool that is good and not revoked.
func (i *Issuers) bearer(token string) (account, bool) {
	var set jose.JSONWebKeySet
	_, all := i.state.signing(Cognito)
	for _, k := range all {
		set.Keys = append(set.Keys, jose.JSONWebKey{KeyID: k.ID, Key: &k.private.PublicKey})
	}
	var c struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
		Use     string `json:"token_use"`
		Scope   string `json:"scope"`
		Origin  string `json:"origin_jti"`
		Expires int64  `json:"exp"`
	}
	if verify(token, set, &c) != nil || c.Issuer != i.realms[Cognito].issuer || c.Use != "access" || c.Expires <= i.o.Now().Unix() ||
		!slices.Contains(strings.Fields(c.Scope), adminScope) || !i.state.alive(c.Origin) {
		return account{}, false
	}
	return i.state.byID(c.Subject, Cognito)
}

// describe is the part that GetUser and AdminGetUser have in common.
func describe(a account) map[string]any {
	type attribute struct{ Name, Value string }
	list := []attribute{{"sub", a.ID}, {"email", a.Email}, {"email_verified", "true"}}
	if a.Name != "" {
		list = append(list, attribute{"name", a.Name})
	}
	out := map[string]any{"Username": a.Username, "UserAttributes": list}
	if a.TOTP.Enabled {
		out["UserMFASettingList"], out["PreferredMfaSetting"] = []string{"SOFTWARE_TOKEN_MFA"}, "SOFTWARE_TOKEN_MFA"
	}
	return out
}
