package kms_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/infra/local/engines/kms"
)

// A reopened service answers as before: keys, states, aliases, tags.
func TestReopenKeepsEverything(t *testing.T) {
	b, ctx := open(t), t.Context()
	id, signer := b.symmetric(t), b.key(t, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify)
	off := b.symmetric(t)
	blob := b.sealed(t, id, "secret", map[string]string{"t": "one"})
	must[*sdk.CreateAliasOutput](t)(b.CreateAlias(ctx, &sdk.CreateAliasInput{AliasName: aws.String("alias/kept"), TargetKeyId: id}))
	must[*sdk.DisableKeyOutput](t)(b.DisableKey(ctx, &sdk.DisableKeyInput{KeyId: off}))
	before := must[*sdk.GetPublicKeyOutput](t)(b.GetPublicKey(ctx, &sdk.GetPublicKeyInput{KeyId: signer})).PublicKey
	b.restart(t)
	out := must[*sdk.DecryptOutput](t)(b.Decrypt(ctx, &sdk.DecryptInput{KeyId: aws.String("alias/kept"), CiphertextBlob: blob, EncryptionContext: map[string]string{"t": "one"}}))
	if string(out.Plaintext) != "secret" {
		t.Errorf("decrypted %q", out.Plaintext)
	}
	after := must[*sdk.GetPublicKeyOutput](t)(b.GetPublicKey(ctx, &sdk.GetPublicKeyInput{KeyId: signer})).PublicKey
	if !bytes.Equal(before, after) {
		t.Error("the signing key is another")
	}
	_, err := b.Encrypt(ctx, &sdk.EncryptInput{KeyId: off, Plaintext: []byte("x")})
	refused(t, "the disabled key", "DisabledException", err)
}

// A key whose day has come is gone, from memory and from disk, and so are its aliases; a moment before it is not.
func TestDueKeysAreDestroyed(t *testing.T) {
	for name, reopen := range map[string]bool{"at the next request": false, "at the next start": true} {
		t.Run(name, func(t *testing.T) {
			b, ctx := open(t), t.Context()
			id, other := b.symmetric(t), b.symmetric(t)
			blob := b.sealed(t, id, "secret", nil)
			for alias, key := range map[string]*string{"alias/gone": id, "alias/kept": other} {
				must[*sdk.CreateAliasOutput](t)(b.CreateAlias(ctx, &sdk.CreateAliasInput{AliasName: &alias, TargetKeyId: key}))
			}
			must[*sdk.ScheduleKeyDeletionOutput](t)(b.ScheduleKeyDeletion(ctx, &sdk.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(7)}))
			b.advance(7*24*time.Hour - time.Millisecond)
			must[*sdk.DescribeKeyOutput](t)(b.DescribeKey(ctx, &sdk.DescribeKeyInput{KeyId: id}))
			if got := files(t, b.dir); len(got) != 2 {
				t.Errorf("before the day there are %v", got)
			}
			b.advance(time.Millisecond)
			if reopen {
				b.restart(t)
			}
			_, err := b.CancelKeyDeletion(ctx, &sdk.CancelKeyDeletionInput{KeyId: id})
			refused(t, "cancel", "NotFoundException", err)
			_, err = b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: blob})
			refused(t, "decrypt", "AccessDeniedException", err)
			_, err = b.DescribeKey(ctx, &sdk.DescribeKeyInput{KeyId: aws.String("alias/gone")})
			refused(t, "alias", "NotFoundException", err)
			must[*sdk.DescribeKeyOutput](t)(b.DescribeKey(ctx, &sdk.DescribeKeyInput{KeyId: aws.String("alias/kept")}))
			must[*sdk.CreateAliasOutput](t)(b.CreateAlias(ctx, &sdk.CreateAliasInput{AliasName: aws.String("alias/gone"), TargetKeyId: other}))
			if diff := cmp.Diff([]string{*other + ".json"}, files(t, b.dir)); diff != "" {
				t.Errorf("key files (-want +got):\n%s", diff)
			}
		})
	}
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	for _, e := range must[[]os.DirEntry](t)(os.ReadDir(filepath.Join(dir, "keys"))) {
		names = append(names, e.Name())
	}
	return names
}

// Key files are for their owner only; what an interrupted write left is removed; damage is told, not skipped.
func TestFiles(t *testing.T) {
	b := open(t)
	id := b.symmetric(t)
	must[*sdk.CreateAliasOutput](t)(b.CreateAlias(t.Context(), &sdk.CreateAliasInput{AliasName: aws.String("alias/a"), TargetKeyId: id}))
	left := filepath.Join(b.dir, "keys", ".new-123")
	if err := os.WriteFile(left, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	// An interrupted destruction leaves aliases of a key that is gone; they must not block the name.
	if err := os.WriteFile(filepath.Join(b.dir, "aliases.json"), []byte(`{"alias/a":"00000000-0000-4000-8000-000000000000"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	b.restart(t)
	must[*sdk.CreateAliasOutput](t)(b.CreateAlias(t.Context(), &sdk.CreateAliasInput{AliasName: aws.String("alias/a"), TargetKeyId: id}))
	if _, err := os.Stat(left); err == nil {
		t.Error("an unfinished write is still there")
	}
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "keys", *id+".json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kms.Open(b.dir, func() time.Time { return start }); err == nil || !strings.Contains(err.Error(), *id) {
		t.Errorf("a damaged key file: %v", err)
	}
}

// What is encrypted comes back under the same context and under no other, whichever key of the service did it.
func TestEncryptionIsBoundToContext(t *testing.T) {
	b := open(t)
	keys := []*string{b.symmetric(t), b.symmetric(t)}
	contexts := rapid.MapOfN(rapid.StringN(1, 8, 32), rapid.StringN(1, 8, 32), 0, 4)
	rapid.Check(t, func(r *rapid.T) {
		key := rapid.SampledFrom(keys).Draw(r, "key")
		plain := rapid.SliceOfN(rapid.Byte(), 1, 4096).Draw(r, "plain")
		context, other := contexts.Draw(r, "context"), contexts.Draw(r, "other")
		sealed, err := b.Encrypt(t.Context(), &sdk.EncryptInput{KeyId: key, Plaintext: plain, EncryptionContext: context})
		if err != nil {
			r.Fatal(err)
		}
		out, err := b.Decrypt(t.Context(), &sdk.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context})
		if err != nil || !bytes.Equal(out.Plaintext, plain) {
			r.Fatalf("got %x, %v", out, err)
		}
		if cmp.Equal(context, other) {
			return
		}
		_, err = b.Decrypt(t.Context(), &sdk.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: other})
		if code(err) != "InvalidCiphertextException" {
			r.Fatalf("under another context: %v", err)
		}
	})
}

// Requests that are no KMS calls get a JSON error of the right status.
func TestNotACall(t *testing.T) {
	service := must[*kms.Service](t)(kms.Open(t.TempDir(), func() time.Time { return start }))
	for name, c := range map[string]struct {
		method, target, auth, body, want string
		status                           int
	}{
		"get":          {http.MethodGet, "TrentService.ListKeys", "x", "{}", "UnknownOperationException", 400},
		"no target":    {http.MethodPost, "", "x", "{}", "UnknownOperationException", 400},
		"unknown":      {http.MethodPost, "TrentService.ImportKeyMaterial", "x", "{}", "UnknownOperationException", 400},
		"unsigned":     {http.MethodPost, "TrentService.ListKeys", "", "{}", "MissingAuthenticationTokenException", 403},
		"no JSON":      {http.MethodPost, "TrentService.ListKeys", "x", "{", "SerializationException", 400},
		"another type": {http.MethodPost, "TrentService.Encrypt", "x", `{"KeyId":1}`, "SerializationException", 400},
		"too long":     {http.MethodPost, "TrentService.Encrypt", "x", strings.Repeat(" ", 1<<20), "SerializationException", 400},
		"dry run":      {http.MethodPost, "TrentService.Encrypt", "x", `{"DryRun":true}`, "UnsupportedOperationException", 400},
		"no key":       {http.MethodPost, "TrentService.DescribeKey", "x", `{}`, "ValidationException", 400},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := post(t, service, c.method, c.target, c.auth, []byte(c.body))
			if status != c.status || answer["__type"] != c.want || answer["message"] == "" {
				t.Errorf("status %d, %v; want %d %s", status, answer, c.status, c.want)
			}
		})
	}
}

func post(t testing.TB, service http.Handler, method, target, auth string, body []byte) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, "/", bytes.NewReader(body))
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Authorization", auth)
	w := httptest.NewRecorder()
	service.ServeHTTP(w, r)
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s: the answer is not a JSON object: %q", target, w.Body)
	}
	return w.Code, answer
}

// Whatever is sent, the answer is JSON and the fault is the caller's.
func FuzzCall(f *testing.F) {
	b := open(f)
	service := must[*kms.Service](f)(kms.Open(b.dir, func() time.Time { return start }))
	_, made := post(f, service, http.MethodPost, "TrentService.CreateKey", "x", []byte(`{}`))
	id := made["KeyMetadata"].(map[string]any)["KeyId"].(string)
	for target, body := range map[string]string{
		"Encrypt": `{"KeyId":"` + id + `","Plaintext":"AA==","EncryptionContext":{"a":"b"}}`, "Decrypt": `{"CiphertextBlob":"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGQ=="}`,
		"GenerateDataKey": `{"KeyId":"` + id + `","NumberOfBytes":-1}`, "Sign": `{"KeyId":"` + id + `","Message":""}`, "ListAliases": `{"Limit":0,"Marker":"\u0000"}`,
		"ScheduleKeyDeletion": `{"KeyId":"x","PendingWindowInDays":1e3}`, "CreateAlias": `{"AliasName":"alias/\ud800","TargetKeyId":"` + id + `"}`,
		"TagResource": `{"KeyId":"` + id + `","Tags":[null]}`, "CreateKey": `null`, "GetKeyPolicy": `[]`,
	} {
		f.Add(target, []byte(body))
	}
	f.Fuzz(func(t *testing.T, operation string, body []byte) {
		if status, answer := post(t, service, http.MethodPost, "TrentService."+operation, "x", body); status != 200 && status != 400 {
			t.Errorf("%s %q: status %d, %v", operation, body, status, answer)
		}
	})
}
