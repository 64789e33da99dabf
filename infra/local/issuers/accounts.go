package issuers

import (
	"fmt"
	"math/big"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// User is an account to be made.
type User struct {
	Email, Password, Name string
	Methods               []string // what the ID token of Google or Microsoft says in amr; none when empty. Not for the pool
}

// AddUser makes an account with a password at a provider and returns its subject: sub at the pool and at Google, oid at
// Microsoft. The pool refuses passwords of less than twelve characters and well known ones; its errors are sentences.
func (i *Issuers) AddUser(provider string, u User) (string, error) {
	r, ok := i.realms[provider]
	if !ok {
		return "", fmt.Errorf("issuers: no provider %q", provider)
	}
	if err := judge(u, r.pool()); err != nil {
		return "", err
	}
	a := account{Provider: provider, ID: i.uuid(), Email: tidy(u.Email), Name: u.Name, Password: i.seal(u.Password), Created: i.o.Now()}
	if r.pool() {
		a.Username = a.ID
	} else {
		a.Methods = u.Methods
	}
	if provider == Google { // 21 digits, as Google's are
		n := new(big.Int).SetBytes(i.draw(9))
		a.ID = fmt.Sprintf("1%020d", n.Mod(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil)))
	}
	if err := i.state.add(a); err != nil {
		return "", err
	}
	return a.ID, nil
}

// Mint signs claims exactly as given with the current key of a provider: for tests that need bad tokens.
func (i *Issuers) Mint(provider string, claims map[string]any) (string, error) {
	r, ok := i.realms[provider]
	if !ok {
		return "", fmt.Errorf("issuers: no provider %q", provider)
	}
	return i.sign(r.keys, claims)
}

// Tokens signs an account of the pool in without a browser, by its address (one with a password before a federated one),
// and returns what its app would get. Without methods it is a sign-in by password.
func (i *Issuers) Tokens(email string, methods ...string) (access, id string, err error) {
	a, ok := i.state.byEmail(email, Cognito)
	if !ok {
		a, ok = i.state.find(func(a *account) bool { return a.Provider == Cognito && a.Email == tidy(email) })
	}
	if !ok {
		return "", "", fmt.Errorf("issuers: no account of the pool has the address %q", email)
	}
	if len(methods) == 0 {
		methods = []string{"pwd"}
	}
	g := grant{ID: i.uuid(), Account: a.ID, Client: i.o.ClientID, Scopes: []string{"openid", "email", "profile", adminScope}, Methods: methods, Signed: i.o.Now()}
	if _, err := i.state.begin(g, i.opaque()); err != nil {
		return "", "", err
	}
	return i.pair(g, a, "")
}

// KeyID is the pool's current key.
func (i *Issuers) KeyID() string {
	k, _ := i.state.signing(Cognito)
	return k.ID
}

// Rotate gives the pool a new key to sign with; the others stay published.
func (i *Issuers) Rotate() error {
	k, err := newKey()
	if err != nil {
		return err
	}
	return i.state.turn(Cognito, func(all []*key) []*key { return append(all, k) })
}

// RetireOld stops publishing all keys of the pool but the current one.
func (i *Issuers) RetireOld() error {
	return i.state.turn(Cognito, func(all []*key) []*key { return all[len(all)-1:] })
}

// Code is the authenticator's code that an account of the pool would show now, "" without an authenticator: for tests.
func (i *Issuers) Code(email string, now clock.Clock) string {
	a, ok := i.state.byEmail(email, Cognito)
	if !ok || len(a.TOTP.Secret) == 0 {
		return ""
	}
	return codeAt(a.TOTP.Secret, now().Unix()/totpStep)
}
