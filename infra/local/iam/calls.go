package iam

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/passportcraft/passportcraft/infra/local/iam/policy"
)

// kms is the request of a call of the Key Management Service.
func (a *attempt) kms() ([]policy.Request, string) {
	operation := strings.TrimPrefix(a.r.Header.Get("X-Amz-Target"), "TrentService.")
	switch operation {
	case "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "Sign", "Verify", "GetPublicKey", "DescribeKey":
	default:
		return nil, operation
	}
	var in struct {
		KeyID             string `json:"KeyId"`
		EncryptionContext map[string]string
	}
	if json.Unmarshal(a.body, &in) != nil || in.KeyID == "" {
		return nil, operation // without a name, the key that the ciphertext names would have to be found first
	}
	resource := in.KeyID
	if !strings.HasPrefix(resource, "arn:") {
		resource = "arn:aws:kms:" + a.region + ":" + a.options.Values["AWS::AccountId"] + ":key/" + in.KeyID
	}
	keys := policy.Keys{}
	var names []string
	for name, v := range in.EncryptionContext {
		keys.Set("kms:EncryptionContext:"+name, v)
		names = append(names, name)
	}
	if names != nil {
		keys.Set("kms:EncryptionContextKeys", names...)
	}
	return []policy.Request{{Action: "kms:" + operation, Resource: resource, Keys: keys}}, ""
}

// cognito is the request of reading or deleting users of the pool, which has the tag that the template gives it.
func (a *attempt) cognito() ([]policy.Request, string) {
	operation := strings.TrimPrefix(a.r.Header.Get("X-Amz-Target"), "AWSCognitoIdentityProviderService.")
	var in struct {
		UserPoolID string `json:"UserPoolId"`
	}
	switch operation {
	case "AdminGetUser", "AdminUserGlobalSignOut", "AdminDeleteUser", "ListUsers":
	default:
		return nil, operation
	}
	if json.Unmarshal(a.body, &in) != nil || in.UserPoolID == "" {
		return nil, operation
	}
	of := "arn:aws:cognito-idp:" + a.region + ":" + a.options.Values["AWS::AccountId"] + ":userpool/" + in.UserPoolID
	tag := policy.Keys{}.Set("aws:ResourceTag/product", "passportcraft-"+a.options.Values["AppEnv"])
	return []policy.Request{{Action: "cognito-idp:" + operation, Resource: of, Keys: tag}}, ""
}

// ses is the request of sending a mail, or about the list of addresses to which nothing is sent, which belongs to the
// account.
func (a *attempt) ses() ([]policy.Request, string) {
	if strings.Contains(a.r.URL.Path, "/v2/email/suppression/addresses") {
		action := map[string]string{http.MethodDelete: "DeleteSuppressedDestination", http.MethodGet: "GetSuppressedDestination"}[a.r.Method]
		if strings.HasSuffix(a.r.URL.Path, "/addresses") && a.r.Method == http.MethodGet {
			action = "ListSuppressedDestinations"
		}
		if action == "" {
			return nil, a.r.Method
		}
		return []policy.Request{{Action: "ses:" + action, Resource: "*"}}, ""
	}
	var in struct{ FromEmailAddress string }
	if !strings.HasSuffix(a.r.URL.Path, "/v2/email/outbound-emails") || json.Unmarshal(a.body, &in) != nil {
		return nil, a.r.Method
	}
	_, domain, _ := strings.Cut(in.FromEmailAddress, "@")
	of := "arn:aws:ses:" + a.region + ":" + a.options.Values["AWS::AccountId"] + ":identity/" + domain
	return []policy.Request{{Action: "ses:SendEmail", Resource: of, Keys: policy.Keys{}.Set("ses:FromAddress", in.FromEmailAddress)}}, ""
}

// s3 is the request of a call of the object storage, with the bucket in the path.
func (a *attempt) s3() ([]policy.Request, string) {
	at := clone(a.r.URL)
	a.strip(at)
	bucket, object, _ := strings.Cut(strings.TrimPrefix(at.Path, "/"), "/")
	query := at.Query()
	keys := policy.Keys{}
	for header, key := range map[string]string{
		"X-Amz-Server-Side-Encryption":                    "s3:x-amz-server-side-encryption",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id":     "s3:x-amz-server-side-encryption-aws-kms-key-id",
		"X-Amz-Server-Side-Encryption-Customer-Algorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
	} {
		if v := a.r.Header.Get(header); v != "" {
			keys.Set(key, v)
		}
	}
	if query.Has("prefix") {
		keys.Set("s3:prefix", query.Get("prefix"))
	}
	actions, of := s3Actions(a.r, query, object), "arn:aws:s3:::"+bucket
	if a.r.Method == http.MethodPost && object == "" && query.Has("delete") {
		return a.deleted(of)
	}
	if object != "" {
		of += "/" + object
	}
	if len(actions) == 0 || bucket == "" || a.r.Header.Get("X-Amz-Copy-Source") != "" {
		return nil, a.r.Method
	}
	all := make([]policy.Request, 0, len(actions))
	for _, action := range actions {
		all = append(all, policy.Request{Action: "s3:" + action, Resource: of, Keys: keys})
	}
	return all, ""
}

// deleted is one request for each object and version that a call deletes together.
func (a *attempt) deleted(of string) ([]policy.Request, string) {
	body, err := io.ReadAll(io.LimitReader(a.r.Body, maxBody))
	_ = a.r.Body.Close()
	a.r.Body = io.NopCloser(bytes.NewReader(body))
	var in struct {
		Object []struct {
			Key       string `xml:"Key"`
			VersionID string `xml:"VersionId"`
		} `xml:"Object"`
	}
	if err != nil || xml.Unmarshal(body, &in) != nil || len(in.Object) == 0 {
		return nil, "DeleteObjects"
	}
	var all []policy.Request
	for _, o := range in.Object {
		action := "s3:DeleteObject"
		if o.VersionID != "" {
			action = "s3:DeleteObjectVersion"
		}
		all = append(all, policy.Request{Action: action, Resource: of + "/" + o.Key, Keys: policy.Keys{}})
	}
	return all, ""
}

// s3Actions are the permissions that a call needs (Amazon S3 User Guide, "Required permissions for Amazon S3 API
// operations").
func s3Actions(r *http.Request, q url.Values, object string) []string {
	if object == "" {
		switch {
		case r.Method == http.MethodGet && q.Has("uploads"):
			return []string{"ListBucketMultipartUploads"}
		case r.Method == http.MethodGet && q.Has("versions"):
			return []string{"ListBucketVersions"}
		case r.Method == http.MethodGet && q.Get("list-type") == "2", r.Method == http.MethodHead:
			return []string{"ListBucket"}
		}
		return nil
	}
	version := q.Has("versionId")
	switch {
	case r.Method == http.MethodGet && q.Has("uploadId"):
		return []string{"ListMultipartUploadParts"}
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return []string{"AbortMultipartUpload"}
	case (r.Method == http.MethodPost || r.Method == http.MethodPut) && (q.Has("uploadId") || q.Has("uploads")):
		return []string{"PutObject"}
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && plainQuery(q):
		if version {
			return []string{"GetObjectVersion"}
		}
		return []string{"GetObject"}
	case r.Method == http.MethodPut && plainQuery(q):
		actions := []string{"PutObject"}
		if r.Header.Get("X-Amz-Object-Lock-Mode") != "" || r.Header.Get("X-Amz-Object-Lock-Retain-Until-Date") != "" {
			actions = append(actions, "PutObjectRetention")
		}
		if r.Header.Get("X-Amz-Tagging") != "" {
			actions = append(actions, "PutObjectTagging")
		}
		return actions
	case r.Method == http.MethodDelete && plainQuery(q):
		if version {
			return []string{"DeleteObjectVersion"}
		}
		return []string{"DeleteObject"}
	}
	return nil
}

// plainQuery reports whether a call is about the object itself and not about one of its sides (acl, tagging, …).
func plainQuery(q url.Values) bool {
	for name := range q {
		if name != "x-id" && name != "versionId" && !strings.HasPrefix(name, "response-") {
			return false
		}
	}
	return true
}
