package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Provider is the sign-in service as our client sees it: the addresses of an Amazon Cognito user pool's domain, its API,
// and the name and secret of our app client.
type Provider struct {
	AuthorizeURL, TokenURL, RevokeURL, LogoutURL string // OAuth 2.0 (RFC 6749, RFC 7009) and the pool's logout
	APIURL                                       string // the pool's JSON API
	ClientID, ClientSecret                       string // no secret: a public client
}

const (
	callTime     = 10 * time.Second
	maxAnswer    = 64 << 10
	maxCode      = 4 << 10
	verifierSize = 32 // bytes; 43 characters, the least RFC 7636, section 4.1, allows and 256 bits
	maxSession   = 24 * time.Hour
)

// Client talks to the sign-in service; safe for concurrent use.
type Client struct {
	provider Provider
	http     Doer
}

// NewClient makes a client. The Doer must not follow redirects; an answer that came by one is refused.
func NewClient(p Provider, client Doer) *Client { return &Client{provider: p, http: client} }

// Proof is what a sign-in is bound to while the browser is away: State against a forged return (RFC 6749, section
// 10.12), Nonce against another's ID token (OpenID Connect Core 1.0, section 3.1.2.1), Verifier against a stolen code
// (PKCE, RFC 7636). The browser carries them in a cookie of ours; all are base64url without padding.
type Proof struct{ State, Nonce, Verifier string }

// NewProof draws 256 bits for each.
func NewProof(random io.Reader) (Proof, error) {
	var out [3]string
	for i := range out {
		b := make([]byte, verifierSize)
		if _, err := io.ReadFull(random, b); err != nil {
			return Proof{}, fmt.Errorf("identity: proof: %w", err)
		}
		out[i] = base64.RawURLEncoding.EncodeToString(b)
	}
	return Proof{State: out[0], Nonce: out[1], Verifier: out[2]}, nil
}

// Challenge is the S256 challenge of the verifier (RFC 7636, section 4.2).
func (p Proof) Challenge() string {
	sum := sha256.Sum256([]byte(p.Verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Identity providers that AuthorizeOptions.With names, as the pool calls them.
const (
	Google    = "Google"
	Microsoft = "Microsoft"
)

// AuthorizeOptions says how a browser is to sign in.
type AuthorizeOptions struct {
	RedirectURI, State, Nonce, Challenge string
	With                                 string // "", Google or Microsoft: skips the choice on the pool's page
	Again                                bool   // even if signed in: the new sign-in has a fresh auth_time
}

// AuthorizeURL is where a browser goes to sign in (authorization code with PKCE S256).
func (c *Client) AuthorizeURL(o AuthorizeOptions) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {c.provider.ClientID}, "redirect_uri": {o.RedirectURI},
		"scope": {"openid email profile aws.cognito.signin.user.admin"}, "state": {o.State}, "nonce": {o.Nonce},
		"code_challenge": {o.Challenge}, "code_challenge_method": {"S256"},
	}
	if o.With != "" {
		q.Set("identity_provider", o.With)
	}
	if o.Again {
		q.Set("prompt", "login")
		q.Set("max_age", "0")
	}
	return c.provider.AuthorizeURL + "?" + q.Encode()
}

// LogoutURL is where a browser goes to end its session with the sign-in service; it comes back to returnTo, which must
// be registered there.
func (c *Client) LogoutURL(returnTo string) string {
	q := url.Values{"client_id": {c.provider.ClientID}, "logout_uri": {returnTo}}
	return c.provider.LogoutURL + "?" + q.Encode()
}

// Tokens are those of one sign-in. None of them is verified yet: a Verifier does that.
type Tokens struct {
	Access, ID string
	Refresh    string        // "" when the service did not send a new one: the old one stays good
	ExpiresIn  time.Duration // of the access token
}

// Exchange redeems the code that a browser brought back. A code that is not good, used or for another verifier is a
// sign-in-failed fault; a service that does not answer is an unavailable one.
func (c *Client) Exchange(ctx context.Context, code, verifier, redirectURI string) (Tokens, error) {
	if code == "" || len(code) > maxCode {
		return Tokens{}, failed(fmt.Errorf("identity: code of %d bytes", len(code)))
	}
	return c.tokens(ctx, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}, "redirect_uri": {redirectURI}})
}

// Refresh renews a session with its refresh token; errors as Exchange.
func (c *Client) Refresh(ctx context.Context, refresh string) (Tokens, error) {
	if refresh == "" || len(refresh) > maxToken {
		return Tokens{}, failed(fmt.Errorf("identity: refresh token of %d bytes", len(refresh)))
	}
	return c.tokens(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
}

func (c *Client) tokens(ctx context.Context, form url.Values) (Tokens, error) {
	status, b, err := c.post(ctx, c.provider.TokenURL, form)
	if err != nil {
		return Tokens{}, unreachable(err)
	}
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return Tokens{}, unreachable(fmt.Errorf("identity: token: status %d", status))
	}
	if status != http.StatusOK {
		return Tokens{}, failed(fmt.Errorf("identity: token: status %d %s", status, slug(b, "error")))
	}
	var got struct {
		Access  string `json:"access_token"`
		ID      string `json:"id_token"`
		Refresh string `json:"refresh_token"`
		Type    string `json:"token_type"`
		Expires int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		return Tokens{}, unreachable(fmt.Errorf("identity: token: %d bytes that are not the JSON expected", len(b)))
	}
	if got.Access == "" || !strings.EqualFold(got.Type, "Bearer") || got.Expires < 1 || got.Expires > int64(maxSession/time.Second) {
		return Tokens{}, unreachable(fmt.Errorf("identity: token: type %q for %d s", clip(got.Type), got.Expires))
	}
	return Tokens{Access: got.Access, ID: got.ID, Refresh: got.Refresh, ExpiresIn: time.Duration(got.Expires) * time.Second}, nil
}

// Revoke ends a refresh token and the access tokens made from it (RFC 7009). A token that is already dead is no error.
func (c *Client) Revoke(ctx context.Context, refresh string) error {
	if refresh == "" || len(refresh) > maxToken {
		return nil
	}
	status, b, err := c.post(ctx, c.provider.RevokeURL, url.Values{"token": {refresh}})
	switch {
	case err != nil:
		return unreachable(err)
	case status == http.StatusOK, status == http.StatusBadRequest && slug(b, "error") == "invalid_token":
		return nil
	}
	return unreachable(fmt.Errorf("identity: revoke: status %d %s", status, slug(b, "error")))
}

// post sends a form as our client, which authenticates with its secret in the header (RFC 6749, section 2.3.1).
func (c *Client) post(ctx context.Context, address string, form url.Values) (int, []byte, error) {
	form.Set("client_id", c.provider.ClientID)
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.provider.ClientSecret != "" {
		r.SetBasicAuth(url.QueryEscape(c.provider.ClientID), url.QueryEscape(c.provider.ClientSecret))
	}
	return c.send(ctx, r)
}

func (c *Client) send(ctx context.Context, r *http.Request) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	r.Header.Set("Accept", "application/json")
	status, b, err := send(c.http, r.WithContext(ctx), maxAnswer)
	if err == nil && status >= http.StatusMultipleChoices && status < http.StatusBadRequest {
		err = fmt.Errorf("identity: status %d: redirects are not followed", status)
	}
	return status, b, err
}

func failed(cause error) error {
	return fault.From(cause, fault.CodeSignInFailed, "The sign-in could not be completed, or is too old. Start again.")
}

// StartAuthenticator begins to enrol an authenticator app for the person of an access token. It returns the shared
// secret in base32, to be shown to that person once (RFC 6238; an otpauth address is made from it).
func (c *Client) StartAuthenticator(ctx context.Context, access string) (string, error) {
	var got struct{ SecretCode string }
	if err := c.call(ctx, "AssociateSoftwareToken", map[string]any{"AccessToken": access}, &got); err != nil {
		return "", err
	}
	if !regexp.MustCompile(`^[A-Z2-7]{16,256}$`).MatchString(got.SecretCode) {
		return "", unreachable(fmt.Errorf("identity: AssociateSoftwareToken: a secret of %d characters", len(got.SecretCode)))
	}
	return got.SecretCode, nil
}

// FinishAuthenticator proves with a code that the app works, makes it the person's second factor from the next sign-in on,
// and ends all their sessions: none that began without it can be renewed. A wrong code is an authenticator-code-wrong fault.
func (c *Client) FinishAuthenticator(ctx context.Context, access, code string) error {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "") // apps show the digits in groups
	if !regexp.MustCompile(`^[0-9]{6}$`).MatchString(code) {
		return wrongCode(nil)
	}
	var got struct{ Status string }
	if err := c.call(ctx, "VerifySoftwareToken", map[string]any{"AccessToken": access, "UserCode": code}, &got); err != nil {
		return err
	}
	if got.Status != "SUCCESS" {
		return wrongCode(nil)
	}
	settings := map[string]any{"Enabled": true, "PreferredMfa": true}
	if err := c.call(ctx, "SetUserMFAPreference", map[string]any{"AccessToken": access, "SoftwareTokenMfaSettings": settings}, &struct{}{}); err != nil {
		return err
	}
	return c.call(ctx, "GlobalSignOut", map[string]any{"AccessToken": access}, &struct{}{})
}

func wrongCode(cause error) error {
	return fault.From(cause, fault.CodeAuthenticatorCode, "The code is not right. Type the six digits that your authenticator shows now.").With(
		fault.Field{Pointer: "/code", Code: fault.CodeAuthenticatorCode, Detail: "the six digits that the authenticator shows now"})
}

// call asks the pool's JSON API on a person's behalf: their access token is the authorisation, no signature is needed
// (Amazon Cognito user pools API reference).
func (c *Client) call(ctx context.Context, operation string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("identity: %s: %w", operation, err)
	}
	r, err := http.NewRequest(http.MethodPost, c.provider.APIURL, bytes.NewReader(b))
	if err != nil {
		return unreachable(fmt.Errorf("identity: %s: %w", operation, err))
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	status, b, err := c.send(ctx, r)
	if err != nil {
		return unreachable(fmt.Errorf("identity: %s: %w", operation, err))
	}
	if status == http.StatusOK {
		if len(bytes.TrimSpace(b)) > 0 && json.Unmarshal(b, out) != nil {
			return unreachable(fmt.Errorf("identity: %s: %d bytes that are not the JSON expected", operation, len(b)))
		}
		return nil
	}
	kind := slug(b, "__type")
	cause := fmt.Errorf("identity: %s: status %d %s", operation, status, kind)
	switch kind {
	case "EnableSoftwareTokenMFAException", "CodeMismatchException":
		return wrongCode(cause)
	case "InvalidParameterException": // people of Google and Microsoft have their second factor there
		return fault.From(cause, fault.CodeAuthenticatorElsewhere, "You sign in with another service: set up the second factor there.")
	case "NotAuthorizedException":
		f := access.Unauthenticated()
		f.Cause = cause
		return f
	case "TooManyRequestsException", "LimitExceededException":
		return fault.From(cause, fault.CodeRateLimited, "Too many attempts. Wait a minute, then repeat.").After(time.Minute)
	}
	return unreachable(cause)
}

// slug is a short name in a JSON answer, safe for the log: the member's value if it is one, "" otherwise. What comes
// before a # is the namespace of AWS.
func slug(b []byte, member string) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil {
		return ""
	}
	s, err := text(members[member])
	if _, after, ok := strings.Cut(s, "#"); ok {
		s = after
	}
	if err != nil || !regexp.MustCompile(`^[A-Za-z_]{1,64}$`).MatchString(s) {
		return ""
	}
	return s
}

func clip(s string) string { return s[:min(len(s), 16)] }
