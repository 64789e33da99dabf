package wire_test

import (
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// TestReadConfig holds that a function does not start half-configured, and never with an engine in the clear.
func TestReadConfig(t *testing.T) {
	good := map[string]string{"APP_ENV": "prod", "AWS_REGION": "eu-west-1"}
	for _, tc := range []struct {
		name string
		set  map[string]string
		want string // part of the error; "" for none
	}{
		{"good", nil, ""},
		{"no environment", map[string]string{"APP_ENV": ""}, "APP_ENV"},
		{"environment that breaks keys", map[string]string{"APP_ENV": "prod_1"}, "APP_ENV"},
		{"no region", map[string]string{"AWS_REGION": ""}, "AWS_REGION"},
		{"bad rate", map[string]string{"RATE_PER_KEY": "0"}, "RATE_PER_KEY"},
		{"engine in production", map[string]string{"DYNAMODB_ENDPOINT": "http://127.0.0.1:8000"}, "DYNAMODB_ENDPOINT"},
		{"engine on another machine", map[string]string{"APP_ENV": "local", "KMS_ENDPOINT": "http://10.0.0.1:8000"}, "KMS_ENDPOINT"},
		{"engine by name", map[string]string{"APP_ENV": "local", "S3_ENDPOINT": "http://localhost.example:8000"}, "S3_ENDPOINT"},
		{"engine here", map[string]string{"APP_ENV": "local", "DYNAMODB_ENDPOINT": "http://127.0.0.1:8000"}, ""},
	} {
		env := map[string]string{}
		for _, m := range []map[string]string{good, tc.set} {
			for k, v := range m {
				env[k] = v
			}
		}
		_, err := wire.ReadConfig(func(name string) string { return env[name] })
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want an error with %q", tc.name, err, tc.want)
		}
	}
}
