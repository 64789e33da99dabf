package issuers

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	leastPassword = 12  // characters, as the template asks of the real pool
	mostText      = 256 // bytes of a password, an address or a name
	saltSize      = 16
	hashSize      = 32
	totpStep      = 30 // seconds, RFC 6238, section 5.2
	totpSecret    = 20 // bytes, RFC 4226, section 4
	wrongCodes    = 5  // per sign-in
)

// password is one that can be checked and not read.
type password struct {
	Salt       []byte `json:"salt"`
	Hash       []byte `json:"hash"`
	Iterations int    `json:"iterations"`
}

// derive does the work of one check. Every attempt to sign in does it once, whether the account exists or not.
func (i *Issuers) derive(secret string, salt []byte, iterations int) []byte {
	i.random.Lock()
	i.work++
	i.random.Unlock()
	hash, err := pbkdf2.Key(sha512.New, secret, salt, iterations, hashSize)
	if err != nil {
		return nil
	}
	return hash
}

func (i *Issuers) seal(secret string) *password {
	p := &password{Salt: i.draw(saltSize), Iterations: i.o.Iterations}
	p.Hash = i.derive(secret, p.Salt, p.Iterations)
	return p
}

// check finds the account of an address at one of the providers, if the password is its.
func (i *Issuers) check(email, secret string, providers ...string) (account, bool) {
	a, ok := i.state.byEmail(email, providers...)
	p := &password{Salt: make([]byte, saltSize), Hash: make([]byte, hashSize), Iterations: i.o.Iterations}
	if ok {
		p = a.Password
	}
	if len(secret) > mostText {
		secret, ok = "", false
	}
	right := subtle.ConstantTimeCompare(i.derive(secret, p.Salt, p.Iterations), p.Hash) == 1
	if !ok || !right {
		return account{}, false
	}
	return a, true
}

// judge says what is wrong with a new account, in a sentence that the page shows as it is.
func judge(u User, pool bool) error {
	a, err := mail.ParseAddress(u.Email)
	switch {
	case err != nil || a.Name != "" || a.Address != strings.TrimSpace(u.Email) || len(a.Address) > mostText:
		return errors.New("This is not an e-mail address.")
	case len(u.Name) > mostText || !utf8.ValidString(u.Name):
		return errors.New("The name is too long.")
	case u.Password == "" || len(u.Password) > mostText || !utf8.ValidString(u.Password):
		return fmt.Errorf("The password must have between 1 and %d bytes.", mostText)
	case !pool:
		return nil
	case utf8.RuneCountInString(u.Password) < leastPassword:
		return fmt.Errorf("The password needs at least %d characters.", leastPassword)
	case breached(u.Password) || tidy(u.Password) == tidy(u.Email):
		return errors.New("This password is on lists of stolen passwords, or is your address. Choose another one.")
	}
	return nil
}

// breached says whether a password is among the best known of at least twelve characters, without regard to case. The
// real pool compares with a large list; this one is long enough to show what it does.
func breached(secret string) bool {
	const list = " 000000000000 111111111111 123123123123 123456123456 1234567890ab 12345678901 123456789012 1234567890123 123456789abc 123456789qwerty 1q2w3e4r5t6y 1qaz2wsx3edc " +
		"987654321987 abc123abc123 abcdefghijkl administrator admin1234567 aaaaaaaaaaaa changeme1234 changemechangeme correcthorsebatterystaple football1234 iloveyou1234 iloveyou12345 " +
		"letmein12345 letmeinletmein monkey123456 p@ssw0rd1234 p@ssword1234 passw0rd1234 password1234 password12345 password123456 password2024! password2025! password2026! " +
		"passwordpassword princess1234 q1w2e3r4t5y6 qazwsxedcrfv qwerty123456 qwerty1234567 qwertyqwerty qwertyuiop12 qwertyuiop123 qwertyuiop[] qwertyuiopasdf sunshine1234 superman1234 " +
		"test12345678 trustno1trustno1 welcome12345 welcome123456 zaq12wsxcde3 "
	secret = strings.ToLower(secret)
	return !strings.Contains(secret, " ") && strings.Contains(list, " "+secret+" ")
}

// totp is an account's authenticator.
type totp struct {
	Secret  []byte `json:"secret,omitempty"`
	Proved  bool   `json:"proved,omitempty"`  // a code has shown that the app has the secret
	Enabled bool   `json:"enabled,omitempty"` // codes are asked for
	Last    int64  `json:"last,omitempty"`    // the step of the last code that was accepted; none is accepted twice
}

// accept judges a code, of this step or one beside it (RFC 6238, section 5.2), and remembers it.
func (t *totp) accept(code string, now time.Time) bool {
	if len(t.Secret) == 0 || len(code) != 6 {
		return false
	}
	for step := now.Unix()/totpStep - 1; step <= now.Unix()/totpStep+1; step++ {
		if step > t.Last && subtle.ConstantTimeCompare([]byte(code), []byte(codeAt(t.Secret, step))) == 1 {
			t.Last = step
			return true
		}
	}
	return false
}

// codeAt is the code of a step (RFC 4226, section 5.3, with HMAC-SHA-1 and six digits, as authenticator apps expect).
func codeAt(secret []byte, step int64) string {
	h := hmac.New(sha1.New, secret)
	_ = binary.Write(h, binary.BigEndian, step)
	sum := h.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[offset:])&0x7fffffff)%1_000_000)
}
