package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/domain/signin"
)

// payload is what we read of a token. Another type in any of them refuses the token.
type payload struct {
	Issuer     string          `json:"iss"`
	Subject    string          `json:"sub"`
	Audience   json.RawMessage `json:"aud"`
	ClientID   *string         `json:"client_id"`
	Use        string          `json:"token_use"`
	Expires    *int64          `json:"exp"`
	NotBefore  *int64          `json:"nbf"`
	IssuedAt   *int64          `json:"iat"`
	AuthTime   *int64          `json:"auth_time"`
	Email      string          `json:"email"`
	Verified   json.RawMessage `json:"email_verified"`
	Name       string          `json:"name"`
	Nonce      string          `json:"nonce"`
	Scope      string          `json:"scope"`
	TokenID    string          `json:"jti"`
	Methods    []string        `json:"amr"`
	Username   string          `json:"username"`
	PoolName   string          `json:"cognito:username"`
	Identities []struct {
		Provider string `json:"providerName"`
	} `json:"identities"`
}

// read checks the claims of a token whose signature is good.
func read(b []byte, i Issuer, use string, now time.Time) (signin.Claims, error) {
	var p payload
	if err := json.Unmarshal(b, &p); err != nil {
		return signin.Claims{}, refuse("claims", err)
	}
	if err := p.check(i, use, now); err != nil {
		return signin.Claims{}, refuse("claims", err)
	}
	at := time.Unix(*p.AuthTime, 0).UTC()
	return signin.Claims{
		Issuer: p.Issuer, Subject: p.Subject, Use: p.Use, Email: p.Email, EmailVerified: string(p.Verified) == "true" || string(p.Verified) == `"true"`,
		Name: p.Name, Provider: p.provider(), AuthTime: at, IssuedAt: time.Unix(*p.IssuedAt, 0).UTC(), Expires: time.Unix(*p.Expires, 0).UTC(),
		Methods: p.Methods, Nonce: p.Nonce, Scopes: strings.Fields(p.Scope), TokenID: p.TokenID,
	}, nil
}

func (p payload) check(i Issuer, use string, now time.Time) error {
	visible := func(r rune) bool { return r < '!' || r > '~' }
	switch {
	case p.Issuer != i.URL:
		return errors.New("issuer")
	case p.Subject == "" || len(p.Subject) > maxSubject || strings.ContainsFunc(p.Subject, visible):
		return errors.New("subject")
	case p.Use != use:
		return errors.New("use")
	case p.Expires == nil || p.IssuedAt == nil || p.AuthTime == nil:
		return errors.New("times")
	case len(p.Name) > maxNameSize || len(p.Email) > maxNameSize:
		return errors.New("name")
	}
	if err := p.times(now); err != nil {
		return err
	}
	audience, err := p.audience()
	if err != nil {
		return err
	}
	if use == signin.ID {
		if !slices.Equal(audience, []string{i.ClientID}) {
			return errors.New("audience")
		}
		return nil
	}
	if p.ClientID == nil || *p.ClientID != i.ClientID || audience != nil && !slices.Contains(audience, i.ClientID) {
		return errors.New("client")
	}
	return nil
}

// times checks what a token says of its time; the clocks of issuers may be off by the leeway.
func (p payload) times(now time.Time) error {
	const century = 5_000_000_000 // beyond it, arithmetic with durations could overflow
	for _, t := range []*int64{p.Expires, p.IssuedAt, p.AuthTime, p.NotBefore} {
		if t != nil && (*t < 0 || *t > century) {
			return errors.New("time out of range")
		}
	}
	at := func(t *int64) time.Time { return time.Unix(*t, 0) }
	switch {
	case !now.Before(at(p.Expires).Add(leeway)):
		return errors.New("expired")
	case at(p.IssuedAt).After(now.Add(leeway)), at(p.AuthTime).After(now.Add(leeway)):
		return errors.New("issued in the future")
	case p.NotBefore != nil && at(p.NotBefore).After(now.Add(leeway)):
		return errors.New("not yet")
	case at(p.Expires).Sub(at(p.IssuedAt)) > maxLife:
		return errors.New("lives too long")
	}
	return nil
}

// audience is the aud claim, which may be text or a list (RFC 7519, section 4.1.3); nil when absent.
func (p payload) audience() ([]string, error) {
	if len(p.Audience) == 0 {
		return nil, nil
	}
	if one, err := text(p.Audience); err == nil {
		return []string{one}, nil
	}
	var list []string
	if err := json.Unmarshal(p.Audience, &list); err != nil || len(list) == 0 {
		return nil, errors.New("audience")
	}
	return list, nil
}

// provider is the identity provider behind a federated user of the pool: ID tokens list it, of access tokens the user
// name begins with it. A user of ours has a user name that is their subject.
func (p payload) provider() string {
	if len(p.Identities) > 0 {
		return p.Identities[0].Provider
	}
	for _, name := range []string{"Google", "Microsoft"} {
		if strings.HasPrefix(strings.ToLower(p.Username), strings.ToLower(name)+"_") || strings.HasPrefix(strings.ToLower(p.PoolName), strings.ToLower(name)+"_") {
			return name
		}
	}
	return ""
}

// unique refuses JSON that is not one object, names a member twice at any depth, or is not UTF-8. Two readers of such a
// text could see two different tokens.
func unique(b []byte) error {
	if !utf8.Valid(b) || len(b) == 0 || b[0] != '{' {
		return errors.New("not a JSON object in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := uniqueValue(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

func uniqueValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if depth > 8 {
		return errors.New("too deep")
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			key := strings.ToLower(fmt.Sprint(name)) // encoding/json matches names without regard to case
			if seen[key] {
				return fmt.Errorf("member %q twice", name)
			}
			seen[key] = true
		}
		if err := uniqueValue(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
