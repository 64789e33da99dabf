package wire

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
)

// Config is the environment of a function. Each function is given only what it uses.
type Config struct {
	Env             string        // APP_ENV: lower-case letters; part of API keys; "local" allows local engines
	Region          string        // AWS_REGION
	PublicBaseURL   string        // PUBLIC_BASE_URL: scheme and host of the public resolver
	Tables          dynamo.Tables // RECORDS_TABLE, PEOPLE_TABLE, PUBLIC_TABLE, LEDGER_TABLE, KEYS_TABLE, CUSTODY_TABLE
	DocumentsBucket string        // DOCUMENTS_BUCKET
	TenantKeyARN    string        // TENANT_KEY_ARN: the KMS key that wraps tenant keys
	CustodyKeyARN   string        // CUSTODY_KEY_ARN: the KMS key that wraps the keys of passports in custody
	ExportsBucket   string        // EXPORTS_BUCKET: packages that tenants take away
	UploadsBucket   string        // UPLOADS_BUCKET: files that tenants bring
	EvidenceBucket  string        // EVIDENCE_BUCKET: what cannot be taken back
	AuditKeyARN     string        // AUDIT_KEY_ARN: the KMS key that signs audit logs
	LedgerKeyARN    string        // LEDGER_KEY_ARN: the KMS key that wraps the secret of the deletion journal
	MarkerKey       string        // MARKER_KEY: public key (SPKI, base64) under which tables are cleared; empty: none is
	BackupVault     string        // BACKUP_VAULT: where copies of content lie
	LedgerVault     string        // LEDGER_VAULT: where copies of the Ledger lie
	TokenIssuer     string        // TOKEN_ISSUER: issuer of the tokens people sign in with; empty: API keys only
	TokenKeys       string        // TOKEN_JWKS: address of its keys, default the issuer's /.well-known/jwks.json
	TokenClient     string        // TOKEN_CLIENT_ID: our client there
	SignInURL       string        // SIGN_IN_URL: scheme and host of the sign-in service's pages; empty: nobody signs in with a browser
	TokenAPI        string        // TOKEN_API_URL: the sign-in service's JSON API; empty: nobody sets up an authenticator
	SignInWith      string        // SIGN_IN_WITH: identity providers beside the password, separated by commas
	MailFrom        string        // MAIL_FROM: verified sender of mail
	UserPool        string        // USER_POOL_ID: the pool of the people who sign in
	LogDays         int           // LOG_DAYS: after so many days logs are deleted; 0: not known to the function
	RatePerKey      int           // RATE_PER_KEY: requests a second per key or person, default 200; five times that per organisation

	TaskRoot string // LAMBDA_TASK_ROOT: the folder of the function's files; empty: there is none

	TenantRole string // TENANT_ROLE_ARN: the role whose tagged sessions reach one tenant's data; empty: the function has none

	S3Public string // S3_PUBLIC_ENDPOINT: where those who fetch packages reach the local storage; empty: S3_ENDPOINT

	// Addresses of local engines: DYNAMODB_ENDPOINT, S3_ENDPOINT, KMS_ENDPOINT, SES_ENDPOINT, STS_ENDPOINT,
	// COGNITO_ENDPOINT, BACKUP_ENDPOINT. Empty means AWS.
	DynamoDBEndpoint, S3Endpoint, KMSEndpoint, SESEndpoint, STSEndpoint, PoolEndpoint, BackupEndpoint string

	credentials aws.Credentials
}

// defaultRate is the default of RATE_PER_KEY.
const defaultRate = 200

// ReadConfig reads the environment through get (os.Getenv). Endpoints are refused unless APP_ENV is local and they are
// on this machine: nothing of a tenant may travel in the clear.
func ReadConfig(get func(string) string) (Config, error) {
	c := Config{
		Env: get("APP_ENV"), Region: get("AWS_REGION"), PublicBaseURL: strings.TrimSuffix(get("PUBLIC_BASE_URL"), "/"),
		Tables:          dynamo.Tables{Records: get("RECORDS_TABLE"), People: get("PEOPLE_TABLE"), Public: get("PUBLIC_TABLE"), Ledger: get("LEDGER_TABLE"), Keys: get("KEYS_TABLE"), Custody: get("CUSTODY_TABLE")},
		DocumentsBucket: get("DOCUMENTS_BUCKET"), TenantKeyARN: get("TENANT_KEY_ARN"), RatePerKey: defaultRate,
		DynamoDBEndpoint: get("DYNAMODB_ENDPOINT"), S3Endpoint: get("S3_ENDPOINT"), KMSEndpoint: get("KMS_ENDPOINT"), SESEndpoint: get("SES_ENDPOINT"), STSEndpoint: get("STS_ENDPOINT"), PoolEndpoint: get("COGNITO_ENDPOINT"), BackupEndpoint: get("BACKUP_ENDPOINT"),
		MarkerKey: get("MARKER_KEY"), LedgerKeyARN: get("LEDGER_KEY_ARN"), BackupVault: get("BACKUP_VAULT"), LedgerVault: get("LEDGER_VAULT"),
		TenantRole: get("TENANT_ROLE_ARN"), TaskRoot: get("LAMBDA_TASK_ROOT"), CustodyKeyARN: get("CUSTODY_KEY_ARN"),
		EvidenceBucket: get("EVIDENCE_BUCKET"), ExportsBucket: get("EXPORTS_BUCKET"), UploadsBucket: get("UPLOADS_BUCKET"), S3Public: get("S3_PUBLIC_ENDPOINT"), AuditKeyARN: get("AUDIT_KEY_ARN"),
		TokenIssuer: get("TOKEN_ISSUER"), TokenKeys: get("TOKEN_JWKS"), TokenClient: get("TOKEN_CLIENT_ID"), SignInURL: strings.TrimSuffix(get("SIGN_IN_URL"), "/"), SignInWith: get("SIGN_IN_WITH"), TokenAPI: get("TOKEN_API_URL"), MailFrom: get("MAIL_FROM"), UserPool: get("USER_POOL_ID"),
		credentials: aws.Credentials{
			AccessKeyID: get("AWS_ACCESS_KEY_ID"), SecretAccessKey: get("AWS_SECRET_ACCESS_KEY"), SessionToken: get("AWS_SESSION_TOKEN"),
			Source: "environment",
		},
	}
	if c.Env == "" || strings.ContainsFunc(c.Env, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return c, fmt.Errorf("APP_ENV must be set to lower-case letters, for example prod")
	}
	if c.Region == "" {
		return c, fmt.Errorf("AWS_REGION must be set")
	}
	if s := get("RATE_PER_KEY"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return c, fmt.Errorf("RATE_PER_KEY must be a whole number from 1 on")
		}
		c.RatePerKey = n
	}
	if s := get("LOG_DAYS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return c, fmt.Errorf("LOG_DAYS must be a whole number from 1 on")
		}
		c.LogDays = n
	}
	if c.TokenIssuer != "" && c.TokenClient == "" && c.UserPool == "" {
		return c, fmt.Errorf("TOKEN_CLIENT_ID must be set with TOKEN_ISSUER")
	}
	if c.TokenKeys == "" {
		c.TokenKeys = c.TokenIssuer + "/.well-known/jwks.json"
	}
	if c.TokenIssuer != "" && c.Env != "local" && !strings.HasPrefix(c.TokenIssuer+" "+c.TokenKeys, "https://") {
		return c, fmt.Errorf("TOKEN_ISSUER must be an https address")
	}
	for name, endpoint := range map[string]string{"DYNAMODB_ENDPOINT": c.DynamoDBEndpoint, "S3_ENDPOINT": c.S3Endpoint, "KMS_ENDPOINT": c.KMSEndpoint, "SES_ENDPOINT": c.SESEndpoint, "STS_ENDPOINT": c.STSEndpoint, "COGNITO_ENDPOINT": c.PoolEndpoint, "BACKUP_ENDPOINT": c.BackupEndpoint, "S3_PUBLIC_ENDPOINT": c.S3Public} {
		if endpoint != "" && (c.Env != "local" || !loopback(endpoint)) {
			return c, fmt.Errorf("%s may be set only with APP_ENV=local and to an address of this machine", name)
		}
	}
	return c, nil
}

func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// aws is the configuration of all AWS clients. It is made by hand: loading the shared configuration costs a millisecond
// at start and two megabytes, and a function has its credentials in its environment anyway.
func (c Config) aws(client aws.HTTPClient) aws.Config {
	if client == nil {
		client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
			Proxy:               nil,
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 3 * time.Second,
			ForceAttemptHTTP2: true, ResponseHeaderTimeout: 10 * time.Second,
		}}
	}
	return aws.Config{Region: c.Region, HTTPClient: client}
}

// identity is who the function is on its own.
func (c Config) identity(context.Context) (aws.Credentials, string) {
	return c.credentials, c.TenantRole
}
