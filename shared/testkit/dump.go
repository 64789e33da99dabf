package testkit

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Dump is every row of the kit's tables as raw text, one line a row, sorted: what somebody with a copy of the store sees.
func (k *Kit) Dump(t testing.TB) []string {
	t.Helper()
	e := Engines(t)
	api := dynamodb.NewFromConfig(aws.Config{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: e.AccessKey, SecretAccessKey: e.SecretKey}, nil
	})}, func(o *dynamodb.Options) { o.BaseEndpoint = &e.DynamoDB })
	var rows []string
	for _, name := range []string{"RECORDS_TABLE", "PEOPLE_TABLE", "PUBLIC_TABLE", "LEDGER_TABLE", "KEYS_TABLE", "CUSTODY_TABLE"} {
		table := k.Env[name]
		pages := dynamodb.NewScanPaginator(api, &dynamodb.ScanInput{TableName: &table})
		for pages.HasMorePages() {
			out, err := pages.NextPage(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range out.Items {
				rows = append(rows, name+" "+row(it))
			}
		}
	}
	slices.Sort(rows)
	return rows
}

func row(it map[string]types.AttributeValue) string {
	var parts []string
	for name, v := range it {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			parts = append(parts, name+"="+v.Value)
		case *types.AttributeValueMemberN:
			parts = append(parts, name+"="+v.Value)
		case *types.AttributeValueMemberB:
			parts = append(parts, name+"="+base64.StdEncoding.EncodeToString(v.Value)+" raw:"+string(bytes.ToValidUTF8(v.Value, []byte("."))))
		case *types.AttributeValueMemberL:
			for _, e := range v.Value {
				parts = append(parts, name+"[]="+row(map[string]types.AttributeValue{"": e}))
			}
		case *types.AttributeValueMemberM:
			parts = append(parts, name+"{"+row(v.Value)+"}")
		case *types.AttributeValueMemberBOOL:
			parts = append(parts, fmt.Sprintf("%s=%t", name, v.Value))
		default:
			parts = append(parts, fmt.Sprintf("%s=%v", name, v))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}
