// Package signin holds what is known of a person's sign-in: the claims of a verified token. It verifies nothing; adapter
// identity does, and package authentication decides what the claims are worth to an organisation.
package signin

import (
	"slices"
	"time"
)

// Uses of a token.
const (
	Access = "access"
	ID     = "id"
)

// Claims is what a verified token says.
type Claims struct {
	Issuer, Subject string // together they are who somebody is; a mail address never is
	Use             string // Access or ID
	Email           string // of ID tokens
	EmailVerified   bool
	Name            string
	Provider        string // "Google", "Microsoft"; "" for a password of ours
	AuthTime        time.Time
	IssuedAt        time.Time
	Expires         time.Time
	Methods         []string // authentication methods (RFC 8176), and "fed" for a sign-in by an identity provider
	Nonce           string
	Scopes          []string
	TokenID         string
}

// SecondFactor tells whether a second factor was used: several factors (mfa), or a one-time code (otp, sms) or a hardware
// key (hwk) beside whatever came first (RFC 8176, section 2). A password or a fingerprint alone is one factor.
func (c Claims) SecondFactor() bool {
	return slices.ContainsFunc(c.Methods, func(m string) bool {
		return slices.Contains([]string{"mfa", "otp", "sms", "hwk"}, m)
	})
}

// MethodsClaim is the claim in which our trigger at the pool writes how somebody signed in, as amr does elsewhere
// (RFC 8176): Amazon Cognito writes no amr into the tokens of a pool and lets no trigger write it.
const MethodsClaim = "passportcraft:methods"

// MethodsOf are the methods of a sign-in at the pool: with another service, which does not say how, or with a password
// and, once an authenticator is set up, a code that the pool then always asks for.
func MethodsOf(federated, authenticator bool) []string {
	switch {
	case federated:
		return []string{"fed"}
	case authenticator:
		return []string{"pwd", "otp"}
	}
	return []string{"pwd"}
}
