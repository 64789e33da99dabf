package issuers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/passportcraft/passportcraft/shared/domain/signin"
)

// adminScope lets an access token be used at Cognito's JSON API.
const adminScope = "aws.cognito.signin.user.admin"

// token is the token endpoint. The library checks client, code, redirect address and PKCE; the tokens are ours, because
// those of Cognito lack claims that the library always writes (aud of access tokens, nbf, azp).
func (r *realm) token(w http.ResponseWriter, q *http.Request) {
	q = q.WithContext(op.ContextWithIssuer(q.Context(), r.issuer))
	if q.URL.RawQuery != "" { // RFC 6749, section 2.3.1: secrets do not belong into addresses
		op.RequestError(w, q, oidc.ErrInvalidRequest().WithDescription("parameters belong into the body"), nil)
		return
	}
	var out map[string]any
	var err error
	switch grant := q.PostFormValue("grant_type"); {
	case grant == string(oidc.GrantTypeCode):
		out, err = r.redeem(q)
	case grant == string(oidc.GrantTypeRefreshToken) && r.pool():
		out, err = r.renew(q)
	default:
		err = oidc.ErrUnsupportedGrantType()
	}
	if err != nil {
		op.RequestError(w, q, err, nil)
		return
	}
	out["token_type"] = oidc.BearerToken
	answer(w, http.StatusOK, "application/json", out)
}

func (r *realm) redeem(q *http.Request) (map[string]any, error) {
	in, err := op.ParseAccessTokenRequest(q, r.provider.Decoder())
	if err != nil {
		return nil, err
	}
	found, _, err := op.ValidateAccessTokenRequest(q.Context(), in, r.provider)
	if err != nil {
		return nil, err
	}
	asked, ok := found.(*request)
	if !ok {
		return nil, oidc.ErrInvalidGrant()
	}
	a, ok := r.i.state.byID(asked.account, r.accepts...)
	if !ok {
		return nil, oidc.ErrInvalidGrant()
	}
	if !r.pool() {
		return r.assert(a, asked)
	}
	g := grant{ID: r.i.uuid(), Account: a.ID, Client: asked.in.ClientID, Scopes: asked.in.Scopes, Methods: asked.methods, Signed: asked.signed}
	access, id, err := r.i.pair(g, a, asked.in.Nonce)
	if err != nil {
		return nil, err
	}
	refresh, err := r.i.state.begin(g, r.i.opaque())
	if err != nil {
		return nil, err
	}
	return map[string]any{"access_token": access, "id_token": id, "refresh_token": refresh, "expires_in": int(accessLife / time.Second)}, nil
}

func (r *realm) renew(q *http.Request) (map[string]any, error) {
	in, err := op.ParseRefreshTokenRequest(q, r.provider.Decoder())
	if err != nil {
		return nil, err
	}
	found, _, err := op.ValidateRefreshTokenRequest(q.Context(), in, r.provider)
	if err != nil {
		return nil, err
	}
	n, ok := found.(*renewal)
	if !ok {
		return nil, oidc.ErrInvalidGrant()
	}
	a, ok := r.i.state.byID(n.Account, Cognito)
	if !ok {
		return nil, oidc.ErrInvalidGrant()
	}
	access, id, err := r.i.pair(n.grant, a, "")
	if err != nil {
		return nil, err
	}
	refresh, ok, err := r.i.state.rotate(in.RefreshToken, r.i.opaque())
	if err != nil {
		return nil, err
	}
	if !ok { // another request has used it meanwhile
		return nil, oidc.ErrInvalidGrant()
	}
	return map[string]any{"access_token": access, "id_token": id, "refresh_token": refresh, "expires_in": int(accessLife / time.Second)}, nil
}

// pair makes the access and the ID token of a sign-in at the pool, with the claims of Amazon Cognito (developer guide,
// "Understanding the access token" and "Understanding the identity token"). amr is what our pre-token trigger adds there.
func (i *Issuers) pair(g grant, a account, nonce string) (access, id string, err error) {
	now := i.o.Now().Unix()
	both := func(use string) map[string]any {
		c := map[string]any{"iss": i.realms[Cognito].issuer, "sub": a.ID, "token_use": use, "auth_time": g.Signed.Unix(), "iat": now,
			"exp": now + int64(accessLife/time.Second), "jti": i.uuid(), "origin_jti": g.ID, signin.MethodsClaim: stamped(g.Methods)}
		if a.Identity != nil { // Cognito puts federated users into a group per provider
			c["cognito:groups"] = []string{"local_" + a.Identity.Provider}
		}
		return c
	}
	c := both("access")
	c["client_id"], c["username"], c["scope"], c["version"], c["event_id"] = g.Client, a.Username, strings.Join(g.Scopes, " "), 2, i.uuid()
	if access, err = i.sign(Cognito, c); err != nil {
		return "", "", err
	}
	c = both("id")
	c["aud"], c["cognito:username"], c["at_hash"] = g.Client, a.Username, half(access)
	c["email"], c["email_verified"] = a.Email, true
	if a.Name != "" {
		c["name"] = a.Name
	}
	if nonce != "" {
		c["nonce"] = nonce
	}
	if a.Identity != nil {
		kind := "OIDC"
		if a.Identity.Provider == "Google" {
			kind = "Google"
		}
		c["identities"] = []map[string]any{{"userId": a.Identity.Subject, "providerName": a.Identity.Provider, "providerType": kind,
			"issuer": nil, "primary": "true", "dateCreated": strconv.FormatInt(a.Created.UnixMilli(), 10)}}
	}
	id, err = i.sign(Cognito, c)
	return access, id, err
}

// assert makes the answer of Google or Microsoft to the pool. Their access tokens are opaque to clients. An ID token
// names the tenant of the person, which need not be the one whose address the browser was sent to.
func (r *realm) assert(a account, asked *request) (map[string]any, error) {
	home := r.i.realms[a.Provider]
	access := r.i.opaque()
	now := r.i.o.Now().Unix()
	c := map[string]any{"iss": home.issuer, "aud": asked.in.ClientID, "iat": now, "exp": now + int64(idpLife/time.Second),
		"email": a.Email, "name": a.Name}
	if asked.in.Nonce != "" {
		c["nonce"] = asked.in.Nonce
	}
	if len(a.Methods) > 0 {
		c["amr"] = a.Methods
	}
	if home.tenant == "" {
		// Google Identity, "OpenID Connect", an ID token's payload.
		given, family, _ := strings.Cut(a.Name, " ")
		c["sub"], c["azp"], c["email_verified"], c["at_hash"], c["given_name"] = a.ID, asked.in.ClientID, true, half(access), given
		if family != "" {
			c["family_name"] = family
		}
	} else {
		// Microsoft identity platform, "ID token claims reference", version 2.0. sub differs from app to app, oid does not.
		c["sub"], c["oid"], c["tid"], c["preferred_username"], c["ver"] = pairwise(a.ID, asked.in.ClientID), a.ID, home.tenant, a.Email, "2.0"
		c["nbf"], c["uti"], c["rh"] = now, base64.RawURLEncoding.EncodeToString(r.i.draw(16)), "1."+base64.RawURLEncoding.EncodeToString(r.i.draw(24))
	}
	id, err := r.i.sign(home.keys, c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"access_token": access, "id_token": id, "expires_in": int(idpLife/time.Second) - 1, "scope": strings.Join(asked.in.Scopes, " ")}, nil
}

func pairwise(oid, client string) string {
	sum := sha256.Sum256([]byte(oid + " " + client))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// half is at_hash of a token under RS256 (OpenID Connect Core 1.0, section 3.1.3.6).
func half(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:sha256.Size/2])
}

// sign makes a JWT with the current key of a key set. Cognito's headers have kid and alg only, the others also typ.
func (i *Issuers) sign(keys string, claims map[string]any) (string, error) {
	k, _ := i.state.signing(keys)
	o := &jose.SignerOptions{}
	if keys != Cognito {
		o = o.WithType("JWT")
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: k.private, KeyID: k.ID}}, o)
	if err != nil {
		return "", fmt.Errorf("issuers: sign: %w", err)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("issuers: claims: %w", err)
	}
	signed, err := s.Sign(b)
	if err != nil {
		return "", fmt.Errorf("issuers: sign: %w", err)
	}
	return signed.CompactSerialize()
}

// verify checks the signature of a token against a published key set, and reads its claims.
func verify(token string, set jose.JSONWebKeySet, into any) error {
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return fmt.Errorf("not a token signed with RS256: %w", err)
	}
	n := slices.IndexFunc(set.Keys, func(k jose.JSONWebKey) bool { return k.KeyID != "" && k.KeyID == parsed.Signatures[0].Header.KeyID })
	if n < 0 {
		return fmt.Errorf("no key of that name")
	}
	b, err := parsed.Verify(set.Keys[n].Key)
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	return json.Unmarshal(b, into)
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, kind string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "The answer could not be written.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// stamped is what the pool's trigger makes of how somebody signed in: what another service has asked of them it does not
// know.
func stamped(methods []string) []string {
	return signin.MethodsOf(slices.Contains(methods, "fed"), slices.Contains(methods, "otp"))
}
