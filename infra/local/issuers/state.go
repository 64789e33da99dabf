package issuers

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

const keyBits = 2048

// account is a person at one provider. Two providers that assert one e-mail address are two accounts.
type account struct {
	Provider string    `json:"provider"` // one of the constants
	ID       string    `json:"id"`       // sub; for Microsoft, oid
	Username string    `json:"username,omitempty"`
	Email    string    `json:"email"`
	Name     string    `json:"name,omitempty"`
	Password *password `json:"password,omitempty"` // nil for a federated account
	Methods  []string  `json:"methods,omitempty"`  // what an identity provider's ID token says in amr
	Created  time.Time `json:"created"`
	Identity *origin   `json:"identity,omitempty"` // of a federated account
	TOTP     totp      `json:"totp,omitzero"`
	Pending  []byte    `json:"pending,omitempty"` // an authenticator secret that no code has proved yet
}

// origin is where a federated account of the pool comes from.
type origin struct {
	Provider string `json:"provider"` // as the pool calls it: Google or Microsoft
	Subject  string `json:"subject"`  // sub of its ID token
}

// grant is one sign-in of an account at the pool, from which tokens are made until it ends.
type grant struct {
	ID      string    `json:"id"` // origin_jti
	Account string    `json:"account"`
	Client  string    `json:"client"`
	Scopes  []string  `json:"scopes"`
	Methods []string  `json:"methods"`
	Signed  time.Time `json:"signed"`
	Refresh []byte    `json:"refresh"` // SHA-256 of the secret in the only refresh token that is good now
}

type key struct {
	ID      string `json:"id"`
	DER     []byte `json:"der"` // PKCS #8
	private *rsa.PrivateKey
}

// onDisk is the layout of the file.
type onDisk struct {
	Secret   string            `json:"secret"` // of the pool, as a client of the identity providers
	Accounts []*account        `json:"accounts"`
	Grants   map[string]*grant `json:"grants"`
	Keys     map[string][]*key `json:"keys"` // the last one signs
}

// store keeps the state in memory and writes it whole after each change.
type store struct {
	path   string
	now    clock.Clock
	secret string
	mu     sync.Mutex
	d      onDisk
}

var errTaken = errors.New("issuers: the provider has an account with this e-mail address")

func open(dir string, now clock.Clock) (*store, error) {
	if dir == "" {
		return nil, errors.New("issuers: no directory to keep the state in")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("issuers: %w", err)
	}
	s := &store{path: filepath.Join(dir, "issuers.json"), now: now}
	b, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("issuers: %w", err)
	default:
		if err := json.Unmarshal(b, &s.d); err != nil {
			return nil, fmt.Errorf("issuers: %s is damaged; remove it to begin anew: %w", s.path, err)
		}
	}
	return s, s.fill()
}

// fill reads the keys, and makes what a new state lacks.
func (s *store) fill() error {
	if s.d.Grants == nil {
		s.d.Grants = map[string]*grant{}
	}
	if s.d.Keys == nil {
		s.d.Keys = map[string][]*key{}
	}
	if s.d.Secret == "" {
		s.d.Secret = rand.Text()
	}
	s.secret = s.d.Secret
	for _, name := range []string{Cognito, Google, Microsoft} {
		for _, k := range s.d.Keys[name] {
			parsed, err := x509.ParsePKCS8PrivateKey(k.DER)
			private, ok := parsed.(*rsa.PrivateKey)
			if err != nil || !ok {
				return fmt.Errorf("issuers: key %s in %s is damaged; remove the file to begin anew", k.ID, s.path)
			}
			k.private = private
		}
		if len(s.d.Keys[name]) == 0 {
			k, err := newKey()
			if err != nil {
				return err
			}
			s.d.Keys[name] = []*key{k}
		}
	}
	return s.save()
}

func newKey() (*key, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("issuers: key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("issuers: key: %w", err)
	}
	sum := sha256.Sum256(private.N.Bytes())
	return &key{ID: base64.RawURLEncoding.EncodeToString(sum[:16]), DER: der, private: private}, nil
}

// save replaces the file in one step; the caller holds the lock.
func (s *store) save() error {
	for id, g := range s.d.Grants {
		if s.now().After(g.Signed.Add(refreshLife + accessLife)) {
			delete(s.d.Grants, id)
		}
	}
	b, err := json.MarshalIndent(s.d, "", " ")
	if err != nil {
		return fmt.Errorf("issuers: %w", err)
	}
	part := s.path + ".part"
	if err := os.WriteFile(part, b, 0o600); err != nil {
		return fmt.Errorf("issuers: %w", err)
	}
	if err := os.Rename(part, s.path); err != nil {
		return fmt.Errorf("issuers: %w", err)
	}
	return nil
}

// signing returns the key that signs for a provider, and all that are published.
func (s *store) signing(name string) (key, []key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []key
	for _, k := range s.d.Keys[name] {
		all = append(all, *k)
	}
	return all[len(all)-1], all
}

// find returns the first account that fits, as a copy.
func (s *store) find(fits func(*account) bool) (account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := slices.IndexFunc(s.d.Accounts, fits); n >= 0 {
		return *s.d.Accounts[n], true
	}
	return account{}, false
}

// byID finds an account of one of the providers.
func (s *store) byID(id string, providers ...string) (account, bool) {
	return s.find(func(a *account) bool { return a.ID == id && slices.Contains(providers, a.Provider) })
}

// byEmail finds an account that signs in with a password.
func (s *store) byEmail(email string, providers ...string) (account, bool) {
	email = tidy(email)
	return s.find(func(a *account) bool {
		return a.Password != nil && a.Email == email && slices.Contains(providers, a.Provider)
	})
}

// add keeps a new account; errTaken if one like it is there. An account with a password is known by its address, one
// without by where it comes from.
func (s *store) add(a account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := func(b *account) bool {
		return b.Provider == a.Provider && (b.Password != nil && a.Password != nil && b.Email == a.Email ||
			b.Identity != nil && a.Identity != nil && *b.Identity == *a.Identity)
	}
	if slices.ContainsFunc(s.d.Accounts, same) {
		return errTaken
	}
	s.d.Accounts = append(s.d.Accounts, &a)
	return s.save()
}

// change edits an account of the pool or of a provider; false from edit leaves it as it was.
func (s *store) change(id string, edit func(*account) bool) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := slices.IndexFunc(s.d.Accounts, func(a *account) bool { return a.ID == id })
	if n < 0 {
		return false, nil
	}
	c := *s.d.Accounts[n]
	if !edit(&c) {
		return false, nil
	}
	s.d.Accounts[n] = &c
	return true, s.save()
}

// begin keeps a grant under a first refresh token, which it returns.
func (s *store) begin(g grant, secret string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := sha256.Sum256([]byte(secret))
	g.Refresh = sum[:]
	s.d.Grants[g.ID] = &g
	return g.ID + "." + secret, s.save()
}

// grant returns the live grant of a refresh token.
func (s *store) grant(token string) (grant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live(token)
}

func (s *store) live(token string) (grant, bool) {
	id, secret, _ := strings.Cut(token, ".")
	g, ok := s.d.Grants[id]
	sum := sha256.Sum256([]byte(secret))
	if !ok || subtle.ConstantTimeCompare(sum[:], g.Refresh) != 1 || !s.now().Before(g.Signed.Add(refreshLife)) {
		return grant{}, false
	}
	return *g, true
}

// rotate replaces a refresh token, if it is still the good one.
func (s *store) rotate(token, secret string) (string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.live(token)
	if !ok {
		return "", false, nil
	}
	sum := sha256.Sum256([]byte(secret))
	g.Refresh = sum[:]
	s.d.Grants[g.ID] = &g
	return g.ID + "." + secret, true, s.save()
}

// alive says whether a grant has not been revoked.
func (s *store) alive(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.d.Grants[id] != nil
}

// end revokes a grant.
func (s *store) end(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.d.Grants, id)
	return s.save()
}

// endAll revokes all grants of an account.
func (s *store) endAll(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.d.Grants, func(_ string, g *grant) bool { return g.Account == id })
	return s.save()
}

// remove deletes an account of the pool with its sign-ins.
func (s *store) remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.d.Accounts = slices.DeleteFunc(s.d.Accounts, func(a *account) bool { return a.ID == id && a.Provider == Cognito })
	maps.DeleteFunc(s.d.Grants, func(_ string, g *grant) bool { return g.Account == id })
	return s.save()
}

// turn edits the key set of a provider.
func (s *store) turn(name string, edit func([]*key) []*key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.d.Keys[name] = edit(s.d.Keys[name])
	return s.save()
}

// tidy is the form in which addresses are kept and compared.
func tidy(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
