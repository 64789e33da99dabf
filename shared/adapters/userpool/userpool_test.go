package userpool_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/passportcraft/passportcraft/shared/adapters/userpool"
)

// TestAuthenticator reads the answers of the service as it writes them.
func TestAuthenticator(t *testing.T) {
	status, answer, asked := 200, "", ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked = r.Header.Get("X-Amz-Target") + " " + string(b)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	cfg := aws.Config{Region: "eu-west-1", RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "s"}, nil
	})}
	pools := userpool.Open(cfg, server.URL)
	for name, tc := range map[string]struct {
		status int
		answer string
		want   bool
		fails  bool
	}{
		"none":          {200, `{"Username":"u"}`, false, false},
		"app":           {200, `{"Username":"u","UserMFASettingList":["SOFTWARE_TOKEN_MFA"]}`, true, false},
		"text messages": {200, `{"Username":"u","UserMFASettingList":["SMS_MFA"]}`, false, false},
		"nobody":        {400, `{"__type":"UserNotFoundException","message":"no"}`, false, true},
		"no answer":     {500, ``, false, true},
	} {
		status, answer = tc.status, tc.answer
		got, err := pools.Authenticator(t.Context(), "eu-west-1_x", "u")
		if got != tc.want || (err != nil) != tc.fails {
			t.Errorf("%s: %v %v", name, got, err)
		}
		if want := `AWSCognitoIdentityProviderService.AdminGetUser {"Username":"u","UserPoolId":"eu-west-1_x"}`; asked != want {
			t.Errorf("%s: asked %s", name, asked)
		}
	}
}
