package kms

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// checkAlias holds a name to the pattern of the AWS KMS API Reference, CreateAlias.
func checkAlias(name string) error {
	rest, ok := strings.CutPrefix(name, "alias/")
	strange := strings.ContainsFunc(rest, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '/' || r == '_' || r == '-')
	})
	if !ok || rest == "" || len(name) > 256 || strange {
		return invalid("AliasName must be alias/ followed by letters, digits, slashes, underscores and dashes, 256 characters at most.")
	}
	if strings.HasPrefix(rest, "aws/") {
		return refuse("InvalidAliasNameException", "Aliases that begin with alias/aws/ are reserved.")
	}
	return nil
}

type aliasInput struct {
	AliasName   string
	TargetKeyID string `json:"TargetKeyId"`
}

func (s *Service) createAlias(body []byte) (any, error) {
	return s.point(body, func(name string) error {
		if _, taken := s.store.aliases[name]; taken {
			return refuse("AlreadyExistsException", "An alias with the name "+arnPrefix+name+" already exists.")
		}
		return nil
	})
}

func (s *Service) updateAlias(body []byte) (any, error) { return s.point(body, s.aliasExists) }

func (s *Service) aliasExists(name string) error {
	if _, ok := s.store.aliases[name]; !ok {
		return refuse("NotFoundException", "Alias "+arnPrefix+name+" is not found.")
	}
	return nil
}

// point makes an alias name a key, when check allows.
func (s *Service) point(body []byte, check func(name string) error) (any, error) {
	in, err := read[aliasInput](body)
	if err != nil {
		return nil, err
	}
	if err := checkAlias(in.AliasName); err != nil {
		return nil, err
	}
	if err := check(in.AliasName); err != nil {
		return nil, err
	}
	k, err := s.store.byID(in.TargetKeyID)
	if err != nil {
		return nil, err
	}
	if err := k.notPending(); err != nil {
		return nil, err
	}
	aliases := maps.Clone(s.store.aliases)
	aliases[in.AliasName] = k.ID
	return struct{}{}, s.store.setAliases(aliases)
}

func (s *Service) deleteAlias(body []byte) (any, error) {
	in, err := read[aliasInput](body)
	if err != nil {
		return nil, err
	}
	if err := s.aliasExists(in.AliasName); err != nil {
		return nil, err
	}
	aliases := maps.Clone(s.store.aliases)
	delete(aliases, in.AliasName)
	return struct{}{}, s.store.setAliases(aliases)
}

func (s *Service) listAliases(body []byte) (any, error) {
	in, err := read[struct {
		KeyID string `json:"KeyId"`
		paging
	}](body)
	if err != nil {
		return nil, err
	}
	chosen := maps.Clone(s.store.aliases)
	if in.KeyID != "" {
		k, err := s.store.byID(in.KeyID)
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(chosen, func(_, id string) bool { return id != k.ID })
	}
	names, answer, err := in.cut(slices.Sorted(maps.Keys(chosen)))
	if err != nil {
		return nil, err
	}
	list := []map[string]string{}
	for _, name := range names {
		list = append(list, map[string]string{"AliasName": name, "TargetKeyId": chosen[name], "AliasArn": arnPrefix + name})
	}
	answer["Aliases"] = list
	return answer, nil
}

type tagPair struct {
	TagKey, TagValue string
}

// addTags holds tags to the bounds of the AWS KMS API Reference, Tag, and of its quotas (50 on a key).
func addTags(to map[string]string, tags []tagPair) error {
	for _, t := range tags {
		if t.TagKey == "" || len(t.TagKey) > 128 || len(t.TagValue) > 256 {
			return refuse("TagException", "A tag has a key of 1 to 128 characters and a value of at most 256.")
		}
		to[t.TagKey] = t.TagValue
	}
	if len(to) > 50 {
		return refuse("LimitExceededException", "A key has at most 50 tags.")
	}
	return nil
}

type tagInput struct {
	KeyID   string `json:"KeyId"`
	Tags    []tagPair
	TagKeys []string
}

func (s *Service) tag(body []byte) (any, error) {
	return s.retag(body, func(k *key, in tagInput) error { return addTags(k.Tags, in.Tags) })
}

func (s *Service) untag(body []byte) (any, error) {
	return s.retag(body, func(k *key, in tagInput) error {
		for _, name := range in.TagKeys {
			delete(k.Tags, name)
		}
		return nil
	})
}

func (s *Service) retag(body []byte, f func(*key, tagInput) error) (any, error) {
	in, err := read[tagInput](body)
	if err != nil {
		return nil, err
	}
	_, err = s.store.change(in.KeyID, func(k *key) error {
		if err := k.notPending(); err != nil {
			return err
		}
		if k.Tags == nil {
			k.Tags = map[string]string{}
		}
		return f(k, in)
	})
	return struct{}{}, err
}

func (s *Service) tags(body []byte) (any, error) {
	in, err := read[struct {
		KeyID string `json:"KeyId"`
		paging
	}](body)
	if err != nil {
		return nil, err
	}
	k, err := s.store.byID(in.KeyID)
	if err != nil {
		return nil, err
	}
	names, answer, err := in.cut(slices.Sorted(maps.Keys(k.Tags)))
	if err != nil {
		return nil, err
	}
	list := []tagPair{}
	for _, name := range names {
		list = append(list, tagPair{name, k.Tags[name]})
	}
	answer["Tags"] = list
	return answer, nil
}

// ownerPolicy is the policy of a key made without one: the account decides.
const ownerPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account +
	`:root"},"Action":"kms:*","Resource":"*"}]}`

// policyName is the only name a key policy has.
const policyName = "default"

type policyInput struct {
	KeyID              string `json:"KeyId"`
	PolicyName, Policy string
}

func (in policyInput) check() error {
	if in.PolicyName != "" && in.PolicyName != policyName {
		return refuse("NotFoundException", "The only key policy is named default.")
	}
	return nil
}

func (s *Service) putPolicy(body []byte) (any, error) {
	in, err := read[policyInput](body)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if !json.Valid([]byte(in.Policy)) {
		return nil, refuse("MalformedPolicyDocumentException", "The key policy is not JSON.")
	}
	_, err = s.store.change(in.KeyID, func(k *key) error { k.Policy = in.Policy; return k.notPending() })
	return struct{}{}, err
}

func (s *Service) getPolicy(body []byte) (any, error) {
	in, err := read[policyInput](body)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	k, err := s.store.byID(in.KeyID)
	if err != nil {
		return nil, err
	}
	return map[string]string{"Policy": k.Policy, "PolicyName": policyName}, nil
}

func (s *Service) listPolicies(body []byte) (any, error) {
	in, err := read[named](body)
	if err != nil {
		return nil, err
	}
	if _, err := s.store.byID(in.KeyID); err != nil {
		return nil, err
	}
	return map[string]any{"PolicyNames": []string{policyName}, "Truncated": false}, nil
}
