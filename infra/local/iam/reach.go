package iam

import (
	"strings"

	"github.com/passportcraft/passportcraft/infra/local/iam/policy"
)

// Reached is one call and whether the policies let it through.
type Reached struct {
	Action, Resource string
	Of               string // the partition, object or encryption context asked for
	Allowed          bool
}

// Reach asks the policies of a function that works for tenants about every call that its session for one tenant could make
// for another: each action of DynamoDB on each table and index that holds tenants first in the key, with the other's
// partition, one below it, both together and none; the other's objects; keys wrapped for the other and for nobody. Its own
// role, without a session, is asked the same for both. A function without a tenant role has nothing to ask.
func (g *Gate) Reach(function, own, foreign string) []Reached {
	f := g.own[function]
	session := g.roles[f.tenantRole]
	if session == nil {
		return nil
	}
	var all []Reached
	ask := func(r *role, tagged bool, action, resource, of string, keys policy.Keys) {
		keys.Set("aws:SecureTransport", "true").Set("aws:PrincipalArn", r.arn)
		if tagged {
			keys.Set("aws:PrincipalTag/tenant", own)
		}
		d := policy.Decide(policy.Request{Action: action, Resource: resource, Principal: r.arn, Keys: keys}, r.policies...)
		all = append(all, Reached{action, resource, of, d.Allowed})
	}
	a := &attempt{Gate: g, signed: signed{region: g.options.Values["AWS::Region"]}}
	rows := map[string][]string{
		a.table(g.options.Values["RecordsTable"]):                     {"T#" + foreign, "T#" + foreign + "#P#x", "T#" + own + "|T#" + foreign, "T#" + own + "x", ""},
		a.table(g.options.Values["RecordsTable"]) + "/index/ByStatus": {"T#" + foreign + "#L#draft#0", ""},
		a.table(g.options.Values["KeysTable"]):                        {"T#" + foreign, "T#" + own + "|T#" + foreign, ""},
	}
	actions := []string{"GetItem", "BatchGetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "ConditionCheckItem", "PartiQLSelect", "PartiQLUpdate"}
	for resource, partitions := range rows {
		for _, name := range actions {
			for _, p := range partitions {
				ask(session, true, "dynamodb:"+name, resource, p, leading(p))
				ask(f.role, false, "dynamodb:"+name, resource, p, leading(p))
			}
			ask(f.role, false, "dynamodb:"+name, resource, "T#"+own, leading("T#"+own))
		}
	}
	for _, bucket := range []string{"DocumentsBucket", "EvidenceBucket"} {
		for _, action := range []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:GetObjectVersion", "s3:ListBucket"} {
			for _, object := range []string{"/content/" + foreign + "/x", "/content/" + own + "x/x", "/x", ""} {
				ask(session, true, action, "arn:aws:s3:::"+g.options.Values[bucket]+object, object, policy.Keys{})
				ask(f.role, false, action, "arn:aws:s3:::"+g.options.Values[bucket]+object, object, policy.Keys{})
			}
		}
	}
	for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt", "kms:ReEncryptFrom"} {
		for _, of := range []string{foreign, ""} {
			keys := policy.Keys{}
			if of != "" {
				keys.Set("kms:EncryptionContext:t", of).Set("kms:EncryptionContextKeys", "t")
			}
			ask(session, true, action, g.options.Values["TenantKey.Arn"], of, keys)
			ask(f.role, false, action, g.options.Values["TenantKey.Arn"], of, keys)
		}
	}
	return all
}

// leading is the condition key of partitions separated by a bar; of none, it is absent.
func leading(partitions string) policy.Keys {
	keys := policy.Keys{}
	if partitions != "" {
		keys.Set("dynamodb:LeadingKeys", strings.Split(partitions, "|")...)
	}
	return keys
}
