package kms

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// States of a key.
const (
	enabled         = "Enabled"
	disabled        = "Disabled"
	pendingDeletion = "PendingDeletion"
)

// Kinds of keys.
const (
	symmetric = "SYMMETRIC_DEFAULT"
	p256      = "ECC_NIST_P256"
	hmac256   = "HMAC_256"
)

// key is one key as it is kept on disk.
type key struct {
	ID          string
	Spec        string
	Usage       string
	State       string
	Description string
	Material    []byte // 32 random bytes, or a PKCS #8 private key
	Created     time.Time
	Deletion    time.Time `json:",omitzero"`
	Rotation    bool
	Tags        map[string]string
}

func (k *key) arn() string { return "arn:aws:kms:" + region + ":" + account + ":key/" + k.ID }

// store keeps keys and aliases in files; every change is written and synced before it is answered.
type store struct {
	dir string
	now func() time.Time

	mu      sync.Mutex
	keys    map[string]*key
	aliases map[string]string // alias/name -> key id
}

func openStore(dir string, now func() time.Time) (*store, error) {
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		return nil, err
	}
	s := &store{dir: dir, now: now, keys: map[string]*key{}, aliases: map[string]string{}}
	files, err := filepath.Glob(filepath.Join(dir, "keys", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		k := &key{}
		if err := json.Unmarshal(b, k); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		s.keys[k.ID] = k
	}
	b, err := os.ReadFile(filepath.Join(dir, "aliases.json"))
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	return s, json.Unmarshal(b, &s.aliases)
}

// find returns the key that an identifier, ARN, alias or alias ARN names. A key whose deletion is due is destroyed then
// and not found.
func (s *store) find(name string) (*key, error) {
	prefix := "arn:aws:kms:" + region + ":" + account + ":"
	name = strings.TrimPrefix(strings.TrimPrefix(name, prefix), "key/")
	if strings.HasPrefix(name, "alias/") {
		id, ok := s.aliases[name]
		if !ok {
			return nil, refuse("NotFoundException", "Alias "+name+" is not found.")
		}
		name = id
	}
	k, ok := s.keys[name]
	if !ok {
		return nil, refuse("NotFoundException", "Key "+name+" does not exist.")
	}
	if k.State == pendingDeletion && !s.now().Before(k.Deletion) {
		return nil, s.destroy(k)
	}
	return k, nil
}

func (s *store) destroy(k *key) error {
	if err := os.Remove(filepath.Join(s.dir, "keys", k.ID+".json")); err != nil {
		return err
	}
	delete(s.keys, k.ID)
	for alias, id := range s.aliases {
		if id == k.ID {
			delete(s.aliases, alias)
		}
	}
	if err := s.saveAliases(); err != nil {
		return err
	}
	return refuse("NotFoundException", "Key "+k.ID+" does not exist.")
}

// usable returns a key that may be used now for a purpose.
func (s *store) usable(name, usage string) (*key, error) {
	k, err := s.find(name)
	if err != nil {
		return nil, err
	}
	switch {
	case k.State == disabled:
		return nil, refuse("DisabledException", k.arn()+" is disabled.")
	case k.State == pendingDeletion:
		return nil, refuse("KMSInvalidStateException", k.arn()+" is pending deletion.")
	case k.Usage != usage:
		return nil, refuse("InvalidKeyUsageException", k.arn()+" key usage is "+k.Usage+" which is not valid for this operation.")
	}
	return k, nil
}

func (s *store) create(spec, usage, description string, tags map[string]string) (*key, error) {
	k := &key{Spec: spec, Usage: usage, State: enabled, Description: description, Created: s.now(), Tags: tags, Material: make([]byte, 32)}
	raw := make([]byte, 16)
	if _, err := rand.Read(raw); err != nil {
		return nil, err
	}
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	h := hex.EncodeToString(raw)
	k.ID = h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	if _, err := rand.Read(k.Material); err != nil {
		return nil, err
	}
	if spec == p256 {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		if k.Material, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
			return nil, err
		}
	}
	s.keys[k.ID] = k
	return k, s.save(k)
}

func (s *store) save(k *key) error {
	b, err := json.MarshalIndent(k, "", " ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(s.dir, "keys", k.ID+".json"), b)
}

func (s *store) saveAliases() error {
	b, err := json.MarshalIndent(s.aliases, "", " ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(s.dir, "aliases.json"), b)
}

// replace writes a file so that a reader sees the old or the new content, whole, also after a crash.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func validAlias(name string) bool {
	return regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]{1,250}$`).MatchString(name) && !strings.HasPrefix(name, "alias/aws/")
}
