package accounts

import (
	"context"
	"net/http"
	"net/url"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/carrier"
	"github.com/passportcraft/passportcraft/shared/domain/member"
)

// Authenticators is the sign-in service's part in setting up an authenticator app. It acts by the person's access token.
type Authenticators interface {
	StartAuthenticator(ctx context.Context, access string) (secret string, err error)
	FinishAuthenticator(ctx context.Context, access, code string) error
}

// Authenticator is what an authenticator app needs (RFC 6238). It is shown once.
type Authenticator struct {
	Secret  string `json:"secret"`  // base32
	Address string `json:"address"` // otpauth:, as apps read it from a QR code
	Picture string `json:"picture"` // that QR code as SVG
}

// StartAuthenticator serves POST /v1/me/authenticator: a secret for an app, good for nothing until it is confirmed.
func StartAuthenticator(s *member.Accounts, service Authenticators) httpapi.Route {
	return httpapi.Route{
		Function: "manage-account", Pattern: "POST /v1/me/authenticator", Action: access.AccountLink,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			me, err := s.Me(r.Context(), self(r))
			if err != nil {
				return nil, err
			}
			secret, err := service.StartAuthenticator(r.Context(), r.Token())
			if err != nil {
				return nil, err
			}
			label := url.PathEscape("PassportCraft:" + me.Person.Mail)
			address := "otpauth://totp/" + label + "?" + url.Values{"secret": {secret}, "issuer": {"PassportCraft"}}.Encode()
			picture, err := carrier.SVG(address)
			if err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusCreated, Value: Authenticator{secret, address, string(picture)}}, nil
		},
	}
}

// ConfirmAuthenticator serves PUT /v1/me/authenticator: a code of the app makes it the second factor and ends all
// sessions of the person, this one included.
func ConfirmAuthenticator(s *member.Accounts, service Authenticators) httpapi.Route {
	return httpapi.Route{
		Function: "manage-account", Pattern: "PUT /v1/me/authenticator", Action: access.AccountLink, Body: httpapi.JSON(),
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				Code string `json:"code"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			if err := service.FinishAuthenticator(r.Context(), r.Token(), in.Code); err != nil {
				return nil, err
			}
			if err := s.AuthenticatorSet(r.Context(), self(r)); err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusNoContent}, nil
		},
	}
}
