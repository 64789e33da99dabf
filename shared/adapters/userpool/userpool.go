// Package userpool reads what Amazon Cognito knows of the second factors of a pool's users. It is used by the pool's own
// trigger only; everybody else sees issuer, keys and claims.
package userpool

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// Pools reads users of pools.
type Pools struct {
	api *cognitoidentityprovider.Client
}

// Open makes a reader. Nothing is called yet. endpoint overrides AWS's address; empty means AWS.
func Open(cfg aws.Config, endpoint string) *Pools {
	return &Pools{api: cognitoidentityprovider.NewFromConfig(cfg, func(o *cognitoidentityprovider.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})}
}

// softwareToken is Cognito's name of authenticator apps.
const softwareToken = "SOFTWARE_TOKEN_MFA"

// Authenticator reports whether a user has set up an authenticator app. With one, the pool asks every sign-in with a
// password for its code.
func (p *Pools) Authenticator(ctx context.Context, pool, user string) (bool, error) {
	out, err := p.api.AdminGetUser(ctx, &cognitoidentityprovider.AdminGetUserInput{UserPoolId: &pool, Username: &user})
	if err != nil {
		return false, fmt.Errorf("userpool: %w", err)
	}
	return slices.Contains(out.UserMFASettingList, softwareToken), nil
}
