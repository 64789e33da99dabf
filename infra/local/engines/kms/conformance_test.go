package kms_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
)

// The checks K01 to K13 encode what AWS documents; they are called with AWS's own client.

func TestK01KeyAliasDescribe(t *testing.T) {
	b, ctx := open(t), t.Context()
	for spec, usage := range map[types.KeySpec]types.KeyUsageType{
		types.KeySpecSymmetricDefault: types.KeyUsageTypeEncryptDecrypt,
		types.KeySpecEccNistP256:      types.KeyUsageTypeSignVerify,
		types.KeySpecHmac256:          types.KeyUsageTypeGenerateVerifyMac,
	} {
		id := b.key(t, spec, usage)
		alias := "alias/" + strings.ToLower(string(spec))
		if _, err := b.CreateAlias(ctx, &sdk.CreateAliasInput{AliasName: &alias, TargetKeyId: id}); err != nil {
			t.Fatal(err)
		}
		_, err := b.CreateAlias(ctx, &sdk.CreateAliasInput{AliasName: &alias, TargetKeyId: id})
		refused(t, "the same alias again", "AlreadyExistsException", err)
		arn := "arn:aws:kms:eu-west-1:000000000000:key/" + *id
		for _, name := range []string{*id, arn, alias, "arn:aws:kms:eu-west-1:000000000000:" + alias} {
			m := must[*sdk.DescribeKeyOutput](t)(b.DescribeKey(ctx, &sdk.DescribeKeyInput{KeyId: &name})).KeyMetadata
			got := []any{*m.Arn, *m.KeyId, m.KeySpec, m.KeyUsage, m.KeyState, m.Enabled, m.CreationDate.Equal(start)}
			if diff := cmp.Diff([]any{arn, *id, spec, usage, types.KeyStateEnabled, true, true}, got); diff != "" {
				t.Errorf("describe %s (-want +got):\n%s", name, diff)
			}
		}
	}
	pages := sdk.NewListAliasesPaginator(b.Client, &sdk.ListAliasesInput{Limit: aws.Int32(2)})
	var names []string
	for pages.HasMorePages() {
		for _, a := range must[*sdk.ListAliasesOutput](t)(pages.NextPage(ctx)).Aliases {
			names = append(names, *a.AliasName)
		}
	}
	if diff := cmp.Diff([]string{"alias/ecc_nist_p256", "alias/hmac_256", "alias/symmetric_default"}, names); diff != "" {
		t.Errorf("aliases (-want +got):\n%s", diff)
	}
}

func TestK02EncryptDecryptContext(t *testing.T) {
	b, ctx := open(t), t.Context()
	id := b.symmetric(t)
	blob := b.sealed(t, id, "secret", map[string]string{"t": "one", "x": "y"})
	out := must[*sdk.DecryptOutput](t)(b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: blob, EncryptionContext: map[string]string{"x": "y", "t": "one"}}))
	if string(out.Plaintext) != "secret" || !strings.HasSuffix(*out.KeyId, *id) {
		t.Errorf("decrypted %q under %s", out.Plaintext, *out.KeyId)
	}
	for name, context := range map[string]map[string]string{
		"another value": {"t": "two", "x": "y"}, "none": nil, "one less": {"t": "one"}, "one more": {"t": "one", "x": "y", "z": ""},
		"the same letters": {"to": "nexy"},
	} {
		_, err := b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: blob, EncryptionContext: context})
		refused(t, "context "+name, "InvalidCiphertextException", err)
	}
}

func TestK03DataKey(t *testing.T) {
	b, ctx := open(t), t.Context()
	id, context := b.symmetric(t), map[string]string{"t": "one"}
	made := must[*sdk.GenerateDataKeyOutput](t)(b.GenerateDataKey(ctx, &sdk.GenerateDataKeyInput{KeyId: id, KeySpec: types.DataKeySpecAes256, EncryptionContext: context}))
	if len(made.Plaintext) != 32 {
		t.Errorf("AES_256 has %d bytes", len(made.Plaintext))
	}
	back := must[*sdk.DecryptOutput](t)(b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: made.CiphertextBlob, EncryptionContext: context}))
	if !bytes.Equal(back.Plaintext, made.Plaintext) {
		t.Error("the data key does not come back")
	}
	_, err := b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: made.CiphertextBlob, EncryptionContext: map[string]string{"t": "two"}})
	refused(t, "another context", "InvalidCiphertextException", err)
	blind := must[*sdk.GenerateDataKeyWithoutPlaintextOutput](t)(b.GenerateDataKeyWithoutPlaintext(ctx, &sdk.GenerateDataKeyWithoutPlaintextInput{KeyId: id, NumberOfBytes: aws.Int32(48)}))
	back = must[*sdk.DecryptOutput](t)(b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: blind.CiphertextBlob}))
	if len(back.Plaintext) != 48 {
		t.Errorf("48 bytes asked, %d made", len(back.Plaintext))
	}
	_, err = b.GenerateDataKey(ctx, &sdk.GenerateDataKeyInput{KeyId: id})
	refused(t, "neither size nor spec", "ValidationException", err)
	_, err = b.GenerateDataKey(ctx, &sdk.GenerateDataKeyInput{KeyId: id, KeySpec: types.DataKeySpecAes256, NumberOfBytes: aws.Int32(32)})
	refused(t, "size and spec", "ValidationException", err)
}

func TestK04WrongKeyAndTampering(t *testing.T) {
	b, ctx := open(t), t.Context()
	id, other := b.symmetric(t), b.symmetric(t)
	blob := b.sealed(t, id, "secret", nil)
	_, err := b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: blob, KeyId: other})
	refused(t, "wrong key", "IncorrectKeyException", err)
	for i := range blob {
		bad := bytes.Clone(blob)
		bad[i] ^= 0x40
		for _, name := range []*string{nil, id} {
			_, err := b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: bad, KeyId: name})
			refused(t, "a changed byte", "InvalidCiphertextException", err)
		}
	}
	_, err = b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: blob[:len(blob)-1]})
	refused(t, "a cut blob", "InvalidCiphertextException", err)
}

func TestK05SignVerify(t *testing.T) {
	b, ctx := open(t), t.Context()
	id := b.key(t, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify)
	spki := must[*sdk.GetPublicKeyOutput](t)(b.GetPublicKey(ctx, &sdk.GetPublicKeyInput{KeyId: id})).PublicKey
	public, ok := must[any](t)(x509.ParsePKIXPublicKey(spki)).(*ecdsa.PublicKey)
	if !ok {
		t.Fatal("the public key is not ECDSA")
	}
	message := []byte("what is signed")
	digest := sha256.Sum256(message)
	for kind, signed := range map[types.MessageType][]byte{types.MessageTypeRaw: message, types.MessageTypeDigest: digest[:], "": message} {
		out := must[*sdk.SignOutput](t)(b.Sign(ctx, &sdk.SignInput{KeyId: id, Message: signed, MessageType: kind, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}))
		if !ecdsa.VerifyASN1(public, digest[:], out.Signature) {
			t.Errorf("%q: the standard library does not verify the signature", kind)
		}
		for as, given := range map[types.MessageType][]byte{types.MessageTypeRaw: message, types.MessageTypeDigest: digest[:]} {
			v := must[*sdk.VerifyOutput](t)(b.Verify(ctx, &sdk.VerifyInput{KeyId: id, Message: given, MessageType: as, Signature: out.Signature, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}))
			if !v.SignatureValid {
				t.Errorf("signed as %q, not verified as %q", kind, as)
			}
		}
	}
	_, err := b.Sign(ctx, &sdk.SignInput{KeyId: id, Message: message, MessageType: types.MessageTypeDigest, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	refused(t, "a digest of another length", "ValidationException", err)
	_, err = b.Sign(ctx, &sdk.SignInput{KeyId: id, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha384})
	refused(t, "the algorithm of another key", "InvalidKeyUsageException", err)
	_, err = b.GetPublicKey(ctx, &sdk.GetPublicKeyInput{KeyId: b.symmetric(t)})
	refused(t, "the public key of a symmetric key", "UnsupportedOperationException", err)
}

func TestK06VerifyWrongMessage(t *testing.T) {
	b, ctx := open(t), t.Context()
	id := b.key(t, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify)
	out := must[*sdk.SignOutput](t)(b.Sign(ctx, &sdk.SignInput{KeyId: id, Message: []byte("a"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}))
	for name, in := range map[string]sdk.VerifyInput{
		"another message":   {KeyId: id, Message: []byte("b"), Signature: out.Signature},
		"another key":       {KeyId: b.key(t, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify), Message: []byte("a"), Signature: out.Signature},
		"no signature":      {KeyId: id, Message: []byte("a"), Signature: []byte{0}},
		"a cut signature":   {KeyId: id, Message: []byte("a"), Signature: out.Signature[:60]},
		"trailing garbage":  {KeyId: id, Message: []byte("a"), Signature: append(bytes.Clone(out.Signature), 0)},
		"its digest as raw": {KeyId: id, Message: sum("a"), Signature: out.Signature},
	} {
		in.SigningAlgorithm = types.SigningAlgorithmSpecEcdsaSha256
		_, err := b.Verify(ctx, &in)
		refused(t, name, "KMSInvalidSignatureException", err)
	}
}

func sum(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:] }

func TestK07Mac(t *testing.T) {
	b, ctx := open(t), t.Context()
	id := b.key(t, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	made := must[*sdk.GenerateMacOutput](t)(b.GenerateMac(ctx, &sdk.GenerateMacInput{KeyId: id, Message: []byte("a"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256}))
	v := must[*sdk.VerifyMacOutput](t)(b.VerifyMac(ctx, &sdk.VerifyMacInput{KeyId: id, Message: []byte("a"), Mac: made.Mac, MacAlgorithm: types.MacAlgorithmSpecHmacSha256}))
	if !v.MacValid || len(made.Mac) != 32 {
		t.Errorf("MAC of %d bytes, valid: %v", len(made.Mac), v.MacValid)
	}
	_, err := b.VerifyMac(ctx, &sdk.VerifyMacInput{KeyId: id, Message: []byte("b"), Mac: made.Mac, MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
	refused(t, "another message", "KMSInvalidMacException", err)
	_, err = b.GenerateMac(ctx, &sdk.GenerateMacInput{KeyId: id, Message: []byte("a"), MacAlgorithm: types.MacAlgorithmSpecHmacSha512})
	refused(t, "another algorithm", "InvalidKeyUsageException", err)
}

func TestK08ScheduleDeletion(t *testing.T) {
	b, ctx := open(t), t.Context()
	id := b.symmetric(t)
	blob := b.sealed(t, id, "secret", nil)
	for _, days := range []int32{-1, 0, 6, 31} {
		_, err := b.ScheduleKeyDeletion(ctx, &sdk.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: &days})
		refused(t, "a window out of bounds", "ValidationException", err)
	}
	out := must[*sdk.ScheduleKeyDeletionOutput](t)(b.ScheduleKeyDeletion(ctx, &sdk.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(7)}))
	if !out.DeletionDate.Equal(start.AddDate(0, 0, 7)) || out.KeyState != types.KeyStatePendingDeletion {
		t.Errorf("deletion on %v in state %s", out.DeletionDate, out.KeyState)
	}
	m := must[*sdk.DescribeKeyOutput](t)(b.DescribeKey(ctx, &sdk.DescribeKeyInput{KeyId: id})).KeyMetadata
	if m.KeyState != types.KeyStatePendingDeletion || m.Enabled || !m.DeletionDate.Equal(start.AddDate(0, 0, 7)) {
		t.Errorf("described as %s, enabled %v, deletion %v", m.KeyState, m.Enabled, m.DeletionDate)
	}
	_, err := b.Encrypt(ctx, &sdk.EncryptInput{KeyId: id, Plaintext: []byte("x")})
	refused(t, "encrypt", "KMSInvalidStateException", err)
	_, err = b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: blob})
	refused(t, "decrypt", "KMSInvalidStateException", err)
	_, err = b.EnableKey(ctx, &sdk.EnableKeyInput{KeyId: id})
	refused(t, "enable", "KMSInvalidStateException", err)
	_, err = b.ScheduleKeyDeletion(ctx, &sdk.ScheduleKeyDeletionInput{KeyId: id})
	refused(t, "schedule twice", "KMSInvalidStateException", err)
	must[*sdk.CancelKeyDeletionOutput](t)(b.CancelKeyDeletion(ctx, &sdk.CancelKeyDeletionInput{KeyId: id}))
	_, err = b.CancelKeyDeletion(ctx, &sdk.CancelKeyDeletionInput{KeyId: id})
	refused(t, "cancel twice", "KMSInvalidStateException", err)
	_, err = b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: blob})
	refused(t, "a cancelled key is disabled", "DisabledException", err)
	must[*sdk.EnableKeyOutput](t)(b.EnableKey(ctx, &sdk.EnableKeyInput{KeyId: id}))
	b.advance(40 * 24 * time.Hour)
	must[*sdk.DecryptOutput](t)(b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: blob}))
	out = must[*sdk.ScheduleKeyDeletionOutput](t)(b.ScheduleKeyDeletion(ctx, &sdk.ScheduleKeyDeletionInput{KeyId: id}))
	if *out.PendingWindowInDays != 30 {
		t.Errorf("default window is %d days", *out.PendingWindowInDays)
	}
}

func TestK09Disable(t *testing.T) {
	b, ctx := open(t), t.Context()
	id := b.symmetric(t)
	blob := b.sealed(t, id, "secret", nil)
	signer := b.key(t, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify)
	for _, k := range []*string{id, signer} {
		must[*sdk.DisableKeyOutput](t)(b.DisableKey(ctx, &sdk.DisableKeyInput{KeyId: k}))
	}
	for name, use := range map[string]func() error{
		"encrypt": func() error {
			_, err := b.Encrypt(ctx, &sdk.EncryptInput{KeyId: id, Plaintext: []byte("x")})
			return err
		},
		"decrypt": func() error { _, err := b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: blob}); return err },
		"data key": func() error {
			_, err := b.GenerateDataKey(ctx, &sdk.GenerateDataKeyInput{KeyId: id, KeySpec: types.DataKeySpecAes256})
			return err
		},
		"re-encrypt": func() error {
			_, err := b.ReEncrypt(ctx, &sdk.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: id})
			return err
		},
		"sign": func() error {
			_, err := b.Sign(ctx, &sdk.SignInput{KeyId: signer, Message: []byte("x"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
			return err
		},
		"public key": func() error { _, err := b.GetPublicKey(ctx, &sdk.GetPublicKeyInput{KeyId: signer}); return err },
	} {
		refused(t, name, "DisabledException", use())
	}
	must[*sdk.EnableKeyOutput](t)(b.EnableKey(ctx, &sdk.EnableKeyInput{KeyId: id}))
	must[*sdk.DecryptOutput](t)(b.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: blob}))
}

func TestK10Rotation(t *testing.T) {
	b, ctx := open(t), t.Context()
	id := b.symmetric(t)
	status := func() *sdk.GetKeyRotationStatusOutput {
		return must[*sdk.GetKeyRotationStatusOutput](t)(b.GetKeyRotationStatus(ctx, &sdk.GetKeyRotationStatusInput{KeyId: id}))
	}
	if status().KeyRotationEnabled {
		t.Error("a new key rotates")
	}
	must[*sdk.EnableKeyRotationOutput](t)(b.EnableKeyRotation(ctx, &sdk.EnableKeyRotationInput{KeyId: id}))
	if s := status(); !s.KeyRotationEnabled || *s.RotationPeriodInDays != 365 || !s.NextRotationDate.Equal(start.Add(365*24*time.Hour)) {
		t.Errorf("rotation %v every %v days, next %v", s.KeyRotationEnabled, *s.RotationPeriodInDays, s.NextRotationDate)
	}
	must[*sdk.DisableKeyRotationOutput](t)(b.DisableKeyRotation(ctx, &sdk.DisableKeyRotationInput{KeyId: id}))
	if status().KeyRotationEnabled {
		t.Error("rotation is not switched off")
	}
	_, err := b.EnableKeyRotation(ctx, &sdk.EnableKeyRotationInput{KeyId: b.key(t, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)})
	refused(t, "rotate an HMAC key", "UnsupportedOperationException", err)
}

func TestK11WrongUse(t *testing.T) {
	b, ctx := open(t), t.Context()
	signer, mac := b.key(t, types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify), b.key(t, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	_, err := b.Sign(ctx, &sdk.SignInput{KeyId: b.symmetric(t), Message: []byte("x"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256})
	refused(t, "sign with a symmetric key", "InvalidKeyUsageException", err)
	_, err = b.Encrypt(ctx, &sdk.EncryptInput{KeyId: signer, Plaintext: []byte("x")})
	refused(t, "encrypt with a signing key", "InvalidKeyUsageException", err)
	_, err = b.GenerateMac(ctx, &sdk.GenerateMacInput{KeyId: signer, Message: []byte("x"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256})
	refused(t, "MAC with a signing key", "InvalidKeyUsageException", err)
	_, err = b.Decrypt(ctx, &sdk.DecryptInput{KeyId: mac, CiphertextBlob: b.sealed(t, b.symmetric(t), "x", nil)})
	refused(t, "decrypt with an HMAC key", "InvalidKeyUsageException", err)
	_, err = b.CreateKey(ctx, &sdk.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeEncryptDecrypt})
	refused(t, "an encrypting P-256 key", "ValidationException", err)
	_, err = b.CreateKey(ctx, &sdk.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeSignVerify})
	refused(t, "an RSA key", "UnsupportedOperationException", err)
}

func TestK12Bounds(t *testing.T) {
	b, ctx := open(t), t.Context()
	id := b.symmetric(t)
	_, err := b.Encrypt(ctx, &sdk.EncryptInput{KeyId: id, Plaintext: make([]byte, 4097)})
	refused(t, "4097 bytes", "ValidationException", err)
	must[*sdk.EncryptOutput](t)(b.Encrypt(ctx, &sdk.EncryptInput{KeyId: id, Plaintext: make([]byte, 4096)}))
	for _, name := range []string{
		"00000000-0000-4000-8000-000000000000", "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-4000-8000-000000000000", "alias/none",
		"arn:aws:kms:eu-west-1:000000000000:alias/none", "arn:aws:kms:us-east-1:000000000000:key/" + *id, "../keys/" + *id,
	} {
		_, err := b.Encrypt(ctx, &sdk.EncryptInput{KeyId: &name, Plaintext: []byte("x")})
		refused(t, name, "NotFoundException", err)
	}
	alias := "alias/k12"
	must[*sdk.CreateAliasOutput](t)(b.CreateAlias(ctx, &sdk.CreateAliasInput{AliasName: &alias, TargetKeyId: id}))
	_, err = b.DisableKey(ctx, &sdk.DisableKeyInput{KeyId: &alias})
	refused(t, "disable by alias", "NotFoundException", err)
	for bad, want := range map[string]string{"k12": "ValidationException", "alias/": "ValidationException", "alias/a b": "ValidationException", "alias/aws/x": "InvalidAliasNameException"} {
		_, err := b.CreateAlias(ctx, &sdk.CreateAliasInput{AliasName: &bad, TargetKeyId: id})
		refused(t, bad, want, err)
	}
}

func TestK13ReEncryptTagsPolicy(t *testing.T) {
	b, ctx := open(t), t.Context()
	from, to := b.symmetric(t), b.symmetric(t)
	one, two := map[string]string{"t": "one"}, map[string]string{"t": "two"}
	moved := must[*sdk.ReEncryptOutput](t)(b.ReEncrypt(ctx, &sdk.ReEncryptInput{
		CiphertextBlob: b.sealed(t, from, "secret", one), SourceEncryptionContext: one, DestinationKeyId: to, DestinationEncryptionContext: two,
	}))
	back := must[*sdk.DecryptOutput](t)(b.Decrypt(ctx, &sdk.DecryptInput{KeyId: to, CiphertextBlob: moved.CiphertextBlob, EncryptionContext: two}))
	if string(back.Plaintext) != "secret" || !strings.HasSuffix(*moved.SourceKeyId, *from) {
		t.Errorf("re-encrypted %q from %s", back.Plaintext, *moved.SourceKeyId)
	}
	must[*sdk.TagResourceOutput](t)(b.TagResource(ctx, &sdk.TagResourceInput{KeyId: to, Tags: []types.Tag{
		{TagKey: aws.String("a"), TagValue: aws.String("1")}, {TagKey: aws.String("b"), TagValue: aws.String("")},
	}}))
	must[*sdk.UntagResourceOutput](t)(b.UntagResource(ctx, &sdk.UntagResourceInput{KeyId: to, TagKeys: []string{"b"}}))
	tags := must[*sdk.ListResourceTagsOutput](t)(b.ListResourceTags(ctx, &sdk.ListResourceTagsInput{KeyId: to})).Tags
	if len(tags) != 1 || *tags[0].TagKey != "a" || *tags[0].TagValue != "1" {
		t.Errorf("tags: %v", tags)
	}
	policy := `{"Version":"2012-10-17","Statement":[]}`
	must[*sdk.PutKeyPolicyOutput](t)(b.PutKeyPolicy(ctx, &sdk.PutKeyPolicyInput{KeyId: to, Policy: &policy}))
	if got := must[*sdk.GetKeyPolicyOutput](t)(b.GetKeyPolicy(ctx, &sdk.GetKeyPolicyInput{KeyId: to})); *got.Policy != policy {
		t.Errorf("policy: %s", *got.Policy)
	}
	_, err := b.PutKeyPolicy(context.Background(), &sdk.PutKeyPolicyInput{KeyId: to, Policy: aws.String("{")})
	refused(t, "a policy that is not JSON", "MalformedPolicyDocumentException", err)
}
