package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/domain/signin"
)

const (
	leeway     = 30 * time.Second // clocks of issuers may be off by it
	maxLife    = 24 * time.Hour
	maxSubject = 128
	maxText    = 400 // bytes of a name or a mail address
	maxList    = 16
	maxDepth   = 8
	maxMembers = 100
	century    = 5_000_000_000 // seconds; beyond it, arithmetic with durations could overflow
)

// payload is what we read of a token.
type payload struct {
	issuer, subject, use, email, name, nonce, scope, id string
	username, poolName                                  string
	audience, methods, providers                        []string
	client                                              *string
	verified                                            bool
	expires, notBefore, issued, signedIn                *int64
}

// read judges the claims of a token whose signature is good. Its errors name the claim and hold nothing of the token.
func read(b []byte, i Issuer, use string, now time.Time) (signin.Claims, error) {
	p, err := parse(b)
	if err != nil {
		return signin.Claims{}, err
	}
	if err := p.check(i, use); err != nil {
		return signin.Claims{}, err
	}
	if err := p.times(now); err != nil {
		return signin.Claims{}, err
	}
	instant := func(t *int64) time.Time { return time.Unix(*t, 0).UTC() }
	return signin.Claims{
		Issuer: p.issuer, Subject: p.subject, Use: p.use, Email: p.email, EmailVerified: p.verified, Name: p.name,
		Provider: p.provider(), AuthTime: instant(p.signedIn), IssuedAt: instant(p.issued), Expires: instant(p.expires),
		Methods: p.methods, Nonce: p.nonce, Scopes: strings.Fields(p.scope), TokenID: p.id,
	}, nil
}

// parse reads the claims by their exact names. A claim of another type than its definition gives refuses the token
// (RFC 7519, section 4.1; OpenID Connect Core 1.0, sections 2 and 5.1), null included.
func parse(b []byte) (payload, error) {
	members, err := object(b)
	if err != nil {
		return payload{}, errors.New("claims: " + err.Error())
	}
	var p payload
	for name, into := range map[string]*string{
		"iss": &p.issuer, "sub": &p.subject, "token_use": &p.use, "email": &p.email, "name": &p.name, "nonce": &p.nonce,
		"scope": &p.scope, "jti": &p.id, "username": &p.username, "cognito:username": &p.poolName,
	} {
		if raw, ok := members[name]; ok {
			if *into, err = text(raw); err != nil {
				return payload{}, errors.New("claim " + name)
			}
		}
	}
	for name, into := range map[string]**int64{"exp": &p.expires, "nbf": &p.notBefore, "iat": &p.issued, "auth_time": &p.signedIn} {
		if raw, ok := members[name]; ok {
			if *into, err = seconds(raw); err != nil {
				return payload{}, errors.New("claim " + name)
			}
		}
	}
	if raw, ok := members["client_id"]; ok {
		client, err := text(raw)
		if err != nil {
			return payload{}, errors.New("claim client_id")
		}
		p.client = &client
	}
	return p, p.lists(members)
}

func (p *payload) lists(members map[string]json.RawMessage) error {
	var err error
	if raw, ok := members["aud"]; ok {
		// RFC 7519, section 4.1.3: one text or a list of them.
		if one, err := text(raw); err == nil {
			p.audience = []string{one}
		} else if p.audience, err = texts(raw); err != nil || len(p.audience) == 0 {
			return errors.New("claim aud")
		}
	}
	if raw, ok := members["amr"]; ok {
		if p.methods, err = texts(raw); err != nil {
			return errors.New("claim amr")
		}
	}
	if raw, ok := members[signin.MethodsClaim]; ok {
		stamped, err := texts(raw)
		if err != nil {
			return errors.New("claim " + signin.MethodsClaim)
		}
		p.methods = append(p.methods, stamped...)
	}
	if raw, ok := members["email_verified"]; ok {
		switch string(raw) {
		case "true", `"true"`: // some identity providers behind the pool write text
			p.verified = true
		case "false", `"false"`:
		default:
			return errors.New("claim email_verified")
		}
	}
	if raw, ok := members["identities"]; ok {
		if p.providers, err = providers(raw); err != nil {
			return errors.New("claim identities")
		}
	}
	return nil
}

func (p payload) check(i Issuer, use string) error {
	invisible := func(r rune) bool { return r < '!' || r > '~' }
	switch {
	case p.issuer != i.URL:
		return errors.New("claim iss")
	case p.subject == "" || len(p.subject) > maxSubject || strings.ContainsFunc(p.subject, invisible):
		return errors.New("claim sub")
	case p.use != use:
		return errors.New("claim token_use")
	case len(p.name) > maxText || len(p.email) > maxText:
		return errors.New("claim name or email is too long")
	}
	switch use {
	case signin.ID:
		if !slices.Equal(p.audience, []string{i.ClientID}) {
			return errors.New("claim aud")
		}
	case signin.Access:
		if p.client == nil || *p.client != i.ClientID {
			return errors.New("claim client_id")
		}
		if p.audience != nil && !slices.Contains(p.audience, i.ClientID) {
			return errors.New("claim aud")
		}
	default:
		return errors.New("unknown use")
	}
	return nil
}

// times judges what a token says of its time.
func (p payload) times(now time.Time) error {
	if p.expires == nil || p.issued == nil || p.signedIn == nil {
		return errors.New("claim exp, iat or auth_time is missing")
	}
	at := func(t *int64) time.Time { return time.Unix(*t, 0) }
	latest := now.Add(leeway)
	switch {
	case !now.Before(at(p.expires).Add(leeway)):
		return errors.New("claim exp: expired")
	case at(p.issued).After(latest), at(p.signedIn).After(latest):
		return errors.New("claim iat or auth_time: in the future")
	case p.notBefore != nil && at(p.notBefore).After(latest):
		return errors.New("claim nbf: not yet")
	case at(p.expires).Sub(at(p.issued)) > maxLife:
		return errors.New("claim exp: lives too long")
	}
	return nil
}

// provider is the identity provider behind a federated user of the pool: ID tokens list it, of access tokens the user
// name begins with it. The user name of a user of ours is a random identifier and begins with neither.
func (p payload) provider() string {
	if len(p.providers) > 0 {
		return p.providers[0]
	}
	for _, name := range []string{"Google", "Microsoft"} {
		for _, user := range []string{p.username, p.poolName} {
			if len(user) > len(name) && strings.EqualFold(user[:len(name)], name) && user[len(name)] == '_' {
				return name
			}
		}
	}
	return ""
}

// providers reads providerName of each member of the identities claim.
func providers(raw json.RawMessage) ([]string, error) {
	var list []json.RawMessage
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &list) != nil || len(list) > maxList {
		return nil, errors.New("not a list")
	}
	var out []string
	for _, one := range list {
		members, err := object(one)
		if err != nil {
			return nil, err
		}
		name, err := text(members["providerName"])
		if err != nil || name == "" || len(name) > maxText {
			return nil, errors.New("not a provider")
		}
		out = append(out, name)
	}
	return out, nil
}

// text reads a JSON string and nothing else.
func text(raw json.RawMessage) (string, error) {
	var s string
	if len(raw) == 0 || raw[0] != '"' {
		return "", errors.New("not text")
	}
	err := json.Unmarshal(raw, &s)
	return s, err
}

// texts reads a list of JSON strings.
func texts(raw json.RawMessage) ([]string, error) {
	var list []json.RawMessage
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &list) != nil || len(list) > maxList {
		return nil, errors.New("not a list")
	}
	out := make([]string, len(list))
	for i, one := range list {
		var err error
		if out[i], err = text(one); err != nil || len(out[i]) > maxText {
			return nil, errors.New("not a list of texts")
		}
	}
	return out, nil
}

// seconds reads a NumericDate (RFC 7519, section 2) in whole seconds.
func seconds(raw json.RawMessage) (*int64, error) {
	var n int64
	if string(raw) == "null" || json.Unmarshal(raw, &n) != nil || n < 0 || n > century {
		return nil, errors.New("not an instant")
	}
	return &n, nil
}

// object reads one JSON object. It refuses text that is not UTF-8, names a member twice at any depth, or nests deeply:
// two readers of such a text could see two different tokens (RFC 8725, section 3.12, RFC 8259, section 4).
func object(b []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(b) || len(b) == 0 || b[0] != '{' {
		return nil, errors.New("not a JSON object in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := unique(d, 0); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil {
		return nil, errors.New("not JSON")
	}
	return members, nil
}

// unique reads one value and compares member names without regard to case, as lenient readers would.
func unique(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return errors.New("not JSON")
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth >= maxDepth {
		return errors.New("nested too deeply")
	}
	var seen []string
	for d.More() {
		if delim == '{' {
			t, err := d.Token()
			name, ok := t.(string)
			if err != nil || !ok {
				return errors.New("not JSON")
			}
			if slices.ContainsFunc(seen, func(s string) bool { return strings.EqualFold(s, name) }) {
				return errors.New("a member twice")
			}
			if seen = append(seen, name); len(seen) > maxMembers {
				return errors.New("too many members")
			}
		}
		if err := unique(d, depth+1); err != nil {
			return err
		}
	}
	if _, err = d.Token(); err != nil {
		return errors.New("not JSON")
	}
	return nil
}
