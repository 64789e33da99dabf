// Package kms is a small local key service with the wire shape of AWS KMS (JSON 1.1, target TrentService): symmetric
// keys bound to an encryption context, P-256 signing keys, HMAC keys, aliases, tags, disabling, and deletion after 7 to
// 30 days. States and exceptions follow the AWS KMS API Reference.
//
// It is for development and tests. It keeps its keys in plain files, does not check signatures of requests, stores key
// policies without enforcing them, and records rotation without changing key material. It has no grants, no multi-region
// keys, no imported material and no RSA.
package kms

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Account and region of the ARNs it makes.
const (
	account   = "000000000000"
	region    = "eu-west-1"
	arnPrefix = "arn:aws:kms:" + region + ":" + account + ":"
)

// maxRequest bounds a request, in bytes: KMS takes 4 KB of plaintext and 32 KB of key policy.
const maxRequest = 128 << 10

// Service is an http.Handler, safe for concurrent use. What a successful answer says has changed is on disk.
type Service struct {
	store *store
	ops   map[string]operation
}

// operation answers one request body with one response. It runs alone: the store is locked around it.
type operation func(body []byte) (any, error)

// Open makes the service over a folder, which is made if absent. now decides when a scheduled deletion is due; a due key
// is destroyed at the next request, or at the next Open.
func Open(dir string, now func() time.Time) (*Service, error) {
	st, err := openStore(dir, now)
	if err != nil {
		return nil, err
	}
	s := &Service{store: st}
	s.ops = map[string]operation{
		"CreateKey": s.createKey, "DescribeKey": s.describeKey, "ListKeys": s.listKeys,
		"DisableKey": s.disableKey, "EnableKey": s.enableKey,
		"ScheduleKeyDeletion": s.scheduleDeletion, "CancelKeyDeletion": s.cancelDeletion,
		"CreateAlias": s.createAlias, "UpdateAlias": s.updateAlias, "DeleteAlias": s.deleteAlias, "ListAliases": s.listAliases,
		"EnableKeyRotation": s.enableRotation, "DisableKeyRotation": s.disableRotation, "GetKeyRotationStatus": s.rotationStatus,
		"TagResource": s.tag, "UntagResource": s.untag, "ListResourceTags": s.tags,
		"PutKeyPolicy": s.putPolicy, "GetKeyPolicy": s.getPolicy, "ListKeyPolicies": s.listPolicies,
		"Encrypt": s.encrypt, "Decrypt": s.decrypt, "ReEncrypt": s.reEncrypt,
		"GenerateDataKey": s.generateDataKey, "GenerateDataKeyWithoutPlaintext": s.generateWithoutPlaintext,
		"Sign": s.sign, "Verify": s.verify, "GetPublicKey": s.publicKey, "GenerateMac": s.generateMac, "VerifyMac": s.verifyMac,
	}
	return s, nil
}

// exception is a KMS error as it goes over the wire.
type exception struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
	status  int
}

func (e *exception) Error() string { return e.Type + ": " + e.Message }

func refuse(kind, message string) error {
	return &exception{Type: kind, Message: message, status: http.StatusBadRequest}
}

func invalid(message string) error     { return refuse("ValidationException", message) }
func unsupported(message string) error { return refuse("UnsupportedOperationException", message) }

// ServeHTTP answers one call: POST / with X-Amz-Target: TrentService.<Operation>. Failures are
// {"__type":…,"message":…} with status 400, 403 for an unsigned request, 500 for a failing disk.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := s.call(r)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", rand.Text())
	if err == nil {
		_ = json.NewEncoder(w).Encode(out)
		return
	}
	e, ok := err.(*exception)
	if !ok {
		e = &exception{Type: "KMSInternalException", Message: err.Error(), status: http.StatusInternalServerError}
	}
	w.WriteHeader(e.status)
	_ = json.NewEncoder(w).Encode(e)
}

func (s *Service) call(r *http.Request) (any, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	op, known := s.ops[name]
	if r.Method != http.MethodPost || !ok || !known {
		return nil, refuse("UnknownOperationException", "The key service does not know this operation.")
	}
	if r.Header.Get("Authorization") == "" {
		return nil, &exception{Type: "MissingAuthenticationTokenException", Message: "The request is not signed.", status: http.StatusForbidden}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil || len(body) > maxRequest {
		return nil, refuse("SerializationException", fmt.Sprintf("The request cannot be read or is longer than %d bytes.", maxRequest))
	}
	asked, err := read[struct {
		DryRun    bool
		Recipient json.RawMessage
	}](body)
	if err != nil {
		return nil, err
	}
	if asked.DryRun || len(asked.Recipient) > 0 {
		return nil, unsupported("The local key service offers neither DryRun nor Recipient.")
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if err := s.store.sweep(); err != nil {
		return nil, err
	}
	return op(body)
}

// read decodes a request; a body of another shape is a SerializationException.
func read[T any](body []byte) (T, error) {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return v, refuse("SerializationException", "The request has an unexpected shape.")
	}
	return v, nil
}
