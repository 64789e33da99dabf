package kms

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

type metadata struct {
	Arn                   string
	AWSAccountID          string `json:"AWSAccountId"`
	CreationDate          float64
	DeletionDate          float64 `json:",omitempty"`
	Description           string
	Enabled               bool
	KeyID                 string `json:"KeyId"`
	KeyManager            string
	KeySpec               string
	CustomerMasterKeySpec string
	KeyState              string
	KeyUsage              string
	Origin                string
	MultiRegion           bool
	EncryptionAlgorithms  []string `json:",omitempty"`
	SigningAlgorithms     []string `json:",omitempty"`
	MacAlgorithms         []string `json:",omitempty"`
}

func describe(k *key) metadata {
	m := metadata{
		Arn: k.arn(), AWSAccountID: account, CreationDate: epoch(k.Created), Description: k.Description, Enabled: k.State == enabled,
		KeyID: k.ID, KeyManager: "CUSTOMER", KeySpec: k.Spec, CustomerMasterKeySpec: k.Spec, KeyState: k.State, KeyUsage: k.Usage,
		Origin: "AWS_KMS",
	}
	switch k.Usage {
	case forEncryption:
		m.EncryptionAlgorithms = []string{symmetric}
	case forSignatures:
		m.SigningAlgorithms = []string{ecdsaSHA256}
	case forMacs:
		m.MacAlgorithms = []string{"HMAC_SHA_256"}
	}
	if k.State == pendingDeletion {
		m.DeletionDate = epoch(k.Deletion)
	}
	return m
}

// epoch is an instant as KMS writes it: seconds since 1970, UTC, with milliseconds.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

type named struct {
	KeyID string `json:"KeyId"`
}

func (s *Service) createKey(body []byte) (any, error) {
	in, err := read[struct {
		KeySpec, CustomerMasterKeySpec, KeyUsage, Description, Policy, Origin string
		MultiRegion                                                           bool
		Tags                                                                  []tagPair
	}](body)
	if err != nil {
		return nil, err
	}
	if in.MultiRegion || in.Origin != "" && in.Origin != "AWS_KMS" {
		return nil, unsupported("The local key service makes single-region keys of its own only.")
	}
	k := key{Spec: in.KeySpec, Description: in.Description, Policy: in.Policy, Tags: map[string]string{}}
	if k.Spec == "" {
		k.Spec = in.CustomerMasterKeySpec
	}
	if k.Spec == "" {
		k.Spec = symmetric
	}
	usage, ok := map[string]string{symmetric: forEncryption, p256: forSignatures, hmac256: forMacs}[k.Spec]
	if !ok {
		return nil, unsupported("The local key service does not offer key spec " + k.Spec + ".")
	}
	k.Usage = in.KeyUsage
	if k.Usage == "" {
		k.Usage = forEncryption
	}
	if k.Usage != usage {
		return nil, invalid("KeyUsage " + k.Usage + " is not compatible with KeySpec " + k.Spec + "; it must be " + usage + ".")
	}
	if k.Policy == "" {
		k.Policy = ownerPolicy
	}
	if !json.Valid([]byte(k.Policy)) {
		return nil, refuse("MalformedPolicyDocumentException", "The key policy is not JSON.")
	}
	if err := addTags(k.Tags, in.Tags); err != nil {
		return nil, err
	}
	made, err := s.store.create(k)
	if err != nil {
		return nil, err
	}
	return map[string]any{"KeyMetadata": describe(made)}, nil
}

func (s *Service) describeKey(body []byte) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	k, err := s.store.find(in.KeyID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"KeyMetadata": describe(k)}, nil
}

func (s *Service) listKeys(body []byte) (any, error) {
	in, err := read[paging](body)
	if err != nil {
		return nil, err
	}
	ids, answer, err := in.cut(slices.Sorted(maps.Keys(s.store.keys)))
	if err != nil {
		return nil, err
	}
	list := []map[string]string{}
	for _, id := range ids {
		list = append(list, map[string]string{"KeyId": id, "KeyArn": s.store.keys[id].arn()})
	}
	answer["Keys"] = list
	return answer, nil
}

// paging is how the List operations are cut into pages; a marker is the last name of the page before.
type paging struct {
	Limit  *int
	Marker string
}

// cut returns one page of sorted names and the members of the answer that speak of further pages.
func (p paging) cut(names []string) ([]string, map[string]any, error) {
	limit := 50
	if p.Limit != nil {
		limit = *p.Limit
	}
	if limit < 1 || limit > 1000 {
		return nil, nil, invalid("Limit must be from 1 to 1000.")
	}
	at, found := slices.BinarySearch(names, p.Marker)
	if found {
		at++
	}
	names = names[at:]
	if len(names) <= limit {
		return names, map[string]any{"Truncated": false}, nil
	}
	return names[:limit], map[string]any{"Truncated": true, "NextMarker": names[limit-1]}, nil
}

func (s *Service) disableKey(body []byte) (any, error) { return s.setState(body, disabled) }
func (s *Service) enableKey(body []byte) (any, error)  { return s.setState(body, enabled) }

func (s *Service) setState(body []byte, state string) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	_, err = s.store.change(in.KeyID, func(k *key) error {
		k.State, err = state, k.notPending()
		return err
	})
	return struct{}{}, err
}

func (k *key) notPending() error {
	if k.State == pendingDeletion {
		return refuse("KMSInvalidStateException", k.arn()+" is pending deletion.")
	}
	return nil
}

// scheduleDeletion sets the day of a key's destruction, 7 to 30 days ahead, 30 when not said.
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
	k, err := s.store.change(in.KeyID, func(k *key) error {
		if err := k.notPending(); err != nil {
			return err
		}
		k.State, k.Deletion = pendingDeletion, s.store.now().Add(time.Duration(days)*24*time.Hour)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"KeyId": k.arn(), "DeletionDate": epoch(k.Deletion), "KeyState": k.State, "PendingWindowInDays": days}, nil
}

// cancelDeletion leaves the key disabled, as AWS does.
func (s *Service) cancelDeletion(body []byte) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	k, err := s.store.change(in.KeyID, func(k *key) error {
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
	in, err := read[struct {
		KeyID                string `json:"KeyId"`
		RotationPeriodInDays *int
	}](body)
	if err != nil {
		return nil, err
	}
	days := 365
	if in.RotationPeriodInDays != nil {
		days = *in.RotationPeriodInDays
	}
	if days < 90 || days > 2560 {
		return nil, invalid("RotationPeriodInDays must be from 90 to 2560.")
	}
	_, err = s.store.change(in.KeyID, func(k *key) error {
		if k.Spec != symmetric {
			return unsupported("Only symmetric encryption keys rotate.")
		}
		if err := k.ready(forEncryption); err != nil {
			return err
		}
		k.Rotated, k.RotationPeriod = time.Time{}, 0
		if on {
			k.Rotated, k.RotationPeriod = s.store.now(), days
		}
		return nil
	})
	return struct{}{}, err
}

func (s *Service) rotationStatus(body []byte) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	k, err := s.store.byID(in.KeyID)
	if err != nil {
		return nil, err
	}
	answer := map[string]any{"KeyRotationEnabled": !k.Rotated.IsZero() && k.State != pendingDeletion, "KeyId": k.arn()}
	if !k.Rotated.IsZero() {
		answer["RotationPeriodInDays"] = k.RotationPeriod
		answer["NextRotationDate"] = epoch(k.Rotated.Add(time.Duration(k.RotationPeriod) * 24 * time.Hour))
	}
	return answer, nil
}
