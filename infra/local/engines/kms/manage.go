package kms

import (
	"slices"
	"strings"
	"time"
)

type metadata struct {
	Arn             string   `json:"Arn"`
	AWSAccountID    string   `json:"AWSAccountId"`
	CreationDate    float64  `json:"CreationDate"`
	DeletionDate    *float64 `json:"DeletionDate,omitempty"`
	Description     string   `json:"Description"`
	Enabled         bool     `json:"Enabled"`
	KeyID           string   `json:"KeyId"`
	KeyManager      string   `json:"KeyManager"`
	KeySpec         string   `json:"KeySpec"`
	KeyState        string   `json:"KeyState"`
	KeyUsage        string   `json:"KeyUsage"`
	Origin          string   `json:"Origin"`
	MultiRegion     bool     `json:"MultiRegion"`
	CustomerKeySpec string   `json:"CustomerMasterKeySpec"`
}

func describe(k *key) metadata {
	m := metadata{
		Arn: k.arn(), AWSAccountID: account, CreationDate: epoch(k.Created), Description: k.Description, Enabled: k.State == enabled,
		KeyID: k.ID, KeyManager: "CUSTOMER", KeySpec: k.Spec, CustomerKeySpec: k.Spec, KeyState: k.State, KeyUsage: k.Usage, Origin: "AWS_KMS",
	}
	if k.State == pendingDeletion {
		d := epoch(k.Deletion)
		m.DeletionDate = &d
	}
	return m
}

func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

type named struct {
	KeyID string `json:"KeyId"`
}

type tagPair struct {
	TagKey, TagValue string
}

func (s *Service) createKey(body []byte) (any, error) {
	in, err := read[struct {
		KeySpec, CustomerMasterKeySpec, KeyUsage, Description string
		Tags                                                  []tagPair
	}](body)
	if err != nil {
		return nil, err
	}
	spec := in.KeySpec
	if spec == "" {
		spec = in.CustomerMasterKeySpec
	}
	if spec == "" {
		spec = symmetric
	}
	usages := map[string]string{symmetric: "ENCRYPT_DECRYPT", p256: "SIGN_VERIFY", hmac256: "GENERATE_VERIFY_MAC"}
	usage, ok := usages[spec]
	if !ok {
		return nil, refuse("UnsupportedOperationException", "Key spec "+spec+" is not offered here.")
	}
	if in.KeyUsage != "" && in.KeyUsage != usage || in.KeyUsage == "" && spec != symmetric {
		return nil, invalid("Key usage " + in.KeyUsage + " does not fit key spec " + spec + ".")
	}
	tags := map[string]string{}
	for _, t := range in.Tags {
		tags[t.TagKey] = t.TagValue
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	k, err := s.store.create(spec, usage, in.Description, tags)
	if err != nil {
		return nil, err
	}
	return map[string]any{"KeyMetadata": describe(k)}, nil
}

// change finds a key, lets f change it and writes it.
func (s *Service) change(name string, f func(*key) error) (*key, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	k, err := s.store.find(name)
	if err != nil {
		return nil, err
	}
	if err := f(k); err != nil {
		return nil, err
	}
	return k, s.store.save(k)
}

func (s *Service) describeKey(body []byte) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	k, err := s.store.find(in.KeyID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"KeyMetadata": describe(k)}, nil
}

func (s *Service) disableKey(body []byte) (any, error) { return s.setState(body, disabled) }
func (s *Service) enableKey(body []byte) (any, error)  { return s.setState(body, enabled) }

func (s *Service) setState(body []byte, state string) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	_, err = s.change(in.KeyID, func(k *key) error {
		if k.State == pendingDeletion {
			return refuse("KMSInvalidStateException", k.arn()+" is pending deletion.")
		}
		k.State = state
		return nil
	})
	return struct{}{}, err
}

func (s *Service) scheduleDeletion(body []byte) (any, error) {
	in, err := read[struct {
		KeyID               string `json:"KeyId"`
		PendingWindowInDays *int
	}](body)
	if err != nil {
		return nil, err
	}
	days := 30
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if days < 7 || days > 30 {
		return nil, invalid("PendingWindowInDays must be from 7 to 30.")
	}
	k, err := s.change(in.KeyID, func(k *key) error {
		if k.State == pendingDeletion {
			return refuse("KMSInvalidStateException", k.arn()+" is pending deletion.")
		}
		k.State, k.Deletion = pendingDeletion, s.store.now().Add(time.Duration(days)*24*time.Hour)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"KeyId": k.arn(), "DeletionDate": epoch(k.Deletion), "KeyState": k.State, "PendingWindowInDays": days}, nil
}

func (s *Service) cancelDeletion(body []byte) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	k, err := s.change(in.KeyID, func(k *key) error {
		if k.State != pendingDeletion {
			return refuse("KMSInvalidStateException", k.arn()+" is not pending deletion.")
		}
		k.State, k.Deletion = disabled, time.Time{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"KeyId": k.arn()}, nil
}

func (s *Service) enableRotation(body []byte) (any, error)  { return s.setRotation(body, true) }
func (s *Service) disableRotation(body []byte) (any, error) { return s.setRotation(body, false) }

func (s *Service) setRotation(body []byte, on bool) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	_, err = s.change(in.KeyID, func(k *key) error {
		if k.Spec != symmetric {
			return refuse("UnsupportedOperationException", "Only symmetric keys rotate.")
		}
		k.Rotation = on
		return nil
	})
	return struct{}{}, err
}

func (s *Service) rotationStatus(body []byte) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	k, err := s.store.find(in.KeyID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"KeyRotationEnabled": k.Rotation, "KeyId": k.arn()}, nil
}

func (s *Service) createAlias(body []byte) (any, error) {
	in, err := read[struct{ AliasName, TargetKeyId string }](body)
	if err != nil {
		return nil, err
	}
	if !validAlias(in.AliasName) {
		return nil, invalid("An alias is alias/ and up to 250 letters, digits, slashes, underscores and dashes.")
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if _, ok := s.store.aliases[in.AliasName]; ok {
		return nil, refuse("AlreadyExistsException", "An alias with the name "+in.AliasName+" already exists.")
	}
	k, err := s.store.find(in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	s.store.aliases[in.AliasName] = k.ID
	return struct{}{}, s.store.saveAliases()
}

func (s *Service) deleteAlias(body []byte) (any, error) {
	in, err := read[struct{ AliasName string }](body)
	if err != nil {
		return nil, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if _, ok := s.store.aliases[in.AliasName]; !ok {
		return nil, refuse("NotFoundException", "Alias "+in.AliasName+" is not found.")
	}
	delete(s.store.aliases, in.AliasName)
	return struct{}{}, s.store.saveAliases()
}

func (s *Service) listAliases([]byte) (any, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	list := []map[string]string{}
	for name, id := range s.store.aliases {
		list = append(list, map[string]string{"AliasName": name, "TargetKeyId": id, "AliasArn": "arn:aws:kms:" + region + ":" + account + ":" + name})
	}
	slices.SortFunc(list, func(a, b map[string]string) int { return strings.Compare(a["AliasName"], b["AliasName"]) })
	return map[string]any{"Aliases": list, "Truncated": false}, nil
}

func (s *Service) tag(body []byte) (any, error) {
	in, err := read[struct {
		KeyID string `json:"KeyId"`
		Tags  []tagPair
	}](body)
	if err != nil {
		return nil, err
	}
	_, err = s.change(in.KeyID, func(k *key) error {
		if k.Tags == nil {
			k.Tags = map[string]string{}
		}
		for _, t := range in.Tags {
			k.Tags[t.TagKey] = t.TagValue
		}
		return nil
	})
	return struct{}{}, err
}

func (s *Service) tags(body []byte) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	k, err := s.store.find(in.KeyID)
	if err != nil {
		return nil, err
	}
	list := []tagPair{}
	for name, value := range k.Tags {
		list = append(list, tagPair{name, value})
	}
	slices.SortFunc(list, func(a, b tagPair) int { return strings.Compare(a.TagKey, b.TagKey) })
	return map[string]any{"Tags": list, "Truncated": false}, nil
}
