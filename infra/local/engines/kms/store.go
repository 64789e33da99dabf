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
	"maps"
	"os"
	"path/filepath"
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

// What a key is for.
const (
	forEncryption = "ENCRYPT_DECRYPT"
	forSignatures = "SIGN_VERIFY"
	forMacs       = "GENERATE_VERIFY_MAC"
)

// key is one key as it is kept on disk. A key in the store is never changed, only replaced.
type key struct {
	ID             string
	Spec           string
	Usage          string
	State          string
	Description    string
	Material       []byte // 32 random bytes, or a PKCS #8 private key
	Created        time.Time
	Deletion       time.Time `json:",omitzero"` // set while the deletion is pending
	Rotated        time.Time `json:",omitzero"` // when rotation was switched on; zero: it is off
	RotationPeriod int       `json:",omitempty"`
	Tags           map[string]string
	Policy         string
}

func (k *key) arn() string { return arnPrefix + "key/" + k.ID }

// store keeps keys and aliases in files. mu is held by the caller of every method.
type store struct {
	dir string
	now func() time.Time

	mu      sync.Mutex
	keys    map[string]*key
	aliases map[string]string // alias/name -> key id
}

func openStore(dir string, now func() time.Time) (*store, error) {
	s := &store{dir: dir, now: now, keys: map[string]*key{}, aliases: map[string]string{}}
	if err := os.MkdirAll(s.keyDir(), 0o700); err != nil {
		return nil, err
	}
	if err := s.dropUnfinished(); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(s.keyDir(), "*.json"))
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
			return nil, fmt.Errorf("the key file %s is damaged: %w", f, err)
		}
		if filepath.Base(f) != k.ID+".json" {
			return nil, fmt.Errorf("the key file %s holds another key, %s", f, k.ID)
		}
		s.keys[k.ID] = k
	}
	b, err := os.ReadFile(s.aliasFile())
	if err == nil {
		if err := json.Unmarshal(b, &s.aliases); err != nil {
			return nil, fmt.Errorf("the alias file %s is damaged: %w", s.aliasFile(), err)
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	// A key is removed before its aliases, so an interrupted destruction leaves aliases of nothing.
	maps.DeleteFunc(s.aliases, func(_, id string) bool { return s.keys[id] == nil })
	return s, s.sweep()
}

func (s *store) keyDir() string           { return filepath.Join(s.dir, "keys") }
func (s *store) keyFile(id string) string { return filepath.Join(s.keyDir(), id+".json") }
func (s *store) aliasFile() string        { return filepath.Join(s.dir, "aliases.json") }

// dropUnfinished removes what an interrupted write has left: it can hold the material of a key that must not exist.
func (s *store) dropUnfinished() error {
	for _, dir := range []string{s.dir, s.keyDir()} {
		files, err := filepath.Glob(filepath.Join(dir, unfinished))
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// byID finds a key by its identifier or ARN, which is all that operations on the key itself accept.
func (s *store) byID(name string) (*key, error) {
	if name == "" {
		return nil, invalid("KeyId is required.")
	}
	if k, ok := s.keys[strings.TrimPrefix(name, arnPrefix+"key/")]; ok {
		return k, nil
	}
	if strings.HasPrefix(name, "alias/") || strings.Contains(name, ":alias/") {
		return nil, refuse("NotFoundException", "Invalid keyId '"+name+"': this operation takes a key id or key ARN, not an alias.")
	}
	return nil, refuse("NotFoundException", "Key '"+name+"' does not exist.")
}

// find finds a key by identifier, ARN, alias or alias ARN, which is what uses of a key and DescribeKey accept.
func (s *store) find(name string) (*key, error) {
	alias := strings.TrimPrefix(name, arnPrefix)
	if !strings.HasPrefix(alias, "alias/") {
		return s.byID(name)
	}
	id, ok := s.aliases[alias]
	if !ok {
		return nil, refuse("NotFoundException", "Alias "+alias+" is not found.")
	}
	return s.byID(id)
}

// sweep destroys the keys whose deletion is due.
func (s *store) sweep() error {
	now := s.now()
	for _, k := range s.keys {
		if k.State != pendingDeletion || now.Before(k.Deletion) {
			continue
		}
		if err := os.Remove(s.keyFile(k.ID)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := syncDir(s.keyDir()); err != nil {
			return err
		}
		delete(s.keys, k.ID)
		kept := maps.Clone(s.aliases)
		maps.DeleteFunc(kept, func(_, id string) bool { return id == k.ID })
		if err := s.setAliases(kept); err != nil {
			return err
		}
	}
	return nil
}

// usable returns a key that may be used now for a purpose.
func (s *store) usable(name, usage string) (*key, error) {
	k, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return k, k.ready(usage)
}

// ready tells why a key cannot be used now for a purpose, or nil.
func (k *key) ready(usage string) error {
	switch {
	case k.Usage != usage:
		return refuse("InvalidKeyUsageException", k.arn()+" key usage is "+k.Usage+" which is not valid for this operation.")
	case k.State == disabled:
		return refuse("DisabledException", k.arn()+" is disabled.")
	case k.State == pendingDeletion:
		return refuse("KMSInvalidStateException", k.arn()+" is pending deletion.")
	}
	return nil
}

// create completes a key with an identifier and fresh material and keeps it.
func (s *store) create(k key) (*key, error) {
	raw := make([]byte, 16)
	if _, err := rand.Read(raw); err != nil {
		return nil, err
	}
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80 // UUID version 4, RFC 9562 clause 5.4
	k.ID, k.State, k.Created = formatID(raw), enabled, s.now()
	if k.Spec == p256 {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		if k.Material, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
			return nil, err
		}
		return &k, s.put(&k)
	}
	k.Material = make([]byte, 32)
	if _, err := rand.Read(k.Material); err != nil {
		return nil, err
	}
	return &k, s.put(&k)
}

func formatID(raw []byte) string {
	h := hex.EncodeToString(raw)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// change replaces a key, found by identifier or ARN, with a copy that f has changed; when f or the disk refuses, nothing
// has changed.
func (s *store) change(name string, f func(*key) error) (*key, error) {
	old, err := s.byID(name)
	if err != nil {
		return nil, err
	}
	k := *old
	k.Tags = maps.Clone(old.Tags)
	if err := f(&k); err != nil {
		return nil, err
	}
	return &k, s.put(&k)
}

// put writes a key and, once it is on disk, offers it.
func (s *store) put(k *key) error {
	b, err := json.MarshalIndent(k, "", " ")
	if err != nil {
		return err
	}
	if err := replace(s.keyFile(k.ID), b); err != nil {
		return err
	}
	s.keys[k.ID] = k
	return nil
}

// setAliases writes all aliases and, once they are on disk, offers them.
func (s *store) setAliases(aliases map[string]string) error {
	b, err := json.MarshalIndent(aliases, "", " ")
	if err != nil {
		return err
	}
	if err := replace(s.aliasFile(), b); err != nil {
		return err
	}
	s.aliases = aliases
	return nil
}

// unfinished matches the files of writes that have not ended.
const unfinished = ".new-*"

// replace writes a file, readable by its owner only, so that after a crash it has the old or the new content, whole.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), unfinished)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes renames and removals in a folder survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
