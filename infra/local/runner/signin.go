package runner

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/passportcraft/passportcraft/infra/local/issuers"
	"github.com/passportcraft/passportcraft/shared/domain/member"
)

// signInFile keeps the port of the sign-in service: its address is a part of everybody's identity, so it must not change.
type signInFile struct {
	Port int `json:"port"`
}

// startSignIn brings up the stand-ins for Amazon Cognito, Google and Microsoft.
func (s *site) startSignIn() error {
	dir := filepath.Join(s.options.Data, "sign-in")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the folder of the sign-in service cannot be made: %w", err)
	}
	path := filepath.Join(dir, "port.json")
	var kept signInFile
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s cannot be read; `make clean` starts afresh: %w", path, err)
	}
	s.signIn, err = issuers.Start(issuers.Options{
		Dir: dir, Listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(kept.Port)), Now: s.clock.Now, Log: io.Discard,
		Callbacks: []string{s.url + "/sign-in/callback"}, SignedOut: []string{s.url + "/signed-out"},
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d, on which people of this data folder sign in, is taken by another program; stop it, or start afresh with `make clean`", kept.Port)
	}
	if err != nil || kept.Port != 0 {
		return err
	}
	address, err := url.Parse(s.signIn.SignInURL())
	if err != nil {
		return err
	}
	if kept.Port, err = strconv.Atoi(address.Port()); err != nil {
		return err
	}
	return write(path, kept)
}

// signInSettings are what the functions know of the sign-in service.
func (s *site) signInSettings() map[string]string {
	return map[string]string{
		"TOKEN_ISSUER": s.signIn.Issuer(issuers.Cognito), "TOKEN_JWKS": s.signIn.JWKSURL(), "TOKEN_CLIENT_ID": s.signIn.ClientID(),
		"TOKEN_API_URL": s.signIn.APIURL(), "SIGN_IN_URL": s.signIn.SignInURL(), "SIGN_IN_WITH": "Google,Microsoft",
	}
}

// demoOwner gives the demo tenant an owner who can sign in.
func (s *site) demoOwner(ctx context.Context) (demo, error) {
	raw := make([]byte, 10)
	if _, err := rand.Read(raw); err != nil {
		return demo{}, err
	}
	d := demo{OwnerPassword: "demo-" + strings.ToLower(base32.StdEncoding.EncodeToString(raw))}
	subject, err := s.signIn.AddUser(issuers.Cognito, issuers.User{Email: demoMail, Password: d.OwnerPassword, Name: "Demo Owner"})
	if err != nil {
		return demo{}, fmt.Errorf("making the demo owner: %w", err)
	}
	identity := member.Identity{Issuer: s.signIn.Issuer(issuers.Cognito), Subject: subject}
	tenant, key, err := s.app.Found(ctx, "Demo", member.Person{Name: "Demo Owner", Mail: demoMail}, identity)
	if err != nil {
		return demo{}, fmt.Errorf("founding the demo tenant: %w", err)
	}
	d.TenantID, d.APIKey = string(tenant.ID), key
	return d, write(s.demoFile(), d)
}
