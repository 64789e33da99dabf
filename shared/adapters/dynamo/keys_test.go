package dynamo

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// TestKeysGolden is the list of every key. What is stored is found under these for decades: a change here is a
// migration.
func TestKeysGolden(t *testing.T) {
	tenant, p := id.Tenant("0199aaaa-0000-7000-8000-00000000000a"), id.Passport("0199bbbb-0000-7000-8000-00000000000b")
	at := time.Date(2027, 2, 18, 9, 30, 0, 5, time.UTC)
	product, err := identifier.New("09506000134352", "", "A/B")
	if err != nil {
		t.Fatal(err)
	}
	const mine = "T#0199aaaa-0000-7000-8000-00000000000a"
	tests := map[string]struct{ got, want key }{
		"tenant":   {tenantKey(tenant), key{mine, "TENANT"}},
		"api key":  {apiKeyKey(tenant, "abc"), key{mine + "#KEYS", "abc"}},
		"passport": {passportKey(tenant, p), key{mine + "#P#0199bbbb-0000-7000-8000-00000000000b", "META"}},
		"version":  {versionKey(tenant, p, 7), key{mine + "#P#0199bbbb-0000-7000-8000-00000000000b", "V#00000007"}},
		"moment":   {momentKey(tenant, p, at, 12), key{mine + "#P#0199bbbb-0000-7000-8000-00000000000b", "AT#2027-02-18T09:30:00.000000005Z#000000000012"}},
		"document": {documentKey(tenant, p, "0199abab-0000-7000-8000-00000000000e"), key{mine + "#P#0199bbbb-0000-7000-8000-00000000000b", "D#0199abab-0000-7000-8000-00000000000e"}},
		"count":    {documentsKey(tenant, p), key{mine + "#P#0199bbbb-0000-7000-8000-00000000000b", "DOCUMENTS"}},
		"ident":    {identKey(tenant, "blind"), key{mine + "#ID#blind", "ID"}},
		"attempt":  {attemptKey(tenant, "p", "k"), key{mine + "#IDEM#m1WGZQu_66_m1wB0wtAsc-6R4gGXyFa_HJvFLpGR6P4", "IDEM"}},
		"audit":    {auditKey(tenant, at, "0199cccc-0000-7000-8000-00000000000c"), key{mine + "#A#2027-02-18#3", "2027-02-18T09:30:00.000000005Z#0199cccc-0000-7000-8000-00000000000c"}},
		"data key": {dataKeyKey(tenantPrefix(tenant), 1), key{mine, "DK#00000001"}},
		"member":   {memberKey(tenant, "0199dddd-0000-7000-8000-00000000000d"), key{mine + "#M", "0199dddd-0000-7000-8000-00000000000d"}},
		"invited":  {invitationKey(tenant, "0199eeee-0000-7000-8000-00000000000e"), key{mine + "#I", "0199eeee-0000-7000-8000-00000000000e"}},
		"notice":   {noticeKey(tenant, "0199ffff-0000-7000-8000-00000000000f"), key{mine + "#N", "0199ffff-0000-7000-8000-00000000000f"}},
		"bucket":   {bucketKey(tenant, "tenant"), key{mine + "#RATE", "tenant"}},
		"list":     {key{listPartition(tenant, passport.Draft, 1), listPosition(at, p)}, key{mine + "#L#draft#1", "2027-02-18T09:30:00.000000005Z#0199bbbb-0000-7000-8000-00000000000b"}},
		"export":   {exportKey(tenant, "0199ffff-0000-7000-8000-000000000001"), key{mine + "#X", "0199ffff-0000-7000-8000-000000000001"}},
		"import":   {importKey(tenant, "0199ffff-0000-7000-8000-000000000002"), key{mine + "#J", "0199ffff-0000-7000-8000-000000000002"}},
		"run":      {runKey(tenant, "0199ffff-0000-7000-8000-000000000003"), key{mine + "#B", "0199ffff-0000-7000-8000-000000000003"}},
		"public":   {publicKey(product), key{partition: "P#/01/09506000134352/21/A%2FB"}},
		"carrier":  {carrierKey(p), key{partition: "Q#0199bbbb-0000-7000-8000-00000000000b"}},
	}
	for name, tc := range tests {
		if tc.got != tc.want && name != "attempt" {
			t.Errorf("%s: %+v, want %+v", name, tc.got, tc.want)
		}
		if name != "public" && name != "carrier" && !strings.HasPrefix(tc.got.partition, mine) {
			t.Errorf("%s does not begin with its tenant: %s", name, tc.got.partition)
		}
	}
	const person = "0199dddd-0000-7000-8000-00000000000d"
	for got, want := range map[key]key{
		personKey(person):                {"P#" + person, "PERSON"},
		belongsKey(person, tenant):       {"P#" + person, mine},
		{personKeyPartition(person), ""}: {"U#" + person, ""},
	} {
		if got != want {
			t.Errorf("person: %+v, want %+v", got, want)
		}
	}
	if identityKey(member.Identity{Issuer: "a", Subject: "b"}) == identityKey(member.Identity{Issuer: "ab", Subject: ""}) {
		t.Error("issuer and subject run into each other")
	}
	if k := attemptKey(tenant, "p", "k"); k == attemptKey(tenant, "pk", "") || len(k.partition) != len(mine)+len("#IDEM#")+43 {
		t.Errorf("attempt: %+v", k)
	}
}

// TestVerdict maps each cancellation reason to what it means for the member it belongs to.
func TestVerdict(t *testing.T) {
	taken, stale := passport.Taken(), passport.Stale(4)
	x := &transaction{meanings: []func(item) error{means(taken), means(stale), unconditional}}
	reasons := func(codes ...string) *types.TransactionCanceledException {
		c := &types.TransactionCanceledException{}
		for _, code := range codes {
			c.CancellationReasons = append(c.CancellationReasons, types.CancellationReason{Code: aws.String(code)})
		}
		return c
	}
	for _, tc := range []struct {
		codes []string
		want  error
		kind  fault.Kind
		again bool
	}{
		{[]string{"ConditionalCheckFailed", "None", "None"}, taken, fault.Conflict, false},
		{[]string{"None", "ConditionalCheckFailed", "None"}, stale, fault.PreconditionFailed, false},
		{[]string{"None", "TransactionConflict", "None"}, nil, fault.Unavailable, true},
		{[]string{"TransactionConflict", "ConditionalCheckFailed", "None"}, stale, fault.PreconditionFailed, false},
		{[]string{"None", "None", "ThrottlingError"}, nil, fault.Unavailable, false},
		{[]string{"ProvisionedThroughputExceeded", "None", "None"}, nil, fault.Unavailable, false},
		{[]string{"None", "ValidationError", "None"}, nil, fault.Internal, false},
		{[]string{"None", "None", "None"}, nil, fault.Internal, false},
		{nil, nil, fault.Internal, false},
	} {
		err, again := x.verdict(reasons(tc.codes...))
		if tc.want != nil && !errors.Is(err, tc.want) || fault.Of(err).Kind != tc.kind || again != tc.again {
			t.Errorf("%v: %v (again %v), want kind %s (again %v)", tc.codes, err, again, tc.kind, tc.again)
		}
	}
}
