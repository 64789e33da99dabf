package signin_test

import (
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/signin"
)

func TestSecondFactor(t *testing.T) {
	for _, tt := range []struct {
		methods []string
		want    bool
	}{
		{nil, false}, {[]string{"pwd"}, false}, {[]string{"fed"}, false}, {[]string{"fpt"}, false}, {[]string{"MFA"}, false}, {[]string{""}, false},
		{[]string{"pwd", "otp"}, true}, {[]string{"fed", "mfa"}, true}, {[]string{"hwk"}, true}, {[]string{"pwd", "sms"}, true},
	} {
		if got := (signin.Claims{Methods: tt.methods}).SecondFactor(); got != tt.want {
			t.Errorf("%v: %v", tt.methods, got)
		}
	}
}
