// Package kms is a small local key service with the wire shape of AWS KMS (JSON 1.1, TrentService): symmetric keys with
// encryption context, P-256 signing keys, HMAC keys, disabling, and deletion after 7 to 30 days. It exists because no
// engine on offer is correct: it is for development and tests, and keeps its keys in plain files.
package kms

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// Account and region of the ARNs it makes.
const (
	account = "000000000000"
	region  = "eu-west-1"
)

// maxRequest bounds a request, in bytes: KMS takes 4 KB of plaintext at most.
const maxRequest = 64 << 10

// Service is an http.Handler.
type Service struct {
	store *store
	ops   map[string]operation
}

// operation answers one request body with one response.
type operation func(body []byte) (any, error)

// Open makes the service over a folder, which is made if absent.
func Open(dir string, now func() time.Time) (*Service, error) {
	st, err := openStore(dir, now)
	if err != nil {
		return nil, err
	}
	s := &Service{store: st}
	s.ops = map[string]operation{
		"CreateKey": s.createKey, "CreateAlias": s.createAlias, "DeleteAlias": s.deleteAlias, "ListAliases": s.listAliases,
		"DescribeKey": s.describeKey, "DisableKey": s.disableKey, "EnableKey": s.enableKey,
		"ScheduleKeyDeletion": s.scheduleDeletion, "CancelKeyDeletion": s.cancelDeletion,
		"EnableKeyRotation": s.enableRotation, "DisableKeyRotation": s.disableRotation, "GetKeyRotationStatus": s.rotationStatus,
		"TagResource": s.tag, "ListResourceTags": s.tags,
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

func invalid(message string) error { return refuse("ValidationException", message) }

// ServeHTTP answers one call.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	op, known := s.ops[name]
	if r.Method != http.MethodPost || !ok || !known {
		answer(w, nil, refuse("UnknownOperationException", "The key service does not know this operation."))
		return
	}
	if r.Header.Get("Authorization") == "" {
		answer(w, nil, &exception{Type: "MissingAuthenticationTokenException", Message: "The request is not signed.", status: http.StatusForbidden})
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil || len(body) > maxRequest {
		answer(w, nil, refuse("SerializationException", "The request cannot be read."))
		return
	}
	out, err := op(body)
	answer(w, out, err)
}

func answer(w http.ResponseWriter, out any, err error) {
	if err != nil {
		e, ok := err.(*exception)
		if !ok {
			e = &exception{Type: "KMSInternalException", Message: err.Error(), status: http.StatusInternalServerError}
		}
		w.WriteHeader(e.status)
		_ = json.NewEncoder(w).Encode(e)
		return
	}
	_ = json.NewEncoder(w).Encode(out)
}

// read decodes a request; a body of another shape is a SerializationException.
func read[T any](body []byte) (T, error) {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return v, refuse("SerializationException", "The request has an unexpected shape.")
	}
	return v, nil
}
